/* What a schema says of a group: every key known, every value legal, nothing missing. Looks at all
 * values of all axes and all branches at once, so that a mistake deep in a grid is found before
 * anything is enumerated. Reports each with its key, its value and what is allowed. */
#include "slot.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 192, EVERY_VALUE = 4096 };

static const char *wanted_text(const gf_field *field)
{
    static const char *const words[] = { "a whole number", "a whole number", "a number",
                                         "true or false",  "text in quotes", "one of " };
    return words[field->type];
}

static bool kind_fits(const gf_field *field, node_kind kind)
{
    switch (field->type) {
    case GF_FIELD_INT:
    case GF_FIELD_INT64:
    case GF_FIELD_REAL:
        return kind == NODE_INT || kind == NODE_REAL;
    case GF_FIELD_BOOL:
        return kind == NODE_BOOL;
    case GF_FIELD_CHOICE:
        return kind == NODE_TEXT || kind == NODE_INT;
    case GF_FIELD_TEXT:
        return kind != NODE_BOOL && kind != NODE_GROUP;
    }
    return false;
}

static void report_kind(sweep *load, const gf_field *field, place at, node_kind kind,
                        const char *text, const char *path)
{
    node shown = { .kind = kind };
    const char *quote = kind == NODE_TEXT ? "\"" : "";
    mistakes_add(&load->wrong, at, "%s = %s%s%s is %s; %s%s%s is wanted", path, quote, text, quote,
                 node_kind_text(&shown), wanted_text(field),
                 field->range && field->type != GF_FIELD_CHOICE ? " in " : "",
                 field->range ? field->range : "");
}

static void check_text(sweep *load, const gf_field *field, place at, node_kind kind,
                       const char *text, const char *path)
{
    char near[64] = "";
    if (!kind_fits(field, kind)) {
        report_kind(load, field, at, kind, text, path);
    } else if (gf_field_check(field, text, NULL, 0) != GF_OK) {
        if (field->type == GF_FIELD_CHOICE)
            nearest_offer_choice(near, sizeof near, text, field->range);
        mistakes_add(&load->wrong, at, "%s %s%s%s%s", path, gf_error_message(),
                     near[0] ? "; did you mean \"" : "", near, near[0] ? "\"?" : "");
    }
}

static void check_list_text(sweep *load, const gf_field *field, const node *at, const char *path)
{
    gf_text joined = { 0 };
    if (field->type != GF_FIELD_TEXT)
        mistakes_add(&load->wrong, at->at,
                     "%s takes a single value, not a list; to try several "
                     "values write { grid = [...]; }",
                     path);
    else if (!node_text(&joined, at))
        mistakes_add(&load->wrong, at->at, "%s takes plain values", path);
    else
        check_text(load, field, at->at, NODE_TEXT, joined.data ? joined.data : "", path);
    gf_text_release(&joined);
}

static void check_range_axis(sweep *load, const gf_field *field, const node *at, const char *path)
{
    char text[40];
    const axis *which = at->axis;
    if (which->broken) return;
    node_kind kind = which->kind == AXIS_INTEGER ? NODE_INT : NODE_REAL;
    uint64_t last = which->count ? (uint64_t)which->count - 1 : 1ull << 32;
    bool every = which->count && which->count <= EVERY_VALUE;
    if (which->count == 0 && (field->type == GF_FIELD_INT || field->type == GF_FIELD_INT64)) {
        mistakes_add(&load->wrong, at->at, "%s is a whole number: write integer = [low, high]",
                     path);
        return;
    }
    for (uint64_t i = 0; i <= last; i += every ? 1 : last) {
        int before = load->wrong.count;
        axis_value_text(text, which, i);
        check_text(load, field, at->at, kind, text, path);
        if (load->wrong.count > before || last == 0) break;
    }
}

static void check_value(sweep *load, const gf_field *field, const node *at, const char *path)
{
    if (at->axis && at->axis->values) {
        for (int64_t i = 0; i < at->axis->count; i++)
            check_value(load, field, at->axis->values[i], path);
    } else if (at->axis) {
        check_range_axis(load, field, at, path);
    } else if (at->kind == NODE_GROUP) {
        mistakes_add(&load->wrong, at->at, "%s takes a single value, not a group%s", path,
                     at->count && !at->name ? ""
                                            : "; an axis holds grid, linear, log, integer or "
                                              "choose = [...]");
    } else if (at->kind == NODE_LIST) {
        check_list_text(load, field, at, path);
    } else {
        check_text(load, field, at->at, at->kind, at->text, path);
    }
}

