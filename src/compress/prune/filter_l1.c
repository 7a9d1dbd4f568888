/* Method "filter-l1": the filters with the smallest sum of absolute weights are removed, with their
 * BN channels and the input channels that read them (Li et al. 2017, 1608.08710, section 3.1); the
 * network really gets smaller. One shot; retraining is a stage of its own (section 3.3).
 * Choices: the same fraction of every group of channels. "internal" touches only channels inside a
 * block, as the paper advises for ResNets; "all" prunes the residual stream too, where the norms of
 * all convolutions that write a channel are added. A fraction per layer from a
 * sensitivity scan (section 3.2) is the method filter-sensitivity. */
#include "prune.h"

static gf_status apply(const gf_method_call *call, const void *options)
{
    const gf_filter_norm norm = { gf_norm_l1 };
    return gf_prune_filters(call->net, options, gf_score_norms, &norm, call->kernels);
}

static const gf_field fields[] = { GF_FILTER_FIELDS(gf_filter_options), GF_FIELD_END };

const gf_method gf_method_filter_l1 = {
    .schema = { .name = "filter-l1",
                .summary = "remove the filters of smallest L1 norm",
                .paper = "Li et al. 2017, arXiv 1608.08710, section 3.1",
                .fields = fields },
    .options_size = sizeof(gf_filter_options),
    .stage = "prune",
    .example = "{ prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .adds = GF_FACT_SHRUNK,
    .neutral = "amount = 0\n",
    .apply = apply,
};
