/* nn: dropout, alone and in front of a ResNet's fully connected layer. */
#include "nn_nets.h"

#include <math.h>
#include <omp.h>

enum { IMAGES = 64, SIZE = 32 * 32 * 3, VALUES = IMAGES * SIZE };

/* A network that is nothing but dropout: logits are images, [32, 32, 3]. */
typedef struct alone {
    gf_net *net;
    gf_run *run;
} alone;

static bool alone_init(alone *a, double rate)
{
    const gf_kernels *kernels;
    const gf_dropout_attributes attributes = { .rate = rate };
    int node = 0;
    *a = (alone){ 0 };
    bool good = gf_kernels_get(&kernels) == GF_OK && gf_net_create(&a->net, image) == GF_OK &&
                gf_net_add(a->net, &node, "dropout", "dropout", &attributes, &node, 1) == GF_OK &&
                gf_run_create(&a->run, a->net, kernels, IMAGES, true) == GF_OK &&
                gf_run_want_gradient(a->run, 0) == GF_OK;
    return good;
}

static void alone_release(alone *a)
{
    gf_run_destroy(a->run);
    gf_net_destroy(a->net);
}

static const gf_real *pass(alone *a, gf_mode mode, uint32_t step)
{
    const gf_random random = { .seed = 1, .purpose = GF_PURPOSE_DROPOUT, .epoch = step };
    for (int i = 0; i < VALUES; i++) gf_run_input(a->run)[i] = (gf_real)(1 + i % 5);
    gf_run_forward(a->run, IMAGES, mode, &random);
    for (int i = 0; i < VALUES; i++) gf_run_gradient(a->run, 1)[i] = 2;
    gf_run_backward(a->run); /* draws the same */
    return gf_run_logits(a->run);
}

TEST("nn: dropout",
     "its share of the values is zero, the others grow, and gradients go where they do")
{
    alone a;
    int zeros = 0, wrong = 0;
    REQUIRE(alone_init(&a, 0.3));
    const gf_real *out = pass(&a, GF_MODE_TRAIN, 5);
    for (int i = 0; i < VALUES; i++) {
        double in = 1 + i % 5, gradient = (double)gf_run_gradient(a.run, 0)[i];
        bool zero = out[i] == 0;
        zeros += zero;
        wrong += !zero && fabs((double)out[i] - in / 0.7) > 1e-5;
        wrong += fabs(gradient - (zero ? 0 : 2 / 0.7)) > 1e-5;
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_NEAR((double)zeros / VALUES, 0.3, 0.005);
    alone_release(&a);
}

TEST("nn: dropout",
     "values drop independently: neighbours, images and steps know nothing of each other")
{
    alone a;
    int neighbours = 0, images = 0, steps = 0, before[VALUES / 64];
    REQUIRE(alone_init(&a, 0.5));
    const gf_real *out = pass(&a, GF_MODE_TRAIN, 1);
    for (int i = 0; i < VALUES / 64; i++) before[i] = out[i] == 0;
    for (int i = 0; i + SIZE < VALUES; i++) {
        neighbours += (out[i] == 0) == (out[i + 1] == 0);
        images += (out[i] == 0) == (out[i + SIZE] == 0);
    }
    out = pass(&a, GF_MODE_TRAIN, 2);
    for (int i = 0; i < VALUES / 64; i++) steps += (out[i] == 0) == before[i];
    EXPECT_NEAR((double)neighbours / (VALUES - SIZE), 0.5, 0.005);
    EXPECT_NEAR((double)images / (VALUES - SIZE), 0.5, 0.005);
    EXPECT_NEAR((double)steps / (VALUES / 64), 0.5, 0.03);
    alone_release(&a);
}

static int changed(double rate, gf_mode mode)
{
    alone a;
    int different = -1;
    if (alone_init(&a, rate)) {
        const gf_real *out = pass(&a, mode, 1);
        different = 0;
        for (int i = 0; i < VALUES; i++) different += out[i] != (gf_real)(1 + i % 5);
    }
    alone_release(&a);
    return different;
}

TEST("nn: dropout", "evaluation changes nothing, nor does a rate of zero")
{
    EXPECT_EQ(changed(0.9, GF_MODE_EVALUATE), 0);
    EXPECT_EQ(changed(0, GF_MODE_TRAIN), 0);
    EXPECT_EQ(changed(0.9, GF_MODE_TRAIN), VALUES);
}

TEST("nn: dropout", "any number of threads drops the same values")
{
    alone a;
    REQUIRE(alone_init(&a, 0.5));
    gf_real *want = gf_alloc(VALUES, sizeof *want);
    REQUIRE(want);
    omp_set_num_threads(1);
    memcpy(want, pass(&a, GF_MODE_TRAIN, 3), VALUES * sizeof *want);
    for (int threads = 2; threads <= 7; threads++) {
        omp_set_num_threads(threads);
        EXPECT(memcmp(pass(&a, GF_MODE_TRAIN, 3), want, VALUES * sizeof *want) == 0);
    }
    omp_set_num_threads(2);
    free(want);
    alone_release(&a);
}

TEST("nn: dropout", "a ResNet takes it before its fully connected layer, and is otherwise the same")
{
    gf_net *plain = build("arch = resnet18\nwidth = 4\nblocks = 1,1\n");
    gf_net *with = build("arch = resnet18\nwidth = 4\nblocks = 1,1\ndropout = 0.4\n");
    REQUIRE(plain && with);
    int node = gf_net_find_node(with, "dropout");
    EXPECT_EQ(gf_net_find_node(plain, "dropout"), -1);
    EXPECT_EQ(with->node_count, plain->node_count + 1);
    EXPECT(node > 0 && node == with->nodes[with->node_count - 1].inputs[0]);
    EXPECT_NEAR(((gf_dropout_attributes *)with->nodes[node].attributes)->rate, 0.4, 0);
    expect_same_logits(plain, with);
    gf_net_destroy(plain);
    gf_net_destroy(with);
}
