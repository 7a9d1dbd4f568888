/* Weight view "shift-attention": each kernel is multiplied by a softmax over its places,
 *
 *   w'_k = w_k softmax_k(T a / std(a)),   a [filters, kh, kw, channels], std over all of a
 *
 * (Hacene et al. 2019, 1905.12300, section 3.2). Attention is learned with the weights: backward
 * leaves its gradient in the state "slope", and after the weights' update it makes a step of SGD
 * with their rate and momentum, without decay, whatever moves the weights. T is set from outside.
 */
#include "shift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ATTENTION, SLOPE, VELOCITY, TEMPERATURE, STATES };
enum { PLACES_MOST = 64 };

static const char *const names[STATES] = { "attention", "slope", "velocity", "temperature" };

static gf_real *state_of(const gf_view *view, int state)
{
    return view->states[state].data;
}

static int places_of(const gf_param *param)
{
    return param->dims[1] * param->dims[2];
}

/* Element of place 0 of a slice; places lie `channels` apart. */
static size_t slice_at(const gf_param *param, size_t slice)
{
    size_t channels = (size_t)param->dims[3], places = (size_t)places_of(param);
    return slice / channels * places * channels + slice % channels;
}

typedef struct spread {
    double mean, deviation; /* of all attention; 1 where it is all the same */
} spread;

static spread spread_of(const gf_real *attention, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) sum += (double)attention[i];
    spread s = { .mean = sum / (double)count };
    for (size_t i = 0; i < count; i++) squares += pow((double)attention[i] - s.mean, 2);
    s.deviation = count > 1 ? sqrt(squares / (double)(count - 1)) : 0;
    if (!(s.deviation > 0)) s.deviation = 1;
    return s;
}

#define SHARE_LEAST 1e-20 /* smaller ones would make denormal weights, and convolutions crawl */

/* out[places] = softmax(sharpness * attention) of a slice that begins at `attention`. */
static void soften(double *out, const gf_real *attention, int places, size_t channels,
                   double sharpness)
{
    double most = (double)attention[0], sum = 0;
    for (int k = 1; k < places; k++)
        if ((double)attention[(size_t)k * channels] > most)
            most = (double)attention[(size_t)k * channels];
    for (int k = 0; k < places; k++) {
        out[k] = exp(sharpness * ((double)attention[(size_t)k * channels] - most));
        if (out[k] < SHARE_LEAST) out[k] = 0;
        sum += out[k];
    }
    for (int k = 0; k < places; k++) out[k] /= sum;
}

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    const gf_real *attention = state_of(view, ATTENTION);
    size_t channels = (size_t)param->dims[3], slices = (size_t)param->dims[0] * channels;
    int places = places_of(param);
    double sharpness = (double)*state_of(view, TEMPERATURE) /
                       spread_of(attention, gf_param_count(param)).deviation;
    (void)kernels;
#pragma omp parallel for schedule(static)
    for (size_t s = 0; s < slices; s++) {
        double share[PLACES_MOST];
        size_t at = slice_at(param, s);
        soften(share, attention + at, places, channels, sharpness);
        for (int k = 0; k < places; k++, at += channels)
            out[at] = (gf_real)((double)in[at] * share[k]);
    }
}

/* d_in of one slice, and in slope the gradient of the softmax's arguments. */
static void backward_slice(gf_real *d_in, gf_real *slope, const gf_real *d_out, const gf_real *in,
                           const gf_real *attention, int places, size_t channels, double sharpness)
{
    double share[PLACES_MOST], mean = 0;
    soften(share, attention, places, channels, sharpness);
    for (int k = 0; k < places; k++) {
        size_t at = (size_t)k * channels;
        mean += share[k] * (double)d_out[at] * (double)in[at];
    }
    for (int k = 0; k < places; k++) {
        size_t at = (size_t)k * channels;
        slope[at] = (gf_real)(share[k] * ((double)d_out[at] * (double)in[at] - mean));
        d_in[at] = (gf_real)((double)d_out[at] * share[k]);
    }
}

