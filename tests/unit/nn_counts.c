/* nn: parameters and MACs of the reference architectures. */
#include "nn_nets.h"

static gf_cost cost_of(const char *text)
{
    const gf_kernels *kernels;
    gf_cost cost = { 0 };
    gf_net *net = build(text);
    if (net && gf_kernels_get(&kernels) == GF_OK) gf_net_cost(net, kernels, &cost, NULL);
    gf_net_destroy(net);
    return cost;
}

/* ---- counts, computed from the layer shapes and checked against published figures ---- */

static const struct {
    const char *options;
    int64_t parameters, macs;
} counted[] = {
    { "arch = resnet18", 11173962, 555422720 },
    { "arch = resnet18\nwidth = 48", 6288442, 312758016 },
    { "arch = resnet18\nwidth = 32", 2797610, 139299328 },
    { "arch = resnet18\nwidth = 16", 701466, 35046656 },
    { "arch = resnet18\nwidth = 8", 176402, 8872576 },
    { "arch = resnet18\ngroups = 2", 5681226, 281744384 },
    { "arch = resnet18\ngroups = 4", 2934858, 144905216 },
    { "arch = resnet18\ngroups = 8", 1561674, 76485632 },
    { "arch = resnet18\nseparable = all", 1439626, 73049088 },
    { "arch = resnet18\nseparable = late", 2023114, 321315840 },
    { "arch = resnet18\nblocks = 1,1,1,1", 4903242, 253432832 },
    { "arch = resnet18\nblocks = 1,1,1,1\nwidth = 32", 1228970, 63801856 },
    { "arch = resnet20", 272474, 40813184 },
    { "arch = resnet20\nshortcut = pad", 269722, 40551040 },
    { "arch = resnet18\nblocks = 2,2,2\nwidth = 32", 696618, 105743616 },
    { "arch = resnet18\nblocks = 2,2,2\nwidth = 24", 392674, 59646912 },
    { "arch = resnet18\nblocks = 2,2,2\nwidth = 16", 175258, 26657408 },
};

/* ---- other architectures, by formulas of their own ---- */

typedef struct sum {
    int64_t parameters, macs;
} sum;

/* A convolution without bias at size x size outputs, and BN behind it where wanted. */
static void count(sum *s, int size, int kernel, int in, int out, int groups, bool bn)
{
    int64_t weights = (int64_t)kernel * kernel * in * out / groups;
    s->parameters += weights + (bn ? 2 * out : 0);
    s->macs += weights * size * size;
}

static void count_classifier(sum *s, int features)
{
    s->parameters += 10 * features + 10;
    s->macs += 10 * features;
}

static void expect_sum(const char *options, const sum *s)
{
    gf_cost cost = cost_of(options);
    EXPECT_EQ(cost.parameters, s->parameters);
    EXPECT_EQ(cost.macs, s->macs);
}

/* w: channels of the stem; the table's are w times 2, 4, ..., 32. */
static sum mobilenet_v1(int w)
{
    const int times[] = { 2, 4, 4, 8, 8, 16, 16, 16, 16, 16, 16, 32, 32 };
    sum s = { 0 };
    int size = 32, in = w;
    count(&s, 32, 3, 3, w, 1, true);
    for (int i = 0; i < 13; i++) {
        if (i == 1 || i == 3 || i == 5 || i == 11) size /= 2;
        count(&s, size, 3, in, in, in, true);
        count(&s, size, 1, in, times[i] * w, 1, true);
        in = times[i] * w;
    }
    count_classifier(&s, in);
    return s;
}

TEST("nn: counts", "MobileNet has the published 3,217,226 parameters, and scales by its width")
{
    sum whole = mobilenet_v1(32), half = mobilenet_v1(16), quarter = mobilenet_v1(8);
    EXPECT_EQ(whole.parameters, 3217226); /* 4,231,976 for a thousand classes */
    expect_sum("arch = mobilenet-v1\n", &whole);
    expect_sum("arch = mobilenet-v1\nwidth = 0.5\n", &half);
    expect_sum("arch = mobilenet-v1\nwidth = 0.25\n", &quarter);
}

