/* Weight view "bits": a uniform quantizer of the tensor's range whose number of bits is learned
 * (Nikolic et al. 2020, 2002.03090, sections 3.1 and 3.2): between two whole lengths its output is
 * that of both, weighted by the fraction, which is the derivative by the length; weights get their
 * gradient straight through. backward leaves the length's gradient and its price in the state
 * "slope", and the length follows after the weights' update, with their rate and momentum, by SGD
 * whatever moves the weights; once settled it stays. The view is there while its method trains. */
#include "bits.h"

#include <math.h>

enum { LENGTH, SLOPE, VELOCITY, STATES };
enum { PARTS = 64 };

/* ---- a length between whole ones ---- */

gf_real gf_bits_clamped(gf_real length)
{
    if (length < GF_BITS_LEAST) return GF_BITS_LEAST;
    return length > GF_BITS_MOST ? GF_BITS_MOST : length;
}

gf_bits_grids gf_bits_grids_of(gf_real low, gf_real high, gf_real length, bool symmetric)
{
    gf_quant_grid (*grid)(gf_real, gf_real, int) =
        symmetric ? gf_quant_grid_symmetric : gf_quant_grid_affine;
    gf_real n = gf_bits_clamped(length);
    int whole = n >= GF_BITS_LEAST ? (int)n : GF_BITS_LEAST; /* NaN goes into the share */
    return (gf_bits_grids){ .below = grid(low, high, whole),
                            .above = grid(low, high, whole + 1),
                            .share = n - (gf_real)whole,
                            .low = low < 0 ? low : 0,
                            .high = high > 0 ? high : 0 };
}

static gf_real quantized(gf_real x, const gf_quant_grid *g)
{
    gf_real level = gf_quant_rounded(x / g->scale) + g->zero;
    level = level < (gf_real)g->low ? (gf_real)g->low : level;
    level = level > (gf_real)g->high ? (gf_real)g->high : level;
    return (level - g->zero) * g->scale;
}

void gf_bits_forward(gf_real *out, const gf_real *x, size_t count, const gf_bits_grids *grids)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        gf_real below = quantized(x[i], &grids->below);
        out[i] = grids->share == 0
                     ? below
                     : below + grids->share * (quantized(x[i], &grids->above) - below);
    }
}

static double backward_part(gf_real *d_x, const gf_real *d_out, const gf_real *x, size_t count,
                            const gf_bits_grids *grids, bool add)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        gf_real gained = quantized(x[i], &grids->above) - quantized(x[i], &grids->below);
        gf_real passed = x[i] < grids->low || x[i] > grids->high ? 0 : d_out[i];
        sum += (double)d_out[i] * (double)gained;
        if (d_x) d_x[i] = add ? d_x[i] + passed : passed;
    }
    return sum;
}

double gf_bits_backward(gf_real *d_x, const gf_real *d_out, const gf_real *x, size_t count,
                        const gf_bits_grids *grids, bool add)
{
    double sums[PARTS], total = 0;
#pragma omp parallel for schedule(static)
    for (size_t p = 0; p < PARTS; p++) {
        size_t from = count * p / PARTS, to = count * (p + 1) / PARTS;
        sums[p] =
            backward_part(d_x ? d_x + from : NULL, d_out + from, x + from, to - from, grids, add);
    }
    for (size_t p = 0; p < PARTS; p++) total += sums[p];
    return total;
}

/* ---- the view ---- */

static gf_real *state_of(const gf_view *view, int state)
{
    return view->states[state].data;
}

gf_real *gf_bits_length(const gf_view *view)
{
    return state_of(view, LENGTH);
}

static bool learns(const gf_view *view)
{
    return view->state_count == STATES;
}

static gf_bits_grids grids_of(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                              const gf_real *in)
{
    gf_real low, high;
    kernels->range(&low, &high, in, gf_param_count(param));
    return gf_bits_grids_of(low, high, *gf_bits_length(view), true);
}

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    gf_bits_grids grids = grids_of(view, param, kernels, in);
    gf_bits_forward(out, in, gf_param_count(param), &grids);
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    const gf_bits_attributes *o = (const void *)view->options;
    gf_bits_grids grids = grids_of(view, param, kernels, in);
    double sum = gf_bits_backward(d_in, d_out, in, gf_param_count(param), &grids, false);
    if (learns(view)) *state_of(view, SLOPE) = (gf_real)(sum + o->price);
}

static void after_update(gf_view *view, gf_param *param, const gf_kernels *kernels,
                         const gf_update *update)
{
    gf_real *length = gf_bits_length(view);
    (void)param;
    if (!learns(view)) return;
    kernels->sgd_step(length, state_of(view, VELOCITY), state_of(view, SLOPE), 1, update->rate,
                      update->momentum, 0, 0, update->nesterov);
    *length = gf_bits_clamped(*length);
}

static bool check(const gf_view *view, const gf_param *param)
{
    static const char *const names[STATES] = { "length", "slope", "velocity" };
    if (view->state_count != 1 && !learns(view)) return false;
    for (int s = 0; s < view->state_count; s++)
        if (!gf_scales_check(view, s, names[s], param, false)) return false;
    return true;
}

gf_status gf_bits_quantize(gf_param *weight, const gf_bits_attributes *attributes)
{
    gf_status status;
    gf_view *view;
    const int64_t one = 1;
    GF_TRY(gf_param_add_view(weight, &view, "bits", attributes));
    GF_TRY(gf_view_add_state(view, "length", GF_REAL_DTYPE, 1, &one, NULL));
    GF_TRY(gf_view_add_state(view, "slope", GF_REAL_DTYPE, 1, &one, NULL));
    GF_TRY(gf_view_add_state(view, "velocity", GF_REAL_DTYPE, 1, &one, NULL));
    *gf_bits_length(view) = GF_BITS_MOST;
out:
    return status;
}

void gf_bits_settle(gf_view *view)
{
    gf_real *length = gf_bits_length(view);
    *length = (gf_real)ceil((double)gf_bits_clamped(*length));
    gf_view_drop_states(view, SLOPE);
}

static const gf_field fields[] = {
    GF_FIELD(gf_bits_attributes, price, "0", "[0, inf)", "", "of a bit, in the loss"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_bits = {
    .schema = { .name = "bits",
                .summary = "uniformly quantized weights with a learned number of bits",
                .paper = "Nikolic et al. 2020, arXiv 2002.03090, section 3",
                .fields = fields },
    .options_size = sizeof(gf_bits_attributes),
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .after_update = after_update,
    .check = check,
};
