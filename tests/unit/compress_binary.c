/* compress, binary weights: the view number by number, a step of BinaryConnect replayed by hand,
 * what the scale does and does not change, that training learns through the signs; XNOR-Net's
 * blocks. */
#include "compress_binary.h"

#include <gridfront/deploy.h>

#define PLAIN                                                                                      \
    "epochs = 1\nbatch = 50\nlr = 0.05\nmomentum = 0\nnesterov = false\nweight_decay = 0\n"

TEST("compress: binary", "a weight is its filter's mean magnitude with its sign, and sign(0) is 1")
{
    gf_net *net = net_of(weights);
    gf_real out[6];
    REQUIRE(net);
    REQUIRE_OK(
        gf_binarize(&net->params[0], &(gf_binary_options){ .stochastic = false }, test_kernels()));
    gf_param_effective(&net->params[0], test_kernels(), out);
    EXPECT_FLOATS(out, ((gf_real[]){ 0.5f, -0.5f, 0.5f, 2, 2, -2 }), 6, 0);
    EXPECT_FLOATS(net->params[0].value, ((gf_real[]){ 0.25f, -0.5f, 0, 2, 0.125f, -0.875f }), 6, 0);
    net->params[0].value[4] = NAN;
    gf_param_effective(&net->params[0], test_kernels(), out);
    EXPECT(isnan(out[4]));
    gf_net_destroy(net);
}

TEST("compress: binary", "masked weights are zeros and take no part in the scale")
{
    gf_net *net = net_of(weights);
    gf_real out[6];
    gf_view *view;
    const uint8_t mask[6] = { 1, 1, 0, 0, 1, 1 };
    REQUIRE(net);
    REQUIRE_OK(gf_param_add_first_view(&net->params[0], &view, "mask", NULL));
    REQUIRE_OK(gf_view_add_state(view, "mask", GF_U8, 4, (int64_t[]){ 2, 1, 1, 3 }, mask));
    REQUIRE_OK(
        gf_binarize(&net->params[0], &(gf_binary_options){ .stochastic = false }, test_kernels()));
    gf_param_effective(&net->params[0], test_kernels(), out);
    EXPECT_FLOATS(out, ((gf_real[]){ 0.75f, -0.75f, 0, 0, 1, -1 }), 6, 0);
    gf_net_destroy(net);
}

TEST("compress: binary", "drawn signs follow the hard sigmoid, and their address alone")
{
    enum { STEPS = 4000 };
    gf_net *net = net_of(weights);
    gf_real out[6], again[6];
    double plus[6] = { 0 };
    REQUIRE(net);
    gf_param *p = &net->params[0];
    REQUIRE_OK(gf_binarize(p, &(gf_binary_options){ .stochastic = true }, test_kernels()));
    const gf_view *view = &p->views[0];
    for (uint32_t step = 0; step < STEPS; step++) {
        const gf_random random = { .seed = 3, .epoch = step };
        view->kind->forward_train(view, p, test_kernels(), out, p->value, &random);
        view->kind->forward_train(view, p, test_kernels(), again, p->value, &random);
        EXPECT(memcmp(out, again, sizeof out) == 0);
        for (int i = 0; i < 6; i++) plus[i] += out[i] > 0;
    }
    for (int i = 0; i < 6; i++) {
        double scale = i < 3 ? 0.5 : 2, u = (double)p->value[i] / scale;
        double probability = fmin(fmax((u + 1) / 2, 0), 1);
        EXPECT_NEAR(plus[i] / STEPS, probability, 4 * sqrt(0.25 / STEPS));
        if (fabs(u) == 1) EXPECT_NEAR(plus[i] / STEPS, probability, 0);
    }
    gf_param_effective(p, test_kernels(), out); /* evaluation draws nothing */
    EXPECT_FLOATS(out, ((gf_real[]){ 0.5f, -0.5f, 0.5f, 2, 2, -2 }), 6, 0);
    gf_net_destroy(net);
}

/* ---- the step ---- */

static const gf_data *fifty_images(void)
{
    static gf_data *data;
    const gf_data_options o = { .dataset = 1, .path = "auto", .validation = 20, .images = 70 };
    if (!data) EXPECT_STATUS(gf_data_open(&data, &o), GF_OK);
    return data;
}

