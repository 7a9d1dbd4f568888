/* Method "magnitude": the weights of smallest magnitude are masked (Han et al. 2015, 1506.02626,
 * section 3), over the whole network or layer by layer; retraining is a stage of its own, and Han's
 * iteration is a chain of such pairs with growing amounts.
 * Choices: convolution and fully connected weights take part, BN and biases do not; magnitudes are
 * of the weights that the forward pass uses; `amount` counts what is masked afterwards, earlier
 * masks included; of equal magnitudes the one that comes first is masked. */
#include "prune.h"

static gf_status apply(const gf_method_call *call, const void *options)
{
    return gf_mask_smallest(call->net, options, call->kernels);
}

static const gf_field fields[] = { GF_SPARSITY_FIELDS(gf_sparsity_options), GF_FIELD_END };

const gf_method gf_method_magnitude = {
    .schema = { .name = "magnitude",
                .summary = "mask the weights of smallest magnitude",
                .paper = "Han et al. 2015, arXiv 1506.02626, section 3",
                .fields = fields },
    .options_size = sizeof(gf_sparsity_options),
    .stage = "prune",
    .example = "{ prune : { method = \"magnitude\"; amount = 0.8; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .refuses = GF_FACT_BINARY_WEIGHTS,
    .refusal = "the magnitudes of a filter's weights are all the same",
    .adds = GF_FACT_SPARSE,
    .neutral = "amount = 0\n",
    .apply = apply,
};
