/* nn: exact counts of the reference architectures, edits of the graph, storing, running. */
#include "../test.h"

#include <gridfront/nn.h>

#include <stdlib.h>
#include <string.h>

static const gf_shape image = { .height = 32, .width = 32, .channels = 3 };

static gf_net *build(const char *text)
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    if (gf_options_parse(&options, text) == GF_OK)
        gf_test_status(gf_model_build(&net, options, "", image, 10), GF_OK, text, __FILE__,
                       __LINE__);
    gf_options_destroy(options);
    if (net) gf_net_initialize(net, 1, 0);
    return net;
}

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
    { "arch = resnet18\nwidth = 48", 6288442, 0 },
    { "arch = resnet18\nwidth = 32", 2797610, 0 },
    { "arch = resnet18\nwidth = 16", 701466, 0 },
    { "arch = resnet18\nwidth = 8", 176402, 0 },
    { "arch = resnet18\ngroups = 2", 5681226, 0 },
    { "arch = resnet18\ngroups = 4", 2934858, 0 },
    { "arch = resnet18\ngroups = 8", 1561674, 0 },
    { "arch = resnet18\nseparable = all", 1439626, 0 },
    { "arch = resnet18\nseparable = late", 2023114, 0 },
    { "arch = resnet18\nblocks = 1,1,1,1", 4903242, 0 },
    { "arch = resnet18\nblocks = 1,1,1,1\nwidth = 32", 1228970, 0 },
    { "arch = resnet20", 272474, 0 },
    { "arch = resnet20\nshortcut = pad", 269722, 0 },
    { "arch = resnet18\nblocks = 2,2,2\nwidth = 32", 696618, 0 },
    { "arch = resnet18\nblocks = 2,2,2\nwidth = 24", 392674, 0 },
    { "arch = resnet18\nblocks = 2,2,2\nwidth = 16", 175258, 0 },
};

