/* Method "svd": each convolution becomes one of the same kernel with fewer filters, and a pointwise
 * one that mixes them (Denton et al. 2014, 1404.0736, section 3.3; Zhang et al. 2015, 1505.06798,
 * section 3.1, where the filters' responses are linear). Ranks from the energy that each layer
 * keeps, a fraction of its rank, or a budget of the network. Only the weights are looked at; what
 * is lost, a stage of fine-tuning gets back. Left out: the paper's reconstruction of responses
 * behind the ReLU. */
#include "low_rank.h"

static gf_status apply(const gf_method_call *call, const void *options)
{
    return gf_low_rank_split(call->net, options, false, call->kernels);
}

static const gf_field fields[] = { GF_LOW_RANK_FIELDS, GF_FIELD_END };

const gf_method gf_method_svd = {
    .schema = { .name = "svd",
                .summary = "split convolutions into k x k of low rank and 1 x 1",
                .paper = "Zhang et al. 2015, arXiv 1505.06798, section 3.1",
                .fields = fields },
    .options_size = sizeof(gf_low_rank_options),
    .stage = "factorize",
    .example = "{ factorize : { method = \"svd\"; keep = 0.5; of = \"macs\"; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_LOW_RANK_REFUSES,
    .refusal = GF_LOW_RANK_REFUSAL,
    .adds = GF_FACT_FACTORIZED,
    .neutral = "keep = 1\n",
    .apply = apply,
};
