/* compress, small floating formats: weights against a search through all numbers, where scales and
 * rounding nodes go, and what is stored. */
#include "compress_nets.h"

#include "../../src/compress/quantize/float.h"

#include <gridfront/deploy.h>

static const char *const formats[] = { "fp16", "bf16", "e4m3", "e5m2" };

/* The number of the format that is nearest to x, by looking at all of them. */
static double nearest_of_all(double x, gf_minifloat format)
{
    double best = 0, distance = INFINITY;
    for (uint32_t code = 0; code < 1u << gf_minifloats[format].bits; code++) {
        double value = gf_minifloat_decode(code, format);
        if (!isfinite(value) || fabs(value - x) > distance) continue;
        if (fabs(value - x) == distance && code % 2) continue;
        best = value;
        distance = fabs(value - x);
    }
    return best;
}

static gf_net *after(const char *options)
{
    gf_net *net = small_net(SMALL, 16);
    if (net) EXPECT_STATUS(apply_method(net, "float", options, NULL, NULL, 0), GF_OK);
    return net;
}

/* Of one filter of every layer, as looking through all numbers takes its time. */
static void expect_rounded(const char *options, gf_minifloat format, int scale, bool per_channel)
{
    gf_net *net = after(options), *folded = small_net(SMALL, 16);
    REQUIRE(net && folded);
    REQUIRE_OK(gf_net_fold_bn(folded, test_kernels()));
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *p = &net->params[i], *q = &folded->params[i];
        if (p->role != GF_ROLE_WEIGHT) continue;
        size_t row = gf_param_count(p) / (size_t)p->dims[0], shown = row < 20 ? row : 20;
        gf_real *got = gf_alloc(gf_param_count(p), sizeof *got), want[20];
        double most = 0;
        gf_param_effective(p, test_kernels(), got);
        for (size_t k = 0; k < (per_channel ? row : gf_param_count(q)); k++)
            most = fmax(most, fabs((double)q->value[k]));
        float divisor = 1;
        if (scale == GF_FLOAT_SCALE_REAL) divisor = (float)(most / gf_minifloats[format].most);
        if (scale == GF_FLOAT_SCALE_POWER)
            divisor = (float)exp2(ceil(log2(most / gf_minifloats[format].most)));
        for (size_t k = 0; k < shown; k++)
            want[k] = (float)nearest_of_all((double)(q->value[k] / divisor), format) * divisor;
        EXPECT_FLOATS(got, want, shown, 0);
        free(got);
    }
    gf_net_destroy(net);
    gf_net_destroy(folded);
}

TEST("compress: float", "weights are the nearest numbers of the format, times their scale")
{
    static const char *const scales[] = { "none", "power", "real" };
    for (int f = 0; f < GF_MINIFLOATS; f++)
        for (int s = 0; s < 3; s++) {
            char text[128];
            bool per_channel = s > 0 && f % 2;
            snprintf(text, sizeof text,
                     "format = %s\nscale = %s\nper_channel = %s\nactivations = none\n", formats[f],
                     scales[s], f % 2 ? "true" : "false");
            expect_rounded(text, (gf_minifloat)f, s, per_channel);
        }
}

TEST("compress: float", "a power of two is the least that makes the largest number fit")
{
    for (int i = 0; i < 300; i++) {
        float most = expf(10 * (float)test_random(8, (uint32_t)i));
        double fit = (double)gf_float_scale_of(most, GF_E4M3, GF_FLOAT_SCALE_POWER);
        EXPECT(exp2(rint(log2(fit))) == fit);
        EXPECT((double)most <= fit * 448 && (double)most > fit * 224);
    }
    EXPECT_NEAR(gf_float_scale_of(448, GF_E4M3, GF_FLOAT_SCALE_POWER), 1, 0);
    EXPECT_NEAR(gf_float_scale_of(0, GF_E4M3, GF_FLOAT_SCALE_REAL), 1, 0);
    EXPECT(isnan(gf_float_scale_of(NAN, GF_E4M3, GF_FLOAT_SCALE_POWER)));
}

TEST("compress: float", "half precision hardly moves the logits, fewer bits of mantissa more")
{
    double moved[GF_MINIFLOATS];
    gf_net *dense = small_net(SMALL, 16);
    REQUIRE(dense);
    gf_real *before = logits_of(dense);
    for (int f = 0; f < GF_MINIFLOATS; f++) {
        char text[64];
        snprintf(text, sizeof text, "format = %s\nactivations = none\n", formats[f]);
        gf_net *net = after(text);
        gf_real *logits = logits_of(net);
        moved[f] = difference(logits, before);
        free(logits);
        gf_net_destroy(net);
    }
    EXPECT(moved[GF_FP16] > 0 && moved[GF_FP16] < 1e-3);
    EXPECT(moved[GF_FP16] < moved[GF_BF16] && moved[GF_BF16] < moved[GF_E4M3]);
    EXPECT(moved[GF_E4M3] < moved[GF_E5M2] && moved[GF_E5M2] < 0.3);
    free(before);
    gf_net_destroy(dense);
}

