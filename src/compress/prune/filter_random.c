/* Method "filter-random": filters are removed by chance, the baseline that Li et al. 2017,
 * 1608.08710, section 4.4 compare the norms with. Which ones is a function of seed, place in the
 * chain and names of layers. */
#include "prune.h"

static gf_status score_by_chance(double *scores, const gf_channel_group *group, const gf_net *net,
                                 const gf_kernels *kernels, const void *context)
{
    uint32_t name = gf_hash32(net->nodes[group->nodes[0]].name);
    (void)kernels;
    for (int p = 0; p < gf_group_positions(group); p++)
        scores[p] = gf_random_uniform(context, (uint32_t)p, name);
    return GF_OK;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    const gf_random random = { .seed = call->seed,
                               .ordinal = call->ordinal,
                               .purpose = GF_PURPOSE_METHOD };
    return gf_prune_filters(call->net, options, score_by_chance, &random, call->kernels);
}

static const gf_field fields[] = { GF_FILTER_FIELDS(gf_filter_options), GF_FIELD_END };

const gf_method gf_method_filter_random = {
    .schema = { .name = "filter-random",
                .summary = "remove filters by chance: what a criterion has to beat",
                .paper = "Li et al. 2017, arXiv 1608.08710, section 4.4",
                .fields = fields },
    .options_size = sizeof(gf_filter_options),
    .stage = "prune",
    .example = "{ prune : { method = \"filter-random\"; amount = 0.5; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .adds = GF_FACT_SHRUNK,
    .neutral = "amount = 0\n",
    .apply = apply,
};
