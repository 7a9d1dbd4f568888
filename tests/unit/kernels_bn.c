/* Batch normalization of every backend against the formulas in double. */
#include "../test.h"
#include <gridfront/kernels.h>

#include <math.h>

enum { BATCH = 9, PIXELS = 6, ROWS = BATCH * PIXELS, CHANNELS = 3, COUNT = ROWS * CHANNELS };

static void fill(float *to, int count, int seed, float shift)
{
    gf_random random = { .seed = (uint64_t)seed, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < count; i++)
        to[i] = (float)gf_random_normal(&random, 0, (uint32_t)i) + shift;
}

static void formula_moments(double *mean, double *variance, const float *x, int c)
{
    *mean = *variance = 0;
    for (int r = 0; r < ROWS; r++) *mean += x[r * CHANNELS + c] / (double)ROWS;
    for (int r = 0; r < ROWS; r++) *variance += pow(x[r * CHANNELS + c] - *mean, 2) / (double)ROWS;
}

#define EACH_BACKEND(name, kernels)                                                                \
    for (const char *const *name = gf_kernels_names(); *name; name++)                              \
        if (gf_kernels_find(&kernels, *name) == GF_OK)

TEST("kernels: bn", "mean and biased variance follow the formula, even far from zero")
{
    float x[COUNT], mean[CHANNELS], variance[CHANNELS];
    const gf_kernels *k = NULL;
    gf_scratch scratch = { 0 };
    fill(x, COUNT, 1, 1000);
    EACH_BACKEND(name, k)
    {
        k->bn_statistics(mean, variance, x, BATCH, PIXELS, CHANNELS, &scratch);
        for (int c = 0; c < CHANNELS; c++) {
            double want_mean, want_variance;
            formula_moments(&want_mean, &want_variance, x, c);
            EXPECT_NEAR(mean[c], want_mean, 1e-4);
            EXPECT_NEAR(variance[c], want_variance, 1e-4);
        }
    }
    gf_scratch_release(&scratch);
}

TEST("kernels: bn", "an outlier in the first row costs the variance no digits")
{
    enum { MANY = 4096 };
    static float x[MANY];
    float mean, variance;
    const gf_kernels *k = NULL;
    gf_scratch scratch = { 0 };
    fill(x, MANY, 13, 0);
    x[0] = 1000;
    double want_mean = 0, want = 0;
    for (int i = 0; i < MANY; i++) want_mean += (double)x[i] / MANY;
    for (int i = 0; i < MANY; i++) want += pow((double)x[i] - want_mean, 2) / MANY;
    EACH_BACKEND(name, k)
    {
        k->bn_statistics(&mean, &variance, x, 16, MANY / 16, 1, &scratch);
        EXPECT_NEAR(mean, want_mean, 1e-5);
        EXPECT_NEAR(variance / want, 1, 1e-5);
    }
    gf_scratch_release(&scratch);
}

TEST("kernels: bn", "a normalized batch has mean beta and deviation gamma; ReLU cuts at zero")
{
    float x[COUNT], y[COUNT], mean[CHANNELS], variance[CHANNELS], scale[CHANNELS];
    float gamma[CHANNELS] = { 1, 2, 3 }, beta[CHANNELS] = { 0, -1, 5 };
    const gf_kernels *k = NULL;
    gf_scratch scratch = { 0 };
    fill(x, COUNT, 2, 3);
    EACH_BACKEND(name, k)
    {
        k->bn_statistics(mean, variance, x, BATCH, PIXELS, CHANNELS, &scratch);
        for (int c = 0; c < CHANNELS; c++) scale[c] = 1 / sqrtf(variance[c]);
        const gf_bn bn = { BATCH, PIXELS, CHANNELS, mean, scale, gamma, beta, false };
        k->bn_forward(y, x, NULL, &bn, GF_EPILOGUE_NONE);
        k->bn_statistics(mean, variance, y, BATCH, PIXELS, CHANNELS, &scratch);
        EXPECT_FLOATS(mean, beta, CHANNELS, 1e-5);
        for (int c = 0; c < CHANNELS; c++) EXPECT_NEAR(sqrtf(variance[c]), gamma[c], 1e-4);
        k->bn_forward(y, y, NULL, &bn, GF_EPILOGUE_RELU);
        for (int i = 0; i < COUNT; i++) EXPECT(y[i] >= 0);
    }
    gf_scratch_release(&scratch);
}

