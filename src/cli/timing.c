/* Steps of a fresh network on random images, timed. */
#include "timing.h"

#include <gridfront/deploy.h>

#include <stdlib.h>

enum { STEPS_LEAST = 3, STEPS_MOST = 200 };

typedef struct bench {
    gf_net *net;
    gf_run *run;
    const gf_kernels *kernels;
    gf_real *target, *losses, *velocity;
    int batch;
} bench;

static void bench_release(bench *b)
{
    gf_run_destroy(b->run);
    gf_net_destroy(b->net);
    free(b->target);
    free(b->losses);
    free(b->velocity);
}

static size_t largest_parameter(const gf_net *net)
{
    size_t most = 0;
    for (int i = 0; i < net->param_count; i++)
        if (gf_param_count(&net->params[i]) > most) most = gf_param_count(&net->params[i]);
    return most;
}

static void fill_images(bench *b)
{
    gf_random random = { .seed = 1, .purpose = GF_PURPOSE_TEST };
    gf_real *images = gf_run_input(b->run);
    size_t count = (size_t)b->batch * gf_shape_count(b->net->nodes[0].shape);
    for (size_t i = 0; i < count; i++)
        images[i] = (gf_real)gf_random_normal(&random, (uint32_t)i, 0);
    for (int i = 0; i < b->batch; i++) b->target[i * 10 + i % 10] = 1;
}

static gf_status bench_init(bench *b, const gf_options *model, int batch)
{
    gf_status status;
    b->batch = batch;
    GF_TRY(gf_kernels_get(&b->kernels));
    GF_TRY(gf_model_build(&b->net, model, "", (gf_shape){ 32, 32, 3 }, 10));
    gf_net_initialize(b->net, 1, 0);
    GF_TRY(gf_run_create(&b->run, b->net, b->kernels, batch, true));
    b->target = gf_alloc((size_t)batch * 10, sizeof *b->target);
    b->losses = gf_alloc((size_t)batch, sizeof *b->losses);
    b->velocity = gf_alloc(largest_parameter(b->net), sizeof *b->velocity);
    GF_TRY_ALLOC(b->target && b->losses && b->velocity);
    fill_images(b);
out:
    return status;
}

static void train_step(bench *b)
{
    gf_run_forward(b->run, b->batch, GF_MODE_TRAIN, NULL);
    int last = b->net->node_count - 1;
    b->kernels->softmax_cross_entropy(gf_run_gradient(b->run, last), b->losses,
                                      gf_run_logits(b->run), b->target, b->batch, 10);
    gf_run_backward(b->run);
    for (int i = 0; i < b->net->param_count; i++) {
        gf_param *param = &b->net->params[i];
        if (param->trainable)
            b->kernels->sgd_step(param->value, b->velocity, gf_run_param_gradient(b->run, i),
                                 gf_param_count(param), (gf_real)0, (gf_real)0.9, 0, 0, true);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_seconds(bench *b, double seconds)
{
    double times[STEPS_MOST];
    int steps = 0;
    train_step(b);
    double begin = gf_clock();
    while (steps < STEPS_MOST && (steps < STEPS_LEAST || gf_clock() - begin < seconds)) {
        double start = gf_clock();
        train_step(b);
        times[steps++] = gf_clock() - start;
    }
    qsort(times, (size_t)steps, sizeof *times, ascending);
    return times[steps / 2];
}

gf_status gf_time_training(double *seconds_per_image, const gf_options *model, int batch,
                           double seconds)
{
    gf_status status;
    bench b = { 0 };
    GF_TRY(bench_init(&b, model, batch));
    *seconds_per_image = median_seconds(&b, seconds) / batch;
out:
    bench_release(&b);
    return status;
}

gf_status gf_time_inference(double *seconds_per_image, const gf_options *model, int batch,
                            double seconds)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_net *net = NULL;
    gf_latency latency;
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(gf_model_build(&net, model, "", (gf_shape){ 32, 32, 3 }, 10));
    gf_net_initialize(net, 1, 0);
    GF_TRY(gf_latency_measure(&latency, net, batch, seconds, kernels));
    *seconds_per_image = latency.p50 / batch;
out:
    gf_net_destroy(net);
    return status;
}
