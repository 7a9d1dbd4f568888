/* nn, training: schedules, learning on real images, determinism, resuming at any step. */
#include "../test.h"

#include <gridfront/nn.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define BASE "epochs = 2\nbatch = 20\nlr = 0.05\naugment.0 = crop\naugment.1 = flip\n"

/* A small training, and what it leaves. */
typedef struct fixture {
    gf_data *data;
    gf_net *net;
    const gf_kernels *kernels;
    gf_options *options;
    gf_artifact saved; /* the newest checkpoint */
    int stop_after;    /* steps; 0: never */
    int steps;
    gf_epoch_row rows[8];
    int row_count;
} fixture;

static void fixture_release(fixture *f)
{
    gf_data_close(f->data);
    gf_net_destroy(f->net);
    gf_options_destroy(f->options);
    gf_artifact_release(&f->saved);
}

static bool fixture_init(fixture *f, const char *options, int images)
{
    gf_options *model = NULL;
    gf_data_options data = { .dataset = 1, .path = "auto", .validation = 200, .images = images };
    *f = (fixture){ 0 };
    bool good =
        gf_test_status(gf_kernels_get(&f->kernels), GF_OK, "kernels", __FILE__, __LINE__) &&
        gf_test_status(gf_data_open(&f->data, &data), GF_OK, "data", __FILE__, __LINE__) &&
        gf_options_parse(&f->options, options) == GF_OK &&
        gf_options_parse(&model, "arch = resnet18\nwidth = 8\nblocks = 1,1,1,1\n") == GF_OK &&
        gf_model_build(&f->net, model, "", (gf_shape){ 32, 32, 3 }, 10) == GF_OK;
    if (good) gf_net_initialize(f->net, 1, 0);
    gf_options_destroy(model);
    return good;
}

static gf_status on_epoch(void *context, const gf_epoch_row *row)
{
    fixture *f = context;
    f->rows[f->row_count++] = *row;
    return GF_OK;
}

static bool on_stop(void *context, double share)
{
    fixture *f = context;
    (void)share;
    return ++f->steps == f->stop_after;
}

static gf_status on_save(void *context, const gf_artifact *state)
{
    fixture *f = context;
    char path[600];
    gf_artifact_release(&f->saved);
    f->saved = (gf_artifact){ 0 };
    snprintf(path, sizeof path, "%s/state.h5", test_folder());
    gf_status status = gf_artifact_save(path, state);
    return status == GF_OK ? gf_artifact_load(&f->saved, path) : status;
}

static gf_status run(fixture *f, const gf_artifact *resume)
{
    const gf_train_job job = {
        .net = f->net,
        .data = f->data,
        .kernels = f->kernels,
        .options = f->options,
        .prefix = "",
        .schema = &gf_train_schema,
        .seed = 7,
        .resume = resume,
        .hooks = { .context = f, .epoch = on_epoch, .stop = on_stop, .save = on_save },
    };
    return gf_train(&job);
}

/* Content of the trained network. */
static gf_key net_key(const gf_net *net)
{
    gf_artifact artifact = { 0 };
    gf_key key = { "" };
    if (gf_net_save(net, &artifact) == GF_OK) key = gf_artifact_hash(&artifact);
    gf_artifact_release(&artifact);
    return key;
}

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

TEST("train: determinism", "one, two or three threads leave the same bits, another seed others")
{
    gf_key one = trained_key(BASE, 1);
    EXPECT_TEXT(trained_key(BASE, 2).hex, one.hex);
    EXPECT_TEXT(trained_key(BASE, 3).hex, one.hex);
    EXPECT(strcmp(trained_key(BASE "momentum = 0.8\n", 2).hex, one.hex) != 0);
    omp_set_num_threads(2);
}

/* Stops after `steps` steps, then resumes in a fresh network. */
static gf_key interrupted_key(const char *options, int steps)
{
    fixture f, g;
    gf_key key = { "" };
    if (!fixture_init(&f, options, 300)) return key;
    f.stop_after = steps;
    EXPECT_STATUS(run(&f, NULL), GF_INTERRUPTED);
    if (fixture_init(&g, options, 300)) {
        EXPECT_STATUS(run(&g, &f.saved), GF_OK);
        key = net_key(g.net);
        fixture_release(&g);
    }
    fixture_release(&f);
    return key;
}

TEST("train: resume", "stopped after any step, a training ends with the same bits")
{
    const char *options = BASE "ema = 0.99\nlabel_smoothing = 0.1\nschedule.policy = onecycle\n";
    gf_key whole = trained_key(options, 2);
    EXPECT_TEXT(interrupted_key(options, 1).hex, whole.hex);
    EXPECT_TEXT(interrupted_key(options, 3).hex, whole.hex);
    EXPECT_TEXT(interrupted_key(options, 5).hex, whole.hex); /* the last step of epoch 1 */
    EXPECT_TEXT(interrupted_key(options, 8).hex, whole.hex);
}

TEST("train: errors", "a loss that is not finite ends the training with epoch, step and rate")
{
    fixture f;
    REQUIRE(fixture_init(&f, "epochs = 2\nbatch = 20\nlr = 100\nweight_decay = 1\n", 300));
    f.net->params[0].value[0] = NAN;
    EXPECT_STATUS(run(&f, NULL), GF_DIVERGED);
    EXPECT_CONTAINS(gf_error_message(), "epoch 1, step 1: the loss is nan");
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

/* ---- schedules at hand-computed points ---- */

static double factor(const char *policy, const char *options_text, double t, double horizon)
{
    double value = NAN;
    for (const gf_schedule_kind *const *kind = gf_schedule_kinds; *kind; kind++) {
        gf_options *options = NULL;
        if (strcmp((*kind)->schema.name, policy) != 0) continue;
        void *record = gf_alloc(1, (*kind)->options_size);
        if (gf_options_parse(&options, options_text) == GF_OK &&
            gf_fields_read(record, (*kind)->schema.fields, options, "") == GF_OK)
            value = (*kind)->factor(record, t, horizon);
        gf_options_destroy(options);
        free(record);
    }
    return value;
}

TEST("train: schedules", "every policy passes through hand-computed points")
{
    EXPECT_NEAR(factor("constant", "", 17, 30), 1, 0);
    EXPECT_NEAR(factor("step", "size = 10\ngamma = 0.5\n", 9.9, 30), 1, 0);
    EXPECT_NEAR(factor("step", "size = 10\ngamma = 0.5\n", 20, 30), 0.25, 1e-15);
    EXPECT_NEAR(factor("cosine", "", 0, 30), 1, 1e-15);
    EXPECT_NEAR(factor("cosine", "", 15, 30), 0.5, 1e-15);
    EXPECT_NEAR(factor("cosine", "final = 0.1\n", 30, 30), 0.1, 1e-15);
    EXPECT_NEAR(factor("linear", "", 7.5, 30), 0.75, 1e-15);
    EXPECT_NEAR(factor("onecycle", "", 0, 10), 0.04, 1e-15);
    EXPECT_NEAR(factor("onecycle", "", 3, 10), 1, 1e-12);
    EXPECT_NEAR(factor("onecycle", "", 10, 10), 0.04 / 1e4, 1e-12);
}
