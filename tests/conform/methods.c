/* Every registered method, alone and in ordered pairs: applied, or refused with a reason; and after
 * each the invariants of a compressed network. A new file in src/compress is tested by being there:
 * its required fields get small values, its training is one short epoch.
 * Pairs are those with one representative of each way to touch a network, in both orders. With
 * GRIDFRONT_PAIRS=FILE (make check-pairs) they are all pairs, on a network that has learned
 * something, and the file says what became of each. */
#include "../unit/compress_nets.h"

#include <gridfront/deploy.h>

#include <omp.h>

enum { MOST_CHANNELS = 2048 };

typedef struct bench {
    gf_data *data;
    gf_net *teacher, *trained;
} bench;

/* Where to log all pairs; NULL: only those with a representative. */
static const char *pairs_file(void)
{
    return getenv("GRIDFRONT_PAIRS");
}

static gf_status train_dense(gf_net *net, const gf_data *data)
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
static const bench *bench_get(void)
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
static void settings(char *text, size_t size, const gf_method *method)
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

static gf_status apply_with(gf_net *net, const gf_method *method, const char *text)
{
    const bench *b = bench_get();
    gf_net *teacher = b->teacher;
    return apply_method(net, method->schema.name, text, b->data, &teacher, 1);
}

static gf_status apply(gf_net *net, const gf_method *method)
{
    char text[512];
    settings(text, sizeof text, method);
    return apply_with(net, method, text);
}

static gf_key key_of(const gf_net *net)
{
    gf_artifact artifact = { 0 };
    gf_key key = { "" };
    if (gf_net_save(net, &artifact) == GF_OK) key = gf_artifact_hash(&artifact);
    gf_artifact_release(&artifact);
    return key;
}

static bool rounds_activations(const gf_net *net)
{
    for (int n = 0; n < net->node_count; n++)
        if (net->nodes[n].kind->straight_through) return true;
    return false;
}

/* ---- the invariants ---- */

static void expect_sound(gf_net *net)
{
    gf_real *logits = logits_of(net);
    EXPECT_STATUS(gf_net_check(net), GF_OK);
    EXPECT_EQ(net->nodes[net->node_count - 1].shape.channels, 10);
    EXPECT(logits && difference(logits, logits) == 0);
    free(logits);
}

static void expect_cheaper(const gf_net *net, const gf_cost *dense)
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
static size_t count_masked(const gf_net *net)
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

static void expect_round_trip(gf_net *net)
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
static void expect_packed(const gf_net *net)
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

/* Filters, their biases, BN's scale and shift: what makes a channel, set to zero. */
static void switch_off(gf_net *net, const gf_channel_group *group, int channel)
{
    for (int i = 0; i < group->slice_count; i++) {
        const gf_channel_slice *slice = &group->slices[i];
        gf_param *p = &net->params[slice->param];
        size_t size = gf_param_count(p) / (size_t)p->dims[0];
        if (slice->axis != 0 || p->role == GF_ROLE_VARIANCE) continue;
        memset(p->value + (size_t)(slice->first + channel) * size, 0, size * sizeof *p->value);
    }
}

/* Of the network with one channel of each group off. Weights are those that views give: of a
 * codebook or of signs no stored zero makes a zero. */
static gf_real *masked_logits(const gf_net *net, const gf_channel_groups *groups)
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

static bool has_signs(const gf_net *net)
{
    for (int n = 0; n < net->node_count; n++)
        if (strcmp(net->nodes[n].kind->schema.name, "sign") == 0) return true;
    return false;
}

/* A quantized activation may fall to the other side of a step when sums are taken over fewer
 * channels; everything else differs by rounding alone. A channel that is switched off still has a
 * sign: such a network is only cut. */
static void expect_masked_is_shrunk(const gf_net *net, const char *whose)
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
static void expect_invariants(gf_net *net, const gf_cost *dense, const char *whose)
{
    expect_sound(net);
    expect_cheaper(net, dense);
    count_masked(net);
    expect_round_trip(net);
    expect_packed(net);
    expect_masked_is_shrunk(net, whose);
}

/* ---- alone ---- */

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

/* ---- in pairs ---- */

/* A rewrite, a weight view, an activation node, a loss term. */
static const char *const representatives[] = { "filter-l1", "magnitude", "ptq", "kd" };

static bool is_representative(const gf_method *method)
{
    for (size_t i = 0; i < GF_COUNT(representatives); i++)
        if (strcmp(representatives[i], method->schema.name) == 0) return true;
    return false;
}