/* Gradients of a network that simply has these weights, on the first batch of the training. */
static gf_run *gradients_of(gf_net *plain)
{
    gf_run *run = NULL;
    int order[50], labels[50];
    const gf_random shuffle = { .seed = 5, .ordinal = 1, .purpose = GF_PURPOSE_SHUFFLE };
    gf_real target[500] = { 0 }, losses[50];
    gf_random_permutation(&shuffle, 0, order, 50);
    if (gf_run_create(&run, plain, test_kernels(), 50, true) != GF_OK) return NULL;
    gf_data_batch(gf_run_input(run), labels, fifty_images(), GF_TRAIN, order, 50, NULL, NULL);
    gf_run_forward(run, 50, GF_MODE_TRAIN, NULL);
    for (int i = 0; i < 50; i++) target[i * 10 + labels[i]] = 1;
    test_kernels()->softmax_cross_entropy(gf_run_gradient(run, plain->node_count - 1), losses,
                                          gf_run_logits(run), target, 50, 10);
    gf_run_backward(run);
    return run;
}

/* What algorithm 1 leaves of parameter i: clip(w - rate * dC/dw_b). */
static void expect_step(const gf_param *got, const gf_param *before, const gf_real *gradient)
{
    size_t count = gf_param_count(before), row = count / (size_t)before->dims[0];
    gf_real *want = gf_alloc(count, sizeof *want);
    size_t clipped = 0;
    for (size_t f = 0; f < (size_t)before->dims[0]; f++) {
        double scale = 0;
        for (size_t k = 0; k < row; k++) scale += fabs((double)before->value[f * row + k]);
        scale /= (double)row;
        for (size_t k = f * row; k < (f + 1) * row; k++) {
            double start = fmin(fmax((double)before->value[k] / 2, -scale), scale);
            double moved = start - 0.05 * (double)gradient[k];
            want[k] = (gf_real)fmin(fmax(moved, -scale), scale);
            clipped += fabs(moved) > scale;
        }
    }
    EXPECT_FLOATS(got->value, want, count, 1e-6);
    EXPECT(clipped > 0);
    free(want);
}

TEST("compress: binaryconnect", "a step is algorithm 1 by hand: gradient at the signs, real update")
{
    gf_net *net = small_net(SMALL, 32), *before = small_net(SMALL, 32),
           *plain = small_net(SMALL, 32);
    REQUIRE(net && before && plain);
    for (int i = 0; i < plain->param_count; i++) { /* its weights are the signs, without a view */
        gf_param *p = &plain->params[i];
        if (p->rank != 4 || strstr(p->name, "fc") || !strcmp(p->name, "conv1.weight")) continue;
        size_t row = gf_param_count(p) / (size_t)p->dims[0];
        for (size_t f = 0; f < (size_t)p->dims[0]; f++) {
            double sum = 0;
            for (size_t k = 0; k < row; k++) sum += fabs((double)p->value[f * row + k]);
            for (size_t k = f * row; k < (f + 1) * row; k++)
                p->value[k] = (gf_real)(p->value[k] >= 0 ? sum / (double)row : -sum / (double)row);
        }
    }
    gf_run *run = gradients_of(plain);
    REQUIRE(run);
    REQUIRE_OK(apply_method(net, "binaryconnect", PLAIN "schedule.policy = constant\n",
                            fifty_images(), NULL, 0));
    int binary = 0;
    for (int i = 0; i < net->param_count; i++) {
        if (!gf_param_find_view(&net->params[i], "binary")) continue;
        expect_step(&net->params[i], &before->params[i], gf_run_param_gradient(run, i));
        binary++;
    }
    EXPECT_EQ(binary, 5);
    gf_run_destroy(run);
    gf_net_destroy(net);
    gf_net_destroy(before);
    gf_net_destroy(plain);
}

TEST("compress: binaryconnect", "before BN the scale cancels: +-1 with rates over H^2 is +-H")
{
    gf_net *nets[2];
    gf_run *runs[2];
    const double H = 0.04;
    for (int i = 0; i < 2; i++) {
        nets[i] = small_net(SMALL, 32);
        REQUIRE(nets[i]);
        gf_param *p = param_of(nets[i], "layer1.0.conv1.weight");
        for (size_t k = 0; k < gf_param_count(p); k++)
            p->value[k] =
                (gf_real)(i ? copysign(H, (double)p->value[k]) : copysign(1, (double)p->value[k]));
        runs[i] = gradients_of(nets[i]);
        REQUIRE(runs[i]);
    }
    int at = gf_net_find_param(nets[0], "layer1.0.conv1.weight");
    size_t count = gf_param_count(&nets[0]->params[at]);
    gf_real *one = gf_run_param_gradient(runs[0], at), *scaled = gf_run_param_gradient(runs[1], at);
    double worst = 0, most = 0;
    for (size_t k = 0; k < count; k++) {
        /* u moves by rate / H^2 * one, and w / H by rate * scaled / H */
        worst = fmax(worst, fabs((double)one[k] / (H * H) - (double)scaled[k] / H));
        most = fmax(most, fabs((double)scaled[k] / H));
    }
    EXPECT(worst < 0.01 * most);
    for (int i = 0; i < 2; i++) {
        gf_run_destroy(runs[i]);
        gf_net_destroy(nets[i]);
    }
}

