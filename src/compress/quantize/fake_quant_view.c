/* Weight view "fake-quant": weights as the integers of a uniform grid would give them
 * (Krishnamoorthi 2018, 1806.08342, sections 2 and 3), per output filter or per tensor, symmetric
 * or affine, from the smallest and largest weight or by least squared error. While training, the
 * scales follow the weights (refresh); the gradient goes straight through (Bengio et al. 2013,
 * 1308.3432). */
#include "quantize.h"

#include <math.h>

enum { SCALE, ZERO, STATES };

static const gf_weight_quant_options *options_of(const gf_view *view)
{
    return (const void *)view->options;
}

static size_t outer_of(const gf_param *param)
{
    return (size_t)param->dims[0];
}

static size_t inner_of(const gf_param *param)
{
    return gf_param_count(param) / outer_of(param);
}

static gf_real *state_of(const gf_view *view, int state)
{
    return view->states[state].data;
}

static int high_of(const gf_weight_quant_options *o)
{
    return (1 << (o->affine ? o->bits : o->bits - 1)) - 1;
}

static int low_of(const gf_weight_quant_options *o)
{
    return o->affine ? 0 : -high_of(o);
}

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    const gf_weight_quant_options *o = options_of(view);
    kernels->fake_quant_forward(out, in, state_of(view, SCALE), state_of(view, ZERO), low_of(o),
                                high_of(o), outer_of(param), inner_of(param), o->per_channel);
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    const gf_weight_quant_options *o = options_of(view);
    kernels->fake_quant_backward(d_in, d_out, in, state_of(view, SCALE), state_of(view, ZERO),
                                 low_of(o), high_of(o), outer_of(param), inner_of(param),
                                 o->per_channel, false);
}

static gf_quant_grid grid_of(const gf_real *x, size_t count, gf_real low, gf_real high,
                             const gf_weight_quant_options *o)
{
    if (o->fit == GF_FIT_MSE) return gf_quant_grid_fit(x, count, low, high, o->bits, o->affine);
    return o->affine ? gf_quant_grid_affine(low, high, o->bits)
                     : gf_quant_grid_symmetric(low, high, o->bits);
}

static void refresh(gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    const gf_real *in)
{
    const gf_weight_quant_options *o = options_of(view);
    size_t scales = o->per_channel ? outer_of(param) : 1;
    size_t count = gf_param_count(param) / scales;
    for (size_t c = 0; c < scales; c++) {
        gf_real low, high;
        kernels->range(&low, &high, in + c * count, count);
        gf_quant_grid grid = grid_of(in + c * count, count, low, high, o);
        state_of(view, SCALE)[c] = grid.scale;
        state_of(view, ZERO)[c] = grid.zero;
    }
}

static void code(const gf_view *view, const gf_param *param, gf_code *code)
{
    const gf_weight_quant_options *o = options_of(view);
    code->bits = o->bits;
    code->symmetric = !o->affine;
    code->low = low_of(o);
    code->high = high_of(o);
    code->scale = state_of(view, SCALE);
    code->zero = state_of(view, ZERO);
    code->scales = o->per_channel ? param->dims[0] : 1;
}

/* Codes stay what they are: only the scales change, per filter from now on. */
static gf_status rescale(gf_view *view, const gf_param *param, const gf_real *factor)
{
    gf_status status = GF_OK;
    gf_weight_quant_options *o = (void *)view->options;
    GF_TRY(gf_scales_spread(view, param));
    o->per_channel = true;
    for (int c = 0; c < param->dims[0]; c++) {
        gf_real *scale = &state_of(view, SCALE)[c];
        *scale *= factor[c];
        if (fpclassify(*scale) == FP_ZERO || fpclassify(*scale) == FP_SUBNORMAL)
            *scale = 1; /* a filter that is switched off: its weights are about to be 0 */
    }
out:
    return status;
}

static bool check(const gf_view *view, const gf_param *param)
{
    bool per_filter = options_of(view)->per_channel;
    return param->rank > 0 && view->state_count == STATES &&
           gf_scales_check(view, SCALE, "scale", param, per_filter) &&
           gf_scales_check(view, ZERO, "zero", param, per_filter);
}

static const gf_field fields[] = {
    GF_FIELD(gf_weight_quant_options, bits, NULL, "[2, 16]", "bits", "of a weight"),
    GF_FIELD(gf_weight_quant_options, per_channel, NULL, NULL, "", "a scale for each filter"),
    GF_FIELD(gf_weight_quant_options, affine, NULL, NULL, "", "with a zero point"),
    GF_FIELD_WORD(gf_weight_quant_options, fit, "minmax", GF_WEIGHT_FIT_WORDS,
                  "how far the grid reaches"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_fake_quant = {
    .schema = { .name = "fake-quant",
                .summary = "uniformly quantized weights",
                .paper = "Krishnamoorthi 2018, arXiv 1806.08342, section 2",
                .fields = fields },
    .options_size = sizeof(gf_weight_quant_options),
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .refresh = refresh,
    .code = code,
    .select = gf_scales_select,
    .rescale = rescale,
    .check = check,
};
