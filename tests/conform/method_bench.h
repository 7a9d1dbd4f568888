/* What the conformance tests of methods share: a small trained network, options that make a
 * method's work short, and the invariants of a compressed network. Required fields get small
 * values, a training is one short epoch. */
#ifndef GRIDFRONT_TESTS_METHOD_BENCH_H
#define GRIDFRONT_TESTS_METHOD_BENCH_H

#include "../unit/compress_nets.h"

#include <gridfront/deploy.h>

enum { MOST_CHANNELS = 2048 };

typedef struct bench {
    gf_data *data;
    gf_net *teacher, *trained;
} bench;

/* Where to log all pairs; NULL: only those with a representative. */
static inline const char *pairs_file(void)
{
    return getenv("GRIDFRONT_PAIRS");
}

static inline gf_status train_dense(gf_net *net, const gf_data *data)
{
    gf_status status;
    gf_options *options = NULL;
    GF_TRY(gf_options_parse(&options, pairs_file() ? "epochs = 12\nbatch = 50\nlr = 0.1\n"
                                                   : "epochs = 1\nbatch = 50\nlr = 0.1\n"));
    const gf_train_job job = { .net = net,
                               .data = data,
                               .kernels = test_kernels(),
                               .options = options,
                               .prefix = "",
                               .schema = &gf_train_schema,
                               .seed = 1 };
    GF_TRY(gf_train(&job));
out:
    gf_options_destroy(options);
    return status;
}

/* Opened once for the whole program. */
static inline const bench *bench_get(void)
{
    static bench b;
    const gf_data_options few = { .dataset = 1, .path = "auto", .validation = 20, .images = 120 };
    const gf_data_options more = { .dataset = 1, .path = "auto", .validation = 300, .images = 800 };
    if (b.data) return &b;
    if (!gf_test_status(gf_data_open(&b.data, pairs_file() ? &more : &few), GF_OK, "data", __FILE__,
                        __LINE__))
        return NULL;
    b.teacher = small_net(SMALL, 32);
    b.trained = small_net(SMALL, 32);
    gf_net_initialize(b.trained, 1, 0);
    gf_test_status(train_dense(b.trained, b.data), GF_OK, "training", __FILE__, __LINE__);
    return &b;
}

/* Values for required fields, and little work where there is a choice. A narrow slope of signs
 * makes gradients overflow in networks that are deep and have learned nothing. */
static inline void settings(char *text, size_t size, const gf_method *method)
{
    static const char *const little[][2] = { { "epochs", "1" }, { "batch", "50" },
                                             { "lr", "0.01" },  { "images", "50" },
                                             { "macs", "0.8" }, { "episodes", "3" },
                                             { "warmup", "1" }, { "beta", "1" } };
    text[0] = '\0';
    for (const gf_field *field = method->schema.fields; field && field->name; field++) {
        const char *value = field->fallback ? NULL : "0.4";
        for (size_t i = 0; i < GF_COUNT(little); i++)
            if (strcmp(little[i][0], field->name) == 0) value = little[i][1];
        if (value)
            snprintf(text + strlen(text), size - strlen(text), "%s = %s\n", field->name, value);
    }
}

static inline gf_status apply_with(gf_net *net, const gf_method *method, const char *text)
{
    const bench *b = bench_get();
    gf_net *teacher = b->teacher;
    return apply_method(net, method->schema.name, text, b->data, &teacher, 1);
}

static inline gf_status apply(gf_net *net, const gf_method *method)
{
    char text[512];
    settings(text, sizeof text, method);
    return apply_with(net, method, text);
}

static inline gf_key key_of(const gf_net *net)
{
    gf_artifact artifact = { 0 };
    gf_key key = { "" };
    if (gf_net_save(net, &artifact) == GF_OK) key = gf_artifact_hash(&artifact);
    gf_artifact_release(&artifact);
    return key;
}

static inline bool rounds_activations(const gf_net *net)
{
    for (int n = 0; n < net->node_count; n++)
        if (net->nodes[n].kind->straight_through) return true;
    return false;
}

/* ---- the invariants ---- */

static inline void expect_sound(gf_net *net)
{
    gf_real *logits = logits_of(net);
    EXPECT_STATUS(gf_net_check(net), GF_OK);
    EXPECT_EQ(net->nodes[net->node_count - 1].shape.channels, 10);
    EXPECT(logits && difference(logits, logits) == 0);
    free(logits);
}

static inline void expect_cheaper(const gf_net *net, const gf_cost *dense)
{
    gf_cost cost = cost_of(net);
    EXPECT(cost.parameters <= dense->parameters);
    EXPECT(cost.macs <= dense->macs);
    EXPECT(cost.nonzeros <= dense->nonzeros);
    EXPECT(cost.weight_bits <= dense->weight_bits);
    EXPECT(cost.bit_operations <= dense->bit_operations);
    EXPECT(cost.weighted_macs <= dense->weighted_macs);
}

/* Whatever is masked is an exact zero for the forward pass, whatever views follow. */
static inline size_t count_masked(const gf_net *net)
{
    size_t masked = 0, wrong = 0;
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        if (p->view_count == 0 || strcmp(p->views[0].kind->schema.name, "mask") != 0) continue;
        const uint8_t *mask = p->views[0].states[0].data;
        gf_real *values = gf_alloc(gf_param_count(p), sizeof *values);
        gf_param_effective(p, test_kernels(), values);
        for (size_t k = 0; k < gf_param_count(p); k++) {
            masked += !mask[k];
            wrong += !mask[k] && values[k] != 0;
        }
        free(values);
    }
    EXPECT_EQ(wrong, 0);
    return masked;
}

