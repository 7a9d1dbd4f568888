/* Weight view "lsq": a symmetric uniform quantizer whose step is learned (Esser et al. 2020,
 * 1902.08153, section 2): backward leaves the step's gradient (equation 3) in the state "slope",
 * scaled as in section 2.2, and the step follows it after the weights' update, with their rate and
 * momentum, by SGD whatever moves the weights. Weights get their gradient where they are not
 * clipped (equation 5). Choices: a step that would fall below half of itself is halved, so that it
 * never changes its sign; without the states "slope" and "velocity" (after the method's end) it
 * stays as it is. */
#include "lsq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEP, SLOPE, VELOCITY, STATES };
enum { PARTS = 64 };

static gf_real *state_of(const gf_view *view, int state)
{
    return view->states[state].data;
}

static gf_lsq_levels levels_of(const gf_view *view)
{
    return gf_lsq_levels_of(((const gf_lsq_weight_options *)(const void *)view->options)->bits,
                            true);
}

/* One for the tensor, or one for each filter once BN has been folded. */
static size_t steps_of(const gf_view *view)
{
    return (size_t)view->states[STEP].dims[0];
}

static bool learns(const gf_view *view)
{
    return view->state_count == STATES;
}

gf_lsq_levels gf_lsq_levels_of(int bits, bool is_signed)
{
    return is_signed ? (gf_lsq_levels){ -(1 << (bits - 1)), (1 << (bits - 1)) - 1 }
                     : (gf_lsq_levels){ 0, (1 << bits) - 1 };
}

gf_real gf_lsq_first_step(const gf_real *v, size_t count, gf_lsq_levels levels)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += fabs((double)v[i]);
    return (gf_real)(2 * sum / (double)count / sqrt(levels.high));
}

double gf_lsq_gradient_scale(size_t count, gf_lsq_levels levels)
{
    return 1 / sqrt((double)count * levels.high);
}

static double backward_part(gf_real *d_v, const gf_real *d_out, const gf_real *v, size_t count,
                            gf_real step, gf_lsq_levels levels, bool add)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        gf_real level = v[i] / step;
        bool below = level <= (gf_real)levels.low, above = level >= (gf_real)levels.high;
        gf_real slope = below   ? (gf_real)levels.low
                        : above ? (gf_real)levels.high
                                : gf_quant_rounded(level) - level;
        sum += (double)d_out[i] * (double)slope;
        gf_real passed = below || above ? 0 : d_out[i];
        d_v[i] = add ? d_v[i] + passed : passed;
    }
    return sum;
}

double gf_lsq_backward(gf_real *d_v, const gf_real *d_out, const gf_real *v, size_t count,
                       gf_real step, gf_lsq_levels levels, bool add)
{
    double sums[PARTS], total = 0;
#pragma omp parallel for schedule(static)
    for (size_t p = 0; p < PARTS; p++) {
        size_t from = count * p / PARTS, to = count * (p + 1) / PARTS;
        sums[p] = backward_part(d_v + from, d_out + from, v + from, to - from, step, levels, add);
    }
    for (size_t p = 0; p < PARTS; p++) total += sums[p];
    return total;
}

/* ---- the view ---- */

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    size_t steps = steps_of(view), row = gf_param_count(param) / steps;
    gf_lsq_levels levels = levels_of(view);
    const gf_real zero = 0;
    for (size_t s = 0; s < steps; s++)
        kernels->fake_quant_forward(out + s * row, in + s * row, &state_of(view, STEP)[s], &zero,
                                    levels.low, levels.high, 1, row, false);
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    size_t steps = steps_of(view), row = gf_param_count(param) / steps;
    gf_lsq_levels levels = levels_of(view);
    (void)kernels;
    for (size_t s = 0; s < steps; s++) {
        double sum = gf_lsq_backward(d_in + s * row, d_out + s * row, in + s * row, row,
                                     state_of(view, STEP)[s], levels, false);
        if (learns(view))
            state_of(view, SLOPE)[s] = (gf_real)(sum * gf_lsq_gradient_scale(row, levels));
    }
}

