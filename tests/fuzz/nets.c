/* Threads: one. The driver forks, and a child has no OpenMP team of its parent's. */
#include "nets.h"

#include "../../src/compress/share/share.h"

#include <omp.h>

/* Every method that needs no data to do its work, with small options, on a small model. */
static const struct {
    const char *model, *stage, *method, *options;
} made[] = {
    { "arch = resnet18\nwidth = 4\nblocks = 1,1\n", NULL, NULL, NULL },
    { "arch = resnet20\nwidth = 4\nblocks = 1,1,1\nshortcut = pad\n", NULL, NULL, NULL },
    { "arch = resnet18\nwidth = 8\nblocks = 1,1\nseparable = all\n", NULL, NULL, NULL },
    { "arch = resnet18\nwidth = 8\nblocks = 1,1\ngroups = 4\n", NULL, NULL, NULL },
};

static gf_net *build(const char *model)
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    if (gf_options_parse(&options, model) != GF_OK ||
        gf_model_build(&net, options, "", (gf_shape){ 32, 32, 3 }, 10) != GF_OK) {
        fprintf(stderr, "%s: %s\n", model, gf_error_message());
        abort();
    }
    gf_options_destroy(options);
    gf_net_initialize(net, 3, 0);
    return net;
}

/* Required fields get a value; the rest are defaults. false: it does not work without data. */
static bool apply(gf_net *net, const gf_method *method, const gf_kernels *kernels)
{
    gf_options *options = gf_options_create();
    void *record = gf_alloc(1, method->options_size);
    bool good = options && record;
    for (const gf_field *field = method->schema.fields; good && field && field->name; field++)
        if (!field->fallback) good = gf_options_set(options, field->name, "0.4") == GF_OK;
    const gf_method_call call = { .net = net, .kernels = kernels, .options = options, .seed = 5 };
    good = good && gf_fields_read(record, method->schema.fields, options, "") == GF_OK &&
           method->apply(&call, record) == GF_OK;
    free(record);
    gf_options_destroy(options);
    return good;
}

/* The others look at images. */
static bool works_alone(const gf_method *method)
{
    static const char *const names[] = { "filter-bn",     "filter-l1", "filter-l2",
                                         "filter-random", "magnitude", "random" };
    bool alone = false;
    for (size_t i = 0; i < GF_COUNT(names); i++) alone |= !strcmp(method->schema.name, names[i]);
    return alone;
}

/* Weights from codebooks, single ones and whole kernels by turns: methods that make them train. */
static void share_weights(gf_net *net, gf_coder coder)
{
    gf_real book[4 * 9];
    uint8_t *codes;
    for (size_t i = 0; i < GF_COUNT(book); i++) book[i] = (gf_real)(i * 7 % 36) / 36 - (gf_real)0.4;
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        if (p->role != GF_ROLE_WEIGHT) continue;
        bool kernels = i % 2 == 0 && p->dims[1] == 3 && p->dims[2] == 3;
        const gf_cluster_options o = {
            .bits = 2, .block = kernels ? 9 : 1, .spatial = kernels, .coder = coder
        };
        if (!(codes = gf_alloc(gf_param_count(p), 1))) abort();
        for (size_t k = 0; k < gf_param_count(p); k++) codes[k] = k * k % 7 % 4;
        if (gf_cluster(p, &o, book, 4, codes) != GF_OK) abort();
        free(codes);
    }
}

void fuzz_each_net(fuzz_corpus *corpus, fuzz_with_net *with)
{
    const gf_kernels *kernels;
    omp_set_num_threads(1);
    if (gf_kernels_find(&kernels, "ref") != GF_OK) abort();
    for (size_t i = 0; i < GF_COUNT(made); i++) {
        gf_net *net = build(made[i].model);
        with(corpus, net);
        gf_net_destroy(net);
    }
    for (int coder = GF_CODER_ARITHMETIC; coder <= GF_CODER_HUFFMAN; coder++) {
        gf_net *shared = build(made[0].model);
        share_weights(shared, (gf_coder)coder);
        with(corpus, shared);
        gf_net_destroy(shared);
    }
    for (const gf_method *const *method = gf_methods; *method; method++) {
        if (!works_alone(*method)) continue;
        gf_net *net = build(made[0].model);
        if (apply(net, *method, kernels)) with(corpus, net);
        gf_net_destroy(net);
    }
}

/* One image through a network that is not too large. */
static void run(gf_net *net, const gf_kernels *kernels)
{
    gf_run *made_run = NULL;
    if (gf_run_create(&made_run, net, kernels, 1, false) == GF_OK) {
        memset(gf_run_input(made_run), 0, gf_shape_count(net->nodes[0].shape) * sizeof(gf_real));
        gf_run_forward(made_run, 1, GF_MODE_EVALUATE, NULL);
    }
    gf_run_destroy(made_run);
}

void fuzz_use_net(gf_net *net)
{
    const gf_kernels *kernels;
    gf_cost cost;
    gf_net *copy = NULL;
    gf_artifact artifact = { 0 };
    omp_set_num_threads(1);
    if (gf_kernels_find(&kernels, "ref") != GF_OK) abort();
    FUZZ_REQUIRE(gf_net_check(net) == GF_OK);
    if (gf_net_cost(net, kernels, &cost, NULL) == GF_OK && cost.macs >= 0 && cost.macs < 1000000)
        run(net, kernels);
    FUZZ_REQUIRE(gf_net_save(net, &artifact) == GF_OK);
    gf_status status = gf_net_load(&copy, &artifact);
    if (status != GF_OK) fprintf(stderr, "%s\n", gf_error_message());
    FUZZ_REQUIRE(status == GF_OK && copy->node_count == net->node_count);
    gf_net_destroy(copy);
    gf_artifact_release(&artifact);
}
