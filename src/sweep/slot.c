/* Slots of a schema: which variants a group can have, and where a key of it belongs. A nested
 * slot is the same as a group with one inline slot, so that one path serves both. */
#include "slot.h"

#include <string.h>

void slot_group_init(slot_group *made, const gf_slot *slot)
{
    *made = (slot_group){ .slots = { *slot, { .name = NULL } } };
    made->slots[0].name = "";
    made->schema.name = slot->name;
    made->schema.slots = made->slots;
}

static void add_variant(slot_variants *list, const gf_slot *slot, const char *name)
{
    const gf_schema *variant = gf_schema_find(slot->variants, name);
    for (int i = 0; variant && i < list->count; i++)
        if (list->items[i] == variant) return;
    if (variant && list->count < SLOT_VARIANTS) list->items[list->count++] = variant;
}

static void collect_variants(slot_variants *list, const gf_slot *slot, const node *selector)
{
    if (selector->axis && selector->axis->values)
        for (int64_t i = 0; i < selector->axis->count; i++)
            collect_variants(list, slot, selector->axis->values[i]);
    else if (selector->kind == NODE_TEXT)
        add_variant(list, slot, selector->text);
}

void slot_variants_find(slot_variants *list, const gf_slot *slot, const node *group)
{
    *list = (slot_variants){ 0 };
    const node *selector = group ? node_member(group, slot->selector) : NULL;
    if (selector)
        collect_variants(list, slot, selector);
    else if (slot->fallback && slot->fallback[0])
        add_variant(list, slot, slot->fallback);
}

static bool add_field(key_place *found, const gf_field *fields, const char *name)
{
    const gf_field *field = gf_field_find(fields, name);
    if (field && found->field_count < SLOT_VARIANTS) found->fields[found->field_count++] = field;
    return field != NULL;
}

static bool find_inline(key_place *found, const gf_slot *slot, const node *group, const char *name)
{
    slot_variants variants;
    const gf_schema *having = NULL, *lacking = NULL;
    if (slot->selector && strcmp(slot->selector, name) == 0) {
        found->slot = slot;
        found->selector = true;
        return true;
    }
    if (add_field(found, slot->common, name)) return true;
    slot_variants_find(&variants, slot, group);
    for (int i = 0; i < variants.count; i++) {
        bool has = key_find(found, variants.items[i], group, name);
        if (has)
            having = variants.items[i];
        else
            lacking = variants.items[i];
    }
    if (having && lacking) {
        found->having = having;
        found->lacking = lacking;
    }
    return having != NULL;
}

bool key_find(key_place *found, const gf_schema *schema, const node *group, const char *name)
{
    if (add_field(found, schema->fields, name)) return true;
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) {
        if (slot->name[0] && strcmp(slot->name, name) == 0) {
            found->slot = slot;
            return true;
        }
        if (!slot->name[0] && find_inline(found, slot, group, name)) return true;
    }
    return false;
}

void keys_offer(nearest *search, const gf_schema *schema, const node *group)
{
    slot_variants variants;
    for (const gf_field *field = schema->fields; field && field->name; field++)
        nearest_offer(search, field->name);
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) {
        if (slot->name[0]) {
            nearest_offer(search, slot->name);
            continue;
        }
        if (slot->selector) nearest_offer(search, slot->selector);
        for (const gf_field *field = slot->common; field && field->name; field++)
            nearest_offer(search, field->name);
        slot_variants_find(&variants, slot, group);
        for (int i = 0; i < variants.count; i++) keys_offer(search, variants.items[i], group);
    }
}
