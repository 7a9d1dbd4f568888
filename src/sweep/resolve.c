/* What a group says at one point: canonical options with every default filled in, in the order of
 * the schema, so that neither the order of lines nor writing a default out changes a stage's key.
 * A group is resolved once per combination of the axes inside it; equal results are one object,
 * so that later steps compare pointers. */
#include "slot.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 192, VALUE_SIZE = 4096 };

typedef struct seen_group { /* a group at the values of its axes */
    const node *group;
    const gf_schema *schema;
    uint64_t *values;
    int value_count;
    const resolved *result;
} seen_group;

enum { PRIVATE_KEYS = 16 };

struct resolver {
    table by_group, by_text, by_core;
    const char **cores; /* grows with results: cores[i] is the i-th distinct one */
    int core_count, core_capacity;
    seen_group *groups;
    int group_count, group_capacity;
    resolved **results;
    int result_count, result_capacity;
    uint64_t *values; /* of the axes below the group at hand */
    int value_count, value_capacity;
};

typedef struct emitter {
    gf_options *out;
    const uint64_t *point;
    char private_keys[PRIVATE_KEYS][KEY_SIZE]; /* in no stage's key */
    int private_count;
} emitter;

gf_status resolver_create(resolver **made)
{
    *made = calloc(1, sizeof **made);
    return *made ? GF_OK : gf_fail(GF_NOMEM, "out of memory");
}

int resolver_take_options(resolver *caches, gf_options ***list)
{
    int count = caches->result_count;
    *list = malloc((size_t)(count + 1) * sizeof **list);
    if (!*list) return -1;
    for (int i = 0; i < count; i++) {
        (*list)[i] = caches->results[i]->options;
        caches->results[i]->options = NULL;
    }
    caches->result_count = 0;
    return count;
}

void resolver_destroy(resolver *caches)
{
    if (!caches) return;
    for (int i = 0; i < caches->result_count; i++) gf_options_destroy(caches->results[i]->options);
    table_release(&caches->by_group);
    table_release(&caches->by_text);
    table_release(&caches->by_core);
    free(caches->cores);
    free(caches->groups);
    free(caches->results);
    free(caches->values);
    free(caches);
}

/* ---- canonical text ---- */

static gf_status emit_schema(emitter *work, const gf_schema *schema, const node *group,
                             const char *prefix);

/* Fields that came when there were keys already: with these values a stage does what it always did,
 * and its key is the one from before. */
static const char *const late[][2] = {
    { "numerics", "f32" },
    { "dropout", "0" },
    { "alternate", "false" },
};

/* A path is no part of a result, and a teacher enters by its own key, not by its name. */
static bool is_hidden(const gf_field *field, const char *key, const char *value)
{
    if (field->unit && strcmp(field->unit, "path") == 0) return true;
    for (size_t i = 0; i < GF_COUNT(late); i++)
        if (strcmp(field->name, late[i][0]) == 0 && strcmp(value, late[i][1]) == 0) return true;
    return strcmp(key, "teacher") == 0;
}

static void hide(emitter *work, const char *key)
{
    if (work->private_count < PRIVATE_KEYS)
        snprintf(work->private_keys[work->private_count++], KEY_SIZE, "%s", key);
}

static gf_status emit_text(emitter *work, const gf_field *field, const char *key, const char *text)
{
    gf_status status = GF_OK;
    char canonical[VALUE_SIZE];
    GF_TRY(gf_field_check(field, text, canonical, sizeof canonical));
    GF_TRY(gf_options_set(work->out, key, canonical));
    if (is_hidden(field, key, canonical)) hide(work, key);
out:
    return status;
}

static gf_status emit_field(emitter *work, const gf_field *field, const node *group,
                            const char *prefix)
{
    gf_status status = GF_OK;
    char key[KEY_SIZE];
    gf_text joined = { 0 };
    const node *member = group ? node_member(group, field->name) : NULL;
    snprintf(key, sizeof key, "%s%s", prefix, field->name);
    if (!member) {
        if (field->fallback) GF_TRY(emit_text(work, field, key, field->fallback));
        goto out;
    }
    picked here;
    pick(&here, member, work->point);
    if (here.kind == NODE_LIST) {
        node_text(&joined, here.node);
        GF_TRY(gf_text_check(&joined));
        here.text = joined.data ? joined.data : "";
    }
    GF_TRY(emit_text(work, field, key, here.text));
out:
    gf_text_release(&joined);
    return status;
}