static void report_variant(sweep *load, const gf_slot *slot, place at, const char *name,
                           const char *path)
{
    nearest search = nearest_to(name);
    for (const gf_schema *const *each = slot->variants; each && *each; each++)
        nearest_offer(&search, (*each)->name);
    gf_text known = { 0 };
    for (const gf_schema *const *each = slot->variants; each && *each; each++)
        gf_text_append(&known, "%s%s", each == slot->variants ? "" : ", ", (*each)->name);
    if (search.best)
        mistakes_add(&load->wrong, at, "%s = \"%s\" is not known; did you mean \"%s\"?", path, name,
                     search.best);
    else
        mistakes_add(&load->wrong, at, "%s = \"%s\" is not known; there are %.200s", path, name,
                     known.data ? known.data : "none");
    gf_text_release(&known);
}

static void check_selector(sweep *load, const gf_slot *slot, const node *at, const char *path)
{
    if (at->axis && at->axis->values)
        for (int64_t i = 0; i < at->axis->count; i++)
            check_selector(load, slot, at->axis->values[i], path);
    else if (at->kind != NODE_TEXT)
        mistakes_add(&load->wrong, at->at, "%s takes a name in quotes, not %s", path,
                     node_kind_text(at));
    else if (!gf_schema_find(slot->variants, at->text))
        report_variant(load, slot, at->at, at->text, path);
}

/* A misspelt key was reported with the field it means: that field is not missing as well. */
static bool is_given(const node *group, const char *name)
{
    for (int i = 0; group && i < group->count; i++) {
        const node *member = group->items[i];
        if (strcmp(member->name, name) == 0) return true;
        if (member->meant && strcmp(member->meant, name) == 0) return true;
    }
    return false;
}

static void check_required(sweep *load, const gf_field *fields, const node *group, place at,
                           const char *path)
{
    for (; fields && fields->name; fields++)
        if (!fields->fallback && !is_given(group, fields->name))
            mistakes_add(&load->wrong, at, "%s.%s is missing; it takes %s%s%s", path, fields->name,
                         wanted_text(fields),
                         fields->range && fields->type != GF_FIELD_CHOICE ? " in " : "",
                         fields->range ? fields->range : "");
}

/* group NULL: all of it is left to the defaults. */
static void check_missing(sweep *load, const gf_schema *schema, const node *group, place at,
                          const char *path)
{
    check_required(load, schema->fields, group, at, path);
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) {
        const char *key = slot->name[0] ? slot->name : slot->selector;
        bool there = key && is_given(group, key);
        if (!slot->fallback && !there && key)
            mistakes_add(&load->wrong, at, "%s.%s is missing; it takes a name in quotes", path,
                         key);
        if (slot->name[0]) continue;
        check_required(load, slot->common, group, at, path);
        slot_variants variants;
        slot_variants_find(&variants, slot, group);
        for (int i = 0; i < variants.count; i++)
            check_missing(load, variants.items[i], group, at, path);
    }
}

static void check_list_item(sweep *load, const gf_slot *slot, const node *at, const char *path)
{
    char below[PATH_SIZE];
    if (at->axis && at->axis->values) {
        for (int64_t i = 0; i < at->axis->count; i++)
            check_list_item(load, slot, at->axis->values[i], path);
    } else if (at->kind == NODE_LIST) {
        for (int i = 0; i < at->count; i++) check_list_item(load, slot, at->items[i], path);
    } else if (at->kind == NODE_TEXT) {
        const gf_schema *variant = gf_schema_find(slot->variants, at->text);
        snprintf(below, sizeof below, "%s.%s", path, at->text);
        if (!variant)
            report_variant(load, slot, at->at, at->text, path);
        else
            check_missing(load, variant, NULL, at->at, below);
    } else if (at->kind != NODE_GROUP || at->axis || at->count != 1) {
        mistakes_add(&load->wrong, at->at,
                     "%s takes names and groups of one name: "
                     "( \"name\", { name : { ... }; } )",
                     path);
    } else {
        const gf_schema *variant = gf_schema_find(slot->variants, at->items[0]->name);
        snprintf(below, sizeof below, "%s.%s", path, at->items[0]->name);
        if (!variant)
            report_variant(load, slot, at->items[0]->at, at->items[0]->name, path);
        else
            check_group(load, at->items[0], variant, below);
    }
}

