/* Whole networks on every float32 backend of this CPU against the float64 engine, which gradcheck
 * holds against finite differences: logits, gradients of all parameters, values and gradients of
 * nodes that a caller wants to see, whatever else is fused or shares memory. */
#include "../gradcheck/exact.h"
#include "../test.h"

#include <omp.h>
#include <string.h>

enum { BATCH = 4, LARGER = 7, BATCH_RESNET = 6 };

typedef struct worst {
    double error;
    char what[160];
} worst;

typedef struct check {
    int index, batch;
    gf_mode mode;
    gf_net *net;
    const gf_kernels *kernels;
    double tolerance;
    worst worst;
} check;

static void expect_near(check *c, const network_wish *wish, const char *what, const double *got,
                        const double *want, size_t count)
{
    char full[160];
    double error = network_error(got, want, count);
    snprintf(full, sizeof full, "%s, %s, wanted value %d and gradient %d%s: %s",
             network_name(c->index), c->kernels->name, wish->value, wish->gradient,
             wish->pushed ? " (pushed)" : "", what);
    gf_test_check(error <= c->tolerance, __FILE__, __LINE__, "%s off by %.3g, allowed %.3g", full,
                  error, c->tolerance);
    if (error <= c->worst.error) return;
    c->worst.error = error;
    snprintf(c->worst.what, sizeof c->worst.what, "%s", full);
}

/* The float64 engine has every value and gradient in a place of its own. */
static void compare(check *c, const network_wish *wish)
{
    if (c->worst.error > c->tolerance) return; /* one failure a network is enough */
    network_result got = { 0 }, want = { 0 };
    network_wish apart = *wish;
    apart.everything = true;
    apart.batch_most = 0;
    if (gf_test_status(exact_pass(&want, c->index, c->batch, c->mode, &apart), GF_OK, "exact",
                       __FILE__, __LINE__) &&
        gf_test_status(network_pass(&got, c->net, c->kernels, c->batch, c->mode, wish), GF_OK,
                       network_name(c->index), __FILE__, __LINE__)) {
        expect_near(c, wish, "logits", got.logits, want.logits, want.logit_count);
        expect_near(c, wish, "parameters", got.params, want.params, want.param_count);
        if (wish->value) expect_near(c, wish, "value", got.value, want.value, want.value_count);
        if (wish->gradient)
            expect_near(c, wish, "gradient", got.gradient, want.gradient, want.gradient_count);
    }
    network_result_release(&got);
    network_result_release(&want);
}

static bool check_init(check *c, int index, const char *backend)
{
    *c = (check){ .index = index, .batch = BATCH, .mode = GF_MODE_TRAIN, .tolerance = 2e-5 };
    omp_set_num_threads(1); /* layers this small only wait for each other */
    return gf_test_status(network_build(&c->net, index), GF_OK, network_name(index), __FILE__,
                          __LINE__) &&
           gf_test_status(gf_kernels_find(&c->kernels, backend), GF_OK, backend, __FILE__,
                          __LINE__);
}

/* Runs `body` on each small network and backend. */
static void each_small(void (*body)(check *c))
{
    for (int i = 0; i < network_count(); i++)
        for (const char *const *name = gf_kernels_names(); *name; name++) {
            check c;
            if (check_init(&c, i, *name)) body(&c);
            gf_net_destroy(c.net);
        }
}

/* Evaluation first: training moves the running statistics. */
static void plain(check *c)
{
    c->mode = GF_MODE_EVALUATE;
    compare(c, &(network_wish){ 0 });
    c->mode = GF_MODE_TRAIN;
    compare(c, &(network_wish){ 0 });
    compare(c, &(network_wish){ .everything = true });
    compare(c, &(network_wish){ .batch_most = LARGER });
}

TEST("conform: networks", "gradients are the float64 engine's, after a larger batch too")
{
    each_small(plain);
}

static void each_value(check *c)
{
    for (int n = 1; n < c->net->node_count; n++) compare(c, &(network_wish){ .value = n });
}

