/* Layer "float_quant": activations as numbers of a small floating format, times one scale for the
 * tensor from the largest magnitude that CALIBRATE mode has seen (Micikevicius et al. 2022,
 * 2209.05433, section 3.2); training leaves the scale as it is. The gradient goes straight through
 * where a number fits. With a scale but without data everything passes. */
#include "float.h"

#include <string.h>

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    const gf_float_activation_attributes *a = attributes;
    (void)in;
    specs[0] = (gf_param_spec){ .suffix = "most", .role = GF_ROLE_STATE, .rank = 1, .dims = { 1 } };
    return a->scale != GF_FLOAT_SCALE_NONE;
}

static void observe(const gf_layer_call *call)
{
    gf_real low, high, *most = call->weight[0];
    call->kernels->range(&low, &high, call->in[0], gf_quant_values(call));
    if (-low > high) high = -low;
    if (!(high <= *most)) *most = high; /* NaN too */
}

/* 0: there has been no data yet. */
static gf_real scale_of(const gf_layer_call *call)
{
    const gf_float_activation_attributes *a = call->attributes;
    if (a->scale == GF_FLOAT_SCALE_NONE) return 1;
    return *call->weight[0] == 0 ? 0 : gf_float_scale_of(*call->weight[0], a->format, a->scale);
}

static void forward(const gf_layer_call *call)
{
    const gf_float_activation_attributes *a = call->attributes;
    bool calibrates = call->mode == GF_MODE_CALIBRATE;
    if (calibrates && a->scale != GF_FLOAT_SCALE_NONE) observe(call);
    gf_real scale = scale_of(call);
    if (!calibrates && scale != 0)
        call->kernels->float_round(call->out, call->in[0], &scale, (gf_minifloat)a->format,
                                   (size_t)call->batch, gf_shape_count(call->out_shape), false);
    else
        gf_quant_pass(call);
}

static void backward(const gf_layer_call *call)
{
    const gf_float_activation_attributes *a = call->attributes;
    gf_real scale = scale_of(call);
    if (!call->d_in[0]) return;
    if (scale != 0)
        gf_float_pass(call->d_in[0], call->d_out, call->in[0], gf_quant_values(call), a->format,
                      scale, call->d_in_add[0]);
    else
        gf_quant_pass_gradient(call);
}

static double bits(const void *attributes)
{
    return gf_minifloats[((const gf_float_activation_attributes *)attributes)->format].bits;
}

static const gf_field fields[] = {
    GF_FIELD_WORD(gf_float_activation_attributes, format, NULL, GF_MINIFLOAT_WORDS,
                  "of an activation"),
    GF_FIELD_WORD(gf_float_activation_attributes, scale, NULL, GF_FLOAT_SCALE_WORDS,
                  "that activations are divided by"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_float_quant = {
    .schema = { .name = "float_quant",
                .summary = "activations in a small floating format",
                .paper = "Micikevicius et al. 2022, arXiv 2209.05433, section 3",
                .fields = fields },
    .attributes_size = sizeof(gf_float_activation_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .params = params,
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .reads_in = true,
    .in_place = true,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = bits,
};
