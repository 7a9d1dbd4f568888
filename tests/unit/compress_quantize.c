/* compress, quantization: grids by scalar loops, folding against the unfolded network, where
 * quantizers stand, and what the counting makes of them. */
#include "compress_nets.h"

#include "../../src/compress/quantize/quantize.h"

/* ---- folding ---- */

static void expect_fold(const char *model, int left)
{
    gf_net *net = small_net(model, 16);
    int bn = 0;
    REQUIRE(net);
    gf_real *before = logits_of(net);
    REQUIRE_OK(gf_net_fold_bn(net, test_kernels()));
    gf_real *after = logits_of(net);
    for (int n = 0; n < net->node_count; n++) bn += !strcmp(net->nodes[n].kind->schema.name, "bn");
    EXPECT_EQ(bn, left);
    EXPECT_NEAR(difference(after, before), 0, 2e-5);
    EXPECT_EQ(gf_net_find_param(net, "conv1.bias") >= 0, true);
    free(before);
    free(after);
    gf_net_destroy(net);
}

TEST("compress: fold", "logits stay, every BN goes, its shift becomes the convolution's bias")
{
    expect_fold(SMALL, 0);
    expect_fold("arch = resnet18\nwidth = 8\nblocks = 1,1\nseparable = all\n", 0);
    expect_fold("arch = resnet20\nblocks = 1,1\nshortcut = pad\n", 0);
}

TEST("compress: fold", "a BN behind a convolution that others read too stays")
{
    gf_net *net = NULL;
    int conv, bn, add;
    const gf_conv_attributes a = { 4, 3, 3, 1, 1, 1, 1, false };
    const gf_bn_attributes b = { 1e-5, 0.1 };
    REQUIRE_OK(gf_net_create(&net, (gf_shape){ 8, 8, 3 }));
    REQUIRE_OK(gf_net_add(net, &conv, "conv", "c", &a, (int[]){ 0 }, 1));
    REQUIRE_OK(gf_net_add(net, &bn, "bn", "b", &b, &conv, 1));
    REQUIRE_OK(gf_net_add(net, &add, "add", "s", NULL, (int[]){ conv, bn }, 2));
    REQUIRE_OK(gf_net_fold_bn(net, test_kernels()));
    EXPECT_EQ(net->node_count, 4);
    gf_net_destroy(net);
}

TEST("compress: fold", "quantized weights keep their codes, scales take BN's factor with its sign")
{
    const gf_quantize_options cases[] = {
        { .weight_bits = 4, .edge_bits = 4, .per_channel = true },
        { .weight_bits = 3, .edge_bits = 8, .per_channel = true, .scheme = GF_SCHEME_AFFINE },
        { .weight_bits = 8, .edge_bits = 8, .per_channel = false },
    };
    for (size_t i = 0; i < GF_COUNT(cases); i++) {
        gf_net *net = small_net(SMALL, 16);
        gf_code code;
        REQUIRE(net);
        REQUIRE_OK(gf_quantize_weights(net, &cases[i], test_kernels()));
        gf_real *before = logits_of(net);
        REQUIRE_OK(gf_net_fold_bn(net, test_kernels()));
        gf_real *after = logits_of(net);
        EXPECT_NEAR(difference(after, before), 0, 2e-5);
        gf_param_code(&net->params[0], &code);
        EXPECT_EQ(code.scales, net->params[0].dims[0]);
        free(before);
        free(after);
        gf_net_destroy(net);
    }
}

TEST("compress: fold", "a filter whose gamma is 0 folds to zeros, quantized or not")
{
    const gf_quantize_options o = { .weight_bits = 8, .edge_bits = 8, .per_channel = true };
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    net->params[gf_net_find_param(net, "bn1.gamma")].value[2] = 0;
    REQUIRE_OK(gf_quantize_weights(net, &o, test_kernels()));
    gf_real *before = logits_of(net);
    REQUIRE_OK(gf_net_fold_bn(net, test_kernels()));
    gf_real *after = logits_of(net);
    EXPECT_NEAR(difference(after, before), 0, 2e-5);
    free(before);
    free(after);
    gf_net_destroy(net);
}

