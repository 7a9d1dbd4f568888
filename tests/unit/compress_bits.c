/* compress, learned bit lengths: the quantizer between whole lengths number by number and against
 * PyTorch, prices, the length's update by hand, what the method leaves. */
#include "compress_trained.h"

#include "../../src/compress/quantize/bits.h"

enum { COUNT = 10 };
static const gf_real values[COUNT] = { 0.3f,  -0.75f, 1.9f,   0.01f, -0.2f,
                                       0.77f, 1.21f,  -0.47f, 0.66f, 1.5f };
static const gf_real gradients[COUNT] = { 1, -2, 0.5f, 3, -1.5f, 2, 0.25f, -0.75f, 4, -3 };

/* A grid that holds 0, by the paper's formula with its least value moved to one that does. */
static double quantized_alone(double x, double low, double high, int bits)
{
    double step = (high - low) / ((1 << bits) - 1), zero = rint(-low / step);
    double code = fmin(fmax(rint(x / step) + zero, 0), (1 << bits) - 1);
    return (code - zero) * step;
}

TEST("compress: bits", "between whole lengths the output is theirs, weighted by the fraction")
{
    gf_real out[COUNT];
    for (double n = 2; n <= 8; n += 0.3) {
        gf_bits_grids grids = gf_bits_grids_of(-0.75f, 1.9f, (gf_real)n, false);
        gf_bits_forward(out, values, COUNT, &grids);
        int whole = (int)(gf_real)n;
        double share = (double)(gf_real)n - whole;
        for (int i = 0; i < COUNT; i++) {
            double below = quantized_alone((double)values[i], -0.75, 1.9, whole);
            double above = quantized_alone((double)values[i], -0.75, 1.9, whole + 1);
            EXPECT_NEAR(out[i], (1 - share) * below + share * above, 1e-5);
        }
    }
    gf_bits_grids least = gf_bits_grids_of(-1, 1, 0.5f, false),
                  most = gf_bits_grids_of(-1, 1, 11, false);
    EXPECT(least.below.high == 3 && least.share == 0);
    EXPECT(most.below.high == 255 && most.share == 0);
    gf_bits_grids unknown = gf_bits_grids_of(-1, 1, (gf_real)NAN, false);
    gf_bits_forward(out, values, COUNT, &unknown);
    EXPECT(isnan(out[0]));
}

TEST("compress: bits", "zeros stay zeros at every length")
{
    gf_bits_grids around = gf_bits_grids_of(-0.5f, 0.75f, 3.5f, true);
    EXPECT(around.below.low == -3 && around.below.high == 3 && around.below.zero == 0);
    EXPECT_NEAR(around.below.scale, 0.25, 1e-6);
    EXPECT_NEAR(around.above.scale, 0.75 / 7, 1e-6);
    for (double n = 2; n <= 8; n += 0.1) {
        gf_real zero = 0, out;
        gf_bits_grids grids =
            gf_bits_grids_of((gf_real)(-0.1 * n), (gf_real)(1.7 / n), (gf_real)n, false);
        gf_bits_forward(&out, &zero, 1, &grids);
        EXPECT_NEAR(out, 0, 0);
    }
}

TEST("compress: bits", "the length's gradient is that of finite differences, values' go through")
{
    gf_real d_x[COUNT], out[2][COUNT];
    const gf_real h = 0.01f;
    for (gf_real n = 2.15f; n < 8; n += 0.7f) {
        gf_bits_grids grids = gf_bits_grids_of(-0.75f, 1.4f, n, false);
        double got = gf_bits_backward(d_x, gradients, values, COUNT, &grids, false), want = 0;
        for (int side = 0; side < 2; side++) {
            gf_bits_grids moved = gf_bits_grids_of(-0.75f, 1.4f, side ? n + h : n - h, false);
            gf_bits_forward(out[side], values, COUNT, &moved);
        }
        for (int i = 0; i < COUNT; i++) {
            want += (double)gradients[i] * (double)(out[1][i] - out[0][i]) / (2 * (double)h);
            EXPECT_NEAR(d_x[i], values[i] > 1.4f ? 0 : gradients[i], 0);
        }
        EXPECT_NEAR(got, want, 1e-3);
        EXPECT_NEAR(gf_bits_backward(NULL, gradients, values, COUNT, &grids, false), got, 0);
        gf_bits_backward(d_x, gradients, values, COUNT, &grids, true);
        EXPECT_NEAR(d_x[0], 2 * (double)gradients[0], 0);
    }
}

