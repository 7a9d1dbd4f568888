/* nn: edits of the graph and of parameters. */
#include "nn_nets.h"

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

TEST("nn: graph", "an insertion that does not fit leaves the network as it was")
{
    gf_net *net = build("arch = resnet20");
    const gf_pad_shortcut_attributes wider = { .stride = 1, .channels = 32 };
    int node = -1, nodes = net->node_count, params = net->param_count;
    int after = gf_net_find_node(net, "layer1.1.bn2");
    gf_artifact before = { 0 }, later = { 0 };
    REQUIRE_OK(gf_net_save(net, &before));
    EXPECT_STATUS(gf_net_insert(net, &node, "pad_shortcut", "extra", &wider, after), GF_INVALID);
    EXPECT_STATUS(gf_net_insert(net, &node, "relu", "extra", NULL, nodes), GF_INVALID);
    EXPECT_STATUS(gf_net_insert(net, &node, "relu", "conv1", NULL, after), GF_INVALID);
    EXPECT_STATUS(gf_net_insert(net, &node, "relu", "with space", NULL, after), GF_INVALID);
    EXPECT_EQ(node, -1);
    EXPECT_EQ(net->node_count, nodes);
    EXPECT_EQ(net->param_count, params);
    REQUIRE_OK(gf_net_save(net, &later));
    EXPECT_TEXT(later.graph, before.graph);
    gf_artifact_release(&before);
    gf_artifact_release(&later);
    gf_net_destroy(net);
}

TEST("nn: graph", "a node behind the last one gives the logits, and can go again")
{
    gf_net *net = build("arch = resnet20"), *copy = NULL;
    int node;
    REQUIRE_OK(gf_net_copy(&copy, net));
    REQUIRE_OK(gf_net_insert(copy, &node, "relu", "last", NULL, copy->node_count - 1));
    EXPECT_EQ(node, copy->node_count - 1);
    gf_real *logits = logits_of(copy, false, GF_MODE_EVALUATE);
    for (int i = 0; i < BATCH * 10; i++) EXPECT(logits[i] >= 0);
    REQUIRE_OK(gf_net_remove(copy, node));
    expect_same_logits(net, copy);
    free(logits);
    gf_net_destroy(net);
    gf_net_destroy(copy);
}

/* ---- parameters ---- */

TEST("nn: parameters", "selecting entries of an axis keeps their values in the asked order")
{
    gf_net *net = build("arch = resnet20");
    gf_param *param = &net->params[gf_net_find_param(net, "layer1.0.conv1.weight")];
    const int keep[] = { 5, 2 }, wrong[] = { 16 };
    gf_real want = param->value[(5 * 9 + 4) * 16 + 2];
    REQUIRE_OK(gf_param_select(param, 0, keep, 2));
    REQUIRE_OK(gf_param_select(param, 3, keep, 2));
    EXPECT_EQ(gf_param_count(param), 2 * 9 * 2);
    EXPECT(param->value[4 * 2 + 1] == want);
    EXPECT_STATUS(gf_param_select(param, 0, wrong, 1), GF_INVALID);
    EXPECT_STATUS(gf_param_select(param, 4, keep, 1), GF_INVALID);
    gf_net_destroy(net);
}

TEST("nn: parameters", "baking a mask changes no logit and costs the zeros their place")
{
    gf_net *net = build("arch = resnet20"), *baked = NULL;
    const gf_kernels *kernels;
    gf_view *view;
    uint8_t mask[16 * 9 * 16];
    gf_param *param = &net->params[gf_net_find_param(net, "layer1.0.conv1.weight")];
    const int64_t dims[] = { 16, 3, 3, 16 };
    for (size_t i = 0; i < sizeof mask; i++) mask[i] = i % 2;
    REQUIRE_OK(gf_kernels_get(&kernels));
    REQUIRE_OK(gf_param_add_view(param, &view, "mask", NULL));
    REQUIRE_OK(gf_view_add_state(view, "mask", GF_U8, 4, dims, mask));
    REQUIRE_OK(gf_net_copy(&baked, net));
    param = &baked->params[gf_net_find_param(baked, "layer1.0.conv1.weight")];
    REQUIRE_OK(gf_param_bake(param, kernels));
    EXPECT_EQ(param->view_count, 0);
    EXPECT(param->value[0] == 0 && param->value[1] != 0);
    expect_same_logits(net, baked);
    gf_net_destroy(net);
    gf_net_destroy(baked);
}

TEST("nn: parameters", "initial weights depend on seed and name, and stay within PyTorch's bound")
{
    gf_net *a = build("arch = resnet20"), *b = build("arch = resnet20\nblocks = 3,3,4");
    gf_param *x = &a->params[gf_net_find_param(a, "layer2.0.conv1.weight")];
    gf_param *y = &b->params[gf_net_find_param(b, "layer2.0.conv1.weight")];
    gf_real most = 0;
    EXPECT(memcmp(x->value, y->value, gf_param_count(x) * sizeof *x->value) == 0);
    for (size_t i = 0; i < gf_param_count(x); i++) most = x->value[i] > most ? x->value[i] : most;
    EXPECT(most <= 1.0 / 12 && most > 0.99 / 12); /* 1 / sqrt(fan in of 144) */
    gf_net_initialize(b, 2, 0);
    EXPECT(x->value[0] != y->value[0]);
    gf_net_destroy(a);
    gf_net_destroy(b);
}
