/* Weight view "binary": the sign of each weight times a scale of its filter (Courbariaux et al.
 * 2015, 1511.00363, sections 2.2 to 2.4). sign(0) is 1; masked weights are zeros all the same. The
 * gradient at the binary weight is that of the stored one, which after each update is clipped to
 * where it matters, [-scale, scale]. While training it may be drawn: 1 with the probability
 * clip((w / scale + 1) / 2, 0, 1), the paper's hard sigmoid; evaluation always takes the sign.
 *
 * With a scale that follows the weights, a = mean|W| of each filter (Rastegari et al. 2016,
 * 1603.05279, section 3.1), the gradient is theirs, dW = dW~ (1/n + a 1[|W| <= 1]), divided by a:
 * they train with Adam, to which the factor is nothing; SGD on weights as small as a would stand
 * still with it.
 *
 * A learned scale (Darabi et al. 2018, 1812.11800, section 3.2) has a gradient of its own: that of
 * what it multiplies, and that of the penalty strength * sum R(w), which also draws each weight to
 * where its sign stands. Divided by the root of the filter's size, as the step of as many weights
 * (Esser et al. 2020, 1902.08153, section 2.2), it moves the scale after the weights' update, with
 * their rate and momentum, by SGD whatever moves the weights; a scale never falls below half of
 * itself. Weights get their gradient straight through, as above over a, and are clipped to [-1, 1]
 * as in the training that this one improves (Courbariaux et al. 2016, 1602.02830, algorithm 1), and
 * their scale with them. */
#include "binary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCALE, SLOPE, VELOCITY, STATES }; /* the last two while a scale is learned */

static const gf_binary_options *options_of(const gf_view *view)
{
    return (const void *)view->options;
}

static gf_real *scales_of(const gf_view *view)
{
    return view->states[SCALE].data;
}

static bool learns(const gf_view *view)
{
    return view->state_count == STATES;
}

static size_t row_of(const gf_param *param)
{
    return gf_param_count(param) / (size_t)param->dims[0];
}

static gf_real signed_scale(gf_real weight, gf_real scale)
{
    return weight >= 0 ? scale : weight < 0 ? -scale : weight; /* NaN stays */
}

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    const uint8_t *mask = gf_param_mask(param);
    size_t row = row_of(param);
    (void)kernels;
#pragma omp parallel for schedule(static)
    for (int f = 0; f < param->dims[0]; f++)
        for (size_t i = (size_t)f * row; i < ((size_t)f + 1) * row; i++)
            out[i] = mask && !mask[i] ? 0 : signed_scale(in[i], scales_of(view)[f]);
}

/* +1 where a number drawn from [-1, 1) is less than w / scale. */
static gf_real drawn(gf_real weight, gf_real scale, uint32_t word)
{
    double threshold = ((double)word * 0x1p-31 - 1) * (double)scale;
    return threshold < (double)weight ? scale : isnan(weight) ? weight : -scale;
}

static void forward_train(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                          gf_real *out, const gf_real *in, const gf_random *random)
{
    const uint8_t *mask = gf_param_mask(param);
    size_t row = row_of(param), count = gf_param_count(param);
    gf_random address = *random;
    uint32_t name = gf_hash32(param->name);
    address.purpose = GF_PURPOSE_METHOD;
    if (!options_of(view)->stochastic) {
        forward(view, param, kernels, out, in);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < count; first += 4) {
        uint32_t words[4];
        gf_random_block(&address, name, (uint32_t)(first / 4), words);
        for (size_t i = first; i < first + 4 && i < count; i++)
            out[i] =
                mask && !mask[i] ? 0 : drawn(in[i], scales_of(view)[i / row], words[i - first]);
    }
}

static void backward_of_mean(gf_real *d_in, const gf_real *d_out, const gf_real *in, size_t count,
                             gf_real scale)
{
    gf_real beside = scale > 0 ? 1 / ((gf_real)count * scale) : 0;
    for (size_t i = 0; i < count; i++)
        d_in[i] = d_out[i] * (beside + (in[i] <= 1 && in[i] >= -1 ? 1 : 0));
}