/* tests/golden/make_bits.py */
TEST("compress: bits", "outputs and the gradient of the length are PyTorch's")
{
    static const struct {
        double length;
        gf_real out[COUNT];
        double d_length;
    } cases[] = {
        { 2.25,
          { 0.0946429f, -0.8517857f, 1.7982143f, 0, -0.0946429f, 0.8517857f, 0.9464286f,
            -0.7571429f, 0.8517857f, 1.7035714f },
          0.4416667 },
        { 3,
          { 0.3785714f, -0.7571429f, 1.8928571f, 0, -0.3785714f, 0.7571429f, 1.1357143f,
            -0.3785714f, 0.7571429f, 1.5142857f },
          -0.265 },
        { 3.5,
          { 0.3659524f, -0.7319048f, 1.9180952f, 0, -0.277619f, 0.7319048f, 1.1861905f, -0.4542857f,
            0.7319048f, 1.4638095f },
          -0.265 },
        { 6.75,
          { 0.2927056f, -0.7526715f, 1.8973285f, 0, -0.2090754f, 0.7683211f, 1.2126375f,
            -0.4756155f, 0.6690414f, 1.5053431f },
          0.0411527 },
    };
    for (size_t c = 0; c < GF_COUNT(cases); c++) {
        gf_real out[COUNT], d_x[COUNT];
        gf_bits_grids grids = gf_bits_grids_of(-0.75f, 1.9f, (gf_real)cases[c].length, false);
        gf_bits_forward(out, values, COUNT, &grids);
        EXPECT_FLOATS(out, cases[c].out, COUNT, 1e-5);
        EXPECT_NEAR(gf_bits_backward(d_x, gradients, values, COUNT, &grids, false),
                    cases[c].d_length, 1e-4);
        EXPECT_FLOATS(d_x, gradients, COUNT, 0);
    }
}

/* ---- view and layer ---- */

TEST("compress: bits",
     "a weight's length follows gradient and price, stays in bounds, then settles")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    gf_param *p = &net->params[gf_net_find_param(net, "layer1.0.conv1.weight")];
    REQUIRE_OK(gf_bits_quantize(p, &(gf_bits_attributes){ .price = 0.25 }));
    gf_view *view = gf_param_find_view(p, "bits");
    size_t count = gf_param_count(p);
    gf_real *d = gf_alloc(count, sizeof *d), *length = gf_bits_length(view), low, high;
    const gf_update update = { .rate = 0.5f, .momentum = 0 };
    EXPECT_NEAR(*length, 8, 0);
    *length = 3.6f;
    for (size_t i = 0; i < count; i++) d[i] = (gf_real)test_random(31, (uint32_t)i);
    test_kernels()->range(&low, &high, p->value, count);
    gf_bits_grids grids = gf_bits_grids_of(low, high, 3.6f, true);
    double slope = gf_bits_backward(NULL, d, p->value, count, &grids, false) + 0.25;
    view->kind->backward(view, p, test_kernels(), d, d, p->value);
    view->kind->after_update(view, p, test_kernels(), &update);
    EXPECT_NEAR(*length, 3.6 - 0.5 * slope, 1e-5);
    *(gf_real *)view->states[1].data = 1e6f;
    view->kind->after_update(view, p, test_kernels(), &update);
    EXPECT_NEAR(*length, GF_BITS_LEAST, 0);
    *length = 4.01f;
    gf_bits_settle(view);
    EXPECT_NEAR(*length, 5, 0);
    EXPECT_EQ(view->state_count, 1);
    view->kind->after_update(view, p, test_kernels(), &update);
    EXPECT_NEAR(*length, 5, 0);
    EXPECT(view->kind->check(view, p));
    free(d);
    gf_net_destroy(net);
}

