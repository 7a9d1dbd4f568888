/* Loss, quantization, optimizer and element-wise kernels of every backend, by hand-worked cases. */
#include "../test.h"
#include <gridfront/kernels.h>

#include <math.h>
#include <omp.h>
#include <string.h>

#define EACH_BACKEND(name, kernels)                                                                \
    for (const char *const *name = gf_kernels_names(); *name; name++)                              \
        if (gf_kernels_find(&kernels, *name) == GF_OK)

TEST("kernels: loss", "equal logits cost log(classes), and the gradient is (p - target) / batch")
{
    float logits[8] = { 1, 1, 1, 1, 0, 0, 0, 0 }, target[8] = { 0, 1, 0, 0, 0.5f, 0.5f, 0, 0 };
    float losses[2], d_logits[8];
    float want[8] = { 0.125f,  -0.375f, 0.125f, 0.125f, /* (1/4 - target) / 2 */
                      -0.125f, -0.125f, 0.125f, 0.125f };
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->softmax_cross_entropy(d_logits, losses, logits, target, 2, 4);
        EXPECT_NEAR(losses[0], log(4), 1e-6);
        EXPECT_NEAR(losses[1], log(4), 1e-6);
        EXPECT_FLOATS(d_logits, want, 8, 1e-7);
    }
}

TEST("kernels: loss", "huge logits stay finite, a NaN logit gives a NaN loss")
{
    float logits[4] = { 1e4f, 0, NAN, 1 }, target[4] = { 0, 1, 1, 0 }, losses[2];
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->softmax_cross_entropy(NULL, losses, logits, target, 2, 2);
        EXPECT_NEAR(losses[0], 1e4, 1e-2);
        EXPECT(isnan(losses[1]));
    }
}

TEST("kernels: fake quantization", "halves round to even, and values beyond the range are clamped")
{
    float x[8] = { 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 9, -9, NAN }, y[8], scale = 1, zero = 0;
    float want[7] = { 0, 2, 2, 0, -2, 3, -4 };
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->fake_quant_forward(y, x, &scale, &zero, -4, 3, 1, 8, false);
        EXPECT_FLOATS(y, want, 7, 0);
        EXPECT(isnan(y[7]));
    }
}

TEST("kernels: fake quantization", "scale and zero point are per row when asked")
{
    float x[4] = { 0.3f, 0.6f, 0.3f, 0.6f }, y[4], scale[2] = { 0.5f, 0.1f }, zero[2] = { 1, 0 };
    float want[4] = { 0.5f, 0.5f, 0.3f, 0.3f }; /* row 0: 3 steps of 0.5 from -1; row 1: top is 3 */
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->fake_quant_forward(y, x, scale, zero, 0, 3, 2, 2, true);
        EXPECT_FLOATS(y, want, 4, 1e-7);
    }
}

TEST("kernels: fake quantization", "the gradient passes inside the range only")
{
    float x[5] = { -4.6f, -4.4f, 0, 3.4f, 3.6f }, d_y[5] = { 1, 2, 3, 4, 5 };
    float d_x[5] = { 10, 10, 10, 10, 10 }, scale = 1, zero = 0;
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->fake_quant_backward(d_x, d_y, x, &scale, &zero, -4, 3, 1, 5, false, false);
        EXPECT_FLOATS(d_x, ((float[]){ 0, 2, 3, 4, 0 }), 5, 0);
        k->fake_quant_backward(d_x, d_y, x, &scale, &zero, -4, 3, 1, 5, false, true);
        EXPECT_FLOATS(d_x, ((float[]){ 0, 4, 6, 8, 0 }), 5, 0);
    }
}

TEST("kernels: range", "finds both ends wherever they stand, and reports a NaN")
{
    float x[1000], low, high;
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        for (int i = 0; i < 1000; i++) x[i] = 1;
        x[3] = -7, x[998] = 5;
        k->range(&low, &high, x, 1000);
        EXPECT(low == -7 && high == 5);
        x[500] = NAN;
        k->range(&low, &high, x, 1000);
        EXPECT(isnan(low) && isnan(high));
    }
}

TEST("kernels: sgd", "two Nesterov steps are PyTorch's")
{
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        float weight = 1, velocity = 0, gradient = 0.5f;
        k->sgd_step(&weight, &velocity, &gradient, 1, 0.1f, 0.9f, 0.01f, 0, true);
        EXPECT_NEAR(velocity, 0.51, 1e-6);          /* g = 0.5 + 0.01 */
        EXPECT_NEAR(weight, 1 - 0.1 * 0.969, 1e-6); /* 0.51 + 0.9 * 0.51 */
        k->sgd_step(&weight, &velocity, &gradient, 1, 0.1f, 0.9f, 0.01f, 0, true);
        EXPECT_NEAR(velocity, 0.9 * 0.51 + 0.509031, 1e-6);
        EXPECT_NEAR(weight, 0.9031 - 0.1 * (0.509031 + 0.9 * 0.968031), 1e-6);
    }
}