static gf_status emit_fields(emitter *work, const gf_field *fields, const node *group,
                             const char *prefix)
{
    gf_status status = GF_OK;
    for (; fields && fields->name; fields++) GF_TRY(emit_field(work, fields, group, prefix));
out:
    return status;
}

static void hide_default(emitter *work, const char *prefix, const char *name, const char *fallback)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    const char *value = gf_options_get(work->out, key);
    if (value && fallback && strcmp(value, fallback) == 0) hide(work, key);
}

/* A group without a slot has the keys that it had before there was one. */
static void hide_defaults(emitter *work, const gf_slot *slot, const char *prefix)
{
    if (slot->selector) hide_default(work, prefix, slot->selector, slot->fallback);
    for (const gf_field *field = slot->common; field && field->name; field++)
        hide_default(work, prefix, field->name, field->fallback);
}

/* selected: the variant's name when the group is only that name; NULL: the group says. */
static gf_status emit_variant(emitter *work, const gf_slot *slot, const node *group,
                              const char *selected, const char *prefix)
{
    gf_status status = GF_OK;
    char key[KEY_SIZE];
    picked here;
    const node *selector = group && slot->selector ? node_member(group, slot->selector) : NULL;
    if (selector) {
        pick(&here, selector, work->point);
        selected = here.text;
    }
    if (!selected) selected = slot->fallback;
    if (!selected || !selected[0]) return GF_OK;
    const gf_schema *variant = gf_schema_find(slot->variants, selected);
    if (!variant) return gf_fail(GF_INVALID, "%s%s: no variant %s", prefix, slot->name, selected);
    snprintf(key, sizeof key, "%s%s", prefix, slot->selector ? slot->selector : "");
    if (slot->selector) GF_TRY(gf_options_set(work->out, key, selected));
    GF_TRY(emit_fields(work, slot->common, group, prefix));
    if (slot->late) hide_defaults(work, slot, prefix);
    GF_TRY(emit_schema(work, variant, group, prefix));
out:
    return status;
}

static gf_status emit_list_item(emitter *work, const gf_slot *slot, const node *item,
                                const char *prefix, int *index)
{
    gf_status status = GF_OK;
    char key[KEY_SIZE], below[KEY_SIZE];
    picked here;
    pick(&here, item, work->point);
    if (here.kind == NODE_LIST) {
        for (int i = 0; i < here.node->count; i++)
            GF_TRY(emit_list_item(work, slot, here.node->items[i], prefix, index));
        return GF_OK;
    }
    const node *group = here.kind == NODE_GROUP ? here.node->items[0] : NULL;
    const char *name = group ? group->name : here.text;
    const gf_schema *variant = gf_schema_find(slot->variants, name);
    if (!variant) return gf_fail(GF_INVALID, "%s%s: no variant %s", prefix, slot->name, name);
    snprintf(key, sizeof key, "%s%s.%d", prefix, slot->name, (*index)++);
    snprintf(below, sizeof below, "%s%s.%d.", prefix, slot->name, *index - 1);
    if (group) {
        pick(&here, group, work->point);
        group = here.node;
    }
    GF_TRY(gf_options_set(work->out, key, name));
    GF_TRY(emit_schema(work, variant, group, below));
out:
    return status;
}

static gf_status emit_fallback_list(emitter *work, const gf_slot *slot, const char *prefix)
{
    gf_status status = GF_OK;
    int index = 0;
    const char *name;
    size_t size;
    char word[96];
    for (const char *list = slot->fallback;
         list && (list += teacher_names(list, &name, &size), size);) {
        snprintf(word, sizeof word, "%.*s", (int)size, name);
        node item = { .kind = NODE_TEXT, .text = word };
        GF_TRY(emit_list_item(work, slot, &item, prefix, &index));
    }
out:
    return status;
}

