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
