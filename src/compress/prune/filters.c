/* Removing whole filters by score: how many of each group of channels stay, which, and the cut
 * itself. What a filter is worth, the methods say. */
#include "prune.h"

#include <math.h>
#include <stdlib.h>

typedef struct position {
    double score;
    int index;
} position;

static int by_score(const void *a, const void *b)
{
    const position *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->index - y->index; /* of equal scores the first stays */
}

int gf_group_positions(const gf_channel_group *group)
{
    return group->channels / group->multiple;
}

int gf_group_count_kept(const gf_channel_group *group, double amount, int min_channels)
{
    int positions = gf_group_positions(group);
    int least = (min_channels + group->multiple - 1) / group->multiple;
    int kept = (int)round((1 - amount) * positions);
    if (kept < least) kept = least;
    return kept > positions ? positions : kept;
}

gf_status gf_group_keep_positions(gf_net *net, const gf_channel_group *group, const bool *stays)
{
    gf_status status;
    int positions = gf_group_positions(group), kept = 0;
    int *keep = gf_alloc((size_t)group->channels, sizeof *keep);
    GF_TRY_ALLOC(keep);
    for (int c = 0; c < group->channels; c++)
        if (stays[c % positions]) keep[kept++] = c;
    GF_TRY(gf_channel_group_keep(net, group, keep, kept));
out:
    free(keep);
    return status;
}

static bool takes_part(const gf_channel_group *group, const gf_filter_options *o)
{
    return group->prunable && (group->internal || o->scope == GF_SCOPE_ALL);
}

static void keep_best(bool *stays, const double *scores, position *order, int positions, int kept)
{
    for (int p = 0; p < positions; p++) order[p] = (position){ .score = scores[p], .index = p };
    qsort(order, (size_t)positions, sizeof *order, by_score);
    for (int k = 0; k < kept; k++) stays[order[k].index] = true;
}

gf_status gf_prune_group(gf_net *net, const gf_channel_group *group, double amount,
                         int min_channels, gf_score_filters *score, const void *context,
                         const gf_kernels *kernels)
{
    gf_status status;
    int positions = gf_group_positions(group);
    double *scores = gf_alloc((size_t)positions, sizeof *scores);
    position *order = gf_alloc((size_t)positions, sizeof *order);
    bool *stays = gf_alloc((size_t)positions, sizeof *stays);
    GF_TRY_ALLOC(scores && order && stays);
    GF_TRY(score(scores, group, net, kernels, context));
    keep_best(stays, scores, order, positions, gf_group_count_kept(group, amount, min_channels));
    GF_TRY(gf_group_keep_positions(net, group, stays));
out:
    free(scores);
    free(order);
    free(stays);
    return status;
}

gf_status gf_prune_filters(gf_net *net, const gf_filter_options *o, gf_score_filters *score,
                           const void *context, const gf_kernels *kernels)
{
    gf_status status;
    gf_channel_groups groups = { 0 };
    GF_TRY(gf_channel_groups_find(&groups, net));
    for (int i = 0; i < groups.count; i++) {
        const gf_channel_group *group = &groups.items[i];
        if (takes_part(group, o))
            GF_TRY(gf_prune_group(net, group, o->amount, o->min_channels, score, context, kernels));
        gf_channel_groups_release(&groups); /* concatenations move what comes later */
        GF_TRY(gf_channel_groups_find(&groups, net));
    }
out:
    gf_channel_groups_release(&groups);
    return status;
}

/* ---- one threshold for all groups ---- */

typedef struct candidate {
    double score;
    int group, position;
} candidate;

typedef struct selection {
    gf_channel_groups groups;
    candidate *lowest; /* every position of every group that takes part, sorted */
    int count;
    bool *stays;       /* positions of all groups, one group behind the other */
    int *first, *left; /* [groups]: where they begin; how many stay, 0: takes no part */
} selection;

static void selection_release(selection *s)
{
    gf_channel_groups_release(&s->groups);
    free(s->lowest);
    free(s->stays);
    free(s->first);
    free(s->left);
}

static gf_status selection_init(selection *s, const gf_net *net)
{
    gf_status status;
    size_t channels = 0;
    *s = (selection){ 0 };
    GF_TRY(gf_channel_groups_find(&s->groups, net));
    for (int i = 0; i < s->groups.count; i++) channels += (size_t)s->groups.items[i].channels;
    s->lowest = gf_alloc(channels + 1, sizeof *s->lowest);
    s->stays = gf_alloc(channels + 1, sizeof *s->stays);
    s->first = gf_alloc((size_t)s->groups.count + 1, sizeof *s->first);
    s->left = gf_alloc((size_t)s->groups.count + 1, sizeof *s->left);
    GF_TRY_ALLOC(s->lowest && s->stays && s->first && s->left);
out:
    return status;
}