/* ---- weights ---- */

/* The whitepaper's formulas, one number after the other. */
static double quantized_alone(double x, double low, double high, int bits, bool affine)
{
    int levels = 1 << bits;
    if (affine) {
        float scale = (float)(fmax(high, 0) - fmin(low, 0)) / (float)(levels - 1);
        double zero = rint((double)((float)-fmin(low, 0) / scale));
        double code = rint((double)((float)x / scale)) + zero;
        return (fmin(fmax(code, 0), levels - 1) - zero) * (double)scale;
    }
    float most = (float)(levels / 2 - 1), scale = (float)fmax(fabs(low), fabs(high)) / most;
    double code = rint((double)((float)x / scale));
    return fmin(fmax(code, -most), most) * (double)scale;
}

static void expect_quantized(const gf_param *after, const gf_param *before, int bits, bool affine,
                             bool per_channel)
{
    size_t count = gf_param_count(before), row = count / (size_t)before->dims[0];
    gf_real *got = gf_alloc(count, sizeof *got), *want = gf_alloc(count, sizeof *want);
    gf_param_effective(after, test_kernels(), got);
    for (size_t i = 0; i < count; i++) {
        size_t from = per_channel ? i / row * row : 0, to = per_channel ? from + row : count;
        double low = INFINITY, high = -INFINITY;
        for (size_t k = from; k < to; k++) {
            low = fmin(low, (double)before->value[k]);
            high = fmax(high, (double)before->value[k]);
        }
        want[i] = (gf_real)quantized_alone((double)before->value[i], low, high, bits, affine);
    }
    EXPECT_FLOATS(got, want, count, 1e-6);
    free(got);
    free(want);
}

TEST("compress: ptq", "weights are what a scalar loop over the formulas gives")
{
    for (int which = 0; which < 4; which++) {
        bool per_channel = which & 1, affine = which & 2;
        char text[160];
        gf_net *net = small_net(SMALL, 16), *folded = small_net(SMALL, 16);
        REQUIRE(net && folded);
        snprintf(
            text, sizeof text,
            "weight_bits = 3\nedge_bits = 3\nactivation_bits = 32\nper_channel = %s\nscheme = %s\n",
            per_channel ? "true" : "false", affine ? "affine" : "symmetric");
        REQUIRE_OK(apply_method(net, "ptq", text, NULL, NULL, 0));
        REQUIRE_OK(gf_net_fold_bn(folded, test_kernels()));
        for (int i = 0; i < net->param_count; i++)
            if (net->params[i].role == GF_ROLE_WEIGHT)
                expect_quantized(&net->params[i], &folded->params[i], 3, affine, per_channel);
        gf_net_destroy(net);
        gf_net_destroy(folded);
    }
}

TEST("compress: ptq", "eight bits hardly change the logits, two bits do")
{
    gf_net *dense = small_net(SMALL, 16), *eight = small_net(SMALL, 16),
           *two = small_net(SMALL, 16);
    REQUIRE(dense && eight && two);
    REQUIRE_OK(apply_method(eight, "ptq", "activation_bits = 32\n", NULL, NULL, 0));
    REQUIRE_OK(apply_method(two, "ptq", "activation_bits = 32\nweight_bits = 2\n", NULL, NULL, 0));
    gf_real *a = logits_of(dense), *b = logits_of(eight), *c = logits_of(two);
    EXPECT(difference(b, a) < 0.02);
    EXPECT(difference(b, a) > 0);
    EXPECT(difference(c, a) > 0.05);
    free(a);
    free(b);
    free(c);
    gf_net_destroy(dense);
    gf_net_destroy(eight);
    gf_net_destroy(two);
}

