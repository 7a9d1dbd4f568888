/* Method "ptq": quantization after training (Krishnamoorthi 2018, 1806.08342, section 3.1). BN is
 * folded; weights are quantized from their smallest and largest values or by least squared error;
 * ranges of activations are calibrated on images from the training set, without augmentation (Wu et
 * al. 2020, 2004.09602, section 5.1; calibrate.c). Biases stay in full precision, as the int32 of
 * an integer accumulator. */
#include "quantize.h"

typedef struct ptq_options {
    gf_quantize_options quantize;
    int calibration;
    double percentile;
} ptq_options;

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const ptq_options *o = options;
    GF_TRY(gf_net_fold_bn(call->net, call->kernels));
    GF_TRY(gf_quantize_weights(call->net, &o->quantize, call->kernels));
    GF_TRY(gf_quantize_activations(call->net, &o->quantize));
    if (o->quantize.activation_bits != GF_BITS_FULL)
        GF_TRY(gf_quantize_calibrate(call->net, call->data, o->quantize.images,
                                     (gf_calibration)o->calibration, o->percentile, call->kernels));
out:
    return status;
}

static const gf_field fields[] = {
    GF_QUANTIZE_FIELDS(ptq_options),
    GF_QUANTIZE_WORD(ptq_options, weight_calibration, fit, "minmax", GF_WEIGHT_FIT_WORDS,
                     "grids of weights reach to the largest, or to the least squared error"),
    GF_FIELD_WORD(ptq_options, calibration, "minmax", GF_CALIBRATION_WORDS,
                  "how ranges of activations are taken from what the images show"),
    GF_FIELD(ptq_options, percentile, "0.9999", "[0.5, 1]", "fraction",
             "of the magnitudes that a range covers, with calibration = \"percentile\""),
    GF_FIELD_END,
};

const gf_method gf_method_ptq = {
    .schema = { .name = "ptq",
                .summary = "quantize weights and activations after training",
                .paper = "Krishnamoorthi 2018, arXiv 1806.08342, section 3.1",
                .fields = fields },
    .options_size = sizeof(ptq_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"ptq\"; weight_bits = 8; activation_bits = 8; "
               "calibration = \"mse\"; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .refusal = "a network is quantized once, with the bits that are wanted",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .apply = apply,
};
