/* Layer "sign": activations as +1 and -1, sign(0) = 1; the gradient goes straight through where
 * |x| <= 1 (Rastegari et al. 2016, 1603.05279, section 3.2; Courbariaux et al. 2016, 1602.02830,
 * section 1.3). */
#include "quantize.h"

static size_t count_of(const gf_layer_call *call)
{
    return (size_t)call->batch * gf_shape_count(call->out_shape);
}

static void forward(const gf_layer_call *call)
{
    gf_real *out = call->out;
    const gf_real *in = call->in[0];
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count_of(call); i++)
        out[i] = in[i] >= 0 ? 1 : in[i] < 0 ? -1 : in[i]; /* NaN stays */
}

static void backward(const gf_layer_call *call)
{
    gf_real *d_in = call->d_in[0];
    const gf_real *d_out = call->d_out, *in = call->in[0];
    bool add = call->d_in_add[0];
    if (!d_in) return;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count_of(call); i++) {
        gf_real passed = in[i] > 1 || in[i] < -1 ? 0 : d_out[i];
        d_in[i] = add ? d_in[i] + passed : passed;
    }
}

static double bits(const void *attributes)
{
    (void)attributes;
    return 1;
}

const gf_layer_kind gf_layer_sign = {
    .schema = { .name = "sign",
                .summary = "activations of one bit",
                .paper = "Rastegari et al. 2016, arXiv 1603.05279, section 3.2" },
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .reads_in = true,
    .in_place = true,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = bits,
};