/* dR / da of a penalty whose dR / d|w| is the same with the other sign. */
static double penalty_slope(const gf_binary_options *o, double scale, double magnitude)
{
    double distance = scale - magnitude;
    return o->penalty == GF_BINARY_PENALTY_L2 ? 2 * distance : (distance > 0) - (distance < 0);
}

/* Returns the scale's gradient. Masked weights are no part of the filter. */
static double backward_of_learned(gf_real *d_in, const gf_real *d_out, const gf_real *in,
                                  const uint8_t *mask, size_t count, double scale,
                                  const gf_binary_options *o)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double sign = in[i] >= 0 ? 1 : -1, passed = (double)d_out[i];
        double drawn_by = o->strength * penalty_slope(o, scale, fabs((double)in[i]));
        if (!mask || mask[i]) sum += sign * passed + drawn_by;
        d_in[i] = (gf_real)(passed - sign * drawn_by);
    }
    return sum;
}

static void backward_learned(const gf_view *view, const gf_param *param, gf_real *d_in,
                             const gf_real *d_out, const gf_real *in)
{
    const uint8_t *mask = gf_param_mask(param);
    size_t row = row_of(param);
#pragma omp parallel for schedule(static)
    for (size_t f = 0; f < (size_t)param->dims[0]; f++) {
        size_t at = f * row;
        double slope = backward_of_learned(d_in + at, d_out + at, in + at, mask ? mask + at : NULL,
                                           row, (double)scales_of(view)[f], options_of(view));
        if (learns(view))
            ((gf_real *)view->states[SLOPE].data)[f] = (gf_real)(slope / sqrt((double)row));
    }
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    size_t row = row_of(param);
    if (options_of(view)->scale == GF_BINARY_SCALE_LEARNED) {
        backward_learned(view, param, d_in, d_out, in);
        return;
    }
    if (options_of(view)->scale == GF_BINARY_SCALE_KEPT) {
        if (d_in != d_out) kernels->copy(d_in, d_out, gf_param_count(param));
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t f = 0; f < (size_t)param->dims[0]; f++)
        backward_of_mean(d_in + f * row, d_out + f * row, in + f * row, row, scales_of(view)[f]);
}

/* Mean magnitude of what is not masked, in an order fixed by the sizes; 0 where all is. */
static gf_real mean_magnitude(const gf_real *weights, const uint8_t *mask, size_t count)
{
    double sum = 0;
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        if (mask && !mask[i]) continue;
        sum += fabs((double)weights[i]);
        taken++;
    }
    return taken ? (gf_real)(sum / (double)taken) : 0;
}

static void measure(gf_view *view, const gf_param *param, const gf_real *in)
{
    const uint8_t *mask = gf_param_mask(param);
    size_t row = row_of(param);
#pragma omp parallel for schedule(static)
    for (size_t f = 0; f < (size_t)param->dims[0]; f++)
        scales_of(view)[f] = mean_magnitude(in + f * row, mask ? mask + f * row : NULL, row);
}

static void refresh(gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    const gf_real *in)
{
    (void)kernels;
    if (options_of(view)->scale == GF_BINARY_SCALE_MEAN) measure(view, param, in);
}

/* Each weight to the scale of its filter; without scales to 1. */
static void clip(gf_param *param, const gf_real *scales)
{
    size_t row = row_of(param);
#pragma omp parallel for schedule(static)
    for (int f = 0; f < param->dims[0]; f++)
        for (size_t i = (size_t)f * row; i < ((size_t)f + 1) * row; i++) {
            gf_real w = param->value[i], most = scales ? scales[f] : 1;
            param->value[i] = w > most ? most : w < -most ? -most : w;
        }
}

static void learn_scale(const gf_view *view, int filter, const gf_kernels *kernels,
                        const gf_update *update)
{
    gf_real *scale = &scales_of(view)[filter], before = *scale;
    gf_real *velocity = (gf_real *)view->states[VELOCITY].data + filter;
    const gf_real *slope = (const gf_real *)view->states[SLOPE].data + filter;
    kernels->sgd_step(scale, velocity, slope, 1, update->rate, update->momentum, 0, 0,
                      update->nesterov);
    if (*scale < before / 2) *scale = before / 2;
    if (*scale > 1) *scale = 1;
}

