/* Short names for people: of a point only what varies ("width 16, qat 4/4"), of a stage its
 * variant and what varies in it ("filter-l1 0.5"). Zipped values stand together, "4/4". Where that
 * is another point's name already, plain stages of a branch are named too, then settings of what
 * was chosen as a whole. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { ACTIVE = 64 };

typedef struct labeller {
    gf_text *out;
    const sweep *load;
    const uint64_t *point;
    enum detail { SHORT, STAGES, SETTINGS } detail;
} labeller;

typedef struct active_axes { /* the axes that a group has at a point, in file order */
    const axis *items[ACTIVE];
    int count;
} active_axes;

static void find_active(active_axes *list, const node *at, const uint64_t *point)
{
    if (!at->varies) return;
    if (at->axis) {
        uint64_t value = point[at->axis->dimension];
        if (value == UNSET) return;
        const node *chosen = at->axis->values ? at->axis->values[value] : NULL;
        /* An axis chosen by an axis speaks for both. */
        if (!(chosen && chosen->axis) && list->count < ACTIVE)
            list->items[list->count++] = at->axis;
        if (chosen) find_active(list, chosen, point);
        return;
    }
    for (int i = 0; i < at->count; i++) find_active(list, at->items[i], point);
}

/* " fill reflect" */
static void append_settings(const labeller *l, const node *group)
{
    for (int i = 0; i < group->count; i++)
        if (node_is_scalar(group->items[i]))
            gf_text_append(l->out, " %s %s", group->items[i]->name, group->items[i]->text);
}

/* "crop,flip,cutout": what stands in it, of a group its first key. */
static void append_list(const labeller *l, const node *list)
{
    for (int i = 0; i < list->count; i++) {
        const node *item = list->items[i];
        bool group = item->kind == NODE_GROUP && item->count > 0;
        const char *word = group ? item->items[0]->name : node_is_scalar(item) ? item->text : "...";
        gf_text_append(l->out, "%s%s", i ? "," : "", word);
        if (group && l->detail == SETTINGS && item->items[0]->kind == NODE_GROUP)
            append_settings(l, item->items[0]);
    }
}

/* A group chosen as a whole is called by the first word in it. */
static void append_value(const labeller *l, const axis *which)
{
    picked here;
    pick(&here, which->owner, l->point);
    if (here.kind == NODE_LIST && here.node->count > 0) {
        append_list(l, here.node);
        return;
    }
    if (here.kind == NODE_LIST) {
        gf_text_append(l->out, "none");
        return;
    }
    if (here.kind != NODE_GROUP) {
        gf_text_append(l->out, "%s", here.text);
        return;
    }
    for (int i = 0; i < here.node->count; i++)
        if (here.node->items[i]->kind == NODE_TEXT) {
            gf_text_append(l->out, "%s", here.node->items[i]->text);
            return;
        }
    gf_text_append(l->out, "#%d", (int)l->point[which->dimension] + 1);
}

/* "amount" of "amount", "warmup" of "schedule.warmup", "schedule" of "schedule.policy". */
static void short_name(char *out, size_t size, const axis *which)
{
    const char *dot = strrchr(which->field, '.');
    if (dot && (strcmp(dot, ".policy") == 0 || strcmp(dot, ".method") == 0))
        snprintf(out, size, "%.*s", (int)(dot - which->field), which->field);
    else
        snprintf(out, size, "%s", dot ? dot + 1 : which->field);
}

/* Does another group vary a field of this name? Then the label says which. */
static bool is_ambiguous(const sweep *load, const axis *which)
{
    char mine[96], other[96];
    short_name(mine, sizeof mine, which);
    for (int i = 0; i < load->axes.count; i++) {
        const axis *one = load->axes.items[i];
        short_name(other, sizeof other, one);
        if (strcmp(mine, other) == 0 && strcmp(one->head, which->head) != 0) return true;
    }
    return false;
}

/* A whole group that was chosen, like a model or a stage's. */
static bool is_whole(const axis *which)
{
    return strcmp(which->head, which->field) == 0;
}