TEST("kernels: sgd", "decoupled decay shrinks the weight beside the step")
{
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        float weight = 2, velocity = 1, gradient = 0;
        k->sgd_step(&weight, &velocity, &gradient, 1, 0.1f, 0.5f, 0, 0.01f, false);
        EXPECT_NEAR(velocity, 0.5, 1e-7);
        EXPECT_NEAR(weight, 2 - 0.1 * 0.5 - 0.1 * 0.01 * 2, 1e-6);
    }
}

TEST("kernels: activations", "a NaN goes through ReLU, BN with ReLU and pooling")
{
    float x[4] = { NAN, -1, 2, 0 }, y[4], zero[1] = { 0 }, one[1] = { 1 };
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->relu_forward(y, x, 4);
        EXPECT(isnan(y[0]) && y[1] == 0 && y[2] == 2 && y[3] == 0);
        const gf_bn bn = { 1, 4, 1, zero, one, one, zero, false };
        k->bn_forward(y, x, NULL, &bn, GF_EPILOGUE_RELU);
        EXPECT(isnan(y[0]) && y[1] == 0 && y[2] == 2 && y[3] == 0);
        k->mean_pool_forward(y, x, 1, 4, 1);
        EXPECT(isnan(y[0]));
    }
}

TEST("kernels: activations", "ReLU6 cuts at 0 and 6, where its slope is 0, and lets NaN through")
{
    float x[6] = { -1, 0, 2, 6, 9, NAN }, y[6], d[6], one[6] = { 1, 1, 1, 1, 1, 1 };
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->relu6_forward(y, x, 6);
        EXPECT_FLOATS(y, ((float[]){ 0, 0, 2, 6, 6 }), 5, 0);
        EXPECT(isnan(y[5]));
        k->relu6_backward(d, one, y, 5, false);
        EXPECT_FLOATS(d, ((float[]){ 0, 0, 1, 0, 0 }), 5, 0);
        k->relu6_backward(d, one, y, 5, true);
        EXPECT_FLOATS(d, ((float[]){ 0, 0, 2, 0, 0 }), 5, 0);
    }
}

TEST("kernels: activations", "element-wise kernels work in place")
{
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        float x[3] = { -1, 2, 3 }, d[3] = { 5, 6, 7 };
        k->relu_forward(x, x, 3);
        k->relu_backward(d, d, x, 3, false);
        EXPECT_FLOATS(d, ((float[]){ 0, 6, 7 }), 3, 0);
        k->multiply(x, x, d, 3);
        EXPECT_FLOATS(x, ((float[]){ 0, 12, 21 }), 3, 0);
    }
}

TEST("kernels: activations", "softplus is log(1 + e^x) and its slope the logistic function")
{
    float x[3] = { 0, 100, -100 }, y[3], d_x[3], one[3] = { 1, 1, 1 };
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    {
        k->softplus_forward(y, x, 3);
        EXPECT_FLOATS(y, ((float[]){ 0.693147f, 100, 0 }), 3, 1e-6);
        k->softplus_backward(d_x, one, x, 3, false);
        EXPECT_FLOATS(d_x, ((float[]){ 0.5f, 1, 0 }), 3, 1e-6);
    }
}

TEST("kernels: pooling", "the mean of an image's pixels, and its share back")
{
    float x[6] = { 1, 10, 2, 20, 3, 30 }, y[2], d_x[6] = { 1, 1, 1, 1, 1, 1 };
    const gf_kernels *k = NULL;
    k = NULL;
    EACH_BACKEND(name, k)
    {
        k->mean_pool_forward(y, x, 1, 3, 2);
        EXPECT_FLOATS(y, ((float[]){ 2, 20 }), 2, 1e-6);
        k->mean_pool_backward(d_x, ((float[]){ 3, 6 }), 1, 3, 2, false);
        EXPECT_FLOATS(d_x, ((float[]){ 1, 2, 1, 2, 1, 2 }), 6, 1e-6);
    }
}

TEST("kernels: least squares", "the Gram matrix is that of three loops, on any number of threads")
{
    enum { ROWS = 50, COLUMNS = 21, STRIDE = 43 };
    static float x[ROWS * STRIDE];
    double gram[COLUMNS * COLUMNS], want[COLUMNS * COLUMNS] = { 0 };
    for (int i = 0; i < ROWS * STRIDE; i++) x[i] = (float)sin(i * 1.7);
    for (int i = 0; i < COLUMNS; i++)
        for (int j = 0; j < COLUMNS; j++)
            for (int r = 0; r < ROWS; r++)
                want[i * COLUMNS + j] += (double)x[r * STRIDE + i] * (double)x[r * STRIDE + j];
    for (int threads = 1; threads < 8; threads += 2) {
        omp_set_num_threads(threads);
        gf_gram(gram, x, ROWS, COLUMNS, STRIDE);
        EXPECT_FLOATS(gram, want, COLUMNS * COLUMNS, 0);
    }
}

