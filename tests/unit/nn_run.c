/* nn: running a network forward and backward. */
#include "nn_nets.h"

#include <omp.h>

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

/* One pass forward and backward from fixed logit gradients: every parameter's gradient behind one
 * another. The caller frees. */
typedef void prepare(gf_run *run);
static gf_real *gradients_of(gf_net *net, prepare *before, prepare *between)
{
    const gf_kernels *kernels;
    gf_run *run = NULL;
    size_t total = 0, at = 0;
    for (int i = 0; i < net->param_count; i++) total += gf_param_count(&net->params[i]);
    gf_real *all = gf_alloc(total, sizeof *all);
    if (gf_kernels_get(&kernels) != GF_OK ||
        gf_run_create(&run, net, kernels, BATCH, true) != GF_OK)
        return all;
    if (before) before(run);
    fill(gf_run_input(run), net);
    gf_run_forward(run, BATCH, GF_MODE_TRAIN, NULL);
    for (int i = 0; i < BATCH * 10; i++)
        gf_run_gradient(run, net->node_count - 1)[i] = (gf_real)(i % 7) - 3;
    if (between) between(run);
    gf_run_backward(run);
    for (int i = 0; i < net->param_count; i++) {
        size_t count = gf_param_count(&net->params[i]);
        if (gf_run_param_gradient(run, i))
            memcpy(all + at, gf_run_param_gradient(run, i), count * sizeof *all);
        at += count;
    }
    gf_run_destroy(run);
    return all;
}

#define SMALL "arch = resnet18\nwidth = 8\nblocks = 1,1,1,1"

static size_t total_of(const gf_net *net)
{
    size_t total = 0;
    for (int i = 0; i < net->param_count; i++) total += gf_param_count(&net->params[i]);
    return total;
}

static void want_everything(gf_run *run)
{
    for (int n = 0; n < gf_run_net(run)->node_count; n++) {
        gf_run_want_value(run, n);
        gf_run_want_gradient(run, n);
    }
}

TEST("nn: run", "gradients that share memory have the bits of those that do not")
{
    gf_net *a = build(SMALL), *b = build(SMALL);
    gf_real *shared = gradients_of(a, NULL, NULL), *apart = gradients_of(b, want_everything, NULL);
    EXPECT(memcmp(shared, apart, total_of(a) * sizeof *shared) == 0);
    EXPECT(shared[0] != 0);
    free(shared);
    free(apart);
    gf_net_destroy(a);
    gf_net_destroy(b);
}

TEST("nn: run", "any number of threads gives the same bits")
{
    gf_net *a = build(SMALL), *b = build(SMALL);
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    gf_real *one = gradients_of(a, NULL, NULL);
    omp_set_num_threads(3);
    gf_real *three = gradients_of(b, NULL, NULL);
    omp_set_num_threads(threads);
    EXPECT(memcmp(one, three, total_of(a) * sizeof *one) == 0);
    free(one);
    free(three);
    gf_net_destroy(a);
    gf_net_destroy(b);
}

static int tap(const gf_net *net)
{
    return gf_net_find_node(net, "layer2.0.act2");
}

static void want_tap(gf_run *run)
{
    gf_run_want_gradient(run, tap(gf_run_net(run)));
}

static void add_at_tap(gf_run *run)
{
    int node = tap(gf_run_net(run));
    size_t count = BATCH * gf_shape_count(gf_run_net(run)->nodes[node].shape);
    memset(gf_run_gradient(run, gf_run_net(run)->node_count - 1), 0, BATCH * 10 * sizeof(gf_real));
    for (size_t i = 0; i < count; i++) gf_run_gradient(run, node)[i] += (gf_real)0.01;
}

TEST("nn: run", "what is added to a wanted gradient reaches the layers before it, no others")
{
    gf_net *net = build(SMALL);
    gf_real *got = gradients_of(net, want_tap, add_at_tap);
    size_t at = 0;
    for (int i = 0; i < net->param_count; i++) {
        bool zero = true;
        for (size_t k = 0; k < gf_param_count(&net->params[i]); k++) zero &= got[at++] == 0;
        if (strcmp(net->params[i].name, "conv1.weight") == 0) EXPECT(!zero);
        if (strncmp(net->params[i].name, "layer3", 6) == 0) EXPECT(zero);
    }
    free(got);
    gf_net_destroy(net);
}

TEST("nn: run", "a frozen batch normalization keeps its statistics while others train")
{
    gf_net *net = build(SMALL);
    net->nodes[gf_net_find_node(net, "bn1")].frozen = true;
    free(gradients_of(net, NULL, NULL));
    EXPECT(net->params[gf_net_find_param(net, "bn1.mean")].value[0] == 0);
    EXPECT(net->params[gf_net_find_param(net, "layer1.0.bn1.mean")].value[0] != 0);
    gf_net_destroy(net);
}

TEST("nn: run", "a smaller batch than planned gives the logits that its images have")
{
    const gf_kernels *kernels;
    gf_run *run = NULL;
    gf_net *net = build(SMALL);
    gf_real *whole = logits_of(net, false, GF_MODE_EVALUATE);
    REQUIRE_OK(gf_kernels_get(&kernels));
    REQUIRE_OK(gf_run_create(&run, net, kernels, BATCH, false));
    fill(gf_run_input(run), net);
    gf_run_forward(run, 2, GF_MODE_EVALUATE, NULL);
    EXPECT_FLOATS(gf_run_logits(run), whole, 20, 1e-5);
    EXPECT_EQ(gf_run_batch(run), 2);
    gf_run_destroy(run);
    free(whole);
    gf_net_destroy(net);
}