/* "width 16, blocks 1,1,1,1"; zipped neighbours: "weight_bits/activation_bits 4/8". */
static void append_named(const labeller *l, const active_axes *list, const char *head)
{
    char name[96];
    for (int i = 0; i < list->count; i++) {
        const axis *which = list->items[i];
        bool joined = i > 0 && which->dimension == list->items[i - 1]->dimension;
        if (!joined) gf_text_append(l->out, "%s", l->out->size ? ", " : "");
        if (!joined && head && is_ambiguous(l->load, which)) gf_text_append(l->out, "%s ", head);
        short_name(name, sizeof name, which);
        if (joined)
            gf_text_append(l->out, "/");
        else if (!is_whole(which))
            gf_text_append(l->out, "%s ", name);
        append_value(l, which);
    }
}

/* After a variant's name the values need no names while they are one dimension. */
static void append_values(const labeller *l, const active_axes *list)
{
    char name[96];
    bool single = true;
    for (int i = 1; i < list->count; i++)
        single &= list->items[i]->dimension == list->items[0]->dimension;
    for (int i = 0; i < list->count; i++) {
        bool joined = i > 0 && list->items[i]->dimension == list->items[i - 1]->dimension;
        short_name(name, sizeof name, list->items[i]);
        if (joined)
            gf_text_append(l->out, "/");
        else if (single)
            gf_text_append(l->out, " ");
        else
            gf_text_append(l->out, "%s %s ", i ? "," : "", name);
        append_value(l, list->items[i]);
    }
}

static const char *selector_of(const stage_link *link)
{
    for (const gf_slot *slot = link->schema->slots; slot && slot->name; slot++)
        if (!slot->name[0] && slot->selector) return slot->selector;
    return NULL;
}

const char *link_name(const stage_link *link, bool *is_variant)
{
    const char *selector = selector_of(link);
    const char *name = selector ? gf_options_get(link->options->options, selector) : NULL;
    *is_variant = name && name[0];
    return *is_variant ? name : link->schema->name;
}

/* What the variant's name says already. */
static void drop_spoken(active_axes *list, const stage_link *link, bool is_variant,
                        enum detail detail)
{
    const char *selector = selector_of(link);
    int kept = 0;
    for (int i = 0; i < list->count; i++) {
        const axis *one = list->items[i];
        bool spoken = (selector && strcmp(one->field, selector) == 0) ||
                      (is_variant && detail != SETTINGS && is_whole(one));
        if (!spoken) list->items[kept++] = one;
    }
    list->count = kept;
}

static void append_link(const labeller *l, const stage_link *link, bool alone)
{
    active_axes list = { .count = 0 };
    bool is_variant;
    const char *name = link_name(link, &is_variant), *comma = l->out->size ? ", " : "";
    find_active(&list, link->body, l->point);
    bool varies = list.count > 0;
    drop_spoken(&list, link, is_variant, l->detail);
    if (is_variant && (varies || link->branch)) {
        gf_text_append(l->out, "%s%s", comma, name);
        append_values(l, &list);
    } else if (varies && link->branch) {
        gf_text values = { 0 };
        labeller inner = *l;
        inner.out = &values;
        append_named(&inner, &list, NULL);
        gf_text_append(l->out, "%s%s %s", comma, name, values.data ? values.data : "");
        l->out->failed |= values.failed;
        gf_text_release(&values);
    } else if (varies) {
        append_named(l, &list, name);
    } else if (link->branch && alone) {
        gf_text_append(l->out, "%s%s", comma, name);
    }
}

/* Does a branch of this chain have anything to be called by but its plain stages? */
static bool branch_is_named(const chain *links, const uint64_t *point)
{
    for (int i = 0; i < links->count; i++) {
        active_axes list = { .count = 0 };
        bool is_variant;
        if (!links->links[i].branch) continue;
        link_name(&links->links[i], &is_variant);
        find_active(&list, links->links[i].body, point);
        if (is_variant || list.count > 0) return true;
    }
    return false;
}

