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

void gf_ref_bn_forward(gf_real *y, const gf_real *x, const gf_real *residual, const gf_bn *bn,
                       gf_epilogue epilogue)
{
    size_t rows = (size_t)bn->batch * bn->pixels;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        for (int c = 0; c < bn->channels; c++) {
            size_t i = r * bn->channels + c;
            gf_real value = (x[i] - bn->mean[c]) * bn->scale[c] * bn->gamma[c] + bn->beta[c];
            if (residual) value += residual[i];
            y[i] = epilogue == GF_EPILOGUE_RELU && value < 0 ? 0 : value; /* NaN stays NaN */
        }
    }
}

/* What arrives before the ReLU. */
static gf_real upstream(const gf_real *d_y, const gf_real *y, size_t i)
{
    return y && y[i] <= 0 ? 0 : d_y[i];
}

/* Sums over rows of d_y and of d_y * xhat: the gradients of beta and gamma. */
static void parameter_gradients(const gf_bn_gradients *out, const gf_real *d_y, const gf_real *y,
                                const gf_real *x, const gf_bn *bn)
{
    size_t rows = (size_t)bn->batch * bn->pixels;
#pragma omp parallel for schedule(static)
    for (int c = 0; c < bn->channels; c++) {
        double gamma_sum = 0, beta_sum = 0;
        for (size_t r = 0; r < rows; r++) {
            size_t i = r * bn->channels + c;
            double d = upstream(d_y, y, i);
            gamma_sum += d * ((double)x[i] - bn->mean[c]) * bn->scale[c];
            beta_sum += d;
        }
        out->d_gamma[c] = (gf_real)gamma_sum;
        out->d_beta[c] = (gf_real)beta_sum;
    }
}

void gf_ref_bn_backward(const gf_bn_gradients *out, const gf_real *d_y, const gf_real *y,
                        const gf_real *x, const gf_bn *bn, gf_scratch *scratch)
{
    (void)scratch;
    size_t rows = (size_t)bn->batch * bn->pixels;
    parameter_gradients(out, d_y, y, x, bn);
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        for (int c = 0; c < bn->channels; c++) {
            size_t i = r * bn->channels + c;
            gf_real d = upstream(d_y, y, i), xhat = (x[i] - bn->mean[c]) * bn->scale[c];
            gf_real shared = (out->d_beta[c] + xhat * out->d_gamma[c]) / (gf_real)rows;
            gf_real slope = bn->gamma[c] * bn->scale[c] * (bn->frozen ? d : d - shared);
            if (out->d_residual)
                out->d_residual[i] = (out->add_residual ? out->d_residual[i] : 0) + d;
            if (out->d_x) out->d_x[i] = (out->add_x ? out->d_x[i] : 0) + slope;
        }
    }
}
