/* Layer "sign": activations as +1 and -1, sign(0) = 1. The gradient goes straight through where
 * |x| <= 1 (Rastegari et al. 2016, 1603.05279, section 3.2; Courbariaux et al. 2016, 1602.02830,
 * section 1.3), or is multiplied by the derivative of SwishSign (Darabi et al. 2018, 1812.11800,
 * section 3.1), which is steep at 0, has the same integral, and turns negative beyond 2.4 / beta.
 */
#include "binary.h"

#include <math.h>

static void forward(const gf_layer_call *call)
{
    gf_real *out = call->out;
    const gf_real *in = call->in[0];
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < gf_quant_values(call); i++)
        out[i] = in[i] >= 0 ? 1 : in[i] < 0 ? -1 : in[i]; /* NaN stays */
}

/* b (2 - z tanh(z / 2)) / (1 + cosh z) with z = b |x|, written in e^-z, which cannot overflow. */
gf_real gf_swish_sign_slope(gf_real x, gf_real beta)
{
    gf_real z = beta * (x < 0 ? -x : x), e = (gf_real)exp(-(double)z), whole = 1 + e;
    return beta * (2 - z * (1 - e) / whole) * 2 * e / (whole * whole);
}

static gf_real slope_at(gf_real x, const gf_sign_attributes *a)
{
    if (a->slope == GF_SIGN_SLOPE_SWISH) return gf_swish_sign_slope(x, (gf_real)a->beta);
    return x > 1 || x < -1 ? 0 : 1;
}

static void backward(const gf_layer_call *call)
{
    gf_real *d_in = call->d_in[0];
    const gf_real *d_out = call->d_out, *in = call->in[0];
    bool add = call->d_in_add[0];
    if (!d_in) return;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < gf_quant_values(call); i++) {
        gf_real passed = slope_at(in[i], call->attributes) * d_out[i];
        d_in[i] = add ? d_in[i] + passed : passed;
    }
}

static double bits(const void *attributes)
{
    (void)attributes;
    return 1;
}

static const gf_field fields[] = {
    GF_FIELD_WORD(gf_sign_attributes, slope, "clip", GF_SIGN_SLOPE_WORDS,
                  "what stands in for the derivative: 1 where |x| <= 1, or SwishSign's"),
    GF_FIELD(gf_sign_attributes, beta, "0", "[0, 100]", "", "of SwishSign: how narrow"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_sign = {
    .schema = { .name = "sign",
                .summary = "activations of one bit",
                .paper = "Rastegari et al. 2016, arXiv 1603.05279, section 3.2",
                .fields = fields },
    .attributes_size = sizeof(gf_sign_attributes),
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
