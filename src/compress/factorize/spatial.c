/* Method "spatial": each k x k convolution becomes a k x 1 and a 1 x k one (Jaderberg et al. 2014,
 * 1405.3866, section 2, scheme 2); the best of each rank comes from one SVD (Tai et al. 2015,
 * 1511.06067, theorem 1). Ranks as in the method svd. */
#include "low_rank.h"

static gf_status apply(const gf_method_call *call, const void *options)
{
    return gf_low_rank_split(call->net, options, true, call->kernels);
}

static const gf_field fields[] = { GF_LOW_RANK_FIELDS, GF_FIELD_END };

const gf_method gf_method_spatial = {
    .schema = { .name = "spatial",
                .summary = "split convolutions into k x 1 and 1 x k of low rank",
                .paper = "Jaderberg et al. 2014, arXiv 1405.3866, scheme 2; Tai et al. 2015, arXiv "
                         "1511.06067, theorem 1",
                .fields = fields },
    .options_size = sizeof(gf_low_rank_options),
    .stage = "factorize",
    .example = "{ factorize : { method = \"spatial\"; keep = 0.9; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_LOW_RANK_REFUSES,
    .refusal = GF_LOW_RANK_REFUSAL,
    .adds = GF_FACT_FACTORIZED,
    .neutral = "keep = 1\n",
    .apply = apply,
};