TEST("compress: binaryconnect", "first and last layer are binary where that is asked for")
{
    static const char *const asked[] = { "", "first = true\n", "last = true\n" };
    for (int i = 0; i < 3; i++) {
        char text[256];
        gf_net *net = small_net(SMALL, 32);
        snprintf(text, sizeof text, PLAIN "%s", asked[i]);
        REQUIRE_OK(apply_method(net, "binaryconnect", text, fifty_images(), NULL, 0));
        EXPECT((gf_param_find_view(param_of(net, "conv1.weight"), "binary") != NULL) == (i == 1));
        EXPECT((gf_param_find_view(param_of(net, "fc.weight"), "binary") != NULL) == (i == 2));
        gf_net_destroy(net);
    }
}

/* ---- what it learns ---- */

static double share_of_flips(const gf_net *after, const gf_net *before)
{
    size_t flips = 0, count = 0;
    for (int i = 0; i < after->param_count; i++) {
        if (!after->params[i].view_count) continue;
        for (size_t k = 0; k < gf_param_count(&after->params[i]); k++, count++)
            flips += (after->params[i].value[k] >= 0) != (before->params[i].value[k] >= 0);
    }
    return (double)flips / (double)count;
}

TEST("compress: binaryconnect", "weights flip, and the network ends near the dense one")
{
    gf_net *dense = trained_net(), *net = trained_net();
    REQUIRE(dense && net);
    REQUIRE_OK(apply_method(net, "binaryconnect", LEARNS, images_of(), NULL, 0));
    double flips = share_of_flips(net, dense);
    printf("dense %.3f, binary %.3f, %.3f of the signs flipped\n", accuracy(dense), accuracy(net),
           flips);
    EXPECT(flips > 0.05);
    EXPECT(accuracy(net) > accuracy(dense) - 0.04);
    gf_net_destroy(dense);
    gf_net_destroy(net);
}

/* An untrained network whose first and last layer stay as they are, so that they cannot learn in
 * the place of what lies between: BN and, where asked, the weights. */
static double accuracy_of_inner(const char *method, bool weights_learn)
{
    gf_net *net = small_net(SMALL, 32);
    double result = NAN;
    if (!net) return NAN;
    gf_net_initialize(net, 1, 0);
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        bool inner = p->role == GF_ROLE_WEIGHT && strncmp(p->name, "layer", 5) == 0;
        p->trainable = inner ? weights_learn : p->role == GF_ROLE_GAMMA || p->role == GF_ROLE_BETA;
    }
    if (method)
        EXPECT_STATUS(apply_method(net, method, LEARNS, images_of(), NULL, 0), GF_OK);
    else
        train_net(net, LEARNS);
    result = accuracy(net);
    gf_net_destroy(net);
    return result;
}

TEST("compress: binaryconnect", "it is the weights that learn, as real ones do, and not BN alone")
{
    double real = accuracy_of_inner(NULL, true);
    double binary = accuracy_of_inner("binaryconnect", true);
    double bn = accuracy_of_inner("binaryconnect", false);
    printf("real weights %.3f, binary %.3f, BN alone %.3f\n", real, binary, bn);
    EXPECT(binary > bn + 0.04);
    EXPECT(binary > real - 0.04);
}

TEST("compress: binaryconnect", "drawn weights learn too, and evaluate by their signs")
{
    double drawn = accuracy_after("binaryconnect", LEARNS "binarization = stochastic\n");
    printf("drawn %.3f\n", drawn);
    EXPECT(drawn > 0.15);
}

TEST("compress: binaryconnect", "a weight is stored as one bit, beside a scale for each filter")
{
    const char *model = "arch = resnet18\nwidth = 32\nblocks = 1,1\n";
    gf_net *net = small_net(model, 32);
    unsigned char *bytes = NULL;
    size_t size = 0;
    REQUIRE(net);
    double full = 0, binary = 0, channels = 0;
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        bool inner = p->role == GF_ROLE_WEIGHT && strcmp(p->name, "conv1.weight") != 0 &&
                     strcmp(p->name, "fc.weight") != 0;
        if (inner)
            REQUIRE_OK(gf_binarize(p, &(gf_binary_options){ .stochastic = false }, test_kernels()));
        if (inner) binary += (double)gf_param_count(p);
        if (inner) channels += p->dims[0];
        if (!inner && p->role == GF_ROLE_WEIGHT) full += (double)gf_param_count(p);
        if (p->role == GF_ROLE_BETA) channels += p->dims[0]; /* the bias that BN becomes */
    }
    REQUIRE_OK(gf_pack(&bytes, &size, net, test_kernels()));
    EXPECT_NEAR((double)size, binary / 8 + 4 * (full + channels + 10), 1500);
    free(bytes);
    gf_net_destroy(net);
}

