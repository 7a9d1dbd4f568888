/* Mean of each window of size x size pixels: [h, w, c] -> [h / size, w / size, c]. */
#include "window.h"

#include <string.h>

static void forward(const gf_layer_call *call)
{
    const gf_pool_attributes *a = call->attributes;
    size_t windows = gf_window_count(call), channels = (size_t)call->out_shape.channels;
    int pixels = a->size * a->size;
#pragma omp parallel for schedule(static)
    for (size_t w = 0; w < windows; w++) {
        gf_real *to = call->out + w * channels;
        memset(to, 0, channels * sizeof *to);
        for (int p = 0; p < pixels; p++) {
            const gf_real *from = call->in[0] + gf_window_place(call, w) + gf_window_step(call, p);
            for (size_t c = 0; c < channels; c++) to[c] += from[c];
        }
        for (size_t c = 0; c < channels; c++) to[c] /= (gf_real)pixels;
    }
}

static void backward(const gf_layer_call *call)
{
    const gf_pool_attributes *a = call->attributes;
    size_t windows = gf_window_count(call), channels = (size_t)call->out_shape.channels;
    int pixels = a->size * a->size;
    if (!call->d_in[0]) return;
    gf_window_clear(call);
#pragma omp parallel for schedule(static)
    for (size_t w = 0; w < windows; w++)
        for (int p = 0; p < pixels; p++) {
            gf_real *to = call->d_in[0] + gf_window_place(call, w) + gf_window_step(call, p);
            for (size_t c = 0; c < channels; c++)
                to[c] += call->d_out[w * channels + c] / (gf_real)pixels;
        }
}

const gf_layer_kind gf_layer_average_pool = {
    .schema = { .name = "average_pool",
                .summary = "mean of each window of pixels",
                .fields = gf_window_fields },
    .attributes_size = sizeof(gf_pool_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_window_shape,
    .forward = forward,
    .backward = backward,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = gf_layer_full_bits,
};
