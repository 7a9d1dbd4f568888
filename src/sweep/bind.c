/* Names in conditions: `field`, `stage.field`, `stage#2.field`, `id.field`. Decides once, for the
 * whole sweep, what a name means; a bare field that fits several places is a mistake, and so is a
 * name that fits none. */
#include "expression.h"
#include "slot.h"

#include <stdlib.h>
#include <string.h>

static bool schema_has(const gf_schema *schema, const char *key);

static bool slot_has(const gf_slot *slot, const char *key)
{
    if (slot->selector && strcmp(slot->selector, key) == 0) return true;
    if (gf_field_find(slot->common, key)) return true;
    for (const gf_schema *const *each = slot->variants; each && *each; each++)
        if (schema_has(*each, key)) return true;
    return false;
}

static bool schema_has(const gf_schema *schema, const char *key)
{
    if (gf_field_find(schema->fields, key)) return true;
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) {
        size_t size = strlen(slot->name);
        if (size == 0 && slot_has(slot, key)) return true;
        if (size == 0 || strncmp(key, slot->name, size) != 0 || key[size] != '.') continue;
        const char *rest = key + size + 1;
        if (!slot->list && slot_has(slot, rest)) return true;
        if (slot->list && strspn(rest, "0123456789") > 0) return true;
    }
    return false;
}

static void offer_keys(nearest *search, const gf_schema *schema)
{
    keys_offer(search, schema, NULL);
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++)
        for (const gf_schema *const *each = slot->variants; !slot->name[0] && each && *each; each++)
            offer_keys(search, *each);
}

/* Is a stage of this kind (schema), or one of this id, anywhere below? Finds its schema. */
static const gf_schema *find_id(const sweep *load, const node *at, const char *id)
{
    const gf_schema *schema = NULL;
    const node *name = node_member(at, "id");
    if (name && name->kind == NODE_TEXT && strcmp(name->text, id) == 0 &&
        stage_body(load, at, &schema))
        return schema;
    for (int i = 0; i < at->count && !schema; i++) schema = find_id(load, at->items[i], id);
    return schema;
}

static bool has_kind(const node *at, const char *kind)
{
    if (at->name && at->kind == NODE_GROUP && strcmp(at->name, kind) == 0) return true;
    for (int i = 0; i < at->count; i++)
        if (has_kind(at->items[i], kind)) return true;
    return false;
}

static gf_status no_such_field(condition *from, sweep *load, const gf_schema *schema,
                               const char *head, const char *key)
{
    nearest search = nearest_to(key);
    offer_keys(&search, schema);
    condition_mistake(from, load, "%s.%s: no such field%s%s%s%s%s", head, key,
                      search.best ? "; did you mean " : "", search.best ? head : "",
                      search.best ? "." : "", search.best ? search.best : "",
                      search.best ? "?" : "");
    return GF_INVALID;
}

/* Splits "prune#2" in place. */
static int split_nth(char *name)
{
    char *mark = strchr(name, '#');
    if (!mark) return 0;
    *mark = '\0';
    int nth = atoi(mark + 1);
    return nth > 0 ? nth : -1;
}

/* The schema that a head names; NULL: it names nothing. */
static const gf_schema *bind_head(expression *made, const sweep *load, char *head)
{
    const gf_schema *schema = NULL;
    made->nth = split_nth(head);
    if (strcmp(head, "data") == 0 || strcmp(head, "model") == 0) {
        made->head = head[0] == 'd' ? HEAD_DATA : HEAD_MODEL;
        return made->head == HEAD_DATA ? load->schema->data : load->schema->model;
    }
    made->head = HEAD_STAGE;
    if (made->nth >= 0 && (schema = stage_schema(load, head))) return schema;
    made->head = HEAD_ID;
    return load->main.stages && !made->nth ? find_id(load, load->main.stages, head) : NULL;
}

static gf_status bind_bare(expression *made, condition *from, sweep *load, const char *key)
{
    gf_text places = { 0 };
    int count = 0;
    const gf_schema *first = NULL, *groups[] = { load->schema->data, load->schema->model };
    for (int i = 0; i < 2; i++)
        if (groups[i] && schema_has(groups[i], key)) {
            gf_text_append(&places, "%s%s.%s", count++ ? ", " : "", i ? "model" : "data", key);
            made->head = i ? HEAD_MODEL : HEAD_DATA;
        }
    for (const gf_schema *const *each = load->schema->stages; *each && load->main.stages; each++)
        if (has_kind(load->main.stages, (*each)->name) && schema_has(*each, key)) {
            gf_text_append(&places, "%s%s.%s", count++ ? ", " : "", (*each)->name, key);
            made->head = HEAD_STAGE;
            first = *each;
        }
    if (count == 0)
        condition_mistake(from, load, "%s: nothing in this sweep has such a field", key);
    if (count > 1)
        condition_mistake(from, load, "%s fits several: %s; name one", key,
                          places.data ? places.data : "");
    made->stage = first ? first->name : NULL;
    gf_text_release(&places);
    return count == 1 ? GF_OK : GF_INVALID;
}

gf_status expression_bind(expression *made, condition *from, sweep *load, const char *name)
{
    char *head = gf_arena_strdup(load->arena, name);
    made->text = gf_arena_strdup(load->arena, name);
    if (!head || !made->text) return gf_fail(GF_NOMEM, "out of memory");
    made->op = OP_FIELD;
    char *dot = strchr(head, '.');
    if (dot) {
        *dot = '\0';
        const gf_schema *schema = bind_head(made, load, head);
        made->stage = head;
        made->key = dot + 1;
        if (schema && schema_has(schema, made->key)) return GF_OK;
        if (schema) return no_such_field(from, load, schema, head, made->key);
    }
    made->nth = 0;
    made->key = made->text;
    return bind_bare(made, from, load, made->text);
}

gf_status expression_bind_has(expression *made, condition *from, sweep *load, const char *name)
{
    char *head = gf_arena_strdup(load->arena, name);
    if (!head) return gf_fail(GF_NOMEM, "out of memory");
    const gf_schema *schema = bind_head(made, load, head);
    made->stage = head;
    if (schema && made->head != HEAD_DATA && made->head != HEAD_MODEL) return GF_OK;
    nearest search = nearest_to(head);
    for (const gf_schema *const *each = load->schema->stages; *each; each++)
        nearest_offer(&search, (*each)->name);
    condition_mistake(from, load, "has(%s): no such stage or id%s%s%s", name,
                      search.best ? "; did you mean " : "", search.best ? search.best : "",
                      search.best ? "?" : "");
    return GF_INVALID;
}
