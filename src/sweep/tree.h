/* The drawing of a stage tree: shapes (what follows a stage) and sets of values. */
#ifndef SWEEP_TREE_H
#define SWEEP_TREE_H

#include "internal.h"

typedef struct tree_shape tree_shape;
typedef struct tree_entry {
    const char *text; /* "prune filter-l1 {0.3, 0.5}" */
    const tree_shape *below;
} tree_entry;
struct tree_shape {
    tree_entry *entries;
    int count;
};

/* What varies in siblings that are drawn as one: "width 16, lr 0.1", "width 32, lr 0.1", ... */
typedef struct tree_values {
    const char **items; /* borrowed */
    int count, capacity;
} tree_values;
gf_status tree_values_add(tree_values *list, const char *value);
/* Do both name the same things, so that they may stand in one set? */
bool tree_values_alike(const char *a, const char *b);
/* " width {16, 32}, lr 0.1" when the values are all combinations of those; else a plain set. */
void tree_values_append(gf_text *out, const tree_values *list);

#endif
