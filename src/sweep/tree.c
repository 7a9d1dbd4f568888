/* The stage tree as a drawing. Siblings of the same kind whose subtrees look alike become one line
 * with a set of values, so that a sweep of thousands of stages is read at a glance:
 *   train width {32, 64}, lr {0.02, 0.5} -+- (ends here)
 *                                         +- prune filter-l1 {0.3, 0.5, 0.7} - finetune */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

typedef struct tree {
    const gf_plan *plan;
    gf_arena *arena;
    int *first_child, *last_child, *next; /* by stage; the last entry is the root's */
    bool *ends;                           /* a trial ends at this stage */
    tree_shape **shapes;                  /* interned: equal subtrees are one */
    int shape_count, shape_capacity;
    table index;
} tree;

/* ---- which stage follows which ---- */

static void add_child(tree *work, int parent, int child, bool *linked)
{
    if (linked[child]) return;
    linked[child] = true;
    if (work->first_child[parent] < 0)
        work->first_child[parent] = child;
    else
        work->next[work->last_child[parent]] = child;
    work->last_child[parent] = child;
}

static gf_status link_stages(tree *work)
{
    gf_status status = GF_OK;
    const gf_plan *plan = work->plan;
    size_t count = (size_t)plan->stage_count + 1;
    bool *linked = NULL;
    GF_TRY_ALLOC(work->first_child = gf_arena_alloc(work->arena, count * sizeof(int)));
    GF_TRY_ALLOC(work->last_child = gf_arena_alloc(work->arena, count * sizeof(int)));
    GF_TRY_ALLOC(work->next = gf_arena_alloc(work->arena, count * sizeof(int)));
    GF_TRY_ALLOC(work->ends = gf_arena_alloc(work->arena, count * sizeof(bool)));
    GF_TRY_ALLOC(linked = gf_arena_alloc(work->arena, count * sizeof(bool)));
    for (size_t i = 0; i < count; i++) work->first_child[i] = work->next[i] = -1;
    for (int i = 0; i < plan->trial_count; i++) {
        const gf_plan_trial *trial = &plan->trials[i];
        if (trial->seed_index != 0) continue;
        for (int k = 0; k < trial->stage_count; k++)
            add_child(work, k ? trial->stages[k - 1] : plan->stage_count, trial->stages[k], linked);
        work->ends[trial->stages[trial->stage_count - 1]] = true;
    }
out:
    return status;
}

/* ---- shapes ---- */

/* "prune filter-l1" and "0.3" of a stage labelled "filter-l1 0.3". */
static gf_status split_label(tree *work, const gf_plan_stage *stage, char **head,
                             const char **values)
{
    gf_text text = { 0 };
    size_t size = strcspn(stage->label, " ");
    bool plain = strlen(stage->kind) == size && memcmp(stage->kind, stage->label, size) == 0;
    gf_text_append(&text, "%s%s%.*s", stage->kind, plain ? "" : " ", plain ? 0 : (int)size,
                   stage->label);
    *values = stage->label + size + (stage->label[size] == ' ');
    *head = text.data ? gf_arena_strdup(work->arena, text.data) : NULL;
    gf_text_release(&text);
    return *head ? GF_OK : gf_fail(GF_NOMEM, "out of memory");
}

typedef struct group { /* siblings that look alike */
    const char *head;
    const tree_shape *below;
    tree_values values;
} group;
typedef struct groups {
    group *items;
    int count, capacity;
} groups;

static gf_status find_group(groups *list, const char *head, const char *values,
                            const tree_shape *below, group **found)
{
    for (int i = 0; i < list->count; i++) {
        *found = &list->items[i];
        if ((*found)->below == below && strcmp((*found)->head, head) == 0 &&
            tree_values_alike((*found)->values.items[0], values))
            return GF_OK;
    }
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 8;
        group *items = realloc(list->items, (size_t)capacity * sizeof *items);
        if (!items) return gf_fail(GF_NOMEM, "out of memory");
        list->items = items;
        list->capacity = capacity;
    }
    *found = &list->items[list->count++];
    **found = (group){ .head = head, .below = below };
    return GF_OK;
}

static void groups_release(groups *list)
{
    for (int i = 0; i < list->count; i++) free(list->items[i].values.items);
    free(list->items);
}

static bool same_shape(const tree_shape *a, const tree_shape *b)
{
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++)
        if (a->entries[i].below != b->entries[i].below ||
            strcmp(a->entries[i].text, b->entries[i].text) != 0)
            return false;
    return true;
}

