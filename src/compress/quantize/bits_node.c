/* Layer "bits": activations on a uniform grid of a moving range whose number of bits is a trained
 * parameter (Nikolic et al. 2020, 2002.03090, section 3; bits_view.c). Its range is kept as that of
 * "fake_quant", which takes its place when the lengths are whole: a frozen layer learns nothing.
 * Whoever trains it keeps the length between GF_BITS_LEAST and GF_BITS_MOST. */
#include "bits.h"

enum { RANGE, LENGTH };

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    (void)in;
    (void)attributes;
    specs[RANGE] =
        (gf_param_spec){ .suffix = "range", .role = GF_ROLE_STATE, .rank = 1, .dims = { 2 } };
    specs[LENGTH] =
        (gf_param_spec){ .suffix = "length", .role = GF_ROLE_SCALE, .rank = 1, .dims = { 1 } };
    return 2;
}

static gf_bits_grids grids_of(const gf_layer_call *call)
{
    const gf_real *range = call->weight[RANGE];
    return gf_bits_grids_of(range[0], range[1], *call->weight[LENGTH], false);
}

static void forward(const gf_layer_call *call)
{
    const gf_bits_attributes *a = call->attributes;
    if (call->mode != GF_MODE_EVALUATE) gf_quant_range_observe(call, a->momentum);
    if (call->mode != GF_MODE_CALIBRATE && !gf_quant_range_is_empty(call->weight[RANGE])) {
        gf_bits_grids grids = grids_of(call);
        gf_bits_forward(call->out, call->in[0], gf_quant_values(call), &grids);
    } else {
        gf_quant_pass(call);
    }
}

/* The range has not moved since forward: in training it is never empty. */
static void backward(const gf_layer_call *call)
{
    const gf_bits_attributes *a = call->attributes;
    gf_bits_grids grids = grids_of(call);
    double sum = gf_bits_backward(call->d_in[0], call->d_out, call->in[0], gf_quant_values(call),
                                  &grids, call->d_in_add[0]);
    if (call->d_weight[LENGTH])
        *call->d_weight[LENGTH] = call->mode == GF_MODE_TRAIN ? (gf_real)(sum + a->price) : 0;
}

static const gf_field fields[] = {
    GF_FIELD(gf_bits_attributes, price, "0", "[0, inf)", "", "of a bit, in the loss"),
    GF_FIELD(gf_bits_attributes, momentum, "0.01", "[0, 1]", "",
             "of the moving range while training"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_bits = {
    .schema = { .name = "bits",
                .summary = "uniformly quantized activations with a learned number of bits",
                .paper = "Nikolic et al. 2020, arXiv 2002.03090, section 3",
                .fields = fields },
    .attributes_size = sizeof(gf_bits_attributes),
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
};