static double accuracy_of(gf_net *net)
{
    gf_scores scores = { 0 };
    EXPECT_STATUS(gf_evaluate(&scores, net, bench_get()->data, GF_VALIDATION, test_kernels()),
                  GF_OK);
    return scores.accuracy;
}

static void log_net(gf_text *log, gf_net *net)
{
    gf_cost cost = cost_of(net);
    unsigned char *bytes = NULL;
    size_t size = 0;
    EXPECT_STATUS(gf_pack(&bytes, &size, net, test_kernels()), GF_OK);
    gf_text_append(log, "%5.1f %% %8lld %9lld %9zu", 100 * accuracy_of(net),
                   (long long)cost.nonzeros, (long long)cost.macs, size);
    free(bytes);
}

static gf_net *dense_net(void)
{
    gf_net *net = NULL;
    EXPECT_STATUS(gf_net_copy(&net, bench_get()->trained), GF_OK);
    return net;
}

/* Applies `second` to a copy of what `first` left. True: it can follow. */
static bool expect_pair(const gf_net *after_first, const gf_method *first, const gf_method *second,
                        const gf_cost *dense, gf_text *log)
{
    gf_net *net = NULL;
    unsigned facts = GF_FACT_TRAINED;
    char whose[96];
    snprintf(whose, sizeof whose, "%s after %s", second->schema.name, first->schema.name);
    EXPECT_STATUS(gf_method_follow(first, &facts), GF_OK);
    gf_text_append(log, "%-20s %-20s ", first->schema.name, second->schema.name);
    if (gf_method_follow(second, &facts) != GF_OK) {
        EXPECT_CONTAINS(gf_error_message(), second->schema.name);
        EXPECT(strlen(gf_error_message()) > 30);
        gf_text_append(log, "refused: %s\n", gf_error_message());
        return false;
    }
    EXPECT_STATUS(gf_net_copy(&net, after_first), GF_OK);
    int64_t before = cost_of(net).weights - (int64_t)count_masked(net);
    bool good = gf_test_status(apply(net, second), GF_OK, second->schema.name, __FILE__, __LINE__);
    if (good) expect_invariants(net, dense, whose);
    int64_t after = cost_of(net).weights - (int64_t)count_masked(net);
    gf_test_check(good && after <= before, __FILE__, __LINE__,
                  "%s: %lld weights unmasked, %lld before", whose, (long long)after,
                  (long long)before);
    log_net(log, net);
    gf_text_append(log, "\n");
    gf_net_destroy(net);
    return true;
}

static void write_pairs(const gf_text *log, int applied, int pairs)
{
    gf_text out = { 0 };
    gf_net *net = dense_net();
    gf_text_append(&out,
                   "Every ordered pair of methods on a small network (" __FILE__ ", make "
                   "check-pairs):\n%d of %d apply and keep every invariant, the others are refused "
                   "at plan time.\n\n%-20s %-20s %7s %8s %9s %9s\n%-41s ",
                   applied, pairs, "first", "second", "valid.", "nonzero", "MACs", "bytes",
                   "dense");
    log_net(&out, net);
    gf_text_append(&out, "\n%s", log->data);
    EXPECT_STATUS(gf_text_check(&out), GF_OK);
    EXPECT_STATUS(gf_file_write(pairs_file(), out.data, out.size), GF_OK);
    gf_text_release(&out);
    gf_net_destroy(net);
}

TEST("conform: methods", "every ordered pair works, or is refused with a reason")
{
    int pairs = 0, applied = 0;
    gf_text log = { 0 };
    REQUIRE(bench_get());
    for (const gf_method *const *first = gf_methods; *first; first++) {
        gf_net *net = dense_net();
        gf_cost dense = cost_of(net);
        EXPECT_STATUS(apply(net, *first), GF_OK);
        for (const gf_method *const *second = gf_methods; *second; second++) {
            if (!pairs_file() && !is_representative(*first) && !is_representative(*second))
                continue;
            applied += expect_pair(net, *first, *second, &dense, &log);
            pairs++;
        }
        if (pairs_file()) printf("%s: %d pairs so far\n", (*first)->schema.name, pairs);
        fflush(stdout);
        gf_net_destroy(net);
    }
    printf("%d of %d ordered pairs apply, the others are refused\n", applied, pairs);
    EXPECT(applied > pairs / 2);
    if (pairs_file()) write_pairs(&log, applied, pairs);
    gf_text_release(&log);
}
