/* Slots of a schema, shared by check, resolve and expressions. */
#ifndef SWEEP_SLOT_H
#define SWEEP_SLOT_H

#include "internal.h"

enum { SLOT_VARIANTS = 64 };
typedef struct slot_variants {
    const gf_schema *items[SLOT_VARIANTS];
    int count;
} slot_variants;
/* Every variant that an inline slot of this group may take: several when its selector is an axis.
 */
void slot_variants_find(slot_variants *list, const gf_slot *slot, const node *group);

/* Where a key of a group belongs. */
typedef struct key_place {
    const gf_field *fields[SLOT_VARIANTS]; /* one per variant that has it */
    int field_count;
    const gf_slot *slot; /* a named slot, or the one it selects in */
    bool selector;
    const gf_schema *having, *lacking; /* two possible variants that disagree */
} key_place;
bool key_find(key_place *found, const gf_schema *schema, const node *group, const char *name);
void keys_offer(nearest *search, const gf_schema *schema, const node *group);

/* A nested slot seen as a group with one inline slot. */
typedef struct slot_group {
    gf_slot slots[2];
    gf_schema schema;
} slot_group;
void slot_group_init(slot_group *made, const gf_slot *slot);

#endif