static void after_update(gf_view *view, gf_param *param, const gf_kernels *kernels,
                         const gf_update *update)
{
    if (options_of(view)->scale == GF_BINARY_SCALE_KEPT) clip(param, scales_of(view));
    if (!learns(view)) return;
    clip(param, NULL);
    for (int f = 0; f < param->dims[0]; f++) learn_scale(view, f, kernels, update);
}

static void code(const gf_view *view, const gf_param *param, gf_code *code)
{
    code->bits = 1;
    code->kind = GF_CODE_SIGNS;
    code->symmetric = true;
    code->scale = scales_of(view);
    code->scales = param->dims[0];
}

/* A factor's sign goes to the weights, its magnitude to the scales. */
static gf_status rescale(gf_view *view, const gf_param *param, const gf_real *factor)
{
    for (int f = 0; f < param->dims[0]; f++)
        scales_of(view)[f] *= factor[f] < 0 ? -factor[f] : factor[f];
    return GF_OK;
}

static bool check(const gf_view *view, const gf_param *param)
{
    static const char *const names[STATES] = { "scale", "slope", "velocity" };
    if (param->rank < 1 || (view->state_count != 1 && !learns(view))) return false;
    for (int s = 0; s < view->state_count; s++)
        if (!gf_scales_check(view, s, names[s], param, true)) return false;
    for (int f = 0; f < param->dims[0]; f++)
        if (scales_of(view)[f] < 0) return false;
    return true;
}

gf_status gf_binarize(gf_param *weight, const gf_binary_options *options, const gf_kernels *kernels)
{
    gf_status status;
    gf_view *view;
    int64_t filters = weight->dims[0];
    (void)kernels;
    GF_TRY(gf_param_add_view(weight, &view, "binary", options));
    GF_TRY(gf_view_add_state(view, "scale", GF_REAL_DTYPE, 1, &filters, NULL));
    measure(view, weight, weight->value);
    if (options->scale == GF_BINARY_SCALE_LEARNED) {
        GF_TRY(gf_view_add_state(view, "slope", GF_REAL_DTYPE, 1, &filters, NULL));
        GF_TRY(gf_view_add_state(view, "velocity", GF_REAL_DTYPE, 1, &filters, NULL));
    }
    if (options->scale != GF_BINARY_SCALE_KEPT) return GF_OK;
    for (size_t i = 0; i < gf_param_count(weight); i++) weight->value[i] /= 2;
    clip(weight, scales_of(view));
out:
    return status;
}

void gf_binarize_finish(gf_param *weight)
{
    gf_view *view = gf_param_find_view(weight, "binary");
    if (view) gf_view_drop_states(view, SLOPE);
}

static const gf_field fields[] = {
    GF_FIELD(gf_binary_options, stochastic, NULL, NULL, "", "drawn while training"),
    GF_FIELD_WORD(gf_binary_options, scale, "kept", GF_BINARY_SCALE_WORDS,
                  "of a filter: as it was at first, the mean magnitude of its weights, or learned"),
    GF_FIELD_WORD(gf_binary_options, penalty, "l1", GF_BINARY_PENALTY_WORDS,
                  "on a weight's distance from a learned scale"),
    GF_FIELD(gf_binary_options, strength, "0", "[0, 1]", "", "of the penalty"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_binary = {
    .schema = { .name = "binary",
                .summary = "the sign of weights, times a scale for each filter",
                .paper = "Courbariaux et al. 2015, arXiv 1511.00363, section 2",
                .fields = fields },
    .options_size = sizeof(gf_binary_options),
    .forward = forward,
    .forward_train = forward_train,
    .backward = backward,
    .straight_through = true,
    .refresh = refresh,
    .after_update = after_update,
    .code = code,
    .select = gf_scales_select,
    .rescale = rescale,
    .check = check,
};