TEST("compress: ptq", "masked weights stay exact zeros on every grid")
{
    static const char *const schemes[] = { "symmetric", "affine" };
    for (int s = 0; s < 2; s++)
        for (int order = 0; order < 2; order++) {
            char text[96];
            gf_net *net = small_net(SMALL, 16);
            REQUIRE(net);
            snprintf(text, sizeof text, "activation_bits = 32\nweight_bits = 8\nscheme = %s\n",
                     schemes[s]);
            if (order) REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.6\n", NULL, NULL, 0));
            REQUIRE_OK(apply_method(net, "ptq", text, NULL, NULL, 0));
            if (!order) REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.6\n", NULL, NULL, 0));
            gf_cost cost = cost_of(net);
            EXPECT((double)cost.nonzeros <= 0.4 * (double)cost.weights + 1);
            EXPECT(!strcmp(net->params[0].views[0].kind->schema.name, "mask"));
            gf_net_destroy(net);
        }
}

/* ---- activations ---- */

static const gf_quantize_options four = {
    .weight_bits = 4, .activation_bits = 4, .edge_bits = 8, .per_channel = true
};

TEST("compress: activations", "whatever a layer with weights reads has been quantized")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    REQUIRE_OK(gf_quantize_activations(net, &four));
    for (int n = 1; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n];
        const gf_layer_kind *before = net->nodes[node->inputs[0]].kind;
        bool weighted =
            !strcmp(node->kind->schema.name, "conv") || !strcmp(node->kind->schema.name, "linear");
        if (weighted) EXPECT_TEXT(before->schema.name, "fake_quant");
    }
    EXPECT(gf_net_find_node(net, "input.quant") >= 0);
    EXPECT(gf_net_find_node(net, "pool.quant") >= 0);
    gf_net_destroy(net);
}

TEST("compress: activations", "without ranges everything passes; with them zero stays zero")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    gf_real *before = logits_of(net);
    REQUIRE_OK(gf_quantize_activations(net, &four));
    gf_real *passed = logits_of(net), *calibrated = logits_in(net, GF_MODE_CALIBRATE);
    gf_real *quantized = logits_of(net);
    EXPECT_FLOATS(passed, before, IMAGES * 10, 0);
    EXPECT_FLOATS(calibrated, before, IMAGES * 10, 0);
    EXPECT(difference(quantized, before) > 1e-4);
    EXPECT(difference(quantized, before) < 0.5);
    free(before);
    free(passed);
    free(calibrated);
    free(quantized);
    gf_net_destroy(net);
}

TEST("compress: activations", "a calibrated range is the smallest and the largest value seen")
{
    gf_net *net = small_net(SMALL, 16);
    float low = INFINITY, high = -INFINITY;
    REQUIRE(net);
    REQUIRE_OK(gf_quantize_activations(net, &four));
    free(logits_in(net, GF_MODE_CALIBRATE));
    for (uint32_t i = 0; i < IMAGES * 16 * 16 * 3; i++) {
        low = fminf(low, (float)(2 * test_random(77, i)));
        high = fmaxf(high, (float)(2 * test_random(77, i)));
    }
    const gf_real *range = net->params[gf_net_find_param(net, "input.quant.range")].value;
    EXPECT_NEAR(range[0], low, 0);
    EXPECT_NEAR(range[1], high, 0);
    gf_net_destroy(net);
}

TEST("compress: activations", "grids hold zero exactly and cover their range to half a step")
{
    for (int i = 0; i < 200; i++) {
        float a = (float)test_random(1, (uint32_t)i), b = (float)test_random(2, (uint32_t)i);
        gf_quant_grid g = gf_quant_grid_affine(fminf(a, b), fmaxf(a, b), 2 + i % 7);
        EXPECT(g.zero == rintf(g.zero) && g.zero >= (float)g.low && g.zero <= (float)g.high);
        EXPECT(((float)g.low - g.zero) * g.scale <= fminf(fminf(a, b), 0) + g.scale * 0.51f);
        EXPECT(((float)g.high - g.zero) * g.scale >= fmaxf(fmaxf(a, b), 0) - g.scale * 0.51f);
    }
    EXPECT_NEAR(gf_quant_grid_affine(0, 0, 8).scale, 1, 0);
    EXPECT_NEAR(gf_quant_grid_symmetric(0, 0, 8).scale, 1, 0);
}

