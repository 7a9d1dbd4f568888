/* compress, learned steps: outputs and gradients against PyTorch's, the gradient of the step
 * against finite differences of its surrogate, the step's update by hand, and what training makes
 * of it. */
#include "compress_trained.h"

#include "../../src/compress/quantize/lsq.h"

enum { COUNT = 12 };
static const gf_real values[COUNT] = { 0.05f, 0.1f,   -0.1f, 0.24f, 0.26f, -0.37f,
                                       0.62f, -0.88f, 1.3f,  -1.3f, 0.73f, 2.5f };
static const gf_real gradients[COUNT] = { 1,     -2,     0.5f, 3,  -1.5f, 2,
                                          0.25f, -0.75f, 4,    -3, 1.25f, -0.5f };

TEST("compress: lsq", "outputs, their gradient and that of the step are PyTorch's")
{
    static const struct {
        int bits;
        bool is_signed;
        gf_real out[COUNT], d_v[COUNT];
        double d_step;
    } cases[] = {
        /* tests/golden/make_lsq.py */
        { 2,
          true,
          { 0, 0, 0, 0.25f, 0.25f, -0.25f, 0.25f, -0.5f, 0.25f, -0.5f, 0.25f, 0.25f },
          { 1, -2, 0.5f, 3, 0, 2, 0, 0, 0, 0, 0, 0 },
          3.718135734 },
        { 3,
          true,
          { 0, 0, 0, 0.25f, 0.25f, -0.25f, 0.5f, -1, 0.75f, -1, 0.75f, 0.75f },
          { 1, -2, 0.5f, 3, -1.5f, 2, 0.25f, -0.75f, 0, 0, 1.25f, 0 },
          4.13 },
        { 3,
          false,
          { 0, 0, 0, 0.25f, 0.25f, 0, 0.5f, 0, 1.25f, 0, 0.75f, 1.75f },
          { 1, -2, 0, 3, -1.5f, 0, 0.25f, 0, 4, 0, 1.25f, 0 },
          -0.386245666 },
    };
    for (size_t i = 0; i < GF_COUNT(cases); i++) {
        gf_lsq_levels levels = gf_lsq_levels_of(cases[i].bits, cases[i].is_signed);
        gf_real out[COUNT], d_v[COUNT], step = 0.25f, zero = 0;
        test_kernels()->fake_quant_forward(out, values, &step, &zero, levels.low, levels.high, 1,
                                           COUNT, false);
        EXPECT_FLOATS(out, cases[i].out, COUNT, 0);
        double sum = gf_lsq_backward(d_v, gradients, values, COUNT, step, levels, false);
        EXPECT_FLOATS(d_v, cases[i].d_v, COUNT, 0);
        EXPECT_NEAR(sum * gf_lsq_gradient_scale(COUNT, levels), cases[i].d_step, 1e-5);
        sum += gf_lsq_backward(d_v, gradients, values, COUNT, step, levels, true);
        for (int k = 0; k < COUNT; k++) EXPECT_NEAR(d_v[k], 2 * cases[i].d_v[k], 0);
    }
}

/* The surrogate that equation 3 differentiates: the rounding error in units of the step is fixed,
 * and so is who is clipped. */
static double surrogate(const gf_real *v, const gf_real *d, size_t count, double step, double at,
                        gf_lsq_levels levels)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double level = (double)v[i] / at, error = rint(level) - level;
        double out = level <= levels.low    ? levels.low * step
                     : level >= levels.high ? levels.high * step
                                            : (double)v[i] + error * step;
        sum += (double)d[i] * out;
    }
    return sum;
}

TEST("compress: lsq", "the step's gradient is that of finite differences of its surrogate")
{
    enum { MANY = 5000 };
    static gf_real v[MANY], d[MANY], d_v[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        v[i] = (gf_real)test_random(21, i);
        d[i] = (gf_real)test_random(22, i);
    }
    for (int bits = 2; bits <= 8; bits++) {
        gf_lsq_levels levels = gf_lsq_levels_of(bits, bits % 2);
        double step = (double)gf_lsq_first_step(v, MANY, levels), h = step / 1024;
        double want = (surrogate(v, d, MANY, step + h, step, levels) -
                       surrogate(v, d, MANY, step - h, step, levels)) /
                      (2 * h);
        double got = gf_lsq_backward(d_v, d, v, MANY, (gf_real)step, levels, false);
        EXPECT_NEAR(got, want, 1e-3 * fmax(1, fabs(want)));
    }
}

