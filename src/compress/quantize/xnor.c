/* Method "xnor": binary weights and activations (Rastegari et al. 2016, 1603.05279, section 3). A
 * weight is a sign times the mean magnitude of its filter, which follows the real weights while
 * they train; a convolution reads the signs of its input. First and last layer stay real (section
 * 4.1). Blocks are BN, sign, convolution (section 3.2, figure 3; signs.c).
 * Left out: the scale K of each place of the input, which BN behind the convolution mostly takes
 * back. Padding stays 0, which is no sign. */
#include "binary.h"

typedef struct xnor_options {
    gf_train_options train;
} xnor_options;

extern const gf_method gf_method_xnor; /* below; its schema says how long it trains */

static gf_status binarize(gf_param *weight, gf_quantize_place place, const void *options,
                          const gf_kernels *kernels)
{
    const gf_binary_options made = { .scale = GF_BINARY_SCALE_MEAN };
    (void)options;
    return place == GF_QUANTIZE_INNER ? gf_binarize(weight, &made, kernels) : GF_OK;
}

static gf_status prepare(const gf_method_call *call)
{
    gf_status status;
    const gf_sign_attributes signs = { .slope = GF_SIGN_SLOPE_CLIP };
    GF_TRY(gf_quantize_each_weight(call->net, binarize, NULL, call->kernels));
    GF_TRY(gf_binarize_inputs(call->net, &signs));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const gf_train_job job = gf_method_job(call, &gf_method_xnor.schema);
    (void)options;
    if (!call->resume) GF_TRY(prepare(call)); /* else the checkpoint brings it all */
    GF_TRY(gf_train(&job));
    GF_TRY(gf_quantize_refresh(call->net, call->kernels));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(xnor_options, "20", "0.1"),
    GF_FIELD_END,
};

const gf_method gf_method_xnor = {
    .schema = { .name = "xnor",
                .summary = "train with binary weights and activations",
                .paper = "Rastegari et al. 2016, arXiv 1603.05279, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(xnor_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"xnor\"; epochs = 20; weight_decay = 0; }; }",
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .refusal = "weights are quantized once, and binary ones need batch normalization behind them",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_BINARY_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .trains = true,
    .apply = apply,
};
