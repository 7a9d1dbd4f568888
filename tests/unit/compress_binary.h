/* Networks of binary weights, for the tests of the methods that make them. */
#ifndef GRIDFRONT_TESTS_COMPRESS_BINARY_H
#define GRIDFRONT_TESTS_COMPRESS_BINARY_H

#include "compress_trained.h"

#include "../../src/compress/quantize/binary.h"

#define LEARNS "epochs = 4\nbatch = 50\nlr = 0.1\nweight_decay = 0\n"

static inline gf_param *param_of(gf_net *net, const char *name)
{
    return &net->params[gf_net_find_param(net, name)];
}

static const gf_real weights[6] = { 0.5f, -1, 0, 4, 0.25f, -1.75f };

/* A network whose parameter 0, [2, 1, 1, 3], holds these values. */
static inline gf_net *net_of(const gf_real values[6])
{
    gf_net *net = NULL;
    int node;
    const gf_linear_attributes a = { .features = 2 };
    if (gf_net_create(&net, (gf_shape){ 1, 1, 3 }) != GF_OK ||
        gf_net_add(net, &node, "linear", "fc", &a, (int[]){ 0 }, 1) != GF_OK)
        return NULL;
    memcpy(net->params[0].value, values, 6 * sizeof *values);
    return net;
}

static inline void sign_gradient(gf_real d_in[5], const gf_real x[5], gf_sign_attributes attributes)
{
    gf_net *net = NULL;
    gf_run *run = NULL;
    int node;
    REQUIRE_OK(gf_net_create(&net, (gf_shape){ 1, 1, 5 }));
    REQUIRE_OK(gf_net_add(net, &node, "sign", "sign", &attributes, (int[]){ 0 }, 1));
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), 1, true));
    REQUIRE_OK(gf_run_want_gradient(run, 0));
    memcpy(gf_run_input(run), x, 5 * sizeof *x);
    gf_run_forward(run, 1, GF_MODE_TRAIN, NULL);
    for (int i = 0; i < 5; i++) EXPECT_NEAR(gf_run_logits(run)[i], x[i] >= 0 ? 1 : -1, 0);
    memcpy(gf_run_gradient(run, 1), ((gf_real[]){ 1, 2, 3, 4, 5 }), 5 * sizeof(gf_real));
    gf_run_backward(run);
    memcpy(d_in, gf_run_gradient(run, 0), 5 * sizeof *d_in);
    gf_run_destroy(run);
    gf_net_destroy(net);
}

#endif
