/* compress, attention: the module from its definition, and the channels that pcas removes against
 * gates computed anew from the modules that it had trained. */
#include "compress_nets.h"

static const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 100, .images = 400
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

static const gf_param *param_of(const gf_net *net, const char *node, const char *suffix)
{
    char name[2 * GF_NAME];
    snprintf(name, sizeof name, "%s.%s", node, suffix);
    int index = gf_net_find_param(net, name);
    return index < 0 ? NULL : &net->params[index];
}

/* out[c] = bias[c] + sum_k weight[c][k] in[k] */
static void connected(double *out, const double *in, const gf_param *weight, const gf_param *bias)
{
    for (int c = 0; c < weight->dims[0]; c++) {
        out[c] = (double)bias->value[c];
        for (int k = 0; k < weight->dims[3]; k++)
            out[c] += (double)weight->value[c * weight->dims[3] + k] * in[k];
    }
}

/* Gates of one image x [pixels, channels], straight from the definition. */
static void gates_of(double *gates, const gf_real *x, int pixels, int channels, const gf_net *net,
                     const char *node)
{
    double means[64] = { 0 }, hidden[64];
    const gf_param *squeeze = param_of(net, node, "squeeze");
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++) means[c] += (double)x[p * channels + c] / pixels;
    connected(hidden, means, squeeze, param_of(net, node, "squeeze_bias"));
    for (int k = 0; k < squeeze->dims[0]; k++) hidden[k] = fmax(hidden[k], 0);
    connected(gates, hidden, param_of(net, node, "excite"), param_of(net, node, "excite_bias"));
    for (int c = 0; c < channels; c++) gates[c] = 1 / (1 + exp(-gates[c]));
}

TEST("compress: attention", "each channel is multiplied by its gate, and gates are averaged")
{
    enum { BATCH = 3, PIXELS = 20, CHANNELS = 6 };
    gf_net *net = NULL;
    gf_run *run = NULL;
    double means[CHANNELS] = { 0 };
    const struct {
        int reduction;
    } attributes = { 4 };
    int input = 0;
    REQUIRE_OK(gf_net_create(&net, (gf_shape){ 4, 5, CHANNELS }));
    REQUIRE_OK(gf_net_add(net, &input, "attention", "gate", &attributes, &input, 1));
    gf_net_initialize(net, 7, 0);
    EXPECT_EQ(param_of(net, "gate", "squeeze")->dims[0], 2);
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), BATCH, false));
    gf_real *x = gf_run_input(run);
    for (uint32_t i = 0; i < BATCH * PIXELS * CHANNELS; i++)
        x[i] = (gf_real)(5 * test_random(1, i));
    gf_run_forward(run, BATCH, GF_MODE_CALIBRATE, NULL);
    for (int i = 0; i < BATCH; i++) {
        double gates[64];
        gates_of(gates, x + i * PIXELS * CHANNELS, PIXELS, CHANNELS, net, "gate");
        for (int c = 0; c < CHANNELS; c++) means[c] += gates[c] / BATCH;
        for (int k = i * PIXELS * CHANNELS; k < (i + 1) * PIXELS * CHANNELS; k++)
            EXPECT_NEAR(gf_run_logits(run)[k], x[k] * gates[k % CHANNELS], 1e-5);
    }
    const gf_param *averaged = param_of(net, "gate", "means");
    for (int c = 0; c < CHANNELS; c++) EXPECT_NEAR(averaged->value[c], means[c], 1e-6);
    EXPECT_NEAR(averaged->value[CHANNELS], BATCH, 0);
    gf_run_destroy(run);
    gf_net_destroy(net);
}

/* ---- the method ---- */

static const char *const blocks[] = { "layer1.0", "layer2.0" };
static const int widths[] = { 8, 16 };

/* The newest checkpoint: the network with its modules, as they were trained in the end. */
static gf_status on_save(void *context, const gf_artifact *state)
{
    gf_net **with = context;
    gf_net_destroy(*with);
    *with = NULL;
    return gf_net_load(with, state);
}

