/* Method "filter-bn": the channels whose batch normalization scales them least are removed, by one
 * threshold on |gamma| over the whole network (network slimming, Liu et al. 2017, 1708.06519,
 * section 3: "Channel pruning and fine-tuning"); the network really gets smaller. Best after
 * `sparsify : { method = "bn-l1"; }`, which makes scales small while training.
 * Choices: "internal" touches only channels inside a block; with "all" a channel of the residual
 * stream is worth the largest of its scales, since every branch that writes it has one. */
#include "prune.h"

#include <math.h>

static void take_larger(double *scores, const gf_channel_slice *slice,
                        const gf_channel_group *group, const gf_param *gamma)
{
    int positions = gf_group_positions(group);
    for (int c = 0; c < group->channels; c++)
        scores[c % positions] =
            fmax(scores[c % positions], fabs((double)gamma->value[slice->first + c]));
}

static gf_status score_by_scale(double *scores, const gf_channel_group *group, const gf_net *net,
                                const gf_kernels *kernels, const void *context)
{
    (void)kernels;
    (void)context;
    for (int i = 0; i < group->slice_count; i++) {
        const gf_param *param = &net->params[group->slices[i].param];
        if (param->role == GF_ROLE_GAMMA) take_larger(scores, &group->slices[i], group, param);
    }
    return GF_OK;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    return gf_prune_filters_globally(call->net, options, score_by_scale, NULL, call->kernels);
}

static const gf_field fields[] = {
    GF_FIELD(gf_filter_options, amount, NULL, "[0, 1)", "fraction",
             "of all channels in the scope that is removed"),
    GF_FILTER_SCOPE_FIELD(gf_filter_options),
    GF_FILTER_LEAST_FIELD(gf_filter_options),
    GF_FIELD_END,
};

const gf_method gf_method_filter_bn = {
    .schema = { .name = "filter-bn",
                .summary = "remove the channels of smallest batch normalization scale",
                .paper = "Liu et al. 2017, arXiv 1708.06519, section 3",
                .fields = fields },
    .options_size = sizeof(gf_filter_options),
    .stage = "prune",
    .example = "{ sparsify : { method = \"bn-l1\"; epochs = 20; }; }, "
               "{ prune : { method = \"filter-bn\"; amount = 0.5; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_BN_FOLDED,
    .refusal = "the scales it looks at are folded into the weights; prune before",
    .adds = GF_FACT_SHRUNK,
    .neutral = "amount = 0\n",
    .apply = apply,
};
