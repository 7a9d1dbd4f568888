/* nn, training: learning on real images, determinism, resuming at any step. */
#include "train_fixture.h"

#define BASE "epochs = 2\nbatch = 20\nlr = 0.05\naugment.0 = crop\naugment.1 = flip\n"

static gf_key trained_key(const char *options, int threads)
{
    fixture f;
    gf_key key = { "" };
    omp_set_num_threads(threads);
    if (fixture_init(&f, options, 300) &&
        gf_test_status(run(&f, NULL), GF_OK, "train", __FILE__, __LINE__))
        key = net_key(f.net);
    fixture_release(&f);
    return key;
}

TEST("train: learning", "a small ResNet learns real images within three epochs")
{
    fixture f;
    gf_scores scores;
    REQUIRE(fixture_init(&f, "epochs = 3\nbatch = 25\nlr = 0.1\n", 1500));
    REQUIRE_OK(run(&f, NULL));
    EXPECT_EQ(f.row_count, 3);
    EXPECT(f.rows[2].train_loss < 0.85 * f.rows[0].train_loss);
    REQUIRE_OK(gf_evaluate(&scores, f.net, f.data, GF_TEST, f.kernels));
    EXPECT(scores.accuracy > 0.2);
    EXPECT_NEAR(f.rows[2].lr, 0.1 * 0.5 * (1 + cos(M_PI * (2 + 51.0 / 52) / 3)), 1e-9);
    fixture_release(&f);
}

TEST("train: learning", "bf16 learns as float32 does, to other bits, and is judged in float32")
{
    fixture f;
    gf_scores scores;
    REQUIRE(fixture_init(&f, "epochs = 3\nbatch = 25\nlr = 0.1\nnumerics = bf16\n", 1500));
    REQUIRE_OK(run(&f, NULL));
    EXPECT(f.rows[2].train_loss < 0.85 * f.rows[0].train_loss);
    REQUIRE_OK(gf_evaluate(&scores, f.net, f.data, GF_VALIDATION, f.kernels));
    EXPECT(scores.loss == f.rows[2].validation_loss);
    REQUIRE_OK(gf_evaluate(&scores, f.net, f.data, GF_TEST, f.kernels));
    EXPECT(scores.accuracy > 0.2);
    fixture_release(&f);
}

static gf_key seeded_key(const char *options, uint64_t seed)
{
    fixture f;
    gf_key key = { "" };
    if (fixture_init(&f, options, 300)) {
        gf_train_job job = job_of(&f, NULL);
        job.seed = seed;
        if (gf_test_status(gf_train(&job), GF_OK, "train", __FILE__, __LINE__))
            key = net_key(f.net);
    }
    fixture_release(&f);
    return key;
}

TEST("train: determinism", "one, two or three threads leave the same bits, another seed others")
{
    gf_key one = trained_key(BASE, 1);
    EXPECT_TEXT(trained_key(BASE, 2).hex, one.hex);
    EXPECT_TEXT(trained_key(BASE, 3).hex, one.hex);
    omp_set_num_threads(2);
    EXPECT(strcmp(seeded_key(BASE, 8).hex, one.hex) != 0);
}

TEST("train: determinism", "bf16 leaves the same bits with any threads, and others than float32")
{
    gf_key one = trained_key(BASE "numerics = bf16\n", 1);
    EXPECT_TEXT(trained_key(BASE "numerics = bf16\n", 3).hex, one.hex);
    omp_set_num_threads(2);
    EXPECT(strcmp(trained_key(BASE, 2).hex, one.hex) != 0);
}

/* ---- resuming ---- */

/* A method that changes the network at the start of each epoch: it must do so once. */
static gf_status halve_bias(void *context, gf_net *net, int epoch, int epochs)
{
    gf_param *bias = &net->params[net->param_count - 1];
    (void)context, (void)epoch, (void)epochs;
    for (size_t k = 0; k < gf_param_count(bias); k++) bias->value[k] /= 2;
    return GF_OK;
}

typedef bool maker(fixture *f, const char *options, int images);

static bool make_linear(fixture *f, const char *options, int images)
{
    return fixture_linear(f, options, images, 200);
}

/* Stops after `steps` steps, then resumes in a fresh network; steps 0: not interrupted. */
static gf_key interrupted_key(maker *make, const char *options, int steps)
{
    fixture f, g;
    gf_key key = { "" };
    if (!make(&f, options, 300)) return key;
    gf_train_job first = job_of(&f, NULL);
    first.hooks.epoch_start = halve_bias;
    f.stop_after = steps;
    EXPECT_STATUS(gf_train(&first), steps ? GF_INTERRUPTED : GF_OK);
    if (!steps) key = net_key(f.net);
    if (steps && make(&g, options, 300)) {
        gf_train_job second = job_of(&g, &f.saved);
        second.hooks.epoch_start = halve_bias;
        EXPECT_STATUS(gf_train(&second), GF_OK);
        key = net_key(g.net);
        EXPECT_EQ(f.row_count + g.row_count, 2);
        fixture_release(&g);
    }
    fixture_release(&f);
    return key;
}