static gf_status apply_pcas(gf_net *net, gf_net **with)
{
    gf_status status;
    const gf_method *method = method_named("pcas");
    gf_options *options = NULL;
    void *record = gf_alloc(1, method->options_size);
    GF_TRY(gf_options_parse(&options, "amount = 0.375\nepochs = 4\nbatch = 25\nlr = 0.5\n"));
    GF_TRY(gf_fields_read(record, method->schema.fields, options, ""));
    const gf_method_call call = { .net = net,
                                  .data = images_of(),
                                  .kernels = test_kernels(),
                                  .options = options,
                                  .seed = 5,
                                  .ordinal = 1,
                                  .hooks = { .context = with, .save = on_save } };
    GF_TRY(method->apply(&call, record));
out:
    gf_options_destroy(options);
    free(record);
    return status;
}

/* Mean gates of one block's module over all training images. */
static void mean_gates(double *out, gf_net *with, int block)
{
    char node[GF_NAME];
    gf_run *run = NULL;
    int labels[50], positions[50], images = gf_data_count(images_of(), GF_TRAIN);
    snprintf(node, sizeof node, "%s.conv1.attention", blocks[block]);
    int input = with->nodes[gf_net_find_node(with, node)].inputs[0];
    gf_shape shape = with->nodes[input].shape;
    for (int c = 0; c < widths[block]; c++) out[c] = 0;
    REQUIRE_OK(gf_run_create(&run, with, test_kernels(), 50, false));
    REQUIRE_OK(gf_run_want_value(run, input));
    for (int first = 0; first < images; first += 50) {
        for (int k = 0; k < 50; k++) positions[k] = first + k;
        gf_data_batch(gf_run_input(run), labels, images_of(), GF_TRAIN, positions, 50, NULL, NULL);
        gf_run_forward(run, 50, GF_MODE_EVALUATE, NULL);
        for (int k = 0; k < 50; k++) {
            double gates[64];
            gates_of(gates, gf_run_value(run, input) + (size_t)k * gf_shape_count(shape),
                     shape.height * shape.width, shape.channels, with, node);
            for (int c = 0; c < widths[block]; c++) out[c] += gates[c] / images;
        }
    }
    gf_run_destroy(run);
}

/* Filter k of `after` is filter f of `before`, and so are its BN's parameters. */
static void expect_filter(const gf_net *after, const gf_net *before, int block, int k, int f)
{
    static const char *const suffixes[] = { "conv1.weight", "bn1.gamma", "bn1.beta", "bn1.mean" };
    for (size_t i = 0; i < GF_COUNT(suffixes); i++) {
        const gf_param *a = param_of(after, blocks[block], suffixes[i]);
        const gf_param *b = param_of(before, blocks[block], suffixes[i]);
        size_t size = gf_param_count(b) / (size_t)b->dims[0];
        EXPECT_FLOATS(a->value + (size_t)k * size, b->value + (size_t)f * size, size, 0);
    }
}

TEST("compress: pcas", "the channels with the lowest mean gates go, all else keeps its bits")
{
    gf_net *net = small_net(SMALL, 32), *dense = small_net(SMALL, 32), *with = NULL;
    double gates[2][16], least = 1, most = 0;
    REQUIRE_OK(apply_pcas(net, &with));
    REQUIRE(with != NULL);
    for (int b = 0; b < 2; b++) mean_gates(gates[b], with, b);
    for (int b = 0; b < 2; b++) {
        int kept = 0;
        for (int c = 0; c < widths[b]; c++) {
            int lower = 0;
            least = fmin(least, gates[b][c]);
            most = fmax(most, gates[b][c]);
            for (int o = 0; o < 2; o++)
                for (int d = 0; d < widths[o]; d++) lower += gates[o][d] < gates[b][c];
            if (lower >= 9) expect_filter(net, dense, b, kept++, c); /* 0.375 of 24 went */
        }
        EXPECT_EQ(param_of(net, blocks[b], "conv1.weight")->dims[0], kept);
    }
    printf("gates from %.4f to %.4f\n", least, most);
    EXPECT(most - least > 0.02); /* the modules have learned to tell channels apart */
    EXPECT_EQ(net->node_count, dense->node_count);
    for (int i = 0; i < net->param_count; i++)
        EXPECT_EQ(net->params[i].trainable, dense->params[i].trainable);
    for (int n = 0; n < net->node_count; n++) EXPECT(!net->nodes[n].frozen);
    gf_net_destroy(net);
    gf_net_destroy(dense);
    gf_net_destroy(with);
}