TEST("compress: activations",
     "symmetric ones have codes around 0 where they are signed, else from 0")
{
    gf_quantize_options o = four;
    o.activation_scheme = GF_ACTIVATIONS_SYMMETRIC;
    gf_net *net = small_net(SMALL, 16);
    gf_run *run = NULL;
    int signs = 0;
    REQUIRE(net);
    REQUIRE_OK(gf_quantize_activations(net, &o));
    free(logits_in(net, GF_MODE_CALIBRATE));
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), 1, false));
    for (int n = 1; n < net->node_count; n++)
        if (strcmp(net->nodes[n].kind->schema.name, "fake_quant") == 0) {
            REQUIRE_OK(gf_run_want_value(run, n));
            REQUIRE_OK(gf_run_want_value(run, net->nodes[n].inputs[0]));
        }
    for (uint32_t i = 0; i < 16 * 16 * 3; i++)
        gf_run_input(run)[i] = (gf_real)(2.2 * test_random(78, i)); /* some beyond the range */
    gf_run_forward(run, 1, GF_MODE_EVALUATE, NULL);
    for (int n = 1; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n];
        if (strcmp(node->kind->schema.name, "fake_quant") != 0) continue;
        const gf_activation_quant_attributes *a = (const void *)node->attributes;
        const gf_real *range = net->params[node->params[0]].value;
        const gf_real *in = gf_run_value(run, node->inputs[0]), *out = gf_run_value(run, n);
        double reach = fmax(-(double)range[0], (double)range[1]);
        int high = (1 << (range[0] < 0 ? a->bits - 1 : a->bits)) - 1;
        signs += range[0] < 0;
        for (size_t k = 0; k < gf_shape_count(node->shape); k++) {
            double level = rint((double)in[k] * high / reach);
            level = fmin(fmax(level, range[0] < 0 ? -high : 0), high);
            EXPECT_NEAR(out[k], level * reach / high, 1e-5);
        }
    }
    EXPECT_EQ(signs, 1); /* the images */
    gf_run_destroy(run);
    gf_net_destroy(net);
}

/* ---- counting ---- */

TEST("compress: cost", "bit-operations take the bits of each layer and of what it reads")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    gf_cost *dense = gf_alloc((size_t)net->node_count, sizeof *dense), whole;
    REQUIRE_OK(gf_net_cost(net, test_kernels(), &whole, dense));
    double want = 0;
    int last = net->node_count - 1;
    for (int n = 0; n < net->node_count; n++)
        want += (double)dense[n].macs * (n == 1 || n == last ? 64 : 16);
    REQUIRE_OK(gf_quantize_weights(net, &four, test_kernels()));
    REQUIRE_OK(gf_quantize_activations(net, &four));
    EXPECT_NEAR(cost_of(net).bit_operations, want, 0);
    EXPECT_EQ(cost_of(net).parameters, whole.parameters);
    EXPECT(cost_of(net).weight_bits < 0.2 * whole.weight_bits);
    free(dense);
    gf_net_destroy(net);
}

TEST("compress: facts", "a network is quantized once, and only after training")
{
    unsigned facts = 0;
    EXPECT_STATUS(gf_method_follow(method_named("ptq"), &facts), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "ptq: needs a network with trained weights");
    EXPECT_STATUS(gf_method_follow(method_named("qat"), &facts), GF_OK);
    EXPECT(facts & GF_FACT_TRAINED);
    EXPECT_STATUS(gf_method_follow(method_named("ptq"), &facts), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "ptq: cannot follow quantized weights: a network is");
    EXPECT_STATUS(gf_method_follow(method_named("filter-l1"), &facts), GF_OK);
    EXPECT(gf_method_find("quantize", "qat") == method_named("qat"));
    EXPECT(gf_method_find("prune", "qat") == NULL);
}
