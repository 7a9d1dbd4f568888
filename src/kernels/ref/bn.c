/* Batch normalization (Ioffe & Szegedy 2015, 1502.03167) by its formulas, sums in double.
 * The backward pass is written from the chain rule through mean and variance (their section 3). */
#include "../backends.h"

void gf_ref_bn_statistics(gf_real *mean, gf_real *variance, const gf_real *x, int batch, int pixels,
                          int channels, gf_scratch *scratch)
{
    (void)scratch;
    size_t rows = (size_t)batch * pixels;
#pragma omp parallel for schedule(static)
    for (int c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        for (size_t r = 0; r < rows; r++) sum += x[r * channels + c];
        double center = sum / (double)rows;
        for (size_t r = 0; r < rows; r++) {
            double d = x[r * channels + c] - center;
            squares += d * d;
        }
        mean[c] = (gf_real)center;
        variance[c] = (gf_real)(squares / (double)rows);
    }
}

void gf_ref_bn_forward(gf_real *y, const gf_real *x, const gf_real *mean, const gf_real *scale,
                       const gf_real *gamma, const gf_real *beta, size_t rows, int channels,
                       gf_epilogue epilogue)
{
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        for (int c = 0; c < channels; c++) {
            size_t i = r * channels + c;
            gf_real value = (x[i] - mean[c]) * scale[c] * gamma[c] + beta[c];
            y[i] = epilogue == GF_EPILOGUE_RELU && value < 0 ? 0 : value; /* NaN stays NaN */
        }
    }
}

/* Sums over rows of d_y and of d_y * xhat: the gradients of beta and gamma. */
static void parameter_gradients(gf_real *d_gamma, gf_real *d_beta, const gf_real *d_y,
                                const gf_real *x, const gf_real *mean, const gf_real *scale,
                                size_t rows, int channels)
{
#pragma omp parallel for schedule(static)
    for (int c = 0; c < channels; c++) {
        double gamma_sum = 0, beta_sum = 0;
        for (size_t r = 0; r < rows; r++) {
            size_t i = r * channels + c;
            gamma_sum += (double)d_y[i] * ((double)x[i] - mean[c]) * scale[c];
            beta_sum += d_y[i];
        }
        d_gamma[c] = (gf_real)gamma_sum;
        d_beta[c] = (gf_real)beta_sum;
    }
}

void gf_ref_bn_backward(gf_real *d_x, gf_real *d_gamma, gf_real *d_beta, const gf_real *d_y,
                        const gf_real *x, const gf_real *mean, const gf_real *scale,
                        const gf_real *gamma, int batch, int pixels, int channels, bool add,
                        gf_scratch *scratch)
{
    (void)scratch;
    size_t rows = (size_t)batch * pixels;
    parameter_gradients(d_gamma, d_beta, d_y, x, mean, scale, rows, channels);
    if (!d_x) return;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        for (int c = 0; c < channels; c++) {
            size_t i = r * channels + c;
            gf_real xhat = (x[i] - mean[c]) * scale[c];
            gf_real centered = d_y[i] - (d_beta[c] + xhat * d_gamma[c]) / (gf_real)rows;
            d_x[i] = (add ? d_x[i] : 0) + gamma[c] * scale[c] * centered;
        }
    }
}

void gf_ref_bn_backward_frozen(gf_real *d_x, gf_real *d_gamma, gf_real *d_beta, const gf_real *d_y,
                               const gf_real *x, const gf_real *mean, const gf_real *scale,
                               const gf_real *gamma, int batch, int pixels, int channels, bool add,
                               gf_scratch *scratch)
{
    (void)scratch;
    size_t rows = (size_t)batch * pixels;
    parameter_gradients(d_gamma, d_beta, d_y, x, mean, scale, rows, channels);
    if (!d_x) return;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        for (int c = 0; c < channels; c++) {
            size_t i = r * channels + c;
            d_x[i] = (add ? d_x[i] : 0) + gamma[c] * scale[c] * d_y[i];
        }
    }
}
