/* Method "bnn-plus": binary weights and activations with a better derivative of the sign, and
 * weights drawn to where their signs stand (Darabi et al. 2018, 1812.11800, section 3). Backward
 * takes the derivative of SwishSign for that of an activation's sign (sign_node.c). A weight is its
 * sign times a learned scale a of its filter, and the loss gets strength * sum R(w), R being
 * |a - |w|| or its square (binary_view.c); the loss that is shown is without it. Scales begin as
 * the mean magnitude, where the square is least. First and last layer stay real, blocks are those
 * of XNOR-Net (signs.c).
 * Choices: beta is 1, where SwishSign is as steep at 0 as what goes straight through: a narrow
 * derivative is a steep one, and at the paper's 5 each layer makes gradients about 1.7 times as
 * large, which its networks of 8 layers stand, and long ones without shortcuts do not. Left out: a
 * trained beta, the PReLU or hard tanh before the sign. */
#include "binary.h"

typedef struct bnn_plus_options {
    gf_train_options train;
    double beta, strength;
    int penalty;
} bnn_plus_options;

extern const gf_method gf_method_bnn_plus; /* below; its schema says how long it trains */

static gf_status binarize(gf_param *weight, gf_quantize_place place, const void *options,
                          const gf_kernels *kernels)
{
    const bnn_plus_options *o = options;
    const gf_binary_options made = { .scale = GF_BINARY_SCALE_LEARNED,
                                     .penalty = o->penalty,
                                     .strength = o->strength };
    return place == GF_QUANTIZE_INNER ? gf_binarize(weight, &made, kernels) : GF_OK;
}

static gf_status prepare(const gf_method_call *call, const bnn_plus_options *o)
{
    gf_status status;
    const gf_sign_attributes signs = { .slope = GF_SIGN_SLOPE_SWISH, .beta = o->beta };
    GF_TRY(gf_quantize_each_weight(call->net, binarize, o, call->kernels));
    GF_TRY(gf_binarize_inputs(call->net, &signs));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const gf_train_job job = gf_method_job(call, &gf_method_bnn_plus.schema);
    if (!call->resume) GF_TRY(prepare(call, options)); /* else the checkpoint brings it all */
    GF_TRY(gf_train(&job));
    for (int i = 0; i < call->net->param_count; i++) gf_binarize_finish(&call->net->params[i]);
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(bnn_plus_options, "20", "0.1"),
    GF_FIELD(bnn_plus_options, beta, "1", "[0.1, 100]", "",
             "of SwishSign: how narrow its derivative is; the paper takes 5 to 10"),
    GF_FIELD_WORD(bnn_plus_options, penalty, "l1", GF_BINARY_PENALTY_WORDS,
                  "on a weight's distance from the scale of its filter: R1 or R2 of the paper"),
    GF_FIELD(bnn_plus_options, strength, "0.000001", "[0, 0.001]", "",
             "of the penalty, which is a sum over all weights"),
    GF_FIELD_END,
};

const gf_method gf_method_bnn_plus = {
    .schema = { .name = "bnn-plus",
                .summary = "train with binary weights and activations, a smooth sign and a penalty",
                .paper = "Darabi et al. 2018, arXiv 1812.11800, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(bnn_plus_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"bnn-plus\"; epochs = 20; weight_decay = 0; }; }",
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .refusal = "weights are quantized once, and binary ones need batch normalization behind them",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_BINARY_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .trains = true,
    .apply = apply,
};