/* From the arguments u = T a / std(a) to a itself: d std / d a_i = (a_i - mean) / ((n - 1) std). */
static void normalize_slope(gf_real *slope, const gf_real *attention, size_t count,
                            double temperature)
{
    spread s = spread_of(attention, count);
    double along = 0, sharpness = temperature / s.deviation;
    for (size_t i = 0; i < count; i++) along += (double)slope[i] * (double)attention[i];
    along *= sharpness / (s.deviation * s.deviation * (double)(count - 1));
    for (size_t i = 0; i < count; i++)
        slope[i] =
            (gf_real)(sharpness * (double)slope[i] - along * ((double)attention[i] - s.mean));
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    const gf_real *attention = state_of(view, ATTENTION);
    gf_real *slope = state_of(view, SLOPE);
    size_t channels = (size_t)param->dims[3], slices = (size_t)param->dims[0] * channels;
    size_t count = gf_param_count(param);
    double temperature = (double)*state_of(view, TEMPERATURE);
    double sharpness = temperature / spread_of(attention, count).deviation;
    int places = places_of(param);
    (void)kernels;
#pragma omp parallel for schedule(static)
    for (size_t s = 0; s < slices; s++) {
        size_t at = slice_at(param, s);
        backward_slice(d_in + at, slope + at, d_out + at, in + at, attention + at, places, channels,
                       sharpness);
    }
    normalize_slope(slope, attention, count, temperature);
}

static void after_update(gf_view *view, gf_param *param, const gf_kernels *kernels,
                         const gf_update *update)
{
    kernels->sgd_step(state_of(view, ATTENTION), state_of(view, VELOCITY), state_of(view, SLOPE),
                      gf_param_count(param), update->rate, update->momentum, 0, 0,
                      update->nesterov);
}

/* The view ends with the training that it is for; only a file from elsewhere brings it here. */
static gf_status refuse_select(gf_view *view, const gf_param *param, int axis, const int *keep,
                               int count)
{
    (void)view;
    (void)axis;
    (void)keep;
    (void)count;
    return gf_fail(GF_UNSUPPORTED, "%s: nothing can be removed while its shifts are learned",
                   param->name);
}

static bool check(const gf_view *view, const gf_param *param)
{
    if (param->rank != 4 || places_of(param) > PLACES_MOST || view->state_count != STATES)
        return false;
    for (int s = 0; s < STATES; s++) {
        const gf_tensor *state = &view->states[s];
        int64_t count = s == TEMPERATURE ? 1 : (int64_t)gf_param_count(param);
        if (strcmp(state->name, names[s]) != 0 || state->dtype != GF_REAL_DTYPE ||
            gf_tensor_count(state) != count)
            return false;
    }
    return true;
}

gf_status gf_attend_shifts(gf_param *weight)
{
    gf_status status;
    gf_view *view;
    const int64_t one = 1;
    int64_t dims[4];
    if (places_of(weight) > PLACES_MOST)
        return gf_fail(GF_UNSUPPORTED, "%s: kernels of more than %d weights", weight->name,
                       PLACES_MOST);
    for (int d = 0; d < 4; d++) dims[d] = weight->dims[d];
    GF_TRY(gf_param_add_view(weight, &view, "shift-attention", NULL));
    for (int s = ATTENTION; s <= VELOCITY; s++)
        GF_TRY(gf_view_add_state(view, names[s], GF_REAL_DTYPE, 4, dims, NULL));
    GF_TRY(gf_view_add_state(view, names[TEMPERATURE], GF_REAL_DTYPE, 1, &one, NULL));
    for (size_t i = 0; i < gf_param_count(weight); i++)
        state_of(view, ATTENTION)[i] = (gf_real)fabs((double)weight->value[i]);
    *state_of(view, TEMPERATURE) = 1;
out:
    return status;
}

void gf_attend_shifts_at(gf_param *weight, double temperature)
{
    gf_view *view = gf_param_find_view(weight, "shift-attention");
    *state_of(view, TEMPERATURE) = (gf_real)temperature;
}

void gf_attend_shifts_choose(const gf_param *weight, gf_real *kept, gf_real *position)
{
    const gf_real *attention = state_of(&weight->views[0], ATTENTION);
    size_t channels = (size_t)weight->dims[3], slices = (size_t)weight->dims[0] * channels;
    for (size_t s = 0; s < slices; s++) {
        size_t at = slice_at(weight, s);
        int best = 0;
        for (int k = 1; k < places_of(weight); k++)
            if (attention[at + (size_t)k * channels] > attention[at + (size_t)best * channels])
                best = k;
        kept[s] = weight->value[at + (size_t)best * channels];
        position[s] = (gf_real)best;
    }
}

const gf_view_kind gf_view_shift_attention = {
    .schema = { .name = "shift-attention",
                .summary = "kernels whose places compete for one weight",
                .paper = "Hacene et al. 2019, arXiv 1905.12300, section 3.2" },
    .forward = forward,
    .backward = backward,
    .after_update = after_update,
    .select = refuse_select,
    .check = check,
};
