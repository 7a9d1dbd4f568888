/* compress: gradients of masks and of the distillation loss through whole networks, in float64.
 * Fake quantization has a straight-through gradient, which is no derivative: unit tests hold it. */
#include "../test.h"
#include "gradcheck.h"

#include <gridfront/method.h>

#include <omp.h>
#include <string.h>

static gf_net *smooth_net(uint64_t seed)
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    omp_set_num_threads(1); /* layers this small only wait for each other */
    const char *text = "arch = resnet18\nwidth = 4\nblocks = 1,1\nactivation = softplus\n";
    if (gf_options_parse(&options, text) == GF_OK &&
        gf_model_build(&net, options, "", (gf_shape){ 8, 8, 3 }, 10) == GF_OK)
        gf_net_initialize(net, seed, 0);
    gf_options_destroy(options);
    return net;
}

static const gf_method *method_named(const char *name)
{
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (strcmp((*method)->schema.name, name) == 0) return *method;
    return NULL;
}

TEST("gradcheck: mask", "masked weights get no gradient, the others the right one")
{
    gf_net *net = smooth_net(1);
    gf_options *options = NULL;
    struct {
        double amount;
        int scope;
    } record = { 0.5, 0 };
    REQUIRE(net);
    REQUIRE_OK(gf_options_parse(&options, "amount = 0.5\n"));
    const gf_method *magnitude = method_named("magnitude");
    REQUIRE(magnitude->options_size == sizeof record);
    REQUIRE_OK(gf_fields_read(&record, magnitude->schema.fields, options, ""));
    const gf_kernels *kernels;
    REQUIRE_OK(gf_kernels_get(&kernels));
    const gf_method_call call = { .net = net, .kernels = kernels };
    REQUIRE_OK(magnitude->apply(&call, &record));
    EXPECT_EQ(net->params[0].view_count, 1);
    EXPECT(gradcheck_net("masked network", net, 3, GF_MODE_TRAIN));
    gf_options_destroy(options);
    gf_net_destroy(net);
}

TEST("gradcheck: kd", "one teacher or two, the loss has the gradient that it says")
{
    const struct {
        double temperature, alpha;
    } options = { 3, 0.8 };
    gf_net *net = smooth_net(1), *teachers[2] = { smooth_net(2), smooth_net(3) };
    REQUIRE(net && teachers[0] && teachers[1]);
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++) {
        const gf_loss_term term = { .kind = *kind, .options = &options };
        if (strcmp((*kind)->schema.name, "kd") != 0) continue;
        EXPECT(gradcheck_terms("kd, one teacher", net, teachers, 1, &term, 1, 4));
        EXPECT(gradcheck_terms("kd, two teachers", net, teachers, 2, &term, 1, 4));
    }
    gf_net_destroy(net);
    gf_net_destroy(teachers[0]);
    gf_net_destroy(teachers[1]);
}