static gf_status emit_slot(emitter *work, const gf_slot *slot, const node *group,
                           const char *prefix)
{
    char below[KEY_SIZE];
    int index = 0;
    picked here = { 0 };
    if (!slot->name[0]) return emit_variant(work, slot, group, NULL, prefix);
    const node *member = group ? node_member(group, slot->name) : NULL;
    if (slot->list && !member) return emit_fallback_list(work, slot, prefix);
    if (slot->list) return emit_list_item(work, slot, member, prefix, &index);
    snprintf(below, sizeof below, "%s%s.", prefix, slot->name);
    if (!member) return emit_variant(work, slot, NULL, NULL, below);
    pick(&here, member, work->point);
    bool named = here.kind == NODE_TEXT;
    return emit_variant(work, slot, named ? NULL : here.node, named ? here.text : NULL, below);
}

/* A line of its own, so that stages of the first revision keep the keys that they have. */
static gf_status emit_revision(emitter *work, const gf_schema *schema, const char *prefix)
{
    char key[KEY_SIZE], number[16];
    if (schema->revision == 0) return GF_OK;
    snprintf(key, sizeof key, "%srevision.%s", prefix, schema->name);
    snprintf(number, sizeof number, "%d", schema->revision);
    return gf_options_set(work->out, key, number);
}

static gf_status emit_schema(emitter *work, const gf_schema *schema, const node *group,
                             const char *prefix)
{
    gf_status status;
    GF_TRY(emit_revision(work, schema, prefix));
    GF_TRY(emit_fields(work, schema->fields, group, prefix));
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++)
        GF_TRY(emit_slot(work, slot, group, prefix));
out:
    return status;
}

/* ---- caches ---- */

static gf_status grow(void **items, int count, int *capacity, size_t size)
{
    if (count < *capacity) return GF_OK;
    int wanted = *capacity ? 2 * *capacity : 64;
    void *bigger = realloc(*items, (size_t)wanted * size);
    if (!bigger) return gf_fail(GF_NOMEM, "out of memory");
    *items = bigger;
    *capacity = wanted;
    return GF_OK;
}

/* The values of the axes that are reached below a group: all that it depends on. */
static gf_status collect_values(resolver *caches, const node *at, const uint64_t *point)
{
    gf_status status = GF_OK;
    if (!at->varies) return GF_OK;
    if (at->axis) {
        uint64_t value = point[at->axis->dimension];
        GF_TRY(grow((void **)&caches->values, caches->value_count, &caches->value_capacity,
                    sizeof *caches->values));
        caches->values[caches->value_count++] = value;
        if (at->axis->values && value != UNSET)
            GF_TRY(collect_values(caches, at->axis->values[value], point));
        return GF_OK;
    }
    for (int i = 0; i < at->count; i++) GF_TRY(collect_values(caches, at->items[i], point));
out:
    return status;
}

static uint64_t group_hash(const resolver *caches, const node *group, const gf_schema *schema)
{
    const void *identity[2] = { group, schema };
    uint64_t hash = table_hash(identity, sizeof identity);
    if (caches->value_count)
        hash ^= table_hash(caches->values, (size_t)caches->value_count * sizeof *caches->values);
    return hash;
}

static const seen_group *find_group(const resolver *caches, uint64_t hash, const node *group,
                                    const gf_schema *schema)
{
    size_t cursor = 0;
    int found;
    while ((found = table_next(&caches->by_group, hash, &cursor)) >= 0) {
        const seen_group *one = &caches->groups[found];
        if (one->group == group && one->schema == schema &&
            one->value_count == caches->value_count &&
            (one->value_count == 0 || memcmp(one->values, caches->values,
                                             (size_t)one->value_count * sizeof *one->values) == 0))
            return one;
    }
    return NULL;
}

static bool is_private(const emitter *work, const char *key)
{
    for (int i = 0; i < work->private_count; i++)
        if (strcmp(work->private_keys[i], key) == 0) return true;
    return false;
}

