/* Largest value of each window of size x size pixels: [h, w, c] -> [h / size, w / size, c]. Of
 * equal ones the first takes the gradient; a NaN is the largest, so that it is seen. */
#include "window.h"

#include <string.h>

static bool is_larger(gf_real x, gf_real than)
{
    return x > than || x != x;
}

static void forward(const gf_layer_call *call)
{
    const gf_pool_attributes *a = call->attributes;
    size_t windows = gf_window_count(call), channels = (size_t)call->out_shape.channels;
#pragma omp parallel for schedule(static)
    for (size_t w = 0; w < windows; w++) {
        const gf_real *first = call->in[0] + gf_window_place(call, w);
        gf_real *to = call->out + w * channels;
        memcpy(to, first, channels * sizeof *to);
        for (int p = 1; p < a->size * a->size; p++) {
            const gf_real *from = first + gf_window_step(call, p);
            for (size_t c = 0; c < channels; c++)
                to[c] = is_larger(from[c], to[c]) ? from[c] : to[c];
        }
    }
}

/* Where in the window the largest value of a channel stands; `in` is that channel's first pixel. */
static size_t find_largest(const gf_layer_call *call, const gf_real *in)
{
    const gf_pool_attributes *a = call->attributes;
    size_t best = 0, channels = (size_t)call->in_shape[0].channels;
    size_t line = (size_t)call->in_shape[0].width * channels;
    for (int y = 0; y < a->size; y++)
        for (int x = 0; x < a->size; x++) {
            size_t place = (size_t)y * line + (size_t)x * channels;
            if (is_larger(in[place], in[best])) best = place;
        }
    return best;
}

static void backward(const gf_layer_call *call)
{
    size_t windows = gf_window_count(call), channels = (size_t)call->out_shape.channels;
    if (!call->d_in[0]) return;
    gf_window_clear(call);
#pragma omp parallel for schedule(static)
    for (size_t w = 0; w < windows; w++)
        for (size_t c = 0; c < channels; c++) {
            size_t place = gf_window_place(call, w) + c;
            place += find_largest(call, call->in[0] + place);
            call->d_in[0][place] += call->d_out[w * channels + c];
        }
}

const gf_layer_kind gf_layer_max_pool = {
    .schema = { .name = "max_pool",
                .summary = "largest value of each window of pixels",
                .fields = gf_window_fields },
    .attributes_size = sizeof(gf_pool_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_window_shape,
    .forward = forward,
    .backward = backward,
    .reads_in = true,
    .channels = GF_CHANNELS_FOLLOW,
};