TEST("compress: lsq", "a step begins at 2 mean|v| / sqrt(Q_P)")
{
    double sum = 0;
    for (int i = 0; i < COUNT; i++) sum += fabs((double)values[i]) / COUNT;
    EXPECT_NEAR(gf_lsq_first_step(values, COUNT, gf_lsq_levels_of(4, true)), 2 * sum / sqrt(7),
                1e-6);
    EXPECT_NEAR(gf_lsq_first_step(values, COUNT, gf_lsq_levels_of(2, false)), 2 * sum / sqrt(3),
                1e-6);
}

/* ---- the layer ---- */

static gf_net *net_with(int bits, bool is_signed)
{
    gf_net *net = NULL;
    int node;
    const gf_lsq_activation_attributes a = { bits, is_signed };
    if (gf_net_create(&net, (gf_shape){ 1, 1, COUNT }) == GF_OK)
        EXPECT_STATUS(gf_net_add(net, &node, "lsq", "quant", &a, (int[]){ 0 }, 1), GF_OK);
    return net;
}

TEST("compress: lsq", "a layer lets all pass until the first batch gives it a step, then learns it")
{
    gf_net *net = net_with(3, true);
    gf_run *run = NULL;
    gf_real d_v[COUNT];
    gf_lsq_levels levels = gf_lsq_levels_of(3, true);
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), 1, true));
    memcpy(gf_run_input(run), values, sizeof values);
    gf_run_forward(run, 1, GF_MODE_EVALUATE, NULL);
    EXPECT_FLOATS(gf_run_logits(run), values, COUNT, 0);
    gf_run_forward(run, 1, GF_MODE_CALIBRATE, NULL);
    EXPECT_NEAR(net->params[0].value[0], gf_lsq_first_step(values, COUNT, levels), 0);
    gf_run_forward(run, 1, GF_MODE_CALIBRATE, NULL); /* the first batch counts */
    net->params[0].value[0] = 0.25f;
    gf_run_forward(run, 1, GF_MODE_TRAIN, NULL);
    EXPECT_NEAR(gf_run_logits(run)[7], -1, 0);
    memcpy(gf_run_gradient(run, 1), gradients, sizeof gradients);
    gf_run_backward(run);
    double want = gf_lsq_backward(d_v, gradients, values, COUNT, 0.25f, levels, false) *
                  gf_lsq_gradient_scale(COUNT, levels);
    EXPECT_NEAR(*gf_run_param_gradient(run, 0), want, 1e-6);
    net->params[0].value[0] = -0.25f; /* learned through zero: the same quantizer */
    gf_run_forward(run, 1, GF_MODE_TRAIN, NULL);
    EXPECT_NEAR(gf_run_logits(run)[7], -1, 0);
    memcpy(gf_run_gradient(run, 1), gradients, sizeof gradients);
    gf_run_backward(run);
    EXPECT_NEAR(*gf_run_param_gradient(run, 0), -want, 1e-6);
    EXPECT(net->params[0].trainable && net->params[0].role == GF_ROLE_SCALE);
    gf_run_destroy(run);
    gf_net_destroy(net);
}

TEST("compress: lsq",
     "pooled and concatenated values of ReLUs are unsigned, sums of blocks are not")
{
    gf_net *fires = small_net("arch = squeezenet\nwidth = 0.25\n", 32);
    gf_net *blocks = small_net("arch = mobilenet-v2\nwidth = 0.25\n", 32);
    const char *text = "weight_bits = 4\nactivation_bits = 4\nepochs = 1\n";
    REQUIRE(fires && blocks);
    REQUIRE_OK(apply_method(fires, "lsq", text, images_of(), NULL, 0));
    REQUIRE_OK(apply_method(blocks, "lsq", text, images_of(), NULL, 0));
    for (int n = 1; n < fires->node_count; n++) {
        const gf_lsq_activation_attributes *a = (const void *)fires->nodes[n].attributes;
        if (strcmp(fires->nodes[n].kind->schema.name, "lsq") == 0) EXPECT_EQ(a->is_signed, n == 1);
    }
    int sum = gf_net_find_node(blocks, "block3.add.quant");
    int wide = gf_net_find_node(blocks, "block3.expand.act.quant");
    REQUIRE(sum > 0 && wide > 0);
    EXPECT(((const gf_lsq_activation_attributes *)blocks->nodes[sum].attributes)->is_signed);
    EXPECT(!((const gf_lsq_activation_attributes *)blocks->nodes[wide].attributes)->is_signed);
    gf_net_destroy(fires);
    gf_net_destroy(blocks);
}