static void check_slot(sweep *load, const gf_slot *slot, const node *at, const char *path)
{
    slot_group nested;
    slot_group_init(&nested, slot);
    if (slot->list) {
        check_list_item(load, slot, at, path);
    } else if (at->axis && at->axis->values) {
        for (int64_t i = 0; i < at->axis->count; i++)
            check_slot(load, slot, at->axis->values[i], path);
    } else if (at->kind == NODE_TEXT) {
        /* schedule = "cosine" is short for schedule : { policy = "cosine"; } */
        const gf_schema *variant = gf_schema_find(slot->variants, at->text);
        if (!variant)
            report_variant(load, slot, at->at, at->text, path);
        else
            check_missing(load, variant, NULL, at->at, path);
    } else {
        check_group(load, at, &nested.schema, path);
    }
}

/* A key that only another variant of an inline slot has; NULL: none has it. */
static const gf_schema *find_other_variant(const gf_schema *schema, const char *name)
{
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++)
        for (const gf_schema *const *each = slot->variants; !slot->name[0] && each && *each; each++)
            if (gf_field_find((*each)->fields, name)) return *each;
    return NULL;
}

/* While the variant itself is unknown, nothing can be said of its fields. */
static bool lacks_variant(const gf_schema *schema, const node *group)
{
    slot_variants variants;
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) {
        if (slot->name[0]) continue;
        slot_variants_find(&variants, slot, group);
        if (variants.count == 0) return true;
    }
    return false;
}

static void report_unknown(sweep *load, node *member, const node *group, const gf_schema *schema,
                           const char *path)
{
    nearest search = nearest_to(member->name);
    const gf_schema *other = find_other_variant(schema, member->name);
    if (lacks_variant(schema, group)) return;
    keys_offer(&search, schema, group);
    member->meant = search.best;
    if (other)
        mistakes_add(&load->wrong, member->at, "%s.%s: no such field here; \"%s\" has it", path,
                     member->name, other->name);
    else if (search.best)
        mistakes_add(&load->wrong, member->at, "%s.%s: no such field; did you mean %s.%s?", path,
                     member->name, path, search.best);
    else
        mistakes_add(&load->wrong, member->at, "%s.%s: no such field", path, member->name);
}

/* Marks the axes of a value with the field they belong to: labels and messages name it. */
static void name_axes(sweep *load, const node *at, const char *path)
{
    if (!at->axis || at->axis->field[0]) return;
    char *head = gf_arena_strdup(load->arena, path);
    if (!head) {
        load->wrong.failed = true;
        return;
    }
    char *dot = strchr(head, '.');
    at->axis->head = head;
    at->axis->field = dot ? dot + 1 : head;
    if (dot) *dot = '\0';
    for (int64_t i = 0; at->axis->values && i < at->axis->count; i++)
        name_axes(load, at->axis->values[i], path);
}

static void check_member(sweep *load, node *member, const node *group, const gf_schema *schema,
                         const char *path)
{
    char below[PATH_SIZE];
    key_place found = { 0 };
    snprintf(below, sizeof below, "%s.%s", path, member->name);
    if (member->name[0] == '*') return; /* given twice: reported by the scanner */
    if (!key_find(&found, schema, group, member->name)) {
        report_unknown(load, member, group, schema, path);
        return;
    }
    name_axes(load, member, below);
    if (found.lacking)
        mistakes_add(&load->wrong, member->at,
                     "%s: \"%s\" has no such field, only \"%s\" has; give each its own group in a "
                     "choose",
                     below, found.lacking->name, found.having->name);
    for (int i = 0; i < found.field_count; i++) check_value(load, found.fields[i], member, below);
    if (found.selector)
        check_selector(load, found.slot, member, below);
    else if (found.slot)
        check_slot(load, found.slot, member, below);
}

void check_group(sweep *load, const node *group, const gf_schema *schema, const char *path)
{
    name_axes(load, group, path);
    if (group->axis && group->axis->kind == AXIS_CHOOSE) {
        for (int64_t i = 0; i < group->axis->count; i++)
            check_group(load, group->axis->values[i], schema, path);
        return;
    }
    if (group->kind != NODE_GROUP || group->axis) {
        mistakes_add(&load->wrong, group->at, "%s takes a group { ... }, not %s", path,
                     group->axis ? "an axis of values" : node_kind_text(group));
        return;
    }
    for (int i = 0; i < group->count; i++) check_member(load, group->items[i], group, schema, path);
    check_missing(load, schema, group, group->at, path);
}