TEST("conform: networks", "the value of any node may be wanted")
{
    each_small(each_value);
}

static void each_gradient(check *c)
{
    for (int n = 1; n < c->net->node_count; n++) compare(c, &(network_wish){ .gradient = n });
}

TEST("conform: networks", "the gradient at any node may be wanted")
{
    each_small(each_gradient);
}

static void each_push(check *c)
{
    for (int n = 1; n < c->net->node_count; n++)
        compare(c, &(network_wish){ .value = n, .gradient = n, .pushed = true });
}

TEST("conform: networks", "a gradient may be added at any node")
{
    each_small(each_push);
}

/* The worst parameter's relative error. */
static double worst_param(const gf_net *net, const network_result *got, const network_result *want,
                          const char **name)
{
    double largest = -1;
    size_t at = 0;
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *param = &net->params[i];
        if (!param->trainable) continue;
        double error = network_error(got->params + at, want->params + at, gf_param_count(param));
        if (error > largest) {
            largest = error;
            *name = param->name;
        }
        at += gf_param_count(param);
    }
    return largest;
}

/* With ReLU a forward error moves some values over the kink; its gradient is compared loosely. */
static void check_resnet(int index, const network_result *want, const char *backend)
{
    check c;
    network_result got = { 0 };
    const char *name = "";
    double allowed = network_is_smooth(index) ? 1e-4 : 3e-2;
    if (check_init(&c, index, backend) &&
        gf_test_status(
            network_pass(&got, c.net, c.kernels, BATCH_RESNET, GF_MODE_TRAIN, &(network_wish){ 0 }),
            GF_OK, backend, __FILE__, __LINE__)) {
        double logits = network_error(got.logits, want->logits, want->logit_count);
        double error = worst_param(c.net, &got, want, &name);
        printf("     %-44s %-8s logits %.1e, gradient %.1e at %s\n", network_name(index), backend,
               logits, error, name);
        gf_test_check(logits <= 1e-4, __FILE__, __LINE__, "%s, %s: logits off by %.3g",
                      network_name(index), backend, logits);
        gf_test_check(error <= allowed, __FILE__, __LINE__, "%s, %s: %s off by %.3g, allowed %.3g",
                      network_name(index), backend, name, error, allowed);
    }
    network_result_release(&got);
    gf_net_destroy(c.net);
}

TEST("conform: networks", "whole ResNets have the float64 engine's gradient of each parameter")
{
    for (int i = network_count(); i < network_all_count(); i++) {
        network_result want = { 0 };
        REQUIRE_OK(exact_pass(&want, i, BATCH_RESNET, GF_MODE_TRAIN, &(network_wish){ 0 }));
        for (const char *const *name = gf_kernels_names(); *name; name++)
            check_resnet(i, &want, *name);
        network_result_release(&want);
    }
}

/* Winograd's layers included: a stage of 32 channels and one of 64. */
TEST("conform: networks", "1, 2, 3 and 7 threads give the same bits on every backend")
{
    const int index = network_count() + 1, batch = 32;
    network_result one = { 0 };
    for (const char *const *name = gf_kernels_names() + 1; *name; name++)
        for (int threads = 1; threads <= 7; threads += threads < 3 ? 1 : 4) {
            network_result result = { 0 };
            check c;
            REQUIRE(check_init(&c, index, *name));
            omp_set_num_threads(threads);
            REQUIRE_OK(network_pass(&result, c.net, c.kernels, batch, GF_MODE_TRAIN,
                                    &(network_wish){ 0 }));
            gf_net_destroy(c.net);
            if (threads == 1) {
                network_result_release(&one);
                one = result;
                continue;
            }
            EXPECT(memcmp(result.params, one.params, result.param_count * sizeof(double)) == 0);
            EXPECT(memcmp(result.logits, one.logits, result.logit_count * sizeof(double)) == 0);
            network_result_release(&result);
        }
    network_result_release(&one);
}