TEST("compress: bits", "a layer passes all without a range, then learns its length unless frozen")
{
    gf_net *net = NULL;
    gf_run *run = NULL;
    int node;
    const gf_bits_attributes a = { .price = 0.5, .momentum = 0.01 };
    REQUIRE_OK(gf_net_create(&net, (gf_shape){ 1, 1, COUNT }));
    REQUIRE_OK(gf_net_add(net, &node, "bits", "quant", &a, (int[]){ 0 }, 1));
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), 1, true));
    gf_real *range = net->params[0].value, *length = net->params[1].value;
    *length = 2.5f;
    memcpy(gf_run_input(run), values, sizeof values);
    gf_run_forward(run, 1, GF_MODE_EVALUATE, NULL);
    EXPECT_FLOATS(gf_run_logits(run), values, COUNT, 0);
    gf_run_forward(run, 1, GF_MODE_CALIBRATE, NULL);
    EXPECT(range[0] == -0.75f && range[1] == 1.9f);
    for (int frozen = 0; frozen < 2; frozen++) {
        net->nodes[node].frozen = frozen;
        gf_run_forward(run, 1, GF_MODE_TRAIN, NULL);
        memcpy(gf_run_gradient(run, node), gradients, sizeof gradients);
        gf_run_backward(run);
        gf_bits_grids grids = gf_bits_grids_of(-0.75f, 1.9f, 2.5f, false);
        double want = 0.5 + gf_bits_backward(NULL, gradients, values, COUNT, &grids, false);
        EXPECT_NEAR(*gf_run_param_gradient(run, 1), frozen ? 0 : want, 1e-5);
    }
    gf_run_destroy(run);
    gf_net_destroy(net);
}

/* ---- the method ---- */

#define LEARNS "epochs = 3\nbatch = 50\nlr = 0.02\n"

/* Bits of weights and of activations, each tensor alike; false: some are not those of ptq. */
static bool mean_bits(double *weights, double *activations, gf_net *net)
{
    int layers = 0, sites = 0;
    *weights = *activations = 0;
    for (int n = 0; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n];
        if (!strcmp(node->kind->schema.name, "bits")) return false;
        if (!strcmp(node->kind->schema.name, "fake_quant")) {
            *activations += node->kind->bits(node->attributes);
            sites++;
        }
        if (!node->kind->macs) continue;
        gf_code code;
        gf_param_code(&net->params[node->params[0]], &code);
        *weights += code.bits;
        layers++;
    }
    *weights /= layers;
    *activations /= sites;
    return layers == 7 && sites == 6;
}

TEST("compress: bitpruning", "more price, fewer bits and bytes; without any they stay at eight")
{
    static const int gammas[] = { 0, 3, 30 };
    double weights[3], activations[3], bits[3], right[3];
    for (int i = 0; i < 3; i++) {
        char text[128];
        gf_net *net = trained_net();
        REQUIRE(net);
        snprintf(text, sizeof text, LEARNS "gamma = %d\n", gammas[i]);
        REQUIRE_OK(apply_method(net, "bitpruning", text, images_of(), NULL, 0));
        EXPECT(mean_bits(&weights[i], &activations[i], net));
        bits[i] = cost_of(net).weight_bits;
        right[i] = accuracy(net);
        printf("gamma %d: weights %.2f bits, activations %.2f, accuracy %.3f\n", gammas[i],
               weights[i], activations[i], right[i]);
        gf_net_destroy(net);
    }
    EXPECT_NEAR(weights[0], 8, 0.5);
    EXPECT(weights[1] < weights[0] && weights[2] < weights[1]);
    EXPECT(activations[2] < activations[0]);
    EXPECT(bits[1] < bits[0] && bits[2] < bits[1]);
    EXPECT(right[1] > right[0] - 0.05);
}

TEST("compress: bitpruning", "weighted by size the largest layers lose most bits")
{
    gf_net *net = trained_net();
    gf_code small, large;
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "bitpruning", LEARNS "gamma = 10\nweighting = size\n", images_of(),
                            NULL, 0));
    gf_param_code(&net->params[gf_net_find_param(net, "fc.weight")], &small);
    gf_param_code(&net->params[gf_net_find_param(net, "layer2.0.conv2.weight")], &large);
    EXPECT(large.bits < small.bits);
    gf_net_destroy(net);
}