static gf_status intern(tree *work, tree_shape *made, const tree_shape **out)
{
    gf_status status = GF_OK;
    uint64_t hash = 0;
    size_t cursor = 0;
    int found;
    for (int i = 0; i < made->count; i++)
        hash = hash * 31 + table_hash(made->entries[i].text, strlen(made->entries[i].text)) +
               (uintptr_t)made->entries[i].below;
    while ((found = table_next(&work->index, hash, &cursor)) >= 0)
        if (same_shape(work->shapes[found], made)) {
            *out = work->shapes[found];
            return GF_OK;
        }
    if (work->shape_count == work->shape_capacity) {
        int capacity = work->shape_capacity ? 2 * work->shape_capacity : 32;
        tree_shape **shapes = realloc(work->shapes, (size_t)capacity * sizeof *shapes);
        GF_TRY_ALLOC(shapes);
        work->shapes = shapes;
        work->shape_capacity = capacity;
    }
    GF_TRY(table_add(&work->index, hash, work->shape_count));
    work->shapes[work->shape_count++] = made;
    *out = made;
out:
    return status;
}

static gf_status add_entry(tree *work, tree_shape *made, const group *one)
{
    gf_status status = GF_OK;
    gf_text text = { 0 };
    gf_text_append(&text, "%s", one->head);
    tree_values_append(&text, &one->values);
    GF_TRY(gf_text_check(&text));
    tree_entry *entry = &made->entries[made->count];
    GF_TRY_ALLOC(entry->text = gf_arena_strdup(work->arena, text.data));
    entry->below = one->below;
    made->count++;
out:
    gf_text_release(&text);
    return status;
}

/* What follows a stage; chains are as deep as a sweep file has stages. */
static gf_status find_shape(tree *work, int stage, const tree_shape **out)
{
    gf_status status = GF_OK;
    groups list = { 0 };
    for (int child = work->first_child[stage]; child >= 0; child = work->next[child]) {
        const tree_shape *below = NULL;
        char *head;
        const char *values;
        group *found;
        GF_TRY(find_shape(work, child, &below));
        GF_TRY(split_label(work, &work->plan->stages[child], &head, &values));
        GF_TRY(find_group(&list, head, values, below, &found));
        GF_TRY(tree_values_add(&found->values, values));
    }
    tree_shape *made = gf_arena_alloc(work->arena, sizeof *made);
    GF_TRY_ALLOC(made);
    GF_TRY_ALLOC(made->entries =
                     gf_arena_alloc(work->arena, (size_t)(list.count + 1) * sizeof *made->entries));
    group end = { .head = "(ends here)" };
    if (work->ends[stage] && list.count > 0) GF_TRY(add_entry(work, made, &end));
    for (int i = 0; i < list.count; i++) GF_TRY(add_entry(work, made, &list.items[i]));
    GF_TRY(intern(work, made, out));
out:
    groups_release(&list);
    return status;
}

/* ---- drawing ---- */

/* margin: what stands left of this shape on its further lines. */
static gf_status draw(gf_text *out, const tree_shape *shape, const char *margin)
{
    gf_status status = GF_OK;
    gf_text below = { 0 };
    bool fork = shape && shape->count > 1;
    for (int i = 0; shape && i < shape->count; i++) {
        const tree_entry *entry = &shape->entries[i];
        bool last = i + 1 == shape->count;
        if (i > 0)
            gf_text_append(out, "\n%s  %s ", margin, last ? "└─" : "├─");
        else
            gf_text_append(out, fork ? " ─┬─ " : " ─ ");
        gf_text_append(out, "%s", entry->text);
        gf_text_release(&below);
        gf_text_append(&below, "%s%s%*s", margin, fork ? last ? "     " : "  │  " : "   ",
                       gf_text_columns(entry->text), "");
        GF_TRY(gf_text_check(&below));
        GF_TRY(draw(out, entry->below, below.data));
    }
    GF_TRY(gf_text_check(out));
out:
    gf_text_release(&below);
    return status;
}

gf_status gf_plan_tree_text(const gf_plan *plan, gf_text *out)
{
    gf_status status = GF_OK;
    char margin[512];
    const tree_shape *root = NULL;
    tree work = { .plan = plan, .arena = gf_arena_create() };
    GF_TRY_ALLOC(work.arena);
    GF_TRY(link_stages(&work));
    GF_TRY(find_shape(&work, plan->stage_count, &root));
    for (int i = 0; i < root->count; i++) {
        const tree_entry *entry = &root->entries[i];
        gf_text_append(out, "%s", entry->text);
        snprintf(margin, sizeof margin, "%*s", gf_text_columns(entry->text), "");
        GF_TRY(draw(out, entry->below, margin));
        gf_text_append(out, "\n");
    }
    GF_TRY(gf_text_check(out));
out:
    table_release(&work.index);
    free(work.shapes);
    gf_arena_destroy(work.arena);
    return status;
}