TEST("compress: float", "with activations every layer reads numbers of the format")
{
    gf_net *net = after("format = fp16\n");
    gf_run *run = NULL;
    REQUIRE(net);
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), IMAGES, false));
    size_t readers = 0, wrong = 0;
    for (int n = 1; n < net->node_count; n++)
        if (!strcmp(net->nodes[n].kind->schema.name, "float_quant"))
            REQUIRE_OK(gf_run_want_value(run, n));
    for (size_t i = 0; i < IMAGES * 768; i++)
        gf_run_input(run)[i] = (gf_real)test_random(4, (uint32_t)i);
    gf_run_forward(run, IMAGES, GF_MODE_EVALUATE, NULL);
    for (int n = 1; n < net->node_count; n++) {
        if (net->nodes[n].kind->macs) readers++;
        if (net->nodes[n].kind->macs)
            EXPECT_TEXT(net->nodes[net->nodes[n].inputs[0]].kind->schema.name, "float_quant");
        if (strcmp(net->nodes[n].kind->schema.name, "float_quant") != 0) continue;
        const gf_real *value = gf_run_value(run, n);
        for (size_t i = 0; i < IMAGES * gf_shape_count(net->nodes[n].shape); i++)
            wrong += (double)value[i] != gf_minifloat_round((double)value[i], GF_FP16);
    }
    EXPECT(readers > 5);
    EXPECT_EQ(wrong, 0);
    gf_run_destroy(run);
    gf_net_destroy(net);
}

TEST("compress: float", "a node that has seen data scales by it; until then it lets all pass")
{
    gf_net *net = NULL;
    int node;
    const gf_float_activation_attributes a = { GF_E4M3, GF_FLOAT_SCALE_REAL };
    REQUIRE_OK(gf_net_create(&net, (gf_shape){ 1, 1, 10 }));
    REQUIRE_OK(gf_net_add(net, &node, "float_quant", "round", &a, (int[]){ 0 }, 1));
    gf_real *passed = logits_in(net, GF_MODE_EVALUATE), *seen = logits_in(net, GF_MODE_CALIBRATE);
    gf_real *rounded = logits_in(net, GF_MODE_EVALUATE);
    float most = 0;
    for (int i = 0; i < IMAGES * 10; i++) most = fmaxf(most, fabsf(seen[i]));
    EXPECT_NEAR(net->params[0].value[0], most, 0);
    for (int i = 0; i < IMAGES * 10; i++) {
        float scale = most / 448;
        EXPECT_NEAR(rounded[i], (float)nearest_of_all((double)(passed[i] / scale), GF_E4M3) * scale,
                    1e-7);
        EXPECT_NEAR(passed[i], seen[i], 0);
    }
    free(passed);
    free(seen);
    free(rounded);
    gf_net_destroy(net);
}

TEST("compress: float", "the gradient passes where a number fits and stops where it does not")
{
    const gf_real x[4] = { 3, -900, 447, 449 }, d_y[4] = { 1, 2, 3, 4 };
    gf_real d_x[4] = { 10, 10, 10, 10 };
    gf_float_pass(d_x, d_y, x, 4, GF_E4M3, 1, true);
    EXPECT_FLOATS(d_x, ((gf_real[]){ 11, 10, 13, 10 }), 4, 0);
    gf_float_pass(d_x, d_y, x, 4, GF_E4M3, 2, false);
    EXPECT_FLOATS(d_x, ((gf_real[]){ 1, 0, 3, 4 }), 4, 0);
}

static size_t packed_size(const gf_net *net)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    EXPECT_STATUS(gf_pack(&bytes, &size, net, test_kernels()), GF_OK);
    free(bytes);
    return size;
}

TEST("compress: float",
     "sixteen bits are stored as two bytes at most, biases too, and eight as one")
{
    gf_net *dense = small_net("arch = resnet18\nwidth = 32\nblocks = 1,1\n", 16);
    REQUIRE(dense);
    double weights = (double)cost_of(dense).weights, whole = (double)packed_size(dense);
    for (int f = 0; f < GF_MINIFLOATS; f++) {
        gf_net *net = small_net("arch = resnet18\nwidth = 32\nblocks = 1,1\n", 16);
        char text[64];
        snprintf(text, sizeof text, "format = %s\nactivations = none\n", formats[f]);
        REQUIRE_OK(apply_method(net, "float", text, NULL, NULL, 0));
        gf_cost cost = cost_of(net);
        double bytes = gf_minifloats[f].bits / 8.0;
        double packed = (double)packed_size(net), plain = whole - (4 - bytes) * weights;
        EXPECT(packed < plain + 1500 && packed > 0.6 * plain);
        if (f < 2) EXPECT_NEAR(cost.weight_bits, 16.0 * (double)cost.parameters, 0);
        EXPECT(f < 2 || cost.weight_bits < 8.3 * (double)cost.parameters);
        gf_net_destroy(net);
    }
    gf_net_destroy(dense);
}

TEST("compress: float", "bit-operations count the formats of weights and of activations")
{
    gf_net *net = after("format = bf16\n");
    REQUIRE(net);
    gf_cost cost = cost_of(net);
    EXPECT_NEAR(cost.bit_operations, 256.0 * (double)cost.macs, 0);
    EXPECT_NEAR(cost.weighted_macs, 0.5 * (double)cost.macs, 0);
    gf_net_destroy(net);
}