static void append_group(const labeller *l, const node *group)
{
    active_axes list = { .count = 0 };
    find_active(&list, group, l->point);
    append_named(l, &list, NULL);
}

gf_status link_label(char **out, const sweep *load, const chain_source *from, const chain *links,
                     int index, const uint64_t *point)
{
    gf_status status;
    gf_text text = { 0 }, values = { 0 };
    active_axes list = { .count = 0 };
    const labeller l = { .out = &values, .load = load, .point = point };
    const stage_link *link = &links->links[index];
    bool is_variant;
    gf_text_append(&text, "%s", link_name(link, &is_variant));
    if (index == 0) {
        append_group(&l, from->data);
        append_group(&l, from->model);
    }
    find_active(&list, link->body, point);
    drop_spoken(&list, link, is_variant, SHORT);
    if (is_variant)
        append_values(&l, &list);
    else
        append_named(&l, &list, NULL);
    if (values.size) gf_text_append(&text, "%s%s", values.data[0] == ' ' ? "" : " ", values.data);
    GF_TRY(gf_text_check(&text));
    GF_TRY_ALLOC(*out = gf_arena_strdup(load->arena, text.data));
out:
    gf_text_release(&text);
    gf_text_release(&values);
    return status;
}

/* Nothing varies: the chain itself is the name. */
static void append_chain(gf_text *out, const chain *links)
{
    bool is_variant;
    for (int i = 0; i < links->count; i++)
        gf_text_append(out, "%s%s", i ? ", " : "", link_name(&links->links[i], &is_variant));
}

static void append_teachers(const labeller *l)
{
    for (int i = 0; i < l->load->teacher_count; i++) {
        const chain_source *one = &l->load->teachers[i];
        gf_text part = { 0 };
        labeller inner = *l;
        inner.out = &part;
        if (one->data != l->load->main.data) append_group(&inner, one->data);
        if (one->model != l->load->main.model) append_group(&inner, one->model);
        append_group(&inner, one->stages);
        if (part.size)
            gf_text_append(l->out, "%s%s %s", l->out->size ? ", " : "", one->name, part.data);
        l->out->failed |= part.failed;
        gf_text_release(&part);
    }
}

static gf_status point_label(gf_text *out, const sweep *load, const chain *links,
                             const uint64_t *point, enum detail detail)
{
    const labeller l = { .out = out, .load = load, .point = point, .detail = detail };
    gf_text_release(out);
    append_group(&l, load->main.data);
    append_group(&l, load->main.model);
    bool alone = detail != SHORT || !branch_is_named(links, point);
    for (int i = 0; i < links->count; i++) append_link(&l, &links->links[i], alone);
    append_teachers(&l);
    if (out->size == 0) append_chain(out, links);
    return gf_text_check(out);
}

/* ---- the values of the axes, for tables ---- */

static gf_status set_axes(gf_options *out, const node *group, const uint64_t *point,
                          const char *prefix)
{
    gf_status status = GF_OK;
    active_axes list = { .count = 0 };
    char key[192];
    gf_text value = { 0 };
    const labeller l = { .out = &value, .point = point, .detail = SETTINGS };
    find_active(&list, group, point);
    for (int i = 0; i < list.count; i++) {
        const char *field = list.items[i]->field;
        gf_text_release(&value);
        append_value(&l, list.items[i]);
        GF_TRY(gf_text_check(&value));
        snprintf(key, sizeof key, "%s%s%s", prefix, field[0] ? "." : "", field);
        GF_TRY(gf_options_set(out, key, value.data ? value.data : ""));
    }
out:
    gf_text_release(&value);
    return status;
}

/* "prune", "prune#2" when a chain has several, or the stage's id. */
static void stage_prefix(char *out, size_t size, const chain *links, int index)
{
    const stage_link *link = &links->links[index];
    int nth = 0, several = 0;
    for (int i = 0; i < links->count; i++) {
        bool same = links->links[i].schema == link->schema;
        several += same;
        nth += same && i <= index;
    }
    if (link->id)
        snprintf(out, size, "%s", link->id);
    else if (several > 1)
        snprintf(out, size, "%s#%d", link->schema->name, nth);
    else
        snprintf(out, size, "%s", link->schema->name);
}

