/* Which channels can only be removed together: the dependency analysis that every structured
 * method shares (DepGraph's idea, Fang et al. 2023, 2301.12900, on our graph).
 * A convolution makes a space of channels; layers that follow pass it on, an addition makes spaces
 * one, a concatenation lays them behind each other. What reads or makes the channels of a space is
 * recorded as slices of parameters. Left out: spaces that differ at an addition, inputs of grouped
 * convolutions that are concatenated, and padded shortcuts are marked as not prunable. */
#include "../compress.h"

#include <stdlib.h>
#include <string.h>

typedef struct space {
    int parent; /* of the union-find; itself: a root */
    int channels, multiple, sources;
    bool fixed;
} space;

typedef struct layout { /* of one node's channels: spaces one behind the other */
    int first, count;   /* in finder.segments */
} layout;

typedef struct found_slice {
    gf_channel_slice slice;
    int space;
} found_slice;

typedef struct finder {
    const gf_net *net;
    space *spaces; /* at most one per node */
    int space_count;
    layout *layouts; /* [nodes] */
    int *segments, segment_count, segment_capacity;
    found_slice *slices;
    int slice_count, slice_capacity;
} finder;

static void finder_release(finder *f)
{
    free(f->spaces);
    free(f->layouts);
    free(f->segments);
    free(f->slices);
}

static gf_status finder_init(finder *f, const gf_net *net)
{
    gf_status status = GF_OK;
    *f = (finder){ .net = net };
    GF_TRY_ALLOC(f->spaces = gf_alloc((size_t)net->node_count, sizeof *f->spaces));
    GF_TRY_ALLOC(f->layouts = gf_alloc((size_t)net->node_count, sizeof *f->layouts));
out:
    return status;
}

static int root_of(const finder *f, int s)
{
    while (f->spaces[s].parent != s) s = f->spaces[s].parent;
    return s;
}