TEST("kernels: least squares",
     "solves what a known x was multiplied into, refuses what is singular")
{
    enum { N = 12 };
    double m[N * N], a[N * N] = { 0 }, b[N] = { 0 }, x[N];
    for (int i = 0; i < N * N; i++) m[i] = cos(i * 0.9 + 1);
    for (int i = 0; i < N; i++) x[i] = i - 4.5;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            for (int k = 0; k < N; k++) a[i * N + j] += m[i * N + k] * m[j * N + k];
            a[i * N + j] += i == j;
            b[i] += a[i * N + j] * x[j];
        }
    REQUIRE_OK(gf_solve_symmetric(b, a, N));
    EXPECT_FLOATS(b, x, N, 1e-10);
    double singular[4] = { 1, 1, 1, 1 }, broken[1] = { NAN };
    EXPECT_STATUS(gf_solve_symmetric(b, singular, 2), GF_FAILED);
    EXPECT_STATUS(gf_solve_symmetric(b, broken, 1), GF_FAILED);
}

TEST("kernels: float_round", "every backend gives the very bits of the format's definition")
{
    enum { HALVES = 65536, TAILS = 5 };
    static const uint32_t tails[TAILS] = { 0, 1, 0x7fff, 0x8000, 0x8001 };
    static float x[HALVES * TAILS], y[HALVES * TAILS];
    for (uint32_t i = 0; i < HALVES * TAILS; i++) {
        uint32_t bits = i / TAILS << 16 | tails[i % TAILS];
        memcpy(&x[i], &bits, sizeof bits);
    }
    const gf_kernels *k = NULL;
    EACH_BACKEND(name, k)
    for (int f = 0; f < GF_MINIFLOATS; f++) {
        size_t wrong = 0;
        k->float_round(y, x, &(float){ 1 }, (gf_minifloat)f, HALVES, TAILS, false);
        for (size_t i = 0; i < HALVES * TAILS; i++) {
            float want = (float)gf_minifloat_round((double)x[i], (gf_minifloat)f);
            bool both = isnan(want) && isnan(y[i]);
            wrong += !both && memcmp(&want, &y[i], sizeof want) != 0;
        }
        EXPECT_EQ(wrong, 0);
    }
}

TEST("kernels: float_round", "a scale divides before and multiplies after, per row where asked")
{
    const float x[4] = { 1.1f, -3.3f, 1.1f, -3.3f }, scale[2] = { 0.01f, 2 };
    const gf_kernels *k = NULL;
    float y[4];
    EACH_BACKEND(name, k)
    {
        k->float_round(y, x, scale, GF_E4M3, 2, 2, true);
        EXPECT_NEAR(y[0], 112 * 0.01f, 0); /* 110 lies between 104 and 112 */
        EXPECT_NEAR(y[1], -320 * 0.01f, 0);
        EXPECT_NEAR(y[2], 0.5625f * 2, 0);
        EXPECT_NEAR(y[3], -1.625f * 2, 0);
    }
}

TEST("kernels: adam", "the first step is the rate against the gradient's sign, whatever its size")
{
    const gf_kernels *k = NULL;
    const gf_adam adam = { .rate = 0.001f / 0.1f,
                           .root = 31.622777f, /* 1 / sqrt(1 - 0.999) */
                           .eps = 1e-8f,
                           .keep_mean = 0.9f,
                           .take_mean = 0.1f,
                           .keep_square = 0.999f,
                           .take_square = 0.001f };
    EACH_BACKEND(name, k)
    {
        float weight[2] = { 1, 1 }, mean[2] = { 0 }, square[2] = { 0 },
              gradient[2] = { 30, -1e-3f };
        k->adam_step(weight, mean, square, gradient, 2, &adam);
        EXPECT_NEAR(weight[0], 0.999, 1e-6);
        EXPECT_NEAR(weight[1], 1.001, 1e-6);
        EXPECT_NEAR(mean[0], 3, 1e-6);
        EXPECT_NEAR(square[0], 0.9, 1e-6);
    }
}

TEST("kernels: adam", "decay enters the moments, or stands beside the step")
{
    const gf_kernels *k = NULL;
    gf_adam adam = { .rate = 0.1f, .root = 1, .eps = 0.5f, .take_mean = 1, .take_square = 1 };
    EACH_BACKEND(name, k)
    {
        float weight = 2, mean = 0, square = 0, gradient = 1;
        adam.coupled = 0.25f, adam.decoupled = 0;
        k->adam_step(&weight, &mean, &square, &gradient, 1, &adam); /* g = 1.5 */
        EXPECT_NEAR(mean, 1.5, 1e-7);
        EXPECT_NEAR(weight, 2 - 0.1 * 1.5 / (1.5 + 0.5), 1e-6);
        weight = 2, adam.coupled = 0, adam.decoupled = 0.25f;
        k->adam_step(&weight, &mean, &square, &gradient, 1, &adam);
        EXPECT_NEAR(mean, 1, 1e-7);
        EXPECT_NEAR(weight, 2 - 0.1 * 1 / (1 + 0.5) - 0.25 * 2, 1e-6);
    }
}