static void count_inverted(sum *s, int size, int stride, int expansion, int in, int out)
{
    int wide = expansion * in;
    if (expansion > 1) count(s, size * stride, 1, in, wide, 1, true);
    count(s, size, 3, wide, wide, wide, true);
    count(s, size, 1, wide, out, 1, true);
}

TEST("nn: counts", "MobileNetV2 has the published 2,236,682 parameters")
{
    sum s = { 0 };
    count(&s, 32, 3, 3, 32, 1, true);
    count_inverted(&s, 32, 1, 1, 32, 16);
    count_inverted(&s, 32, 1, 6, 16, 24);
    count_inverted(&s, 32, 1, 6, 24, 24);
    count_inverted(&s, 16, 2, 6, 24, 32);
    for (int i = 0; i < 2; i++) count_inverted(&s, 16, 1, 6, 32, 32);
    count_inverted(&s, 8, 2, 6, 32, 64);
    for (int i = 0; i < 3; i++) count_inverted(&s, 8, 1, 6, 64, 64);
    count_inverted(&s, 8, 1, 6, 64, 96);
    for (int i = 0; i < 2; i++) count_inverted(&s, 8, 1, 6, 96, 96);
    count_inverted(&s, 4, 2, 6, 96, 160);
    for (int i = 0; i < 2; i++) count_inverted(&s, 4, 1, 6, 160, 160);
    count_inverted(&s, 4, 1, 6, 160, 320);
    count(&s, 4, 1, 320, 1280, 1, true);
    count_classifier(&s, 1280);
    EXPECT_EQ(s.parameters, 2236682); /* 3,504,872 for a thousand classes */
    expect_sum("arch = mobilenet-v2\n", &s);
    expect_sum("arch = mobilenet-v2\nactivation = relu\n", &s);
}

TEST("nn: counts", "channels of a narrow MobileNetV2 are multiples of 8, never 10 % too few")
{
    gf_net *net = build("arch = mobilenet-v2\nwidth = 0.35\n");
    REQUIRE(net);
    static const struct {
        const char *node;
        int channels;
    } narrow[] = { { "stem.conv", 16 },
                   { "block1.project.conv", 8 },
                   { "block2.project.conv", 8 },
                   { "block4.project.conv", 16 },
                   { "block7.project.conv", 24 },
                   { "block11.project.conv", 32 },
                   { "block14.project.conv", 56 },
                   { "block17.project.conv", 112 },
                   { "head.conv", 1280 } };
    for (size_t i = 0; i < GF_COUNT(narrow); i++)
        EXPECT_EQ(net->nodes[gf_net_find_node(net, narrow[i].node)].shape.channels,
                  narrow[i].channels);
    gf_net_destroy(net);
}

/* in -> 1x1 squeeze -> 1x1 and 3x3 expand */
static void count_fire(sum *s, int size, int in, int squeeze, int expand)
{
    count(s, size, 1, in, squeeze, 1, true);
    count(s, size, 1, squeeze, expand, 1, true);
    count(s, size, 3, squeeze, expand, 1, true);
}

TEST("nn: counts", "SqueezeNet has version 1.1's weights, and BN for its biases")
{
    sum s = { 0 };
    count(&s, 32, 3, 3, 64, 1, true);
    count_fire(&s, 16, 64, 16, 64);
    count_fire(&s, 16, 128, 16, 64);
    count_fire(&s, 8, 128, 32, 128);
    count_fire(&s, 8, 256, 32, 128);
    count_fire(&s, 4, 256, 48, 192);
    count_fire(&s, 4, 384, 48, 192);
    count_fire(&s, 4, 384, 64, 256);
    count_fire(&s, 4, 512, 64, 256);
    count(&s, 4, 1, 512, 10, 1, false);
    s.parameters += 10;
    /* The published 1,235,496, with biases and a thousand classes. */
    EXPECT_EQ(s.parameters - 2 * 2944 + 2944 - 5130 + 513000, 1235496);
    expect_sum("arch = squeezenet\n", &s);
}

