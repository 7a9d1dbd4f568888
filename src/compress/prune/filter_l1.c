/* Method "filter-l1": the filters with the smallest sum of absolute weights are removed, with their
 * BN channels and the input channels that read them (Li et al. 2017, 1608.08710, section 3.1); the
 * network really gets smaller. One shot; retraining is a stage of its own (section 3.3).
 * Choices: the same fraction of every group of channels. "internal" touches only channels inside a
 * block, as the paper advises for ResNets; "all" prunes the residual stream too, where the norms of
 * all convolutions that write a channel are added. What is left out: a fraction per layer from a
 * sensitivity scan (section 3.2). */
#include "../compress.h"

#include <math.h>
#include <stdlib.h>

enum { SCOPE_INTERNAL, SCOPE_ALL };

typedef struct filter_l1_options {
    double amount;
    int scope, min_channels;
} filter_l1_options;

typedef struct position {
    double norm;
    int index;
} position;

static int by_norm(const void *a, const void *b)
{
    const position *x = a, *y = b;
    if (x->norm != y->norm) return x->norm < y->norm ? 1 : -1;
    return x->index - y->index; /* of equal norms the first stays */
}

static int by_index(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Adds the L1 norms of this weight's filters, as the forward pass uses them. */
static gf_status add_norms(position *positions, int period, const gf_channel_slice *slice,
                           int channels, const gf_param *param, const gf_kernels *kernels)
{
    size_t size = gf_param_count(param) / (size_t)param->dims[0];
    gf_real *values = gf_alloc(gf_param_count(param), sizeof *values);
    if (!values) return gf_fail(GF_NOMEM, "out of memory");
    gf_param_effective(param, kernels, values);
    for (int c = 0; c < channels; c++) {
        const gf_real *filter = values + (size_t)(slice->first + c) * size;
        double norm = 0;
        for (size_t i = 0; i < size; i++) norm += fabs((double)filter[i]);
        positions[c % period].norm += norm;
    }
    free(values);
    return GF_OK;
}

static gf_status score_positions(position *positions, int period, const gf_channel_group *group,
                                 const gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    for (int p = 0; p < period; p++) positions[p] = (position){ .index = p };
    for (int i = 0; i < group->slice_count; i++)
        if (group->slices[i].source)
            GF_TRY(add_norms(positions, period, &group->slices[i], group->channels,
                             &net->params[group->slices[i].param], kernels));
out:
    return status;
}

static int count_kept(int period, int multiple, const filter_l1_options *o)
{
    int least = (o->min_channels + multiple - 1) / multiple;
    int kept = (int)round((1 - o->amount) * period);
    if (kept < least) kept = least;
    return kept > period ? period : kept;
}

/* A grouped convolution loses the same positions of each of its blocks: a position is one channel
 * of each. */
static gf_status shrink_group(gf_net *net, const gf_channel_group *group,
                              const filter_l1_options *o, const gf_kernels *kernels)
{
    gf_status status;
    int period = group->channels / group->multiple;
    int kept = count_kept(period, group->multiple, o);
    position *positions = gf_alloc((size_t)period, sizeof *positions);
    int *keep = gf_alloc((size_t)group->channels, sizeof *keep);
    GF_TRY_ALLOC(positions && keep);
    GF_TRY(score_positions(positions, period, group, net, kernels));
    qsort(positions, (size_t)period, sizeof *positions, by_norm);
    for (int block = 0; block < group->multiple; block++)
        for (int k = 0; k < kept; k++) keep[block * kept + k] = block * period + positions[k].index;
    qsort(keep, (size_t)(kept * group->multiple), sizeof *keep, by_index);
    GF_TRY(gf_channel_group_keep(net, group, keep, kept * group->multiple));
out:
    free(positions);
    free(keep);
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const filter_l1_options *o = options;
    gf_channel_groups groups = { 0 };
    GF_TRY(gf_channel_groups_find(&groups, call->net));
    for (int i = 0; i < groups.count; i++) {
        const gf_channel_group *group = &groups.items[i];
        if (group->prunable && (group->internal || o->scope == SCOPE_ALL))
            GF_TRY(shrink_group(call->net, group, o, call->kernels));
        gf_channel_groups_release(&groups); /* concatenations move what comes later */
        GF_TRY(gf_channel_groups_find(&groups, call->net));
    }
out:
    gf_channel_groups_release(&groups);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(filter_l1_options, amount, NULL, "[0, 1)", "fraction",
             "of each layer's filters that is removed"),
    GF_FIELD_WORD(filter_l1_options, scope, "internal", "internal|all",
                  "only channels inside a block, or the residual stream as well"),
    GF_FIELD(filter_l1_options, min_channels, "1", "[1, 65536]", "channels",
             "that every layer keeps at least"),
    GF_FIELD_END,
};

const gf_method gf_method_filter_l1 = {
    .schema = { .name = "filter-l1",
                .summary = "remove the filters of smallest L1 norm",
                .paper = "Li et al. 2017, arXiv 1608.08710, section 3.1",
                .fields = fields },
    .options_size = sizeof(filter_l1_options),
    .stage = "prune",
    .example = "{ prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .adds = GF_FACT_SHRUNK,
    .neutral = "amount = 0\n",
    .apply = apply,
};
