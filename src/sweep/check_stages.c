/* Stage lists and teachers: which stages stand there, their ids, and that every teacher named is
 * defined and none teaches itself. */
#include "slot.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool word_is_name(const char *word)
{
    if (!isalpha((unsigned char)word[0])) return false;
    for (; *word; word++)
        if (!isalnum((unsigned char)*word) && *word != '-' && *word != '_') return false;
    return true;
}

const gf_schema *stage_schema(const sweep *load, const char *kind)
{
    return gf_schema_find(load->schema->stages, kind);
}

const node *stage_body(const sweep *load, const node *element, const gf_schema **schema)
{
    for (int i = 0; i < element->count; i++) {
        const gf_schema *found = stage_schema(load, element->items[i]->name);
        if (!found) continue;
        *schema = found;
        return element->items[i];
    }
    return NULL;
}

static void check_id(sweep *load, const node *id)
{
    if (id->kind != NODE_TEXT || !word_is_name(id->text))
        mistakes_add(&load->wrong, id->at, "id takes a name: a letter, then letters, digits, - _");
    else if (stage_schema(load, id->text) || strcmp(id->text, "data") == 0 ||
             strcmp(id->text, "model") == 0 || strcmp(id->text, "parent") == 0)
        mistakes_add(&load->wrong, id->at, "id = \"%s\": this name already means something else",
                     id->text);
    else if (teacher_find(load, id->text, strlen(id->text)))
        mistakes_add(&load->wrong, id->at, "id = \"%s\": a teacher has this name", id->text);
}

static void report_unknown_stage(sweep *load, const node *member)
{
    nearest search = nearest_to(member->name);
    nearest_offer(&search, "id");
    nearest_offer(&search, "choose");
    for (const gf_schema *const *each = load->schema->stages; *each; each++)
        nearest_offer(&search, (*each)->name);
    if (search.best)
        mistakes_add(&load->wrong, member->at, "%s: no such stage; did you mean %s?", member->name,
                     search.best);
    else
        mistakes_add(&load->wrong, member->at, "%s: no such stage", member->name);
}

static void check_element(sweep *load, const node *element)
{
    int kinds = 0;
    for (int i = 0; i < element->count; i++) {
        const node *member = element->items[i];
        const gf_schema *schema = stage_schema(load, member->name);
        if (member->name[0] == '*') continue;
        kinds += schema != NULL;
        if (schema && kinds == 2)
            mistakes_add(&load->wrong, member->at,
                         "%s: a stage of its own needs its own { }: one stage each", member->name);
        if (schema)
            check_group(load, member, schema, schema->name);
        else if (strcmp(member->name, "id") == 0)
            check_id(load, member);
        else
            report_unknown_stage(load, member);
        if (!schema) kinds += strcmp(member->name, "id") != 0; /* said already */
    }
    if (kinds == 0)
        mistakes_add(&load->wrong, element->at, "a stage is { train : { ... }; } or the like");
}

void check_stages(sweep *load, const node *at)
{
    if (at->kind == NODE_LIST) {
        for (int i = 0; i < at->count; i++) check_stages(load, at->items[i]);
    } else if (at->axis && at->axis->kind == AXIS_CHOOSE) {
        for (int64_t i = 0; i < at->axis->count; i++) check_stages(load, at->axis->values[i]);
    } else if (at->axis || at->kind != NODE_GROUP) {
        mistakes_add(&load->wrong, at->at,
                     "stages takes groups like { train : { ... }; } and choices, not %s",
                     at->axis ? "an axis of values" : node_kind_text(at));
    } else {
        check_element(load, at);
    }
}

/* ---- teachers ---- */

const chain_source *teacher_find(const sweep *load, const char *name, size_t size)
{
    for (int i = 0; i < load->teacher_count; i++)
        if (strlen(load->teachers[i].name) == size &&
            memcmp(load->teachers[i].name, name, size) == 0)
            return &load->teachers[i];
    return NULL;
}

int teacher_names(const char *list, const char **name, size_t *size)
{
    const char *at = list + strspn(list, ", ");
    *name = at;
    *size = strcspn(at, ", ");
    return (int)(at - list + (ptrdiff_t)*size);
}

typedef void visit_teacher(sweep *load, const node *at, const char *name, size_t size,
                           void *context);

static void visit_value(sweep *load, const node *at, visit_teacher *visit, void *context)
{
    const char *name;
    size_t size;
    if (at->axis && at->axis->values) {
        for (int64_t i = 0; i < at->axis->count; i++)
            visit_value(load, at->axis->values[i], visit, context);
    } else if (at->kind == NODE_LIST) {
        for (int i = 0; i < at->count; i++) visit_value(load, at->items[i], visit, context);
    } else if (at->kind == NODE_TEXT) {
        for (const char *list = at->text; list += teacher_names(list, &name, &size), size;)
            visit(load, at, name, size, context);
    }
}

/* Every teacher that a stage at or below may name. */
static void visit_teachers(sweep *load, const node *at, visit_teacher *visit, void *context)
{
    for (int i = 0; i < at->count; i++) visit_teachers(load, at->items[i], visit, context);
    if (at->name && stage_schema(load, at->name)) {
        key_place found = { 0 };
        const node *teacher = node_member(at, "teacher");
        if (teacher && key_find(&found, stage_schema(load, at->name), at, "teacher"))
            visit_value(load, teacher, visit, context);
    }
}

static bool has_id(const node *at, const char *name, size_t size)
{
    if (at->name && strcmp(at->name, "id") == 0 && at->kind == NODE_TEXT)
        return strlen(at->text) == size && memcmp(at->text, name, size) == 0;
    for (int i = 0; i < at->count; i++)
        if (has_id(at->items[i], name, size)) return true;
    return false;
}

static void check_reference(sweep *load, const node *at, const char *name, size_t size,
                            void *context)
{
    const chain_source *from = context;
    bool parent = size == 6 && memcmp(name, "parent", 6) == 0;
    if (parent || teacher_find(load, name, size) || has_id(from->stages, name, size)) return;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)size, name);
    nearest search = nearest_to(word);
    nearest_offer(&search, "parent");
    for (int i = 0; i < load->teacher_count; i++) nearest_offer(&search, load->teachers[i].name);
    mistakes_add(&load->wrong, at->at, "teacher \"%s\" is not defined under teachers%s%s%s", word,
                 search.best ? "; did you mean \"" : "", search.best ? search.best : "",
                 search.best ? "\"?" : "");
}

typedef struct reach {
    bool seen[64];
} reach;

static void follow_reference(sweep *load, const node *at, const char *name, size_t size,
                             void *context)
{
    reach *known = context;
    const chain_source *to = teacher_find(load, name, size);
    (void)at;
    if (!to || !to->stages || known->seen[to - load->teachers]) return;
    known->seen[to - load->teachers] = true;
    visit_teachers(load, to->stages, follow_reference, known);
}

void check_teachers(sweep *load)
{
    if (load->main.stages) visit_teachers(load, load->main.stages, check_reference, &load->main);
    for (int i = 0; i < load->teacher_count; i++) {
        chain_source *one = &load->teachers[i];
        if (!one->stages) continue;
        reach known = { { false } };
        visit_teachers(load, one->stages, check_reference, one);
        visit_teachers(load, one->stages, follow_reference, &known);
        if (known.seen[i])
            mistakes_add(&load->wrong, one->at, "teachers.%s learns from itself", one->name);
    }
}