TEST("compress: lsq", "what a ReLU gives is unsigned, the images are signed, edges keep 8 bits")
{
    gf_net *net = trained_net();
    int layers = 0;
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "lsq", "weight_bits = 3\nactivation_bits = 2\nepochs = 1\n",
                            images_of(), NULL, 0));
    for (int n = 1; n < net->node_count; n++) {
        const gf_lsq_activation_attributes *a = (const void *)net->nodes[n].attributes;
        if (strcmp(net->nodes[n].kind->schema.name, "lsq") != 0) continue;
        bool input = !strcmp(net->nodes[n].name, "input.quant");
        bool pool = !strcmp(net->nodes[n].name, "pool.quant");
        EXPECT_EQ(a->is_signed, input);
        EXPECT_EQ(a->bits, input || pool ? 8 : 2);
        layers++;
    }
    EXPECT_EQ(layers, 6);
    for (int i = 0; i < net->param_count; i++) {
        gf_code code;
        gf_param_code(&net->params[i], &code);
        if (net->params[i].role != GF_ROLE_WEIGHT) continue;
        bool edge = !strcmp(net->params[i].name, "conv1.weight") ||
                    !strcmp(net->params[i].name, "fc.weight");
        EXPECT_NEAR(code.bits, edge ? 8 : 3, 0);
        EXPECT_EQ(net->params[i].views[0].state_count, 1); /* what it learned with is gone */
    }
    gf_net_destroy(net);
}

/* ---- the weights' step ---- */

TEST("compress: lsq", "a step follows its gradient as a weight would, and never by more than half")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    gf_param *p = &net->params[gf_net_find_param(net, "layer1.0.conv1.weight")];
    REQUIRE_OK(gf_lsq_quantize(p, 4, test_kernels()));
    gf_view *view = gf_param_find_view(p, "lsq");
    gf_real *step = view->states[0].data, *slope = view->states[1].data, first = *step;
    const gf_update update = { .rate = 0.1f, .momentum = 0.9f };
    double want = (double)first, velocity = 0;
    *slope = first / 4;
    for (int i = 0; i < 3; i++) {
        velocity = 0.9 * velocity + (double)first / 4;
        want -= 0.1 * velocity;
        view->kind->after_update(view, p, test_kernels(), &update);
        EXPECT_NEAR(*step, want, 1e-6 * (double)first);
    }
    gf_real before = *step;
    *slope = 1e6f;
    view->kind->after_update(view, p, test_kernels(), &update);
    EXPECT_NEAR(*step, before / 2, 0);
    gf_net_destroy(net);
}

TEST("compress: lsq", "a pass leaves the gradient of the step and clips that of the weights")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    gf_param *p = &net->params[gf_net_find_param(net, "layer1.0.conv1.weight")];
    REQUIRE_OK(gf_lsq_quantize(p, 2, test_kernels()));
    gf_view *view = gf_param_find_view(p, "lsq");
    size_t count = gf_param_count(p), clipped = 0;
    gf_real *d = gf_alloc(count, sizeof *d), *d_v = gf_alloc(count, sizeof *d_v);
    *(gf_real *)view->states[0].data /= 2; /* or nothing of a uniform start is clipped */
    double step = (double)*(gf_real *)view->states[0].data, want = 0;
    for (size_t i = 0; i < count; i++) d[i] = (gf_real)test_random(31, (uint32_t)i);
    view->kind->backward(view, p, test_kernels(), d_v, d, p->value);
    for (size_t i = 0; i < count; i++) {
        double level = (double)p->value[i] / step;
        bool inside = level > -2 && level < 1;
        want += (double)d[i] * (inside ? rint(level) - level : level <= -2 ? -2 : 1);
        clipped += !inside;
        EXPECT_NEAR(d_v[i], inside ? d[i] : 0, 0);
    }
    EXPECT(clipped > 10);
    EXPECT_NEAR(*(gf_real *)view->states[1].data, want / sqrt((double)count), 1e-4);
    free(d);
    free(d_v);
    gf_net_destroy(net);
}

TEST("compress: lsq", "at two bits it learns steps and ends no worse than qat")
{
    double dense, qat, lsq;
    gf_net *net = trained_net();
    REQUIRE(net);
    dense = accuracy(net);
    gf_net_destroy(net);
    const char *two = "weight_bits = 2\nactivation_bits = 2\nepochs = 3\nbatch = 50\nlr = 0.02\n";
    qat = accuracy_after("qat", two);
    lsq = accuracy_after("lsq", two);
    printf("dense %.3f, 2 bits: qat %.3f, lsq %.3f\n", dense, qat, lsq);
    EXPECT(lsq > qat - 0.02);
    EXPECT(lsq > dense - 0.1);
}