static int common_multiple(int a, int b)
{
    int x = a, y = b;
    while (y) {
        int rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

/* The older space stays the root, so that groups come in the order of the graph. */
static void unite(finder *f, int a, int b)
{
    a = root_of(f, a);
    b = root_of(f, b);
    if (a == b) return;
    space *to = &f->spaces[a < b ? a : b], *from = &f->spaces[a < b ? b : a];
    from->parent = a < b ? a : b;
    to->fixed |= from->fixed;
    to->sources += from->sources;
    to->multiple = common_multiple(to->multiple, from->multiple);
}

static gf_status add_segment(finder *f, int s)
{
    gf_status status = GF_OK;
    if (f->segment_count == f->segment_capacity) {
        int capacity = f->segment_capacity ? 2 * f->segment_capacity : 128;
        int *grown = realloc(f->segments, (size_t)capacity * sizeof *grown);
        GF_TRY_ALLOC(grown);
        f->segments = grown;
        f->segment_capacity = capacity;
    }
    f->segments[f->segment_count++] = s;
out:
    return status;
}

static gf_status add_slice(finder *f, int s, gf_channel_slice slice)
{
    gf_status status = GF_OK;
    if (f->slice_count == f->slice_capacity) {
        int capacity = f->slice_capacity ? 2 * f->slice_capacity : 256;
        found_slice *grown = realloc(f->slices, (size_t)capacity * sizeof *grown);
        GF_TRY_ALLOC(grown);
        f->slices = grown;
        f->slice_capacity = capacity;
    }
    f->slices[f->slice_count++] = (found_slice){ .slice = slice, .space = s };
out:
    return status;
}

/* One slice per segment of a layout. */
static gf_status add_slices(finder *f, layout l, gf_channel_slice slice)
{
    gf_status status = GF_OK;
    for (int k = 0; k < l.count; k++) {
        int s = f->segments[l.first + k];
        GF_TRY(add_slice(f, s, slice));
        slice.first += f->spaces[s].channels;
    }
out:
    return status;
}

static void fix(finder *f, layout l)
{
    for (int k = 0; k < l.count; k++) f->spaces[root_of(f, f->segments[l.first + k])].fixed = true;
}

static gf_status new_space(finder *f, int n, bool fixed)
{
    gf_status status;
    int s = f->space_count++;
    f->spaces[s] = (space){
        .parent = s, .channels = f->net->nodes[n].shape.channels, .multiple = 1, .fixed = fixed
    };
    f->layouts[n] = (layout){ .first = f->segment_count, .count = 1 };
    GF_TRY(add_segment(f, s));
out:
    return status;
}

/* ---- what each sort of node does ---- */

/* A parameter that several nodes use cannot be cut for one of them. */
static bool is_shared(const gf_net *net, int param)
{
    int uses = 0;
    for (int n = 0; n < net->node_count; n++)
        for (int i = 0; i < net->nodes[n].param_count; i++)
            uses += net->nodes[n].params[i] == param;
    return uses > 1;
}

static bool shares_params(const gf_net *net, const gf_node *node)
{
    for (int i = 0; i < node->param_count; i++)
        if (is_shared(net, node->params[i])) return true;
    return false;
}

static int conv_groups(const gf_node *node)
{
    const gf_conv_attributes *a = (const void *)node->attributes;
    return strcmp(node->kind->schema.name, "conv") == 0 ? a->groups : 1;
}

/* The input of a grouped convolution can lose the same positions of every block only. */
static void constrain(finder *f, layout in, int groups)
{
    if (groups == 1) return;
    if (in.count > 1) fix(f, in);
    space *s = &f->spaces[root_of(f, f->segments[in.first])];
    s->multiple = common_multiple(s->multiple, groups);
}

static gf_status visit_filters(finder *f, int n, layout in)
{
    gf_status status;
    const gf_node *node = &f->net->nodes[n];
    int groups = conv_groups(node), channels = f->net->nodes[node->inputs[0]].shape.channels;
    bool depthwise = groups > 1 && groups == channels && node->shape.channels == channels;
    if (depthwise)
        f->layouts[n] = in;
    else
        GF_TRY(new_space(f, n, false));
    for (int i = 0; i < node->param_count; i++)
        GF_TRY(add_slices(f, f->layouts[n],
                          (gf_channel_slice){ .param = node->params[i],
                                              .blocks = 1,
                                              .source = !depthwise && i == 0 }));
    if (!depthwise) {
        int made = f->segments[f->layouts[n].first];
        f->spaces[made].sources = 1;
        f->spaces[made].multiple = groups;
        constrain(f, in, groups);
        for (int i = 0; i < node->param_count; i++)
            if (f->net->params[node->params[i]].rank == 4)
                GF_TRY(add_slices(
                    f, in,
                    (gf_channel_slice){ .param = node->params[i], .axis = 3, .blocks = groups }));
    }
    if (shares_params(f->net, node)) {
        fix(f, in);
        fix(f, f->layouts[n]);
    }
out:
    return status;
}

/* Which axis of parameter i grows with the channels of the input; -1: none. */
static int following_axis(const finder *f, const gf_node *node, int i)
{
    gf_shape in = f->net->nodes[node->inputs[0]].shape, more = in;
    gf_param_spec specs[GF_NODE_PARAMS], grown[GF_NODE_PARAMS];
    more.channels++;
    node->kind->params(specs, &in, node->attributes);
    node->kind->params(grown, &more, node->attributes);
    for (int d = 0; d < specs[i].rank; d++)
        if (specs[i].dims[d] != grown[i].dims[d]) return d;
    return -1;
}

static gf_status visit_follower(finder *f, int n, layout in)
{
    gf_status status = GF_OK;
    const gf_node *node = &f->net->nodes[n];
    f->layouts[n] = in;
    for (int i = 0; i < node->param_count; i++) {
        int axis = following_axis(f, node, i);
        if (axis >= 0)
            GF_TRY(add_slices(
                f, in, (gf_channel_slice){ .param = node->params[i], .axis = axis, .blocks = 1 }));
    }
    if (shares_params(f->net, node)) fix(f, in);
out:
    return status;
}

static void visit_addition(finder *f, int n)
{
    const gf_node *node = &f->net->nodes[n];
    layout first = f->layouts[node->inputs[0]];
    f->layouts[n] = first;
    for (int i = 1; i < node->input_count; i++) {
        layout other = f->layouts[node->inputs[i]];
        bool same = other.count == first.count;
        for (int k = 0; same && k < first.count; k++)
            same = f->spaces[f->segments[first.first + k]].channels ==
                   f->spaces[f->segments[other.first + k]].channels;
        for (int k = 0; same && k < first.count; k++)
            unite(f, f->segments[first.first + k], f->segments[other.first + k]);
        if (!same) {
            fix(f, first);
            fix(f, other);
        }
    }
}

static gf_status visit_concatenation(finder *f, int n)
{
    gf_status status = GF_OK;
    const gf_node *node = &f->net->nodes[n];
    layout out = { .first = f->segment_count };
    for (int i = 0; i < node->input_count; i++) {
        layout in = f->layouts[node->inputs[i]];
        for (int k = 0; k < in.count; k++) GF_TRY(add_segment(f, f->segments[in.first + k]));
        out.count += in.count;
    }
    f->layouts[n] = out;
out:
    return status;
}

static gf_status visit(finder *f, int n)
{
    gf_status status = GF_OK;
    const gf_node *node = &f->net->nodes[n];
    if (node->input_count == 0) return new_space(f, n, true);
    layout in = f->layouts[node->inputs[0]];
    switch (node->kind->channels) {
    case GF_CHANNELS_FOLLOW:
        return visit_follower(f, n, in);
    case GF_CHANNELS_AGREE:
        visit_addition(f, n);
        return GF_OK;
    case GF_CHANNELS_CONCAT:
        return visit_concatenation(f, n);
    case GF_CHANNELS_NEW:
        if (gf_node_has_weight(node)) return visit_filters(f, n, in);
        for (int i = 0; i < node->input_count; i++) fix(f, f->layouts[node->inputs[i]]);
        GF_TRY(new_space(f, n, true));
    }
out:
    return status;
}

/* ---- from spaces to groups ---- */

static bool has_space(const finder *f, layout l, int root)
{
    for (int k = 0; k < l.count; k++)
        if (root_of(f, f->segments[l.first + k]) == root) return true;
    return false;
}

static gf_status fill_group(gf_channel_group *group, const finder *f, int root)
{
    gf_status status = GF_OK;
    const space *s = &f->spaces[root];
    *group = (gf_channel_group){ .channels = s->channels,
                                 .multiple = s->multiple,
                                 .internal = s->sources == 1,
                                 .prunable = !s->fixed && s->sources > 0 &&
                                             s->channels % s->multiple == 0 &&
                                             s->channels > s->multiple };
    GF_TRY_ALLOC(group->slices = gf_alloc((size_t)f->slice_count + 1, sizeof *group->slices));
    GF_TRY_ALLOC(group->nodes = gf_alloc((size_t)f->net->node_count, sizeof *group->nodes));
    for (int i = 0; i < f->slice_count; i++)
        if (root_of(f, f->slices[i].space) == root)
            group->slices[group->slice_count++] = f->slices[i].slice;
    for (int n = 0; n < f->net->node_count; n++)
        if (has_space(f, f->layouts[n], root)) group->nodes[group->node_count++] = n;
out:
    return status;
}

gf_status gf_channel_groups_find(gf_channel_groups *groups, const gf_net *net)
{
    gf_status status;
    finder f;
    gf_channel_groups made = { 0 };
    GF_TRY(finder_init(&f, net));
    for (int n = 0; n < net->node_count; n++) GF_TRY(visit(&f, n));
    fix(&f, f.layouts[net->node_count - 1]);
    GF_TRY_ALLOC(made.items = gf_alloc((size_t)f.space_count, sizeof *made.items));
    for (int s = 0; s < f.space_count; s++)
        if (root_of(&f, s) == s) GF_TRY(fill_group(&made.items[made.count++], &f, s));
    *groups = made;
    made = (gf_channel_groups){ 0 };
out:
    gf_channel_groups_release(&made);
    finder_release(&f);
    return status;
}

void gf_channel_groups_release(gf_channel_groups *groups)
{
    for (int i = 0; i < groups->count; i++) {
        free(groups->items[i].slices);
        free(groups->items[i].nodes);
    }
    free(groups->items);
    *groups = (gf_channel_groups){ 0 };
}
