/* Training is timed from inside gf_train, so that its step is the real one; the rest by loops of
 * their own. Medians: a disturbed step moves them little. */
#include "timing.h"

#include <gridfront/method.h>

#include <stdlib.h>
#include <string.h>

enum { STEPS_LEAST = 3, WARM_UP = 1 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, ascending);
    return times[count / 2];
}

/* ---- training ---- */

typedef struct watch {
    const gf_timing *timing;
    gf_training_time *steps; /* [timing->steps] */
    int warm, count;
    double begin;
} watch;

static void watch_step(void *context, const gf_step_times *times)
{
    watch *w = context;
    if (times->images != w->timing->batch) return; /* the rest of an epoch */
    if (w->warm++ < WARM_UP) {
        w->begin = gf_clock();
    } else if (w->count < w->timing->steps) {
        double step = times->data + times->forward + times->loss + times->backward + times->update;
        w->steps[w->count++] = (gf_training_time){ .step = step, .parts = *times };
    }
}

static bool watch_stop(void *context, double share)
{
    const watch *w = context;
    (void)share;
    if (w->count == w->timing->steps) return true;
    return w->timing->seconds > 0 && w->count >= STEPS_LEAST &&
           gf_clock() - w->begin > w->timing->seconds;
}

/* A rate that no network diverges at, and epochs without end: the watch stops it. */
static gf_status training_options(gf_options **options, const gf_timing *timing)
{
    gf_status status;
    char batch[16];
    gf_options *made = NULL;
    GF_TRY(gf_options_parse(&made, "epochs = 100000\nlr = 0.0001\n"
                                   "augment.0 = crop\naugment.1 = flip\n"));
    snprintf(batch, sizeof batch, "%d", timing->batch);
    GF_TRY(gf_options_set(made, "batch", batch));
    if (timing->numerics == GF_NUMERICS_BF16) GF_TRY(gf_options_set(made, "numerics", "bf16"));
    *options = made;
    made = NULL;
out:
    gf_options_destroy(made);
    return status;
}

static gf_status build(gf_net **net, const gf_timing *timing)
{
    gf_status status;
    gf_shape input;
    gf_data_shape(timing->data, &input.height, &input.width, &input.channels);
    GF_TRY(gf_model_build(net, timing->model, "", input, gf_data_classes(timing->data)));
    gf_net_initialize(*net, 1, 0);
out:
    return status;
}

static gf_status watch_training(watch *w)
{
    gf_status status;
    gf_net *net = NULL;
    gf_options *options = NULL;
    const gf_kernels *kernels;
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(build(&net, w->timing));
    GF_TRY(training_options(&options, w->timing));
    const gf_train_job job = { .net = net,
                               .data = w->timing->data,
                               .kernels = kernels,
                               .options = options,
                               .prefix = "",
                               .schema = &gf_train_schema,
                               .seed = 1,
                               .hooks = { .context = w, .step = watch_step, .stop = watch_stop } };
    status = gf_train(&job);
    if (status != GF_INTERRUPTED) GF_TRY(status);
    status = GF_OK;
    gf_error_clear();
out:
    gf_options_destroy(options);
    gf_net_destroy(net);
    return status;
}

static int by_step(const void *a, const void *b)
{
    return ascending(&((const gf_training_time *)a)->step, &((const gf_training_time *)b)->step);
}

gf_status gf_time_training(gf_training_time *time, const gf_timing *timing)
{
    gf_status status;
    watch w = { .timing = timing };
    if (timing->batch > gf_data_count(timing->data, GF_TRAIN))
        return gf_fail(GF_INVALID, "a batch of %d is more than the %d images to train on",
                       timing->batch, gf_data_count(timing->data, GF_TRAIN));
    GF_TRY_ALLOC(w.steps = gf_alloc((size_t)timing->steps, sizeof *w.steps));
    GF_TRY(watch_training(&w));
    double sum = 0;
    for (int i = 0; i < w.count; i++) sum += w.steps[i].step;
    qsort(w.steps, (size_t)w.count, sizeof *w.steps, by_step);
    *time = w.steps[w.count / 2];
    time->steps = w.count;
    time->mean = sum / w.count;
out:
    free(w.steps);
    return status;
}

/* ---- batches ---- */

typedef struct loader {
    gf_real *images, *target;
    int *labels, *positions;
    gf_augment_chain *chain;
    gf_shape shape;
} loader;

