/* compress: shift attention. The softmax over a kernel's places and its gradients against sums in
 * double and finite differences; the layer of shifts against the convolution with whole kernels. */
#include "compress_nets.h"

#include <gridfront/deploy.h>

enum { FILTERS = 3, CHANNELS = 4, PLACES = 9, COUNT = FILTERS * PLACES * CHANNELS };
enum { ATTENTION, SLOPE, VELOCITY, TEMPERATURE };

static const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 20, .images = 120
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

/* ---- the view ---- */

/* A weight [3, 3, 3, 4] that has the view, in a network of its own. */
static gf_net *attended(double temperature)
{
    gf_net *net = NULL;
    int node, zero = 0;
    static const char *const names[] = { "attention", "slope", "velocity", "temperature" };
    const gf_conv_attributes attributes = { FILTERS, 3, 3, 1, 1, 1, 1, false };
    const int64_t dims[4] = { FILTERS, 3, 3, CHANNELS }, one = 1;
    gf_view *view;
    EXPECT_STATUS(gf_net_create(&net, (gf_shape){ 5, 5, CHANNELS }), GF_OK);
    EXPECT_STATUS(gf_net_add(net, &node, "conv", "conv", &attributes, &zero, 1), GF_OK);
    gf_param *weight = &net->params[0];
    EXPECT_STATUS(gf_param_add_view(weight, &view, "shift-attention", NULL), GF_OK);
    for (int s = ATTENTION; s <= VELOCITY; s++)
        EXPECT_STATUS(gf_view_add_state(view, names[s], GF_REAL_DTYPE, 4, dims, NULL), GF_OK);
    EXPECT_STATUS(gf_view_add_state(view, "temperature", GF_REAL_DTYPE, 1, &one, NULL), GF_OK);
    for (int k = 0; k < COUNT; k++) {
        weight->value[k] = (gf_real)test_random(1, (uint32_t)k);
        ((gf_real *)view->states[ATTENTION].data)[k] = (gf_real)(2 + test_random(2, (uint32_t)k));
    }
    *(gf_real *)view->states[TEMPERATURE].data = (gf_real)temperature;
    return net;
}

static gf_real *state_of(gf_net *net, int state)
{
    return net->params[0].views[0].states[state].data;
}

/* w softmax(T a / std a) of one element, by the formula. */
static double by_hand(const double *w, const double *a, double temperature, int f, int k, int c)
{
    double mean = 0, squares = 0, sum = 0;
    for (int i = 0; i < COUNT; i++) mean += a[i] / COUNT;
    for (int i = 0; i < COUNT; i++) squares += pow(a[i] - mean, 2) / (COUNT - 1);
    for (int j = 0; j < PLACES; j++)
        sum += exp(temperature * a[(f * PLACES + j) * CHANNELS + c] / sqrt(squares));
    int at = (f * PLACES + k) * CHANNELS + c;
    return w[at] * exp(temperature * a[at] / sqrt(squares)) / sum;
}

static void copy_values(double *w, double *a, gf_net *net)
{
    for (int k = 0; k < COUNT; k++) {
        w[k] = (double)net->params[0].value[k];
        a[k] = (double)state_of(net, ATTENTION)[k];
    }
}

TEST("compress: shift", "a kernel is multiplied by the softmax over its places")
{
    gf_net *net = attended(2.5);
    gf_real out[COUNT];
    double w[COUNT], a[COUNT];
    copy_values(w, a, net);
    gf_param_effective(&net->params[0], test_kernels(), out);
    for (int f = 0; f < FILTERS; f++)
        for (int k = 0; k < PLACES; k++)
            for (int c = 0; c < CHANNELS; c++)
                EXPECT_NEAR((double)out[(f * PLACES + k) * CHANNELS + c],
                            by_hand(w, a, 2.5, f, k, c), 1e-6);
    gf_net_destroy(net);
}

/* A fixed projection of all elements. */
static double loss_by_hand(const double *w, const double *a)
{
    double loss = 0;
    for (int f = 0; f < FILTERS; f++)
        for (int k = 0; k < PLACES; k++)
            for (int c = 0; c < CHANNELS; c++)
                loss += test_random(3, (uint32_t)((f * PLACES + k) * CHANNELS + c)) *
                        by_hand(w, a, 2.5, f, k, c);
    return loss;
}

static double slope_by_hand(double *w, double *a, double *value)
{
    double kept = *value, step = 1e-5;
    *value = kept + step;
    double above = loss_by_hand(w, a);
    *value = kept - step;
    double below = loss_by_hand(w, a);
    *value = kept;
    return (above - below) / (2 * step);
}

TEST("compress: shift", "weights and attention have the gradients that differences show")
{
    gf_net *net = attended(2.5);
    const gf_param *weight = &net->params[0];
    gf_real d_out[COUNT], d_in[COUNT];
    double w[COUNT], a[COUNT];
    copy_values(w, a, net);
    for (int k = 0; k < COUNT; k++) d_out[k] = (gf_real)test_random(3, (uint32_t)k);
    weight->views[0].kind->backward(&weight->views[0], weight, test_kernels(), d_in, d_out,
                                    weight->value);
    for (int k = 0; k < COUNT; k++) {
        EXPECT_NEAR((double)d_in[k], slope_by_hand(w, a, &w[k]), 1e-6);
        EXPECT_NEAR((double)state_of(net, SLOPE)[k], slope_by_hand(w, a, &a[k]), 1e-6);
    }
    gf_net_destroy(net);
}

