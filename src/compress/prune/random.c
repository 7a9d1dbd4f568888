/* Method "random": weights are masked by chance, over the whole network or layer by layer: the
 * baseline that every criterion is to be compared with (Blalock et al. 2020, 2003.03033, section
 * 7). Which ones is a function of seed, place in the chain and names of layers; earlier masks count
 * and stay. */
#include "prune.h"

static void rank_by_chance(uint32_t *ranks, const gf_real *values, const gf_param *param,
                           const void *context)
{
    uint32_t name = gf_hash32(param->name);
    (void)values;
    for (size_t i = 0; i < gf_param_count(param); i++)
        ranks[i] = 1 + gf_random_below(context, (uint32_t)i, name, UINT32_MAX);
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    const gf_random random = { .seed = call->seed,
                               .ordinal = call->ordinal,
                               .purpose = GF_PURPOSE_METHOD };
    return gf_mask_lowest(call->net, options, rank_by_chance, &random, call->kernels);
}

static const gf_field fields[] = { GF_SPARSITY_FIELDS(gf_sparsity_options), GF_FIELD_END };

const gf_method gf_method_random = {
    .schema = { .name = "random",
                .summary = "mask weights by chance: what a criterion has to beat",
                .paper = "Blalock et al. 2020, arXiv 2003.03033, section 7",
                .fields = fields },
    .options_size = sizeof(gf_sparsity_options),
    .stage = "prune",
    .example = "{ prune : { method = \"random\"; amount = 0.8; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .adds = GF_FACT_SPARSE,
    .neutral = "amount = 0\n",
    .apply = apply,
};
