/* Small networks that the tests of nn build and run. */
#ifndef GRIDFRONT_TESTS_UNIT_NN_NETS_H
#define GRIDFRONT_TESTS_UNIT_NN_NETS_H

#include "../test.h"

#include <gridfront/nn.h>

#include <stdlib.h>
#include <string.h>

static const gf_shape image = { .height = 32, .width = 32, .channels = 3 };

static inline gf_net *build(const char *text)
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

enum { BATCH = 4 };

static inline void fill(gf_real *images, const gf_net *net)
{
    gf_random random = { .seed = 5, .purpose = GF_PURPOSE_TEST };
    size_t count = BATCH * gf_shape_count(net->nodes[0].shape);
    for (size_t i = 0; i < count; i++)
        images[i] = (gf_real)gf_random_normal(&random, (uint32_t)i, 0);
}

/* Logits of one pass; the caller frees. */
static inline gf_real *logits_of(gf_net *net, bool backward, gf_mode mode)
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

static inline void expect_same_logits(gf_net *a, gf_net *b)
{
    gf_real *x = logits_of(a, false, GF_MODE_EVALUATE), *y = logits_of(b, false, GF_MODE_EVALUATE);
    EXPECT(memcmp(x, y, BATCH * 10 * sizeof *x) == 0);
    EXPECT(x[0] != 0);
    free(x);
    free(y);
}

#endif
