/* Loss, quantization, optimizer and element-wise kernels of every backend, by hand-worked cases. */
#include "../test.h"
#include <gridfront/kernels.h>

#include <math.h>
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
        k->bn_forward(y, x, zero, one, one, zero, 4, 1, GF_EPILOGUE_RELU);
        EXPECT(isnan(y[0]) && y[1] == 0 && y[2] == 2 && y[3] == 0);
        k->mean_pool_forward(y, x, 1, 4, 1);
        EXPECT(isnan(y[0]));
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
