/* Layer "fake_quant": activations as the integers of a grid would give them, one range for the
 * whole tensor (Krishnamoorthi 2018, 1806.08342, sections 2.1, 2.2 and 3.1). Of values that are
 * never negative the symmetric grid begins at 0, as the affine one does. In CALIBRATE mode the
 * layer lets everything pass and widens its range; in TRAIN mode the range is a moving average; the
 * gradient goes straight through inside the range. Until it has seen data (range [0, 0]) it lets
 * everything pass. */
#include "quantize.h"

#include <string.h>

enum { LOW, HIGH };               /* of the parameter "range" */
enum { CACHE_SCALE, CACHE_ZERO }; /* scale 0: everything passed */

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    (void)in;
    (void)attributes;
    specs[0] =
        (gf_param_spec){ .suffix = "range", .role = GF_ROLE_STATE, .rank = 1, .dims = { 2 } };
    return 1;
}

bool gf_quant_range_is_empty(const gf_real *range)
{
    return range[LOW] == 0 && range[HIGH] == 0;
}

static void widen(gf_real *range, gf_real low, gf_real high)
{
    bool first = gf_quant_range_is_empty(range);
    if (first || !(low >= range[LOW])) range[LOW] = low;
    if (first || !(high <= range[HIGH])) range[HIGH] = high;
}

static void move(gf_real *range, gf_real low, gf_real high, double momentum)
{
    if (gf_quant_range_is_empty(range)) {
        range[LOW] = low;
        range[HIGH] = high;
        return;
    }
    range[LOW] = (gf_real)((1 - momentum) * (double)range[LOW] + momentum * (double)low);
    range[HIGH] = (gf_real)((1 - momentum) * (double)range[HIGH] + momentum * (double)high);
}

void gf_quant_range_observe(const gf_layer_call *call, double momentum)
{
    gf_real low, high;
    call->kernels->range(&low, &high, call->in[0], gf_quant_values(call));
    if (call->mode == GF_MODE_CALIBRATE)
        widen(call->weight[0], low, high);
    else
        move(call->weight[0], low, high, momentum);
}

static gf_quant_grid grid_of(const gf_layer_call *call)
{
    const gf_activation_quant_attributes *a = call->attributes;
    const gf_real *range = call->weight[0];
    if (a->symmetric && !(range[LOW] >= 0))
        return gf_quant_grid_symmetric(range[LOW], range[HIGH], a->bits);
    return gf_quant_grid_affine(range[LOW], range[HIGH], a->bits);
}

static void forward(const gf_layer_call *call)
{
    const gf_activation_quant_attributes *a = call->attributes;
    const gf_real *range = call->weight[0];
    if (call->mode != GF_MODE_EVALUATE) gf_quant_range_observe(call, a->momentum);
    if (call->mode == GF_MODE_CALIBRATE || gf_quant_range_is_empty(range)) {
        call->cache[CACHE_SCALE] = 0;
        gf_quant_pass(call);
        return;
    }
    gf_quant_grid grid = grid_of(call);
    call->cache[CACHE_SCALE] = grid.scale;
    call->cache[CACHE_ZERO] = grid.zero;
    call->kernels->fake_quant_forward(call->out, call->in[0], &grid.scale, &grid.zero, grid.low,
                                      grid.high, (size_t)call->batch,
                                      gf_shape_count(call->out_shape), false);
}

static void backward(const gf_layer_call *call)
{
    gf_quant_grid grid = grid_of(call); /* the range has not moved since forward */
    if (!call->d_in[0]) return;
    if (call->cache[CACHE_SCALE] != 0)
        call->kernels->fake_quant_backward(
            call->d_in[0], call->d_out, call->in[0], &call->cache[CACHE_SCALE],
            &call->cache[CACHE_ZERO], grid.low, grid.high, (size_t)call->batch,
            gf_shape_count(call->out_shape), false, call->d_in_add[0]);
    else
        gf_quant_pass_gradient(call);
}

static size_t cache(int batch, const gf_shape *in, gf_shape out, const void *attributes)
{
    (void)batch;
    (void)in;
    (void)out;
    (void)attributes;
    return 2;
}

static double bits(const void *attributes)
{
    return ((const gf_activation_quant_attributes *)attributes)->bits;
}

static const gf_field fields[] = {
    GF_FIELD(gf_activation_quant_attributes, bits, NULL, "[2, 16]", "bits", "of an activation"),
    GF_FIELD(gf_activation_quant_attributes, momentum, "0.01", "[0, 1]", "",
             "of the moving range while training"),
    GF_FIELD(gf_activation_quant_attributes, symmetric, "false", NULL, "",
             "signed values get codes around 0"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_fake_quant = {
    .schema = { .name = "fake_quant",
                .summary = "uniformly quantized activations",
                .paper = "Krishnamoorthi 2018, arXiv 1806.08342, section 2",
                .fields = fields },
    .attributes_size = sizeof(gf_activation_quant_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .params = params,
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .cache = cache,
    .reads_in = true,
    .in_place = true,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = bits,
};