/* Which branch was taken: what stands in it. */
static gf_status set_branches(gf_options *out, const chain *links)
{
    gf_status status = GF_OK;
    gf_text value = { 0 };
    bool is_variant;
    for (int i = 0; i < links->count; i++)
        if (links->links[i].branch)
            gf_text_append(&value, "%s%s", value.size ? ", " : "",
                           link_name(&links->links[i], &is_variant));
    GF_TRY(gf_text_check(&value));
    GF_TRY(gf_options_set(out, "stages", value.data ? value.data : "-"));
out:
    gf_text_release(&value);
    return status;
}

static bool has_branches(const sweep *load)
{
    for (int i = 0; i < load->axes.count; i++)
        if (!load->axes.items[i]->field[0]) return true;
    return false;
}

static gf_status point_axes(gf_options *out, const sweep *load, const chain *links,
                            const uint64_t *point, bool branches)
{
    gf_status status = GF_OK;
    char prefix[128];
    GF_TRY(set_axes(out, load->main.data, point, "data"));
    GF_TRY(set_axes(out, load->main.model, point, "model"));
    if (branches) GF_TRY(set_branches(out, links));
    for (int i = 0; i < links->count; i++) {
        stage_prefix(prefix, sizeof prefix, links, i);
        GF_TRY(set_axes(out, links->links[i].body, point, prefix));
    }
    for (int i = 0; i < load->teacher_count; i++) {
        const chain_source *one = &load->teachers[i];
        snprintf(prefix, sizeof prefix, "teachers.%s", one->name);
        if (one->model != load->main.model) GF_TRY(set_axes(out, one->model, point, prefix));
        GF_TRY(set_axes(out, one->stages, point, prefix));
    }
out:
    return status;
}

static bool is_taken(const sweep *load, const table *seen, const gf_text *label)
{
    size_t cursor = 0;
    int found;
    while ((found = table_next(seen, table_hash(label->data, label->size), &cursor)) >= 0)
        if (strcmp(load->plan->points[found].label, label->data) == 0) return true;
    return false;
}

/* Two points of one label would be confusing: the later ones are called by more of
 * what they are, and numbered where all of that is the same. */
static gf_status unique_label(gf_text *label, const sweep *load, const chain *links,
                              const table *seen, const uint64_t *point)
{
    gf_status status;
    GF_TRY(point_label(label, load, links, point, SHORT));
    for (enum detail more = STAGES; is_taken(load, seen, label) && more <= SETTINGS; more++)
        GF_TRY(point_label(label, load, links, point, more));
    size_t size = label->size;
    for (int n = 2; is_taken(load, seen, label); n++) {
        label->size = size;
        gf_text_append(label, " (%d)", n);
        GF_TRY(gf_text_check(label));
    }
out:
    return status;
}

gf_status labels_make(sweep *load)
{
    gf_status status = GF_OK;
    gf_plan *plan = load->plan;
    size_t count = (size_t)load->point_count;
    chain links = { 0 };
    gf_text label = { 0 };
    table seen = { 0 };
    bool branches = has_branches(load);
    GF_TRY_ALLOC(plan->points = gf_arena_alloc(plan->arena, count * sizeof *plan->points));
    for (int i = 0; i < load->point_count; i++) {
        GF_TRY(resolve_chain(load, &links, &load->main, load->points[i]));
        GF_TRY(unique_label(&label, load, &links, &seen, load->points[i]));
        GF_TRY(table_add(&seen, table_hash(label.data, label.size), i));
        GF_TRY_ALLOC(plan->points[i].label = gf_arena_strdup(plan->arena, label.data));
        GF_TRY_ALLOC(plan->points[i].axes = gf_options_create());
        plan->point_count = i + 1;
        GF_TRY(point_axes(plan->points[i].axes, load, &links, load->points[i], branches));
    }
out:
    gf_text_release(&label);
    table_release(&seen);
    chain_release(&links);
    return status;
}