/* The same with dropout before the classifiers. */
static bool make_dropout(fixture *f, const char *options, int images)
{
    const gf_dropout_attributes half = { .rate = 0.5 };
    int node;
    return fixture_linear(f, options, images, 200) &&
           gf_net_insert(f->net, &node, "dropout", "dropout", &half, 1) == GF_OK;
}

#define AVERAGED BASE "ema = 0.99\nlabel_smoothing = 0.1\nschedule.policy = onecycle\n"

TEST("train: resume", "stopped within or at the end of an epoch, a ResNet ends with the same bits")
{
    gf_key whole = interrupted_key(fixture_init, AVERAGED, 0);
    EXPECT_TEXT(interrupted_key(fixture_init, AVERAGED, 3).hex, whole.hex);
    EXPECT_TEXT(interrupted_key(fixture_init, AVERAGED, 5).hex, whole.hex);
    EXPECT_TEXT(interrupted_key(fixture_init, AVERAGED, 8).hex, whole.hex);
}

TEST("train: resume", "stopped after any step at all, a training ends with the same bits")
{
    gf_key whole = interrupted_key(make_linear, AVERAGED, 0);
    for (int steps = 1; steps <= 10; steps++)
        EXPECT_TEXT(interrupted_key(make_linear, AVERAGED, steps).hex, whole.hex);
}

TEST("train: resume", "with dropout a training ends with the same bits, stopped or not")
{
    gf_key whole = interrupted_key(make_dropout, BASE, 0);
    for (int steps = 1; steps <= 10; steps += 3)
        EXPECT_TEXT(interrupted_key(make_dropout, BASE, steps).hex, whole.hex);
}

#define MIXED AVERAGED "augment.2 = mixup\naugment.2.from = 0.5\naugment.3 = cutmix\n"

TEST("train: resume", "with mixed images a training ends with the same bits, stopped or not")
{
    gf_key whole = interrupted_key(make_linear, MIXED, 0);
    EXPECT(strcmp(interrupted_key(make_linear, AVERAGED, 0).hex, whole.hex) != 0);
    for (int steps = 1; steps <= 10; steps++)
        EXPECT_TEXT(interrupted_key(make_linear, MIXED, steps).hex, whole.hex);
}

TEST("train: determinism", "images are mixed to the same bits by any threads")
{
    gf_key one = trained_key(MIXED, 1);
    EXPECT_TEXT(trained_key(MIXED, 2).hex, one.hex);
    EXPECT_TEXT(trained_key(MIXED, 7).hex, one.hex);
    omp_set_num_threads(2);
}

TEST("train: mixup", "it is on from its epoch, and the last epoch may do without")
{
    fixture f, g;
    REQUIRE(fixture_linear(&f, BASE "augment.2 = mixup\naugment.2.from = 0.5\n", 300, 200));
    REQUIRE(fixture_linear(&g, BASE, 300, 200));
    REQUIRE_OK(run(&f, NULL));
    REQUIRE_OK(run(&g, NULL));
    EXPECT(f.rows[0].train_loss == g.rows[0].train_loss);
    EXPECT(f.rows[1].train_loss != g.rows[1].train_loss);
    fixture_release(&f);
    fixture_release(&g);
}

TEST("train: resume", "a finished training's checkpoint gives its network without another step")
{
    fixture f, g;
    REQUIRE(fixture_linear(&f, AVERAGED, 300, 200));
    REQUIRE_OK(run(&f, NULL));
    REQUIRE(fixture_linear(&g, AVERAGED, 300, 200));
    REQUIRE_OK(run(&g, &f.saved));
    EXPECT_EQ(g.steps, 0);
    EXPECT_TEXT(net_key(g.net).hex, net_key(f.net).hex);
    fixture_release(&f);
    fixture_release(&g);
}

TEST("train: resume", "a checkpoint of another training is refused, not half used")
{
    fixture f, g;
    REQUIRE(fixture_linear(&f, BASE, 300, 200));
    REQUIRE_OK(run(&f, NULL));
    REQUIRE(fixture_linear(&g, BASE "ema = 0.9\n", 300, 200));
    EXPECT_STATUS(run(&g, &f.saved), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "average:fc.weight is missing");
    REQUIRE_OK(gf_options_set(f.saved.facts, "step", "99"));
    EXPECT_STATUS(run(&f, &f.saved), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "step 99 lie outside");
    fixture_release(&f);
    fixture_release(&g);
}