TEST("nn: counts", "parameters of every reference architecture are exact")
{
    for (size_t i = 0; i < GF_COUNT(counted); i++) {
        gf_cost cost = cost_of(counted[i].options);
        EXPECT_EQ(cost.parameters, counted[i].parameters);
        if (counted[i].macs) EXPECT_EQ(cost.macs, counted[i].macs);
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

static const struct {
    const char *options;
    double millions, tolerance;
} rounded[] = {
    { "arch = resnet18\nwidth = 16", 35.05, 0.005 },
    { "arch = resnet18\nwidth = 32", 139.3, 0.05 },
    { "arch = resnet18\ngroups = 8", 76.49, 0.005 },
    { "arch = resnet18\nseparable = all", 73.05, 0.005 },
    { "arch = resnet18\nseparable = late", 321.32, 0.005 },
    { "arch = resnet20", 40.81, 0.005 },
    { "arch = resnet20\nshortcut = pad", 40.55, 0.005 },
    { "arch = resnet18\nblocks = 2,2,2\nwidth = 16", 26.7, 0.05 },
};

TEST("nn: counts", "MACs agree with the published roundings")
{
    for (size_t i = 0; i < GF_COUNT(rounded); i++)
        EXPECT_NEAR((double)cost_of(rounded[i].options).macs / 1e6, rounded[i].millions,
                    rounded[i].tolerance);
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

/* ---- running ---- */

enum { BATCH = 4 };

static void fill(gf_real *images, const gf_net *net)
{
    gf_random random = { .seed = 5, .purpose = GF_PURPOSE_TEST };
    size_t count = BATCH * gf_shape_count(net->nodes[0].shape);
    for (size_t i = 0; i < count; i++)
        images[i] = (gf_real)gf_random_normal(&random, (uint32_t)i, 0);
}

/* Logits of one pass; the caller frees. */
static gf_real *logits_of(gf_net *net, bool backward, gf_mode mode)
{
    const gf_kernels *kernels;
    gf_run *run = NULL;
    gf_real *copy = gf_alloc(BATCH * 10, sizeof *copy);
    if (gf_kernels_get(&kernels) != GF_OK ||
        gf_run_create(&run, net, kernels, BATCH, backward) != GF_OK)
        return copy;
    fill(gf_run_input(run), net);
    gf_run_forward(run, BATCH, mode, NULL);
    memcpy(copy, gf_run_logits(run), BATCH * 10 * sizeof *copy);
    gf_run_destroy(run);
    return copy;
}

static void expect_same_logits(gf_net *a, gf_net *b)
{
    gf_real *x = logits_of(a, false, GF_MODE_EVALUATE), *y = logits_of(b, false, GF_MODE_EVALUATE);
    EXPECT(memcmp(x, y, BATCH * 10 * sizeof *x) == 0);
    EXPECT(x[0] != 0);
    free(x);
    free(y);
}

TEST("nn: run", "sharing memory by liveness changes no bit")
{
    gf_net *net = build("arch = resnet18\nwidth = 8");
    gf_real *kept = logits_of(net, true, GF_MODE_EVALUATE);
    gf_real *shared = logits_of(net, false, GF_MODE_EVALUATE);
    EXPECT(memcmp(kept, shared, BATCH * 10 * sizeof *kept) == 0);
    free(kept);
    free(shared);
    gf_net_destroy(net);
}

TEST("nn: run", "training mode updates the running statistics, evaluation does not")
{
    gf_net *net = build("arch = resnet18\nwidth = 8\nblocks = 1,1,1,1");
    int mean = gf_net_find_param(net, "bn1.mean");
    REQUIRE(mean >= 0);
    free(logits_of(net, true, GF_MODE_EVALUATE));
    EXPECT(net->params[mean].value[0] == 0);
    free(logits_of(net, true, GF_MODE_TRAIN));
    EXPECT(net->params[mean].value[0] != 0);
    gf_net_destroy(net);
}

/* ---- the graph ---- */

TEST("nn: graph", "a copy is independent of its original")
{
    gf_net *net = build("arch = resnet20"), *copy = NULL;
    REQUIRE_OK(gf_net_copy(&copy, net));
    expect_same_logits(net, copy);
    copy->params[0].value[0] += 1;
    EXPECT(net->params[0].value[0] != copy->params[0].value[0]);
    gf_net_destroy(net);
    gf_net_destroy(copy);
}

TEST("nn: graph", "inserting a node and removing it gives the network back")
{
    gf_net *net = build("arch = resnet20"), *copy = NULL;
    REQUIRE_OK(gf_net_copy(&copy, net));
    int after = gf_net_find_node(copy, "layer2.1.conv1"), node, count = copy->node_count;
    REQUIRE_OK(gf_net_insert(copy, &node, "relu", "extra", NULL, after));
    EXPECT_EQ(copy->node_count, count + 1);
    EXPECT_EQ(copy->nodes[gf_net_find_node(copy, "layer2.1.bn1")].inputs[0], node);
    REQUIRE_OK(gf_net_remove(copy, node));
    expect_same_logits(net, copy);
    gf_net_destroy(net);
    gf_net_destroy(copy);
}

TEST("nn: graph", "removing a node takes the parameters that only it used")
{
    gf_net *net = build("arch = resnet20");
    int params = net->param_count;
    REQUIRE_OK(gf_net_remove(net, gf_net_find_node(net, "layer1.0.bn1")));
    EXPECT_EQ(net->param_count, params - 4);
    EXPECT_EQ(gf_net_find_param(net, "layer1.0.bn1.gamma"), -1);
    gf_net_destroy(net);
}

/* ---- storing ---- */

TEST("nn: store", "a network comes back with the same bits")
{
    gf_net *net = build("arch = resnet18\nwidth = 8\nseparable = late\nshortcut = pad");
    gf_net *back = NULL;
    gf_artifact artifact = { 0 }, again = { 0 };
    REQUIRE_OK(gf_net_save(net, &artifact));
    REQUIRE_OK(gf_net_load(&back, &artifact));
    expect_same_logits(net, back);
    REQUIRE_OK(gf_net_save(back, &again));
    EXPECT_TEXT(again.graph, artifact.graph);
    EXPECT_TEXT(gf_artifact_hash(&again).hex, gf_artifact_hash(&artifact).hex);
    gf_artifact_release(&artifact);
    gf_artifact_release(&again);
    gf_net_destroy(net);
    gf_net_destroy(back);
}

static const char *const hostile[] = {
    "",
    "gridfront-net 2\n",
    "gridfront-net 1\n",
    "gridfront-net 1\ninput 32 32\n",
    "gridfront-net 1\ninput -1 32 3\n",
    "gridfront-net 1\ninput 32 32 3\ninput 32 32 3\n",
    "gridfront-net 1\nnode a relu 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 1 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 0,0,0,0,0,0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a nonsense 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 0 7\n",
    "gridfront-net 1\ninput 32 32 3\nnode a bn 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a input 0 - -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a conv 0 0 - filters=0\n",
    "gridfront-net 1\ninput 32 32 3\nnode a conv 0 0 - filters=8 kernel_height=99999999999\n",
    "gridfront-net 1\ninput 32 32 3\nparam w weight 1 1000000,1000000,1000000\n",
    "gridfront-net 1\ninput 32 32 3\nview 0 mask -\n",
    "gridfront-net 1\ninput 32 32 3\nnode  a relu 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 0 -\nnode a relu 0 1 -\n",
};

TEST("nn: store", "a hostile graph is an error, never a crash")
{
    for (size_t i = 0; i < GF_COUNT(hostile); i++) {
        gf_net *net = NULL;
        gf_artifact artifact = { .graph = gf_strdup(hostile[i]) };
        EXPECT_STATUS(gf_net_load(&net, &artifact), GF_CORRUPT);
        gf_artifact_release(&artifact);
    }
}

TEST("nn: store", "a graph cut at any place is an error or a smaller network")
{
    gf_net *net = build("arch = resnet20");
    gf_artifact artifact = { 0 };
    REQUIRE_OK(gf_net_save(net, &artifact));
    size_t size = strlen(artifact.graph);
    for (size_t cut = size - 1; cut > 0; cut -= cut > 97 ? 97 : cut) {
        gf_net *back = NULL;
        artifact.graph[cut] = '\0';
        gf_status status = gf_net_load(&back, &artifact);
        EXPECT(status == GF_OK || status == GF_CORRUPT);
        gf_net_destroy(back);
    }
    gf_artifact_release(&artifact);
    gf_net_destroy(net);
}