static inline void expect_round_trip(gf_net *net)
{
    gf_artifact artifact = { 0 }, read = { 0 };
    gf_net *back = NULL;
    char path[600];
    snprintf(path, sizeof path, "%s/net.h5", test_folder());
    EXPECT_STATUS(gf_net_save(net, &artifact), GF_OK);
    EXPECT_STATUS(gf_artifact_save(path, &artifact), GF_OK);
    EXPECT_STATUS(gf_artifact_load(&read, path), GF_OK);
    EXPECT_STATUS(gf_net_load(&back, &read), GF_OK);
    if (back) {
        gf_real *before = logits_of(net), *after = logits_of(back);
        EXPECT_TEXT(key_of(back).hex, key_of(net).hex);
        EXPECT_FLOATS(after, before, IMAGES * 10, 0);
        free(before);
        free(after);
    }
    gf_net_destroy(back);
    gf_artifact_release(&artifact);
    gf_artifact_release(&read);
}

/* What is packed is the folded network bit for bit, and takes the bits that are counted: values at
 * their codes' bits, a mask at most, scales and biases, a directory. */
static inline void expect_packed(const gf_net *net)
{
    gf_net *folded = NULL, *back = NULL;
    unsigned char *bytes = NULL;
    size_t size = 0;
    gf_cost cost = cost_of(net);
    EXPECT_STATUS(gf_pack(&bytes, &size, net, test_kernels()), GF_OK);
    EXPECT_STATUS(gf_unpack(&back, bytes, size, test_kernels()), GF_OK);
    EXPECT_STATUS(gf_net_copy(&folded, net), GF_OK);
    EXPECT_STATUS(gf_net_fold_bn(folded, test_kernels()), GF_OK);
    EXPECT((double)size < (cost.weight_bits + (double)cost.weights) / 8 + 3000);
    if (back && folded) {
        gf_real *want = logits_of(folded), *got = logits_of(back);
        EXPECT(want && got && memcmp(want, got, IMAGES * 10 * sizeof *want) == 0);
        free(want);
        free(got);
    }
    free(bytes);
    gf_net_destroy(folded);
    gf_net_destroy(back);
}

/* Of the network with one channel of each group off. Weights are those that views give: of a
 * codebook or of signs no stored zero makes a zero. */
static inline gf_real *masked_logits(const gf_net *net, const gf_channel_groups *groups)
{
    gf_net *plain = NULL;
    EXPECT_STATUS(gf_net_copy(&plain, net), GF_OK);
    for (int i = 0; i < plain->param_count; i++)
        EXPECT_STATUS(gf_param_bake(&plain->params[i], test_kernels()), GF_OK);
    for (int i = 0; i < groups->count; i++)
        if (groups->items[i].prunable && groups->items[i].channels > 1)
            switch_off(plain, &groups->items[i], 1);
    gf_real *logits = logits_of(plain);
    gf_net_destroy(plain);
    return logits;
}

static inline bool has_signs(const gf_net *net)
{
    for (int n = 0; n < net->node_count; n++)
        if (strcmp(net->nodes[n].kind->schema.name, "sign") == 0) return true;
    return false;
}

/* A quantized activation may fall to the other side of a step when sums are taken over fewer
 * channels; everything else differs by rounding alone. A channel that is switched off still has a
 * sign: such a network is only cut. */
static inline void expect_masked_is_shrunk(const gf_net *net, const char *whose)
{
    gf_channel_groups groups = { 0 };
    gf_net *copy = NULL;
    int keep[MOST_CHANNELS];
    EXPECT_STATUS(gf_net_copy(&copy, net), GF_OK);
    EXPECT_STATUS(gf_channel_groups_find(&groups, copy), GF_OK);
    gf_real *masked = masked_logits(net, &groups);
    for (int i = 0; i < groups.count; i++) {
        const gf_channel_group *group = &groups.items[i];
        int kept = 0;
        for (int c = 0; c < group->channels && c < MOST_CHANNELS; c++)
            if (c != 1) keep[kept++] = c;
        if (group->prunable && group->channels > 1)
            EXPECT_STATUS(gf_channel_group_keep(copy, group, keep, kept), GF_OK);
        gf_channel_groups_release(&groups); /* concatenations move what comes later */
        EXPECT_STATUS(gf_channel_groups_find(&groups, copy), GF_OK);
    }
    gf_real *shrunk = logits_of(copy);
    double apart = difference(shrunk, masked), most = rounds_activations(copy) ? 0.03 : 2e-5;
    if (!has_signs(copy))
        gf_test_check(apart <= most, __FILE__, __LINE__,
                      "%s: %g between masked and shrunk, at most %g", whose, apart, most);
    EXPECT_STATUS(gf_net_check(copy), GF_OK);
    free(masked);
    free(shrunk);
    gf_channel_groups_release(&groups);
    gf_net_destroy(copy);
}

/* whose: what made the network, for messages. */
static inline void expect_invariants(gf_net *net, const gf_cost *dense, const char *whose)
{
    expect_sound(net);
    expect_cheaper(net, dense);
    count_masked(net);
    expect_round_trip(net);
    expect_packed(net);
    expect_masked_is_shrunk(net, whose);
}

#endif