static int by_lowest_score(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    if (x->group != y->group) return x->group - y->group;
    return y->position - x->position; /* of equal scores the first stays */
}

static gf_status add_candidates(selection *s, int group, const gf_net *net, gf_score_filters *score,
                                const void *context, const gf_kernels *kernels)
{
    gf_status status;
    const gf_channel_group *from = &s->groups.items[group];
    double *scores = gf_alloc((size_t)from->channels, sizeof *scores);
    GF_TRY_ALLOC(scores);
    GF_TRY(score(scores, from, net, kernels, context));
    s->first[group] = s->count;
    s->left[group] = gf_group_positions(from);
    for (int p = 0; p < s->left[group]; p++) {
        s->stays[s->count] = true;
        s->lowest[s->count++] = (candidate){ .score = scores[p], .group = group, .position = p };
    }
out:
    free(scores);
    return status;
}

/* What lies below the threshold goes, unless too few of its group would stay. */
static void drop_lowest(selection *s, const gf_filter_options *o)
{
    int64_t channels = 0, below = 0;
    for (int k = 0; k < s->count; k++) channels += s->groups.items[s->lowest[k].group].multiple;
    int64_t wanted = (int64_t)llround(o->amount * (double)channels);
    for (int k = 0; k < s->count && below < wanted; k++) {
        const candidate *c = &s->lowest[k];
        const gf_channel_group *group = &s->groups.items[c->group];
        below += group->multiple;
        if (s->left[c->group] <= gf_group_count_kept(group, 1, o->min_channels)) continue;
        s->left[c->group]--;
        s->stays[s->first[c->group] + c->position] = false;
    }
}

/* The group that begins with this node. A depthwise convolution of one channel is any convolution,
 * with a group of its own: groups may be more than they were. */
static const gf_channel_group *group_from(const gf_channel_groups *groups, int node)
{
    for (int i = 0; i < groups->count; i++)
        if (groups->items[i].nodes[0] == node) return &groups->items[i];
    return NULL;
}

static gf_status keep_selected(gf_net *net, const selection *s)
{
    gf_status status = GF_OK;
    gf_channel_groups now = { 0 };
    for (int i = 0; i < s->groups.count; i++) {
        if (s->left[i] == 0) continue;
        gf_channel_groups_release(&now); /* concatenations move what comes later */
        GF_TRY(gf_channel_groups_find(&now, net));
        const gf_channel_group *group = group_from(&now, s->groups.items[i].nodes[0]);
        if (!group) {
            status = gf_fail(GF_INTERNAL, "a group of channels is gone");
            goto out;
        }
        GF_TRY(gf_group_keep_positions(net, group, s->stays + s->first[i]));
    }
out:
    gf_channel_groups_release(&now);
    return status;
}

gf_status gf_prune_filters_globally(gf_net *net, const gf_filter_options *o,
                                    gf_score_filters *score, const void *context,
                                    const gf_kernels *kernels)
{
    gf_status status;
    selection s;
    GF_TRY(selection_init(&s, net));
    for (int i = 0; i < s.groups.count; i++)
        if (takes_part(&s.groups.items[i], o))
            GF_TRY(add_candidates(&s, i, net, score, context, kernels));
    qsort(s.lowest, (size_t)s.count, sizeof *s.lowest, by_lowest_score);
    drop_lowest(&s, o);
    GF_TRY(keep_selected(net, &s));
out:
    selection_release(&s);
    return status;
}

/* ---- by norm ---- */

static gf_status add_norms(double *scores, const gf_channel_slice *slice,
                           const gf_channel_group *group, const gf_param *param,
                           const gf_filter_norm *norm, const gf_kernels *kernels)
{
    size_t size = gf_param_count(param) / (size_t)param->dims[0];
    gf_real *values = gf_alloc(gf_param_count(param), sizeof *values);
    if (!values) return gf_fail(GF_NOMEM, "out of memory");
    gf_param_effective(param, kernels, values);
    for (int c = 0; c < group->channels; c++)
        scores[c % gf_group_positions(group)] +=
            norm->of(values + (size_t)(slice->first + c) * size, size);
    free(values);
    return GF_OK;
}

gf_status gf_score_norms(double *scores, const gf_channel_group *group, const gf_net *net,
                         const gf_kernels *kernels, const void *context)
{
    gf_status status = GF_OK;
    const gf_filter_norm *norm = context;
    for (int i = 0; i < group->slice_count; i++)
        if (group->slices[i].source)
            GF_TRY(add_norms(scores, &group->slices[i], group, &net->params[group->slices[i].param],
                             norm, kernels));
out:
    return status;
}

double gf_norm_l1(const gf_real *filter, size_t size)
{
    double norm = 0;
    for (size_t i = 0; i < size; i++) norm += fabs((double)filter[i]);
    return norm;
}