static sum densenet(int layers, int growth)
{
    sum s = { 0 };
    int size = 32, channels = 2 * growth;
    count(&s, size, 3, 3, channels, 1, false);
    for (int block = 0; block < 3; block++) {
        for (int i = 0; i < layers; i++, channels += growth) {
            s.parameters += 2 * channels + 2 * 4 * growth; /* BN before each convolution */
            count(&s, size, 1, channels, 4 * growth, 1, false);
            count(&s, size, 3, 4 * growth, growth, 1, false);
        }
        s.parameters += 2 * channels;
        if (block == 2) break;
        count(&s, size, 1, channels, channels / 2, 1, false);
        channels /= 2;
        size /= 2;
    }
    count_classifier(&s, channels);
    return s;
}

TEST("nn: counts", "DenseNet-BC 100 layers deep has the published 769,162 parameters")
{
    sum deep = densenet(16, 12), small = densenet(6, 12), wide = densenet(3, 24);
    EXPECT_EQ(deep.parameters, 769162);
    expect_sum("arch = densenet\nlayers = 16\n", &deep);
    expect_sum("arch = densenet\n", &small);
    expect_sum("arch = densenet\nlayers = 3\ngrowth = 24\n", &wide);
}

TEST("nn: counts", "a ResNet with 3x3 convolutions split in two")
{
    sum rows = { 0 }, rank = { 0 };
    for (int stage = 0; stage < 2; stage++) {
        int w = 16 << stage, size = 32 >> stage, in = 16;
        if (stage == 0) count(&rows, 32, 3, 3, 16, 1, true);
        if (stage == 0) count(&rank, 32, 3, 3, 16, 1, true);
        for (int conv = 0; conv < 2; conv++, in = w) {
            bool strided = stage == 1 && conv == 0;
            int64_t pair = 3 * in * w + 3 * w * w, whole = 9 * in * w;
            rows.parameters += 2 * w + (strided ? whole : pair);
            rows.macs += (strided ? whole : pair) * size * size;
            count(&rank, size, 3, in, w / 4, 1, false);
            count(&rank, size, 1, w / 4, w, 1, true);
        }
        if (stage == 1) count(&rows, size, 1, 16, w, 1, true);
        if (stage == 1) count(&rank, size, 1, 16, w, 1, true);
    }
    count_classifier(&rows, 32);
    count_classifier(&rank, 32);
    expect_sum("arch = resnet20\nblocks = 1,1\nseparable = spatial\n", &rows);
    expect_sum("arch = resnet20\nblocks = 1,1\nseparable = low-rank\n", &rank);
}

TEST("nn: counts", "parameters and MACs of every reference architecture are exact")
{
    for (size_t i = 0; i < GF_COUNT(counted); i++) {
        gf_cost cost = cost_of(counted[i].options);
        EXPECT_EQ(cost.parameters, counted[i].parameters);
        EXPECT_EQ(cost.macs, counted[i].macs);
    }
}

TEST("nn: counts", "ResNet18 has 11,164,352 weights, 32 bits each, and no zero")
{
    gf_cost cost = cost_of("arch = resnet18");
    EXPECT_EQ(cost.weights, 11164352);
    EXPECT_EQ(cost.nonzeros, 11164352);
    EXPECT_NEAR(cost.weight_bits, 32.0 * 11173962, 0);
    EXPECT_NEAR(cost.bit_operations, 1024.0 * 555422720, 0);
    EXPECT_NEAR(cost.weighted_macs, 555422720, 0);
}

TEST("nn: counts", "a shape that cannot be is refused with its layer's name")
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    REQUIRE_OK(gf_options_parse(&options, "arch = resnet18\nwidth = 12\ngroups = 8\n"));
    EXPECT_STATUS(gf_model_build(&net, options, "", image, 10), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "layer1.0.conv1");
    gf_options_destroy(options);
}
