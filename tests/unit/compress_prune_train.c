/* compress, pruning around training: the gradual schedule against its formula, the penalty on
 * scales by finite differences, one threshold by sorting, rewinding to the bit, the scan by hand.
 */
#include "compress_nets.h"

static const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 100, .images = 600
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

static gf_status train(gf_net *net, const char *text, uint32_t ordinal)
{
    gf_status status;
    gf_options *options = NULL;
    GF_TRY(gf_options_parse(&options, text));
    const gf_train_job job = { .net = net,
                               .data = images_of(),
                               .kernels = test_kernels(),
                               .options = options,
                               .prefix = "",
                               .schema = &gf_train_schema,
                               .seed = 5,
                               .ordinal = ordinal };
    GF_TRY(gf_train(&job));
out:
    gf_options_destroy(options);
    return status;
}

static void expect_equal_values(const gf_net *got, const gf_net *want)
{
    for (int i = 0; i < want->param_count; i++)
        EXPECT_FLOATS(got->params[i].value, want->params[i].value, gf_param_count(&want->params[i]),
                      0);
}

static const uint8_t *mask_of(const gf_param *p)
{
    return p->view_count ? p->views[0].states[0].data : NULL;
}

/* ---- gradual ---- */

enum { STEPS = 30 }; /* 500 images in batches of 50, 3 epochs */
#define GRADUAL "epochs = 3\nbatch = 50\nlr = 0.02\namount = 0.8\n"

typedef struct watcher {
    const gf_net *net;
    int step;
    double local[STEPS]; /* masked part of layer2.0.conv1 */
    double all[STEPS];
    uint8_t before[2048];
    int came_back;
} watcher;

static double masked_part(const gf_param *p, int64_t *masked, int64_t *count)
{
    int64_t here = 0;
    for (size_t k = 0; k < gf_param_count(p); k++) here += !mask_of(p)[k];
    *masked += here;
    *count += (int64_t)gf_param_count(p);
    return (double)here / (double)gf_param_count(p);
}

static void on_step(void *context, const gf_step_times *times)
{
    watcher *w = context;
    int64_t masked = 0, count = 0;
    (void)times;
    for (int i = 0; i < w->net->param_count; i++)
        if (mask_of(&w->net->params[i])) masked_part(&w->net->params[i], &masked, &count);
    w->all[w->step] = (double)masked / (double)count;
    const gf_param *p = &w->net->params[gf_net_find_param(w->net, "layer2.0.conv1.weight")];
    w->local[w->step] = masked_part(p, &masked, &count);
    for (size_t k = 0; k < gf_param_count(p); k++) {
        w->came_back += w->step > 0 && !w->before[k] && mask_of(p)[k];
        w->before[k] = mask_of(p)[k];
    }
    w->step++;
}

static bool watch(watcher *w, gf_net *net, const char *text)
{
    const gf_method *method = method_named("gradual");
    gf_options *options = NULL;
    void *record = gf_alloc(1, method->options_size);
    *w = (watcher){ .net = net };
    bool good = gf_options_parse(&options, text) == GF_OK &&
                gf_fields_read(record, method->schema.fields, options, "") == GF_OK;
    const gf_method_call call = { .net = net,
                                  .data = images_of(),
                                  .kernels = test_kernels(),
                                  .options = options,
                                  .seed = 5,
                                  .ordinal = 1,
                                  .hooks = { .context = w, .step = on_step } };
    good = good && gf_test_status(method->apply(&call, record), GF_OK, text, __FILE__, __LINE__);
    gf_options_destroy(options);
    free(record);
    return good && w->step == STEPS;
}

/* s_t of the paper at its times t_0, t_0 + dt, ..., and as it stays between them. */
static double schedule(int t, int begin, int end, int every, double initial, double amount)
{
    if (t < begin) return 0;
    int last = t >= end ? end : begin + (t - begin) / every * every;
    double left = 1 - (double)(last - begin) / (end - begin);
    return amount + (initial - amount) * left * left * left;
}