static gf_status intern_core(const char **out, sweep *load, const emitter *work)
{
    gf_status status = GF_OK;
    resolver *caches = load->resolver;
    gf_text text = { 0 };
    for (int i = 0; i < gf_options_count(work->out); i++)
        if (!is_private(work, gf_options_key(work->out, i)))
            gf_text_append(&text, "%s = %s\n", gf_options_key(work->out, i),
                           gf_options_value(work->out, i));
    GF_TRY(gf_text_check(&text));
    const char *core = text.data ? text.data : "";
    uint64_t hash = table_hash(core, strlen(core));
    size_t cursor = 0;
    int found;
    while ((found = table_next(&caches->by_core, hash, &cursor)) >= 0)
        if (strcmp(caches->cores[found], core) == 0) {
            *out = caches->cores[found];
            goto out;
        }
    GF_TRY(grow((void **)&caches->cores, caches->core_count, &caches->core_capacity,
                sizeof *caches->cores));
    GF_TRY_ALLOC(*out = gf_arena_strdup(load->arena, core));
    GF_TRY(table_add(&caches->by_core, hash, caches->core_count));
    caches->cores[caches->core_count++] = *out;
out:
    gf_text_release(&text);
    return status;
}

/* Takes over work->out; equal options become the one that was there before. */
static gf_status intern(const resolved **out, sweep *load, emitter *work)
{
    gf_status status = GF_OK;
    resolver *caches = load->resolver;
    char *text = gf_options_text(work->out);
    GF_TRY_ALLOC(text);
    uint64_t hash = table_hash(text, strlen(text));
    size_t cursor = 0;
    int found;
    while ((found = table_next(&caches->by_text, hash, &cursor)) >= 0)
        if (strcmp(caches->results[found]->text, text) == 0) {
            *out = caches->results[found];
            goto out;
        }
    resolved *fresh = gf_arena_alloc(load->arena, sizeof *fresh);
    GF_TRY_ALLOC(fresh);
    GF_TRY_ALLOC(fresh->text = gf_arena_strdup(load->arena, text));
    GF_TRY(intern_core(&fresh->core, load, work));
    GF_TRY(grow((void **)&caches->results, caches->result_count, &caches->result_capacity,
                sizeof *caches->results));
    GF_TRY(table_add(&caches->by_text, hash, caches->result_count));
    fresh->options = work->out;
    caches->results[caches->result_count++] = fresh;
    work->out = NULL;
    *out = fresh;
out:
    gf_options_destroy(work->out);
    free(text);
    return status;
}

static gf_status keep_group(sweep *load, uint64_t hash, const node *group, const gf_schema *schema,
                            const resolved *result)
{
    gf_status status = GF_OK;
    resolver *caches = load->resolver;
    size_t size = (size_t)caches->value_count * sizeof *caches->values;
    seen_group one = {
        .group = group, .schema = schema, .value_count = caches->value_count, .result = result
    };
    GF_TRY_ALLOC(one.values = gf_arena_alloc(load->arena, size));
    if (size) memcpy(one.values, caches->values, size);
    GF_TRY(grow((void **)&caches->groups, caches->group_count, &caches->group_capacity,
                sizeof *caches->groups));
    GF_TRY(table_add(&caches->by_group, hash, caches->group_count));
    caches->groups[caches->group_count++] = one;
out:
    return status;
}

gf_status resolve_group(sweep *load, const resolved **out, const gf_schema *schema,
                        const node *group, const uint64_t *point)
{
    static const gf_schema nothing = { .name = "" };
    gf_status status = GF_OK;
    resolver *caches = load->resolver;
    if (!schema) schema = &nothing;
    caches->value_count = 0;
    GF_TRY(collect_values(caches, group, point));
    uint64_t hash = group_hash(caches, group, schema);
    const seen_group *before = find_group(caches, hash, group, schema);
    if (before) {
        *out = before->result;
        return GF_OK;
    }
    emitter work = { .out = gf_options_create(), .point = point };
    GF_TRY_ALLOC(work.out);
    picked here;
    pick(&here, group, point);
    status = emit_schema(&work, schema, here.node, "");
    if (status != GF_OK)
        gf_options_destroy(work.out);
    else
        status = intern(out, load, &work);
    if (status == GF_OK) status = keep_group(load, hash, group, schema, *out);
out:
    return status;
}