static void after_update(gf_view *view, gf_param *param, const gf_kernels *kernels,
                         const gf_update *update)
{
    (void)param;
    if (!learns(view)) return;
    for (size_t s = 0; s < steps_of(view); s++) {
        gf_real *step = &state_of(view, STEP)[s], before = *step;
        kernels->sgd_step(step, &state_of(view, VELOCITY)[s], &state_of(view, SLOPE)[s], 1,
                          update->rate, update->momentum, 0, 0, update->nesterov);
        if (*step / before < (gf_real)0.5) *step = before / 2;
    }
}

static void code(const gf_view *view, const gf_param *param, gf_code *code)
{
    gf_lsq_levels levels = levels_of(view);
    (void)param;
    code->bits = ((const gf_lsq_weight_options *)(const void *)view->options)->bits;
    code->symmetric = true;
    code->low = levels.low;
    code->high = levels.high;
    code->scale = state_of(view, STEP);
    code->scales = (int)steps_of(view);
}

/* Codes stay what they are: the steps take the factors. */
static gf_status rescale(gf_view *view, const gf_param *param, const gf_real *factor)
{
    gf_status status;
    GF_TRY(gf_scales_spread(view, param));
    for (int f = 0; f < param->dims[0]; f++) {
        gf_real *step = &state_of(view, STEP)[f];
        *step *= factor[f];
        if (fpclassify(*step) == FP_ZERO || fpclassify(*step) == FP_SUBNORMAL) *step = 1;
    }
out:
    return status;
}

static bool check(const gf_view *view, const gf_param *param)
{
    static const char *const names[STATES] = { "step", "slope", "velocity" };
    if (param->rank < 1 || (view->state_count != 1 && view->state_count != STATES)) return false;
    for (int s = 0; s < view->state_count; s++) {
        bool per_filter = view->states[s].rank == 1 && view->states[0].dims[0] != 1;
        if (!gf_scales_check(view, s, names[s], param, per_filter)) return false;
    }
    return true;
}

gf_status gf_lsq_quantize(gf_param *weight, int bits, const gf_kernels *kernels)
{
    gf_status status;
    gf_view *view;
    const gf_lsq_weight_options options = { .bits = bits };
    const int64_t one = 1;
    gf_real *values = gf_alloc(gf_param_count(weight), sizeof *values);
    GF_TRY_ALLOC(values);
    gf_param_effective(weight, kernels, values);
    GF_TRY(gf_param_add_view(weight, &view, "lsq", &options));
    GF_TRY(gf_view_add_state(view, "step", GF_REAL_DTYPE, 1, &one, NULL));
    GF_TRY(gf_view_add_state(view, "slope", GF_REAL_DTYPE, 1, &one, NULL));
    GF_TRY(gf_view_add_state(view, "velocity", GF_REAL_DTYPE, 1, &one, NULL));
    gf_real step = gf_lsq_first_step(values, gf_param_count(weight), levels_of(view));
    *state_of(view, STEP) = step == 0 ? 1 : step;
out:
    free(values);
    return status;
}

void gf_lsq_finish(gf_param *weight)
{
    gf_view *view = gf_param_find_view(weight, "lsq");
    if (view) gf_view_drop_states(view, SLOPE);
}

static const gf_field fields[] = {
    GF_FIELD(gf_lsq_weight_options, bits, NULL, "[2, 16]", "bits", "of a weight"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_lsq = {
    .schema = { .name = "lsq",
                .summary = "uniformly quantized weights with a learned step",
                .paper = "Esser et al. 2020, arXiv 1902.08153, section 2",
                .fields = fields },
    .options_size = sizeof(gf_lsq_weight_options),
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .after_update = after_update,
    .code = code,
    .select = gf_scales_select,
    .rescale = rescale,
    .check = check,
};