static void loader_release(loader *l)
{
    free(l->images);
    free(l->target);
    free(l->labels);
    free(l->positions);
    gf_augment_chain_destroy(l->chain);
}

static gf_status loader_init(loader *l, const gf_timing *timing, const char *augment)
{
    gf_status status;
    gf_options *options = NULL;
    size_t batch = (size_t)timing->batch, classes = (size_t)gf_data_classes(timing->data);
    gf_data_shape(timing->data, &l->shape.height, &l->shape.width, &l->shape.channels);
    GF_TRY_ALLOC(l->images = gf_alloc(batch * gf_shape_count(l->shape), sizeof *l->images));
    GF_TRY_ALLOC(l->target = gf_alloc(batch * classes, sizeof *l->target));
    GF_TRY_ALLOC(l->labels = gf_alloc(batch, sizeof *l->labels));
    GF_TRY_ALLOC(l->positions = gf_alloc(batch, sizeof *l->positions));
    GF_TRY(gf_options_parse(&options, augment));
    GF_TRY(gf_augment_chain_create(&l->chain, options, ""));
out:
    gf_options_destroy(options);
    return status;
}

static void mix_batch(loader *l, const gf_timing *timing, int round)
{
    const gf_random random = { .seed = 1, .purpose = GF_PURPOSE_MIX };
    const gf_mix_call call = { .images = l->images,
                               .target = l->target,
                               .count = timing->batch,
                               .height = l->shape.height,
                               .width = l->shape.width,
                               .channels = l->shape.channels,
                               .classes = gf_data_classes(timing->data),
                               .random = &random,
                               .index = (uint32_t)round };
    gf_data_mix(&call, l->chain);
}

/* Other images each time, as an epoch has them. */
static double load_batch(loader *l, const gf_timing *timing, int round)
{
    const gf_random random = { .seed = 1, .purpose = GF_PURPOSE_AUGMENT };
    int there = gf_data_count(timing->data, GF_TRAIN);
    for (int i = 0; i < timing->batch; i++)
        l->positions[i] = (int)(((int64_t)round * timing->batch + i) % there);
    double begin = gf_clock();
    gf_data_batch(l->images, l->labels, timing->data, GF_TRAIN, l->positions, timing->batch,
                  l->chain, &random);
    mix_batch(l, timing, round);
    return gf_clock() - begin;
}

gf_status gf_time_batches(double *seconds, const gf_timing *timing, const char *augment)
{
    gf_status status;
    loader l = { 0 };
    double *times = gf_alloc((size_t)timing->steps, sizeof *times);
    GF_TRY_ALLOC(times);
    GF_TRY(loader_init(&l, timing, augment));
    for (int i = 0; i < WARM_UP; i++) load_batch(&l, timing, i);
    for (int i = 0; i < timing->steps; i++) times[i] = load_batch(&l, timing, i + WARM_UP);
    *seconds = median(times, timing->steps);
out:
    loader_release(&l);
    free(times);
    return status;
}

/* ---- inference ---- */

static double time_pass(gf_run *run, int batch)
{
    double begin = gf_clock();
    gf_run_forward(run, batch, GF_MODE_EVALUATE, NULL);
    return gf_clock() - begin;
}

static gf_status load_images(gf_run *run, const gf_timing *timing)
{
    gf_status status;
    loader l = { 0 };
    GF_TRY(loader_init(&l, timing, ""));
    load_batch(&l, timing, 0);
    size_t count = (size_t)timing->batch * gf_shape_count(gf_run_net(run)->nodes[0].shape);
    memcpy(gf_run_input(run), l.images, count * sizeof *l.images);
out:
    loader_release(&l);
    return status;
}

gf_status gf_time_inference(double *seconds, const gf_timing *timing)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_net *net = NULL;
    gf_run *run = NULL;
    double *times = gf_alloc((size_t)timing->steps, sizeof *times);
    GF_TRY_ALLOC(times);
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(build(&net, timing));
    GF_TRY(gf_net_fold_bn(net, kernels));
    GF_TRY(gf_kernels_with(&kernels, kernels, timing->numerics));
    GF_TRY(gf_run_create(&run, net, kernels, timing->batch, false));
    GF_TRY(load_images(run, timing));
    for (int i = 0; i < WARM_UP; i++) time_pass(run, timing->batch);
    for (int i = 0; i < timing->steps; i++) times[i] = time_pass(run, timing->batch);
    *seconds = median(times, timing->steps);
out:
    gf_run_destroy(run);
    gf_net_destroy(net);
    free(times);
    return status;
}
