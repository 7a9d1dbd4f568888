/* Method "filter-l2": as filter-l1, with the Euclidean norm of each filter in place of the sum of
 * its absolute weights: the comparison in Li et al. 2017, 1608.08710, appendix 6.1. */
#include "prune.h"

#include <math.h>

static double l2(const gf_real *filter, size_t size)
{
    double squares = 0;
    for (size_t i = 0; i < size; i++) squares += (double)filter[i] * (double)filter[i];
    return sqrt(squares);
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    const gf_filter_norm norm = { l2 };
    return gf_prune_filters(call->net, options, gf_score_norms, &norm, call->kernels);
}

static const gf_field fields[] = { GF_FILTER_FIELDS(gf_filter_options), GF_FIELD_END };

const gf_method gf_method_filter_l2 = {
    .schema = { .name = "filter-l2",
                .summary = "remove the filters of smallest L2 norm",
                .paper = "Li et al. 2017, arXiv 1608.08710, appendix 6.1",
                .fields = fields },
    .options_size = sizeof(gf_filter_options),
    .stage = "prune",
    .example = "{ prune : { method = \"filter-l2\"; amount = 0.5; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .adds = GF_FACT_SHRUNK,
    .neutral = "amount = 0\n",
    .apply = apply,
};