/* ---- XNOR-Net ---- */

TEST("compress: xnor", "the scale follows the weights, the gradient is the paper's over the scale")
{
    gf_net *net = net_of(weights);
    gf_real out[6], d_in[6];
    const gf_real d_out[6] = { 1, 2, 3, 4, 5, 6 };
    REQUIRE(net);
    gf_param *p = &net->params[0];
    REQUIRE_OK(
        gf_binarize(p, &(gf_binary_options){ .scale = GF_BINARY_SCALE_MEAN }, test_kernels()));
    EXPECT_FLOATS(p->value, weights, 6, 0);
    p->value[1] = -2.5f; /* mean 1 */
    p->views[0].kind->refresh(&p->views[0], p, test_kernels(), p->value);
    gf_param_effective(p, test_kernels(), out);
    EXPECT_FLOATS(out, ((gf_real[]){ 1, -1, 1, 2, 2, -2 }), 6, 0);
    p->views[0].kind->backward(&p->views[0], p, test_kernels(), d_in, d_out, p->value);
    for (int i = 0; i < 6; i++) {
        double scale = i < 3 ? 1 : 2, inside = fabs((double)p->value[i]) <= 1;
        EXPECT_NEAR(d_in[i], (double)d_out[i] * (1.0 / 3 + scale * inside) / scale, 1e-6);
    }
    gf_net_destroy(net);
}

/* The gradient of five values behind a sign with these attributes, for 1 2 3 4 5 before it. */
TEST("compress: xnor", "the sign layer gives +-1, and passes the gradient where |x| <= 1")
{
    gf_real d_in[5];
    sign_gradient(d_in, (gf_real[]){ 0, -0.5f, 1, 1.5f, -3 },
                  (gf_sign_attributes){ .slope = GF_SIGN_SLOPE_CLIP });
    EXPECT_FLOATS(d_in, ((gf_real[]){ 1, 2, 3, 0, 0 }), 5, 0);
}

TEST("compress: xnor", "binary convolutions read signs of no ReLU, and what is added stays real")
{
    gf_net *net = small_net(SMALL, 32);
    int binary = 0, relus = 0;
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "xnor", PLAIN, fifty_images(), NULL, 0));
    for (int n = 1; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n], *input = &net->nodes[node->inputs[0]];
        const char *kind = node->kind->schema.name;
        relus += !strcmp(kind, "relu");
        if (!strcmp(kind, "sign")) EXPECT(strcmp(input->kind->schema.name, "relu") != 0);
        for (int i = 0; !strcmp(kind, "add") && i < 2; i++)
            EXPECT(strcmp(net->nodes[node->inputs[i]].kind->schema.name, "sign") != 0);
        if (!node->kind->macs) continue;
        bool is_binary = gf_param_find_view(&net->params[node->params[0]], "binary") != NULL;
        EXPECT_EQ(is_binary, !strcmp(input->kind->schema.name, "sign"));
        binary += is_binary;
    }
    EXPECT_EQ(binary, 5);
    EXPECT_EQ(relus, 1); /* before the pooling, for the real last layer */
    gf_cost cost = cost_of(net);
    double real = 9.0 * 3 * 8 * 1024 + 160; /* MACs of conv1 and fc */
    EXPECT_NEAR(cost.weighted_macs, real + ((double)cost.macs - real) / 32, 1);
    gf_net_destroy(net);
}

TEST("compress: xnor", "it learns, and it is the weights that do")
{
    double trained = accuracy_after("xnor", LEARNS);
    double weights_too = accuracy_of_inner("xnor", true), bn = accuracy_of_inner("xnor", false);
    printf("xnor %.3f; from nothing: weights and BN %.3f, BN alone %.3f\n", trained, weights_too,
           bn);
    EXPECT(trained > 0.2);
    EXPECT(weights_too > bn + 0.03);
}

TEST("compress: facts", "binary weights need BN, and cannot be pruned by magnitude or quantized")
{
    unsigned facts = GF_FACT_TRAINED;
    EXPECT_STATUS(gf_method_follow(method_named("binaryconnect"), &facts), GF_OK);
    unsigned binary = facts;
    EXPECT_STATUS(gf_method_follow(method_named("magnitude"), &binary), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "magnitude: cannot follow binary weights");
    EXPECT_STATUS(gf_method_follow(method_named("ptq"), &binary), GF_INVALID);
    EXPECT_STATUS(gf_method_follow(method_named("float"), &binary), GF_INVALID);
    EXPECT_STATUS(gf_method_follow(method_named("filter-l1"), &binary), GF_OK);
    unsigned folded = GF_FACT_TRAINED | GF_FACT_BN_FOLDED;
    EXPECT_STATUS(gf_method_follow(method_named("binaryconnect"), &folded), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "need batch normalization behind them");
}
