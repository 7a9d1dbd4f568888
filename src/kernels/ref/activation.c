/* Element-wise kernels and pooling. A NaN goes through all of them, so that a diverged network is
 * seen in its loss. Softplus (Dugas et al. 2001) in the form that cannot overflow. */
#include "../backends.h"

#include <tgmath.h>

void gf_ref_relu_forward(gf_real *y, const gf_real *x, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

void gf_ref_relu_backward(gf_real *d_x, const gf_real *d_y, const gf_real *y, size_t count,
                          bool add)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) d_x[i] = (add ? d_x[i] : 0) + (y[i] <= 0 ? 0 : d_y[i]);
}

void gf_ref_relu6_forward(gf_real *y, const gf_real *x, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) y[i] = x[i] < 0 ? 0 : x[i] > 6 ? 6 : x[i];
}

void gf_ref_relu6_backward(gf_real *d_x, const gf_real *d_y, const gf_real *y, size_t count,
                           bool add)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++)
        d_x[i] = (add ? d_x[i] : 0) + (y[i] <= 0 || y[i] >= 6 ? 0 : d_y[i]);
}

void gf_ref_softplus_forward(gf_real *y, const gf_real *x, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) y[i] = (x[i] > 0 ? x[i] : 0) + log1p(exp(-fabs(x[i])));
}

/* The logistic function; each side takes the exponential that cannot overflow. */
static gf_real logistic(gf_real x)
{
    gf_real e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

void gf_ref_softplus_backward(gf_real *d_x, const gf_real *d_y, const gf_real *x, size_t count,
                              bool add)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) d_x[i] = (add ? d_x[i] : 0) + d_y[i] * logistic(x[i]);
}

void gf_ref_add(gf_real *y, const gf_real *a, const gf_real *b, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}

void gf_ref_accumulate(gf_real *y, const gf_real *x, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) y[i] += x[i];
}

void gf_ref_copy(gf_real *y, const gf_real *x, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) y[i] = x[i];
}

void gf_ref_multiply(gf_real *y, const gf_real *a, const gf_real *b, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) y[i] = a[i] * b[i];
}

void gf_ref_mean_pool_forward(gf_real *y, const gf_real *x, int batch, int pixels, int channels)
{
#pragma omp parallel for schedule(static)
    for (int n = 0; n < batch; n++) {
        const gf_real *image = x + (size_t)n * pixels * channels;
        for (int c = 0; c < channels; c++) {
            double sum = 0;
            for (int p = 0; p < pixels; p++) sum += image[(size_t)p * channels + c];
            y[(size_t)n * channels + c] = (gf_real)(sum / pixels);
        }
    }
}

void gf_ref_mean_pool_backward(gf_real *d_x, const gf_real *d_y, int batch, int pixels,
                               int channels, bool add)
{
    size_t rows = (size_t)batch * pixels;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        const gf_real *from = d_y + r / pixels * channels;
        gf_real *to = d_x + r * channels;
        for (int c = 0; c < channels; c++) to[c] = (add ? to[c] : 0) + from[c] / (gf_real)pixels;
    }
}