TEST("train: resume", "a checkpoint that cannot be written ends the training with that reason")
{
    fixture f;
    REQUIRE(fixture_linear(&f, BASE, 300, 200));
    REQUIRE_OK(gf_folder_make(test_folder()));
    char path[600];
    snprintf(path, sizeof path, "%s/state.h5", test_folder());
    remove(path);
    REQUIRE_OK(gf_folder_make(path)); /* a folder in its place */
    EXPECT(run(&f, NULL) != GF_OK);
    EXPECT_CONTAINS(gf_error_message(), "state.h5");
    EXPECT(remove(path) == 0);
    fixture_release(&f);
}

/* ---- errors ---- */

TEST("train: errors", "a loss that is not finite ends the training with epoch, step and rate")
{
    fixture f;
    REQUIRE(fixture_init(&f, "epochs = 2\nbatch = 20\nlr = 100\nweight_decay = 1\n", 300));
    f.net->params[0].value[0] = NAN;
    EXPECT_STATUS(run(&f, NULL), GF_DIVERGED);
    EXPECT_CONTAINS(gf_error_message(), "epoch 1, step 1: the loss is nan");
    fixture_release(&f);
}

TEST("train: errors", "so does a validation loss that is not finite")
{
    fixture f;
    REQUIRE(fixture_init(&f, BASE, 300));
    for (int i = 0; i < f.net->param_count; i++) /* training looks at the batch's statistics */
        if (f.net->params[i].role == GF_ROLE_VARIANCE) f.net->params[i].value[0] = NAN;
    EXPECT_STATUS(run(&f, NULL), GF_DIVERGED);
    EXPECT_CONTAINS(gf_error_message(), "epoch 1: the validation loss is");
    fixture_release(&f);
}

TEST("train: errors", "a warm-up as long as the training is refused")
{
    fixture f;
    REQUIRE(fixture_init(&f, BASE "schedule.warmup = 2\n", 300));
    EXPECT_STATUS(run(&f, NULL), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "schedule.warmup = 2 is not shorter than the 2 epochs");
    fixture_release(&f);
}

TEST("train: errors", "what cannot stand together is known before anything is trained")
{
    gf_options *options = NULL;
    REQUIRE_OK(gf_options_parse(&options, "schedule.warmup = 5\n"));
    EXPECT_STATUS(gf_train_check(options, "", &gf_train_schema), GF_OK); /* 30 epochs */
    EXPECT_STATUS(gf_train_check(options, "", &gf_finetune_schema), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "schedule.warmup = 5 is not shorter than the 5 epochs");
    for (int i = 0; i < 17; i++) {
        char key[32];
        snprintf(key, sizeof key, "augment.%d", i);
        REQUIRE_OK(gf_options_set(options, key, "flip"));
    }
    EXPECT_STATUS(gf_train_check(options, "", &gf_train_schema), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "more than 16 augmentations");
    gf_options_destroy(options);
}

TEST("evaluate: splits", "any number of threads gives the same bits, and an empty split is refused")
{
    fixture f;
    gf_scores one, two;
    REQUIRE(fixture_init(&f, BASE, 300));
    omp_set_num_threads(1);
    REQUIRE_OK(gf_evaluate(&one, f.net, f.data, GF_TEST, f.kernels));
    omp_set_num_threads(2);
    REQUIRE_OK(gf_evaluate(&two, f.net, f.data, GF_TEST, f.kernels));
    EXPECT(one.loss == two.loss && one.accuracy == two.accuracy);
    fixture_release(&f);
    REQUIRE(fixture_linear(&f, BASE, 100, 0));
    EXPECT_STATUS(gf_evaluate(&one, f.net, f.data, GF_VALIDATION, f.kernels), GF_INVALID);
    fixture_release(&f);
}

TEST("evaluate: splits", "a network without an opinion has the loss ln 10 and names class 0")
{
    fixture f;
    gf_scores scores;
    REQUIRE(fixture_linear(&f, BASE, 1000, 300));
    int labels[300], positions[300], zeros = 0;
    gf_real *images = gf_alloc(300, 32 * 32 * 3 * sizeof(gf_real));
    for (int i = 0; i < 300; i++) positions[i] = i;
    gf_data_batch(images, labels, f.data, GF_VALIDATION, positions, 300, NULL, NULL);
    for (int i = 0; i < 300; i++) zeros += labels[i] == 0;
    memset(f.net->params[0].value, 0, 30 * sizeof(gf_real));
    memset(f.net->params[1].value, 0, 10 * sizeof(gf_real));
    REQUIRE_OK(gf_evaluate(&scores, f.net, f.data, GF_VALIDATION, f.kernels));
    EXPECT_NEAR(scores.loss, log(10), 1e-6);
    EXPECT_NEAR(scores.accuracy, zeros / 300.0, 1e-12);
    free(images);
    fixture_release(&f);
}