TEST("compress: shift", "at a high temperature one place of each kernel is left")
{
    gf_net *net = attended(1e4);
    gf_real out[COUNT];
    int left = 0;
    gf_param_effective(&net->params[0], test_kernels(), out);
    for (int k = 0; k < COUNT; k++) {
        left += out[k] != 0;
        if (out[k] != 0) EXPECT_NEAR((double)out[k], (double)net->params[0].value[k], 1e-3);
    }
    EXPECT_EQ(left, FILTERS * CHANNELS);
    gf_net_destroy(net);
}

/* ---- the method ---- */

static gf_net *shifted(const char *model)
{
    gf_net *net = small_net(model, 32);
    EXPECT_STATUS(apply_method(net, "shift", "epochs = 1\nbatch = 50\n", images_of(), NULL, 0),
                  GF_OK);
    return net;
}

static bool is_shift(const gf_node *node)
{
    return strcmp(node->kind->schema.name, "shift") == 0;
}

/* The same network with whole kernels, zero but for one weight each. */
static gf_net *with_whole_kernels(const gf_net *net, const char *model)
{
    gf_net *whole = small_net(model, 32);
    for (int i = 0; i < whole->param_count; i++) {
        gf_param *to = &whole->params[i];
        const gf_param *from = &net->params[gf_net_find_param(net, to->name)];
        size_t count = gf_param_count(to);
        char name[2 * GF_NAME];
        if (gf_param_count(from) == count) {
            memcpy(to->value, from->value, count * sizeof *to->value);
            continue;
        }
        snprintf(name, sizeof name, "%.*sposition", (int)strlen(to->name) - 6, to->name);
        const gf_param *position = &net->params[gf_net_find_param(net, name)];
        memset(to->value, 0, count * sizeof *to->value);
        for (int f = 0; f < to->dims[0]; f++)
            for (int c = 0; c < to->dims[3]; c++) {
                int slice = f * to->dims[3] + c, place = (int)position->value[slice];
                to->value[(f * 9 + place) * to->dims[3] + c] = from->value[slice];
            }
    }
    return whole;
}

TEST("compress: shift", "the layers left give what convolutions with these weights give")
{
    gf_net *net = shifted(SMALL), *whole = with_whole_kernels(net, SMALL);
    gf_real *got = logits_of(net), *want = logits_of(whole);
    EXPECT(difference(got, want) < 1e-5);
    free(got);
    free(want);
    gf_net_destroy(net);
    gf_net_destroy(whole);
}

TEST("compress: shift", "MACs and weights of a layer are divided by nine, its index takes 4 bits")
{
    gf_net *net = shifted(SMALL), *dense = small_net(SMALL, 32);
    gf_cost before[64], after[64], all;
    unsigned char *bytes = NULL;
    size_t size = 0, slices = 0, plain = 0;
    int layers = 0;
    REQUIRE_OK(gf_net_cost(dense, test_kernels(), &all, before));
    REQUIRE_OK(gf_net_cost(net, test_kernels(), &all, after));
    for (int n = 0; n < net->node_count; n++) {
        if (!is_shift(&net->nodes[n])) continue;
        EXPECT_EQ(9 * after[n].macs, before[n].macs);
        EXPECT_EQ(9 * after[n].weights, before[n].weights);
        gf_code code = { 0 };
        gf_param_code(&net->params[net->nodes[n].params[1]], &code);
        EXPECT(code.bits == 4);
        slices += (size_t)after[n].weights;
        layers++;
    }
    EXPECT_EQ(layers, 4);
    REQUIRE_OK(gf_pack(&bytes, &size, net, test_kernels()));
    plain = (size_t)all.weight_bits / 8;
    printf("     %zu bytes, %zu of floats, %zu kernels\n", size, plain, slices);
    EXPECT(size < plain + slices / 2 + 2000); /* heads, statistics and a directory */
    free(bytes);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

TEST("compress: shift", "a place outside the kernel, in a file from elsewhere, is the first one")
{
    gf_net *net = shifted(SMALL), *other = NULL;
    gf_param *position = &net->params[gf_net_find_param(net, "layer1.0.conv1.position")];
    REQUIRE_OK(gf_net_copy(&other, net));
    position->value[0] = 1e9f, position->value[1] = -3, position->value[2] = (gf_real)NAN;
    for (int k = 0; k < 3; k++)
        other->params[gf_net_find_param(other, "layer1.0.conv1.position")].value[k] = 0;
    gf_real *got = logits_of(net), *want = logits_of(other);
    EXPECT(memcmp(got, want, IMAGES * 10 * sizeof *got) == 0);
    free(got);
    free(want);
    gf_net_destroy(net);
    gf_net_destroy(other);
}

TEST("compress: shift", "a temperature that falls is refused")
{
    gf_net *net = small_net(SMALL, 32);
    EXPECT_STATUS(
        apply_method(net, "shift", "epochs = 1\nfirst = 5\nlast = 2\n", images_of(), NULL, 0),
        GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "last = 2 is below first = 5");
    gf_net_destroy(net);
}
