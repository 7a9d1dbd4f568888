/* Weight view "float": weights as numbers of a small floating format, times a scale for the tensor
 * or for each output filter (Micikevicius et al. 2022, 2209.05433, section 3.2). While training,
 * scales follow the weights and the gradient goes straight through where a number fits. */
#include "float.h"

#include <math.h>

enum { SCALE, STATES };

static const gf_float_weight_options *options_of(const gf_view *view)
{
    return (const void *)view->options;
}

static gf_real *scales_of(const gf_view *view)
{
    return view->states[SCALE].data;
}

static size_t row_of(const gf_view *view, const gf_param *param)
{
    return gf_param_count(param) / (options_of(view)->per_channel ? (size_t)param->dims[0] : 1);
}

gf_real gf_float_scale_of(gf_real magnitude, int format, int scale)
{
    int exponent;
    double ratio = (double)magnitude / gf_minifloats[format].most;
    if (scale == GF_FLOAT_SCALE_NONE || magnitude == 0) return 1;
    if (scale == GF_FLOAT_SCALE_REAL || !isfinite(ratio)) return (gf_real)ratio;
    double fraction = frexp(ratio, &exponent); /* in [0.5, 1) */
    return (gf_real)ldexp(1, fraction > 0.5 ? exponent : exponent - 1);
}

void gf_float_pass(gf_real *d_x, const gf_real *d_y, const gf_real *x, size_t count, int format,
                   gf_real scale, bool add)
{
    gf_real most = (gf_real)gf_minifloats[format].most * scale;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        gf_real passed = x[i] > most || x[i] < -most ? 0 : d_y[i];
        d_x[i] = add ? d_x[i] + passed : passed;
    }
}

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    const gf_float_weight_options *o = options_of(view);
    size_t row = row_of(view, param);
    kernels->float_round(out, in, scales_of(view), (gf_minifloat)o->format,
                         gf_param_count(param) / row, row, o->per_channel);
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    size_t row = row_of(view, param);
    (void)kernels;
    for (size_t first = 0, c = 0; first < gf_param_count(param); first += row, c++)
        gf_float_pass(d_in + first, d_out + first, in + first, row, options_of(view)->format,
                      scales_of(view)[c], false);
}

static void refresh(gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    const gf_real *in)
{
    const gf_float_weight_options *o = options_of(view);
    size_t row = row_of(view, param);
    if (o->scale == GF_FLOAT_SCALE_NONE) return; /* 1, or what BN's factors made of it */
    for (size_t first = 0, c = 0; first < gf_param_count(param); first += row, c++) {
        gf_real low, high;
        kernels->range(&low, &high, in + first, row);
        scales_of(view)[c] = gf_float_scale_of(high > -low ? high : -low, o->format, o->scale);
    }
}

static void code(const gf_view *view, const gf_param *param, gf_code *code)
{
    const gf_float_weight_options *o = options_of(view);
    code->bits = gf_minifloats[o->format].bits;
    code->kind = GF_CODE_FLOATS;
    code->format = (gf_minifloat)o->format;
    code->symmetric = true;
    code->scale = scales_of(view);
    code->scales = o->per_channel ? param->dims[0] : 1;
}

/* The numbers stay, the scales take the factors. */
static gf_status rescale(gf_view *view, const gf_param *param, const gf_real *factor)
{
    gf_status status;
    gf_float_weight_options *o = (void *)view->options;
    GF_TRY(gf_scales_spread(view, param));
    o->per_channel = true;
    for (int c = 0; c < param->dims[0]; c++) {
        gf_real *scale = &scales_of(view)[c];
        *scale *= factor[c];
        if (fpclassify(*scale) == FP_ZERO || fpclassify(*scale) == FP_SUBNORMAL) *scale = 1;
        *scale = (gf_real)fabs((double)*scale); /* numbers have signs of their own */
    }
out:
    return status;
}

static bool check(const gf_view *view, const gf_param *param)
{
    return param->rank > 0 && view->state_count == STATES &&
           gf_scales_check(view, SCALE, "scale", param, options_of(view)->per_channel);
}

static const gf_field fields[] = {
    GF_FIELD_WORD(gf_float_weight_options, format, NULL, GF_MINIFLOAT_WORDS, "of a weight"),
    GF_FIELD_WORD(gf_float_weight_options, scale, NULL, GF_FLOAT_SCALE_WORDS,
                  "that weights are divided by"),
    GF_FIELD(gf_float_weight_options, per_channel, NULL, NULL, "", "a scale for each filter"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_float = {
    .schema = { .name = "float",
                .summary = "weights in a small floating format",
                .paper = "Micikevicius et al. 2022, arXiv 2209.05433, section 3",
                .fields = fields },
    .options_size = sizeof(gf_float_weight_options),
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .refresh = refresh,
    .code = code,
    .select = gf_scales_select,
    .rescale = rescale,
    .check = check,
};