TEST("compress: gradual", "the masked fraction follows the cubic schedule, and nothing comes back")
{
    watcher w;
    gf_net *net = small_net(SMALL, 32);
    REQUIRE(watch(&w, net, GRADUAL "every = 4\nramp = 0.6\nbegin = 0.1\n"));
    for (int t = 0; t < STEPS; t++) /* 27 steps after the 3 before it, 0.6 of them: 16.2 */
        EXPECT_NEAR(w.local[t], schedule(t, 3, 20, 4, 0, 0.8), 0.5 / 1152);
    EXPECT_EQ(w.came_back, 0);
    gf_net_destroy(net);
}

TEST("compress: gradual", "over the whole network the same fraction is masked, in other places")
{
    watcher w;
    gf_net *net = small_net(SMALL, 32);
    REQUIRE(watch(&w, net, GRADUAL "every = 1\nscope = global\ninitial = 0.3\nramp = 1\n"));
    int64_t weights = cost_of(net).weights;
    for (int t = 0; t < STEPS; t++)
        EXPECT_NEAR(w.all[t], schedule(t, 0, 29, 1, 0.3, 0.8), 0.5 / (double)weights + 1e-12);
    EXPECT(fabs(w.local[STEPS - 1] - 0.8) > 0.002);
    EXPECT_EQ(w.came_back, 0);
    gf_net_destroy(net);
}

/* ---- network slimming ---- */

static const gf_loss_kind *penalty(void)
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, "bn-l1") == 0) return *kind;
    return NULL;
}

static double penalty_of(gf_run *run, double strength)
{
    double loss = 0;
    const gf_loss_call call = { .student = run, .batch = IMAGES, .classes = 10 };
    EXPECT_STATUS(penalty()->apply(NULL, &strength, &call, &loss), GF_OK);
    return loss;
}

TEST("compress: bn-l1",
     "the penalty is the sum of absolute scales, its gradient that of differences")
{
    gf_net *net = small_net(SMALL, 16);
    gf_run *run = NULL;
    double strength = 0.25, sum = 0;
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), IMAGES, true));
    for (int i = 0; i < net->param_count; i++) {
        gf_real *gradient = gf_run_param_gradient(run, i);
        for (size_t k = 0; gradient && k < gf_param_count(&net->params[i]); k++) gradient[k] = 3;
    }
    penalty()->add_gradients(NULL, &strength, run);
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        for (size_t k = 0; gf_run_param_gradient(run, i) && k < gf_param_count(p); k += 3) {
            gf_real kept = p->value[k];
            p->value[k] = kept + 0.0625f;
            double above = penalty_of(run, strength);
            p->value[k] = kept - 0.0625f;
            double slope = (above - penalty_of(run, strength)) / 0.125;
            p->value[k] = kept;
            EXPECT_NEAR(gf_run_param_gradient(run, i)[k], 3 + slope, 1e-5);
        }
        for (size_t k = 0; p->role == GF_ROLE_GAMMA && k < gf_param_count(p); k++)
            sum += fabs((double)p->value[k]);
    }
    EXPECT_NEAR(penalty_of(run, strength), 0.25 * sum, 1e-6);
    gf_run_destroy(run);
    gf_net_destroy(net);
}

/* Sum of |gamma| after a training with this penalty. */
static double scales_after(const char *strength)
{
    char text[128];
    double sum = 0;
    gf_net *net = small_net(SMALL, 32);
    gf_net_initialize(net, 1, 0);
    snprintf(text, sizeof text, "epochs = 3\nbatch = 50\nlr = 0.05\nstrength = %s\n", strength);
    EXPECT_STATUS(apply_method(net, "bn-l1", text, images_of(), NULL, 0), GF_OK);
    for (int i = 0; i < net->param_count; i++)
        for (size_t k = 0;
             net->params[i].role == GF_ROLE_GAMMA && k < gf_param_count(&net->params[i]); k++)
            sum += fabs((double)net->params[i].value[k]);
    gf_net_destroy(net);
    return sum;
}

