/* Element-wise kernels and pooling, vectorized by the compiler. NaN passes through: comparisons are
 * written so that it takes the branch that keeps it. */
#include "elementwise.h"

#include <string.h>

void GF_FAST(relu_forward)(float *y, const float *x, size_t count)
{
    GF_ELEMENTS(count, y[i] = x[i] < 0 ? 0 : x[i]);
}

void GF_FAST(relu_backward)(float *d_x, const float *d_y, const float *y, size_t count, bool add)
{
    if (add)
        GF_ELEMENTS(count, d_x[i] += y[i] <= 0 ? 0 : d_y[i]);
    else
        GF_ELEMENTS(count, d_x[i] = y[i] <= 0 ? 0 : d_y[i]);
}

void GF_FAST(relu6_forward)(float *y, const float *x, size_t count)
{
    GF_ELEMENTS(count, y[i] = x[i] < 0 ? 0 : x[i] > 6 ? 6 : x[i]);
}

void GF_FAST(relu6_backward)(float *d_x, const float *d_y, const float *y, size_t count, bool add)
{
    if (add)
        GF_ELEMENTS(count, d_x[i] += (y[i] <= 0) | (y[i] >= 6) ? 0 : d_y[i]);
    else
        GF_ELEMENTS(count, d_x[i] = (y[i] <= 0) | (y[i] >= 6) ? 0 : d_y[i]);
}

void GF_FAST(add)(float *y, const float *a, const float *b, size_t count)
{
    GF_ELEMENTS(count, y[i] = a[i] + b[i]);
}

void GF_FAST(accumulate)(float *y, const float *x, size_t count)
{
    GF_ELEMENTS(count, y[i] += x[i]);
}

void GF_FAST(copy)(float *y, const float *x, size_t count)
{
    GF_ELEMENTS(count, y[i] = x[i]);
}

void GF_FAST(multiply)(float *y, const float *a, const float *b, size_t count)
{
    GF_ELEMENTS(count, y[i] = a[i] * b[i]);
}

void GF_FAST(mean_pool_forward)(float *y, const float *x, int batch, int pixels, int channels)
{
#pragma omp parallel for schedule(static)
    for (int n = 0; n < batch; n++) {
        float *restrict to = y + (size_t)n * channels;
        const float *restrict from = x + (size_t)n * pixels * channels;
        memset(to, 0, (size_t)channels * sizeof *to);
        for (int p = 0; p < pixels; p++, from += channels)
            for (int c = 0; c < channels; c++) to[c] += from[c];
        for (int c = 0; c < channels; c++) to[c] /= (float)pixels;
    }
}

void GF_FAST(mean_pool_backward)(float *d_x, const float *d_y, int batch, int pixels, int channels,
                                 bool add)
{
#pragma omp parallel for schedule(static)
    for (int n = 0; n < batch; n++) {
        float *restrict to = d_x + (size_t)n * pixels * channels;
        const float *restrict from = d_y + (size_t)n * channels;
        for (int p = 0; p < pixels; p++, to += channels) {
            if (add)
                for (int c = 0; c < channels; c++) to[c] += from[c] / (float)pixels;
            else
                for (int c = 0; c < channels; c++) to[c] = from[c] / (float)pixels;
        }
    }
}