/* sum(d_y * y) as a function of x, statistics included: what bn_backward differentiates. */
static double batch_loss(const float *x, const float *d_y, const float *gamma)
{
    double loss = 0;
    for (int c = 0; c < CHANNELS; c++) {
        double mean, variance;
        formula_moments(&mean, &variance, x, c);
        for (int r = 0; r < ROWS; r++)
            loss += d_y[r * CHANNELS + c] * gamma[c] * (x[r * CHANNELS + c] - mean) /
                    sqrt(variance + 1e-5);
    }
    return loss;
}

TEST("kernels: bn", "the backward pass is the slope of the formula, through the statistics too")
{
    float x[COUNT], d_y[COUNT], d_x[COUNT], mean[CHANNELS], scale[CHANNELS], d_gamma[CHANNELS];
    float d_beta[CHANNELS], variance[CHANNELS], gamma[CHANNELS] = { 1, 0.5f, 2 };
    const gf_kernels *k = NULL;
    gf_scratch scratch = { 0 };
    fill(x, COUNT, 3, 0.5f), fill(d_y, COUNT, 4, 0);
    EACH_BACKEND(name, k)
    {
        k->bn_statistics(mean, variance, x, BATCH, PIXELS, CHANNELS, &scratch);
        for (int c = 0; c < CHANNELS; c++) scale[c] = 1 / sqrtf(variance[c] + 1e-5f);
        const gf_bn bn = { BATCH, PIXELS, CHANNELS, mean, scale, gamma, NULL, false };
        const gf_bn_gradients out = { .d_x = d_x, .d_gamma = d_gamma, .d_beta = d_beta };
        k->bn_backward(&out, d_y, NULL, x, &bn, &scratch);
        for (int i = 0; i < COUNT; i += 11) {
            float kept = x[i];
            x[i] = kept + 0.01f;
            double above = batch_loss(x, d_y, gamma);
            x[i] = kept - 0.01f;
            double below = batch_loss(x, d_y, gamma);
            x[i] = kept;
            EXPECT_NEAR(d_x[i], (above - below) / 0.02, 1e-3);
        }
    }
    gf_scratch_release(&scratch);
}

TEST("kernels: bn", "with frozen statistics the input gradient is gamma * scale * d_y")
{
    float x[COUNT], d_y[COUNT], d_x[COUNT], d_gamma[CHANNELS], d_beta[CHANNELS], want[COUNT];
    float mean[CHANNELS] = { 0.1f, 0.2f, 0.3f }, scale[CHANNELS] = { 1, 2, 0.5f };
    float gamma[CHANNELS] = { 3, 1, 2 };
    const gf_kernels *k = NULL;
    gf_scratch scratch = { 0 };
    fill(x, COUNT, 5, 0), fill(d_y, COUNT, 6, 0);
    for (int i = 0; i < COUNT; i++)
        want[i] = 1 + gamma[i % CHANNELS] * scale[i % CHANNELS] * d_y[i];
    EACH_BACKEND(name, k)
    {
        for (int i = 0; i < COUNT; i++) d_x[i] = 1;
        const gf_bn bn = { BATCH, PIXELS, CHANNELS, mean, scale, gamma, NULL, true };
        const gf_bn_gradients out = {
            .d_x = d_x, .add_x = true, .d_gamma = d_gamma, .d_beta = d_beta
        };
        k->bn_backward(&out, d_y, NULL, x, &bn, &scratch);
        EXPECT_FLOATS(d_x, want, COUNT, 1e-6);
    }
    gf_scratch_release(&scratch);
}

/* Normalization, sum and ReLU one after the other, from the kernels of one thing each. */
static void separate_passes(const gf_kernels *k, float *y, float *d_x, float *d_residual,
                            gf_bn_gradients *out, const float *d_y, const float *x,
                            const float *residual, const gf_bn *bn)
{
    gf_scratch scratch = { 0 };
    k->bn_forward(y, x, NULL, bn, GF_EPILOGUE_NONE);
    k->add(y, y, residual, COUNT);
    k->relu_forward(y, y, COUNT);
    k->relu_backward(d_residual, d_y, y, COUNT, false);
    out->d_x = d_x;
    k->bn_backward(out, d_residual, NULL, x, bn, &scratch);
    gf_scratch_release(&scratch);
}

