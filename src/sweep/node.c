/* Small questions about the tree of a sweep file. */
#include "internal.h"

#include <string.h>

node *node_member(const node *group, const char *name)
{
    if (!group || group->kind != NODE_GROUP) return NULL;
    for (int i = 0; i < group->count; i++)
        if (strcmp(group->items[i]->name, name) == 0) return group->items[i];
    return NULL;
}

bool node_is_scalar(const node *at)
{
    return at->kind != NODE_GROUP && at->kind != NODE_LIST;
}

const char *node_kind_text(const node *at)
{
    static const char *const words[] = { "a group",  "a list",    "a whole number",
                                         "a number", "a boolean", "text" };
    return words[at->kind];
}

bool node_text(gf_text *out, const node *at)
{
    if (node_is_scalar(at)) {
        gf_text_append(out, "%s", at->text);
        return true;
    }
    if (at->kind != NODE_LIST) return false;
    for (int i = 0; i < at->count; i++) {
        if (!node_is_scalar(at->items[i])) return false;
        gf_text_append(out, "%s%s", i ? "," : "", at->items[i]->text);
    }
    return true;
}

gf_status node_add(gf_arena *arena, node *parent, node *child)
{
    node **items = gf_arena_alloc(arena, (size_t)(parent->count + 1) * sizeof *items);
    if (!items) return gf_fail(GF_NOMEM, "out of memory");
    if (parent->count) memcpy(items, parent->items, (size_t)parent->count * sizeof *items);
    items[parent->count++] = child;
    parent->items = items;
    return GF_OK;
}
