/* Every registered method alone: applied, and after it the invariants of a compressed network;
 * stopped and resumed; described. A new file in src/compress is tested by being there. In pairs:
 * pairs.c. */
#include "method_bench.h"

#include <omp.h>

/* The key of what the method leaves on so many threads. */
static gf_key key_after(const gf_method *method, int threads)
{
    gf_net *net = small_net(SMALL, 32);
    omp_set_num_threads(threads);
    EXPECT_STATUS(apply(net, method), GF_OK);
    omp_set_num_threads(2);
    gf_key key = key_of(net);
    gf_net_destroy(net);
    return key;
}

TEST("conform: methods", "after each method every invariant holds, and any threads give its bits")
{
    REQUIRE(bench_get());
    for (const gf_method *const *method = gf_methods; *method; method++) {
        gf_net *net = small_net(SMALL, 32);
        gf_cost dense = cost_of(net);
        EXPECT_STATUS(apply(net, *method), GF_OK);
        gf_key key = key_of(net);
        EXPECT_TEXT(key_after(*method, 1).hex, key.hex);
        EXPECT_TEXT(key_after(*method, 3).hex, key.hex);
        EXPECT_TEXT(key_after(*method, 7).hex, key.hex);
        expect_invariants(net, &dense, (*method)->schema.name);
        gf_net_destroy(net);
    }
}

static void expect_works_on(const char *model, const gf_method *method)
{
    char text[512];
    gf_net *net = small_net(model, 32), *teacher = small_net(model, 32);
    gf_cost dense = cost_of(net);
    settings(text, sizeof text, method);
    gf_status status = apply_method(net, method->schema.name, text, bench_get()->data, &teacher, 1);
    if (gf_test_status(status, GF_OK, method->schema.name, __FILE__, __LINE__))
        expect_invariants(net, &dense, method->schema.name);
    gf_net_destroy(net);
    gf_net_destroy(teacher);
}

TEST("conform: methods",
     "concatenations, poolings, depthwise convolutions and ReLU6 are no obstacle")
{
    REQUIRE(bench_get());
    for (const gf_method *const *method = gf_methods; *method; method++) {
        expect_works_on("arch = mobilenet-v2\nwidth = 0.25\n", *method);
        expect_works_on("arch = squeezenet\nwidth = 0.25\n", *method);
        expect_works_on("arch = densenet\nlayers = 1\ngrowth = 4\n", *method);
    }
}

TEST("conform: methods", "neutral settings leave every bit as it was")
{
    int neutral = 0;
    REQUIRE(bench_get());
    for (const gf_method *const *method = gf_methods; *method; method++) {
        if (!(*method)->neutral) continue;
        gf_net *net = small_net(SMALL, 32);
        gf_key before = key_of(net);
        EXPECT_STATUS(apply_with(net, *method, (*method)->neutral), GF_OK);
        EXPECT_TEXT(key_of(net).hex, before.hex);
        neutral++;
        gf_net_destroy(net);
    }
    EXPECT(neutral >= 3);
}

TEST("conform: methods", "each says what it is, where it is used, and why it refuses")
{
    for (const gf_method *const *method = gf_methods; *method; method++) {
        const gf_method *m = *method;
        bool template = strcmp(m->stage, GF_STAGE_NONE) == 0;
        EXPECT(m->schema.summary && m->example && (template || m->schema.paper));
        EXPECT(template || strstr(m->example, m->schema.name));
        EXPECT(template || strstr(m->example, m->stage));
        EXPECT(!m->refuses || m->refusal);
        EXPECT(!m->trains || gf_field_find(m->schema.fields, "epochs"));
        EXPECT(!m->teaches || gf_field_find(m->schema.fields, "teacher"));
        EXPECT(gf_method_find(m->stage, m->schema.name) == m);
    }
}

/* ---- stopped and resumed ---- */

typedef struct stopper {
    int steps, stop_after;
    gf_artifact saved;
} stopper;

static bool on_stop(void *context, double share)
{
    stopper *s = context;
    (void)share;
    return ++s->steps == s->stop_after;
}

static gf_status on_save(void *context, const gf_artifact *state)
{
    stopper *s = context;
    char path[600];
    gf_artifact_release(&s->saved);
    snprintf(path, sizeof path, "%s/state.h5", test_folder());
    gf_status status = gf_artifact_save(path, state);
    return status == GF_OK ? gf_artifact_load(&s->saved, path) : status;
}

static gf_status train(gf_net *net, const gf_method *method, stopper *s, const gf_artifact *resume)
{
    gf_status status;
    char text[512];
    gf_options *options = NULL;
    gf_net *teacher = bench_get()->teacher;
    void *record = gf_alloc(1, method->options_size);
    settings(text, sizeof text, method);
    GF_TRY_ALLOC(record);
    GF_TRY(gf_options_parse(&options, text));
    GF_TRY(gf_options_set(options, "epochs", "3"));
    GF_TRY(gf_fields_read(record, method->schema.fields, options, ""));
    const gf_method_call call = { .net = net,
                                  .data = bench_get()->data,
                                  .kernels = test_kernels(),
                                  .options = options,
                                  .seed = 5,
                                  .ordinal = 1,
                                  .teachers = &teacher,
                                  .teacher_count = 1,
                                  .resume = resume,
                                  .hooks = { .context = s, .stop = on_stop, .save = on_save } };
    GF_TRY(method->apply(&call, record));
out:
    gf_options_destroy(options);
    free(record);
    return status;
}

TEST("conform: methods", "a training stopped at any step and resumed ends with the same bits")
{
    REQUIRE(bench_get());
    for (const gf_method *const *method = gf_methods; *method; method++) {
        if (!(*method)->trains) continue;
        stopper whole = { 0 };
        gf_net *straight = small_net(SMALL, 32);
        EXPECT_STATUS(train(straight, *method, &whole, NULL), GF_OK);
        for (int step = 1; step < 6; step += 2) {
            stopper cut = { .stop_after = step };
            gf_net *first = small_net(SMALL, 32), *second = small_net(SMALL, 32);
            EXPECT_STATUS(train(first, *method, &cut, NULL), GF_INTERRUPTED);
            cut.stop_after = 0;
            gf_artifact state = cut.saved;
            cut.saved = (gf_artifact){ 0 };
            EXPECT_STATUS(train(second, *method, &cut, &state), GF_OK);
            EXPECT_TEXT(key_of(second).hex, key_of(straight).hex);
            gf_artifact_release(&state);
            gf_artifact_release(&cut.saved);
            gf_net_destroy(first);
            gf_net_destroy(second);
        }
        gf_artifact_release(&whole.saved);
        gf_net_destroy(straight);
    }
}
