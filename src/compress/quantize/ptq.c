/* Method "ptq": quantization after training (Krishnamoorthi 2018, 1806.08342, section 3.1). BN is
 * folded, weights are quantized from their smallest and largest values, ranges of activations are
 * those seen on calibration images from the training set, without augmentation.
 * Left out: percentile, MSE and KL calibration; biases stay in full precision, as the int32 of an
 * integer accumulator. */
#include "quantize.h"

typedef struct ptq_options {
    gf_quantize_options quantize;
} ptq_options;

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const gf_quantize_options *o = &((const ptq_options *)options)->quantize;
    GF_TRY(gf_net_fold_bn(call->net, call->kernels));
    GF_TRY(gf_quantize_weights(call->net, o, call->kernels));
    GF_TRY(gf_quantize_activations(call->net, o));
    if (o->activation_bits != GF_BITS_FULL)
        GF_TRY(gf_calibrate(call->net, call->data, o->images, call->kernels));
out:
    return status;
}

static const gf_field fields[] = { GF_QUANTIZE_FIELDS(ptq_options), GF_FIELD_END };

const gf_method gf_method_ptq = {
    .schema = { .name = "ptq",
                .summary = "quantize weights and activations after training",
                .paper = "Krishnamoorthi 2018, arXiv 1806.08342, section 3.1",
                .fields = fields },
    .options_size = sizeof(ptq_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"ptq\"; weight_bits = 8; activation_bits = 8; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .refusal = "a network is quantized once, with the bits that are wanted",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .apply = apply,
};