TEST("kernels: bn", "fused with a residual sum and ReLU it gives the bits of the separate passes")
{
    float x[COUNT], residual[COUNT], d_y[COUNT], y[COUNT], want_y[COUNT], d_x[COUNT], want_x[COUNT];
    float d_residual[COUNT], want_residual[COUNT], sums[4][CHANNELS];
    float mean[CHANNELS] = { 0.1f, 0, 0.3f }, scale[CHANNELS] = { 1, 2, 0.5f };
    float gamma[CHANNELS] = { 3, 1, 2 }, beta[CHANNELS] = { 0, 0.5f, -1 };
    const gf_kernels *k = NULL;
    gf_scratch scratch = { 0 };
    fill(x, COUNT, 7, 0), fill(d_y, COUNT, 8, 0), fill(residual, COUNT, 9, 0);
    EACH_BACKEND(name, k)
    for (int frozen = 0; frozen < 2; frozen++) {
        const gf_bn bn = { BATCH, PIXELS, CHANNELS, mean, scale, gamma, beta, frozen };
        gf_bn_gradients want = { .d_gamma = sums[0], .d_beta = sums[1] };
        separate_passes(k, want_y, want_x, want_residual, &want, d_y, x, residual, &bn);
        const gf_bn_gradients out = {
            .d_x = d_x, .d_residual = d_residual, .d_gamma = sums[2], .d_beta = sums[3]
        };
        k->bn_forward(y, x, residual, &bn, GF_EPILOGUE_RELU);
        k->bn_backward(&out, d_y, y, x, &bn, &scratch);
        EXPECT_FLOATS(y, want_y, COUNT, 0);
        EXPECT_FLOATS(d_x, want_x, COUNT, 0);
        EXPECT_FLOATS(d_residual, want_residual, COUNT, 0);
        EXPECT_FLOATS(sums[2], sums[0], 2 * CHANNELS, 0);
    }
    gf_scratch_release(&scratch);
}

TEST("kernels: bn", "gradients may be added to what is there, and take the place of d_y")
{
    float x[COUNT], d_y[COUNT], y[COUNT], want_x[COUNT], want_residual[COUNT], d_gamma[CHANNELS];
    float d_x[COUNT], d_residual[COUNT], d_beta[CHANNELS];
    float mean[CHANNELS] = { 0 }, scale[CHANNELS] = { 1, 2, 0.5f }, gamma[CHANNELS] = { 3, 1, 2 };
    const gf_kernels *k = NULL;
    gf_scratch scratch = { 0 };
    const gf_bn bn = { BATCH, PIXELS, CHANNELS, mean, scale, gamma, NULL, false };
    gf_bn_gradients out = { .d_gamma = d_gamma, .d_beta = d_beta };
    fill(x, COUNT, 10, 0), fill(y, COUNT, 11, 0);
    EACH_BACKEND(name, k)
    {
        fill(d_y, COUNT, 12, 0);
        out.d_x = want_x, out.d_residual = want_residual;
        k->bn_backward(&out, d_y, y, x, &bn, &scratch);
        out.add_x = out.add_residual = true, out.d_x = d_x, out.d_residual = d_residual;
        for (int i = 0; i < COUNT; i++) d_x[i] = d_residual[i] = 0;
        k->bn_backward(&out, d_y, y, x, &bn, &scratch);
        EXPECT_FLOATS(d_x, want_x, COUNT, 0);
        EXPECT_FLOATS(d_residual, want_residual, COUNT, 0);
        out.add_x = out.add_residual = false, out.d_residual = d_y;
        k->bn_backward(&out, d_y, y, x, &bn, &scratch);
        EXPECT_FLOATS(d_x, want_x, COUNT, 0);
        EXPECT_FLOATS(d_y, want_residual, COUNT, 0);
        out.d_x = d_y, out.d_residual = NULL;
        k->bn_backward(&out, d_y, NULL, x, &bn, &scratch);
        EXPECT_FLOATS(d_y, want_x, COUNT, 0);
    }
    gf_scratch_release(&scratch);
}
