/* Layer "lsq": activations on a uniform grid from 0 (or, signed, around it) whose step is a trained
 * parameter (Esser et al. 2020, 1902.08153, section 2). The step begins with the first batch that
 * CALIBRATE mode shows; until then everything passes. What divides is the parameter's magnitude, so
 * that a step that learns itself through 0 comes out positive. */
#include "lsq.h"

#include <math.h>

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    (void)in;
    (void)attributes;
    specs[0] = (gf_param_spec){ .suffix = "step", .role = GF_ROLE_SCALE, .rank = 1, .dims = { 1 } };
    return 1;
}

static gf_lsq_levels levels_of(const gf_layer_call *call)
{
    const gf_lsq_activation_attributes *a = call->attributes;
    return gf_lsq_levels_of(a->bits, a->is_signed);
}

static void forward(const gf_layer_call *call)
{
    gf_lsq_levels levels = levels_of(call);
    gf_real *parameter = call->weight[0], step = (gf_real)fabs((double)*parameter), zero = 0;
    bool calibrates = call->mode == GF_MODE_CALIBRATE;
    if (calibrates && step == 0)
        *parameter = gf_lsq_first_step(call->in[0], gf_quant_values(call), levels);
    if (!calibrates && step != 0)
        call->kernels->fake_quant_forward(call->out, call->in[0], &step, &zero, levels.low,
                                          levels.high, (size_t)call->batch,
                                          gf_shape_count(call->out_shape), false);
    else
        gf_quant_pass(call);
}

/* The network's input wants no gradient, but its step does: the scratch takes what is not wanted.
 */
static void backward(const gf_layer_call *call)
{
    gf_lsq_levels levels = levels_of(call);
    gf_real parameter = *call->weight[0], step = (gf_real)fabs((double)parameter);
    gf_real *d_in = call->d_in[0];
    if (step == 0) {
        if (call->d_weight[0]) *call->d_weight[0] = 0;
        gf_quant_pass_gradient(call);
        return;
    }
    if (!d_in) d_in = gf_scratch_get(call->scratch, gf_quant_values(call) * sizeof *d_in);
    double slope = NAN; /* without memory the training ends as diverged */
    if (d_in)
        slope = gf_lsq_backward(d_in, call->d_out, call->in[0], gf_quant_values(call), step, levels,
                                call->d_in[0] && call->d_in_add[0]);
    slope *= gf_lsq_gradient_scale(gf_shape_count(call->out_shape), levels);
    if (call->d_weight[0]) *call->d_weight[0] = (gf_real)(parameter < 0 ? -slope : slope);
}

static double bits(const void *attributes)
{
    return ((const gf_lsq_activation_attributes *)attributes)->bits;
}

static const gf_field fields[] = {
    GF_FIELD(gf_lsq_activation_attributes, bits, NULL, "[2, 16]", "bits", "of an activation"),
    GF_FIELD(gf_lsq_activation_attributes, is_signed, NULL, NULL, "", "levels on both sides of 0"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_lsq = {
    .schema = { .name = "lsq",
                .summary = "uniformly quantized activations with a learned step",
                .paper = "Esser et al. 2020, arXiv 1902.08153, section 2",
                .fields = fields },
    .attributes_size = sizeof(gf_lsq_activation_attributes),
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