TEST("compress: bn-l1",
     "a stronger penalty leaves smaller scales; without any it is plain training")
{
    gf_net *plain = small_net(SMALL, 32), *zero = small_net(SMALL, 32);
    REQUIRE_OK(train(plain, "epochs = 1\nbatch = 50\nlr = 0.05\n", 1));
    REQUIRE_OK(apply_method(zero, "bn-l1", "epochs = 1\nbatch = 50\nlr = 0.05\nstrength = 0\n",
                            images_of(), NULL, 0));
    expect_equal_values(zero, plain);
    double none = scales_after("0"), some = scales_after("0.03");
    EXPECT(some < 0.9 * none);
    gf_net_destroy(plain);
    gf_net_destroy(zero);
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Scales of the BN inside each of the two blocks: 8 and 16 channels. */
static const char *const inside[] = { "layer1.0.bn1.gamma", "layer2.0.bn1.gamma" };

TEST("compress: filter-bn", "one threshold over the network: what stays is the top of all scales")
{
    double all[24];
    int count = 0, kept = 0;
    gf_net *net = small_net(SMALL, 16), *dense = small_net(SMALL, 16);
    for (int i = 0; i < 2; i++) {
        const gf_param *p = &dense->params[gf_net_find_param(dense, inside[i])];
        for (int c = 0; c < p->dims[0]; c++) all[count++] = fabs((double)p->value[c]);
    }
    REQUIRE(count == 24);
    qsort(all, 24, sizeof *all, descending);
    REQUIRE_OK(apply_method(net, "filter-bn", "amount = 0.375\n", NULL, NULL, 0)); /* 9 of 24 */
    for (int i = 0; i < 2; i++) {
        const gf_param *before = &dense->params[gf_net_find_param(dense, inside[i])];
        const gf_param *after = &net->params[gf_net_find_param(net, inside[i])];
        int at = 0;
        for (int c = 0; c < before->dims[0]; c++)
            if (fabs((double)before->value[c]) >= all[14])
                EXPECT_NEAR(after->value[at++], before->value[c], 0);
        EXPECT_EQ(after->dims[0], at);
        kept += at;
    }
    EXPECT_EQ(kept, 15);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

TEST("compress: filter-bn", "a layer whose scales all lie below keeps its best; streams go by the "
                            "largest")
{
    gf_net *net = small_net(SMALL, 16);
    gf_param *p = &net->params[gf_net_find_param(net, inside[0])];
    for (int c = 0; c < 8; c++) p->value[c] = (gf_real)(c == 5 ? -2e-4 : 1e-4);
    gf_param *stem = &net->params[gf_net_find_param(net, "bn1.gamma")];
    gf_param *branch = &net->params[gf_net_find_param(net, "layer1.0.bn2.gamma")];
    for (int c = 0; c < 8; c++) stem->value[c] = c % 2 ? 3 : 1e-5f;
    for (int c = 0; c < 8; c++) branch->value[c] = c < 4 ? 3 : 1e-5f;
    REQUIRE_OK(apply_method(net, "filter-bn", "amount = 0.25\nscope = all\nmin_channels = 1\n",
                            NULL, NULL,
                            0)); /* 12 of 48: 8 inside the block, 2 of its stream, 2 more */
    p = &net->params[gf_net_find_param(net, inside[0])];
    REQUIRE(p->dims[0] == 1);
    EXPECT_NEAR(p->value[0], -2e-4, 1e-9);
    stem = &net->params[gf_net_find_param(net, "bn1.gamma")];
    EXPECT_EQ(stem->dims[0], 6); /* without 4 and 6, small in both */
    gf_net_destroy(net);
}

/* ---- rewinding ---- */

static gf_net *pruned_net(const gf_net *trained)
{
    gf_net *net = NULL;
    EXPECT_STATUS(gf_net_copy(&net, trained), GF_OK);
    EXPECT_STATUS(apply_method(net, "magnitude", "amount = 0.7\n", NULL, NULL, 0), GF_OK);
    return net;
}

TEST("compress: rewinding",
     "weights go back to the earlier stage, masks stay, and training follows")
{
    gf_net *early = small_net(SMALL, 32), *late = NULL, *by_hand = NULL;
    REQUIRE_OK(gf_net_copy(&late, early));
    REQUIRE_OK(train(late, "epochs = 1\nbatch = 50\nlr = 0.05\n", 0));
    gf_net *rewound = pruned_net(late);
    REQUIRE_OK(gf_net_copy(&by_hand, rewound));
    for (int i = 0; i < by_hand->param_count; i++)
        memcpy(by_hand->params[i].value, early->params[i].value,
               gf_param_count(&early->params[i]) * sizeof(gf_real));
    REQUIRE_OK(train(by_hand, "epochs = 1\nbatch = 50\nlr = 0.1\n", 1));
    REQUIRE_OK(apply_method(rewound, "weights", "teacher = x\nepochs = 1\nbatch = 50\nlr = 0.1\n",
                            images_of(), &early, 1));
    expect_equal_values(rewound, by_hand);
    EXPECT_EQ(cost_of(rewound).nonzeros, cost_of(by_hand).nonzeros);
    EXPECT(cost_of(rewound).nonzeros <= llround(0.3 * (double)cost_of(early).weights));
    gf_net_destroy(early);
    gf_net_destroy(late);
    gf_net_destroy(rewound);
    gf_net_destroy(by_hand);
}

TEST("compress: rewinding", "an earlier stage of another shape is refused by name")
{
    gf_net *net = small_net(SMALL, 32),
           *other = small_net("arch = resnet18\nwidth = 8\nblocks = 1\n", 32);
    EXPECT_STATUS(apply_method(net, "weights", "teacher = x\nepochs = 1\n", images_of(), &other, 1),
                  GF_FAILED);
    EXPECT_CONTAINS(gf_error_message(), "layer2.0.conv1.weight");
    gf_net_destroy(net);
    gf_net_destroy(other);
}

typedef struct rates {
    double lr[16];
    int count;
} rates;

static gf_status on_epoch(void *context, const gf_epoch_row *row)
{
    rates *r = context;
    r->lr[r->count++] = row->lr;
    return GF_OK;
}

/* The rates at the ends of the epochs of a method or, NULL, of plain training. */
static rates rates_of(const char *name, const char *text)
{
    rates r = { { 0 }, 0 };
    gf_net *net = small_net(SMALL, 32);
    const gf_method *method = name ? method_named(name) : NULL;
    gf_options *options = NULL;
    const gf_train_hooks hooks = { .context = &r, .epoch = on_epoch };
    EXPECT_STATUS(gf_options_parse(&options, text), GF_OK);
    const gf_method_call call = { .net = net,
                                  .data = images_of(),
                                  .kernels = test_kernels(),
                                  .options = options,
                                  .hooks = hooks };
    const gf_train_job job = { .net = net,
                               .data = images_of(),
                               .kernels = test_kernels(),
                               .options = options,
                               .prefix = "",
                               .schema = &gf_train_schema,
                               .hooks = hooks };
    EXPECT_STATUS(method ? method->apply(&call, NULL) : gf_train(&job), GF_OK);
    gf_options_destroy(options);
    gf_net_destroy(net);
    return r;
}

TEST("compress: rewinding", "the learning rates are those of the last epochs of the whole schedule")
{
    static const char *const policies[] = { "cosine", "step", "onecycle", "linear" };
    for (size_t i = 0; i < GF_COUNT(policies); i++) {
        char whole[160], rest[160];
        snprintf(whole, sizeof whole,
                 "epochs = 5\nbatch = 250\nlr = 0.1\nschedule.policy = %s\n"
                 "schedule.warmup = 3\n",
                 policies[i]);
        snprintf(rest, sizeof rest,
                 "epochs = 2\nafter = 3\nbatch = 250\nlr = 0.1\n"
                 "schedule.policy = %s\nschedule.warmup = 3\n",
                 policies[i]);
        rates all = rates_of(NULL, whole), last = rates_of("learning-rate", rest);
        REQUIRE(all.count == 5 && last.count == 2);
        EXPECT_NEAR(last.lr[0], all.lr[3], 0);
        EXPECT_NEAR(last.lr[1], all.lr[4], 0);
    }
}

/* ---- sensitivity ---- */

static double accuracy_of(gf_net *net)
{
    gf_scores scores = { 0 };
    EXPECT_STATUS(gf_evaluate(&scores, net, images_of(), GF_VALIDATION, test_kernels()), GF_OK);
    return scores.accuracy;
}

/* Switches off the filters of smallest L1 norm instead of removing them. */
static double accuracy_without(const gf_net *net, int layer, int removed)
{
    static const char *const weights[] = { "layer1.0.conv1.weight", "layer2.0.conv1.weight" };
    static const char *const betas[] = { "layer1.0.bn1.beta", "layer2.0.bn1.beta" };
    gf_net *copy = NULL;
    EXPECT_STATUS(gf_net_copy(&copy, net), GF_OK);
    gf_param *w = &copy->params[gf_net_find_param(copy, weights[layer])];
    gf_param *gamma = &copy->params[gf_net_find_param(copy, inside[layer])];
    gf_param *beta = &copy->params[gf_net_find_param(copy, betas[layer])];
    size_t size = gf_param_count(w) / (size_t)w->dims[0];
    for (int k = 0; k < removed; k++) {
        int least = -1;
        double smallest = INFINITY;
        for (int f = 0; f < w->dims[0]; f++) {
            double norm = 0;
            for (size_t i = 0; i < size; i++) norm += fabs((double)w->value[(size_t)f * size + i]);
            bool gone = gamma->value[f] == 0 && beta->value[f] == 0;
            if (!gone && norm < smallest) least = f;
            if (!gone && norm < smallest) smallest = norm;
        }
        gamma->value[least] = beta->value[least] = 0;
    }
    double accuracy = accuracy_of(copy);
    gf_net_destroy(copy);
    return accuracy;
}

TEST("compress: filter-sensitivity", "each layer loses the last amount that it can spare by itself")
{
    static const char *const weights[] = { "layer1.0.conv1.weight", "layer2.0.conv1.weight" };
    gf_net *net = small_net(SMALL, 32);
    gf_net_initialize(net, 1, 0);
    REQUIRE_OK(train(net, "epochs = 6\nbatch = 50\nlr = 0.1\n", 0));
    double dense = accuracy_of(net), drop = 0.03;
    int want[2];
    for (int i = 0; i < 2; i++) {
        int channels = net->params[gf_net_find_param(net, weights[i])].dims[0],
            quarter = channels / 4;
        want[i] = channels;
        for (int k = 1; k <= 3 && accuracy_without(net, i, k * quarter) >= dense - drop; k++)
            want[i] = channels - k * quarter;
    }
    REQUIRE_OK(apply_method(net, "filter-sensitivity", "drop = 0.03\nstep = 0.25\n", images_of(),
                            NULL, 0));
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(net->params[gf_net_find_param(net, weights[i])].dims[0], want[i]);
    printf("dense %.2f: %d of 8 and %d of 16 filters stay\n", dense, want[0], want[1]);
    EXPECT(want[0] < 8 || want[1] < 16);
    EXPECT(want[0] > 2 || want[1] > 4);
    gf_net_destroy(net);
}
