/* --set KEY=VALUE: changes the tree before axes are read. A key walks groups by name, lists by
 * index, and stages by kind, kind#n or id wherever they stand: "data.images", "seeds",
 * "train.epochs", "prune#2.amount", "stages.0.train.lr". A value is what a sweep file could hold
 * there, or a bare word. */
#include "internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_index(const char *word)
{
    return word[0] && strspn(word, "0123456789") == strlen(word) && strlen(word) < 7;
}

/* The n-th stage of a kind (or the one of that id) at or below a list of stages. */
static node *find_stage(node *at, const char *kind, size_t kind_size, int *left)
{
    if (at->kind == NODE_GROUP) {
        const node *id = node_member(at, "id");
        bool named = id && id->kind == NODE_TEXT && strlen(id->text) == kind_size &&
                     memcmp(id->text, kind, kind_size) == 0;
        for (int i = 0; i < at->count; i++) {
            node *member = at->items[i];
            if (member->kind != NODE_GROUP) continue;
            bool same =
                strlen(member->name) == kind_size && memcmp(member->name, kind, kind_size) == 0;
            if ((same || named) && --*left == 0) return member;
        }
        at = node_member(at, "choose");
        if (!at) return NULL;
    }
    for (int i = 0; at->kind == NODE_LIST && i < at->count; i++) {
        node *found = find_stage(at->items[i], kind, kind_size, left);
        if (found) return found;
    }
    return NULL;
}

static node *step(node *root, node *at, const char *word)
{
    if (at->kind == NODE_LIST && is_index(word)) {
        int index = atoi(word);
        return index < at->count ? at->items[index] : NULL;
    }
    node *member = node_member(at, word);
    node *stages = node_member(root, "stages");
    if (member || at != root || !stages) return member;
    const char *mark = strchr(word, '#');
    int left = mark && is_index(mark + 1) ? atoi(mark + 1) : 1;
    return find_stage(stages, word, mark ? (size_t)(mark - word) : strlen(word), &left);
}

static node *add_member(gf_arena *arena, node *parent, const char *name, place at)
{
    node *made = gf_arena_alloc(arena, sizeof *made);
    if (!made || !(made->name = gf_arena_strdup(arena, name))) return NULL;
    made->kind = NODE_GROUP;
    made->at = at;
    return node_add(arena, parent, made) == GF_OK ? made : NULL;
}

/* *found stays NULL when the key leads nowhere; a missing last word, or group, is made. */
static gf_status walk(node **found, node *root, gf_arena *arena, char *key, place at)
{
    gf_status status = GF_OK;
    node *here = root;
    char *rest = key;
    while (rest) {
        char *word = strsep(&rest, ".");
        node *next = step(root, here, word);
        bool may_add = here->kind == NODE_GROUP && word[0] &&
                       (here != root || !rest || strcmp(word, "data") == 0 ||
                        strcmp(word, "model") == 0 || strcmp(word, "resources") == 0 ||
                        strcmp(word, "early_stopping") == 0 || strcmp(word, "sample") == 0);
        if (!next && !may_add) return GF_OK;
        if (!next) GF_TRY_ALLOC(next = add_member(arena, here, word, at));
        here = next;
    }
    *found = here;
out:
    return status;
}

/* *made stays NULL when it was reported. */
static gf_status read_value(node **made, mistakes *wrong, gf_arena *arena, const char *value,
                            place at)
{
    gf_status status = GF_OK;
    GF_TRY(parse_value(made, arena, value, at));
    if (*made) return GF_OK;
    if (value[0] && strchr("[({\"", value[0])) {
        mistakes_add(wrong, at, "the value is not one that a sweep file could hold%s",
                     strchr(value, '[') ? "; an array [ ] is closed and holds one type" : "");
        return GF_OK;
    }
    node *word = gf_arena_alloc(arena, sizeof *word);
    GF_TRY_ALLOC(word);
    word->kind = NODE_TEXT;
    word->at = at;
    GF_TRY_ALLOC(word->text = gf_arena_strdup(arena, value));
    *made = word;
out:
    return status;
}

static gf_status apply_one(node *root, mistakes *wrong, gf_arena *arena, const char *setting)
{
    gf_status status = GF_OK;
    node *found = NULL, *made = NULL;
    gf_text shown = { 0 };
    place at = { 0 };
    const char *sign = strchr(setting, '=');
    gf_text_append(&shown, "--set %s", setting);
    GF_TRY(gf_text_check(&shown));
    GF_TRY_ALLOC(at.file = gf_arena_strdup(arena, shown.data));
    if (!sign || sign == setting) {
        mistakes_add(wrong, at, "is not KEY=VALUE");
        goto out;
    }
    char *key = gf_arena_strdup(arena, setting);
    GF_TRY_ALLOC(key);
    key[sign - setting] = '\0';
    GF_TRY(read_value(&made, wrong, arena, sign + 1, at));
    if (!made) goto out;
    GF_TRY(walk(&found, root, arena, key, at));
    if (!found) {
        mistakes_add(wrong, at, "the key leads to nothing in the file");
        goto out;
    }
    made->name = found->name;
    *found = *made;
out:
    gf_text_release(&shown);
    return status;
}

gf_status settings_apply(node *root, mistakes *wrong, gf_arena *arena, const char *const *settings,
                         int count)
{
    gf_status status = GF_OK;
    for (int i = 0; i < count; i++) GF_TRY(apply_one(root, wrong, arena, settings[i]));
out:
    return status;
}
