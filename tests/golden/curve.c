/* 200 training steps on real images, on every fast backend of this CPU, beside PyTorch's
 * (curve.txt, which make_curve.py writes): the first losses agree (from the fourth on rounding is
 * amplified beyond 1e-4, in PyTorch too), and the mean loss of steps 101
 * to 200 lies within three standard deviations of runs that PyTorch began 1e-6 apart. Weights,
 * batches and rates are the script's formulas. */
#include "../test.h"
#include "formulas.h"
#include "numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32, STEPS = 200, LATE = 100, CLASSES = 10, FIRST = 3, RUNS_MOST = 64 };
static const double peak = 0.05, warmup = 20, momentum = 0.9, weight_decay = 5e-4;

static double rate(int step)
{
    return peak * fmin((step + 1) / warmup, 1) * (1 - step / (2.0 * STEPS));
}

/* ---- training ---- */

typedef struct training {
    gf_net *net;
    gf_run *run;
    gf_data *data;
    const gf_kernels *kernels;
    gf_real **velocity; /* [params] */
    double losses[STEPS];
} training;

static gf_status build(gf_net **net)
{
    gf_status status;
    gf_options *options = NULL;
    GF_TRY(gf_options_parse(&options, "arch = resnet18\nwidth = 8\nblocks = 1,1,1,1\n"));
    GF_TRY(gf_model_build(net, options, "", (gf_shape){ 32, 32, 3 }, CLASSES));
    formula_initialize(*net);
out:
    gf_options_destroy(options);
    return status;
}

static gf_status training_init(training *t, const char *backend)
{
    gf_status status;
    const gf_data_options sample = { .dataset = 1, .path = "auto", .validation = 0 };
    *t = (training){ 0 };
    GF_TRY(gf_kernels_find(&t->kernels, backend));
    GF_TRY(gf_data_open(&t->data, &sample));
    GF_TRY(build(&t->net));
    GF_TRY(gf_run_create(&t->run, t->net, t->kernels, BATCH, true));
    GF_TRY_ALLOC(t->velocity = gf_alloc((size_t)t->net->param_count, sizeof *t->velocity));
    for (int i = 0; i < t->net->param_count; i++)
        GF_TRY_ALLOC(t->velocity[i] =
                         gf_alloc(gf_param_count(&t->net->params[i]), sizeof **t->velocity));
out:
    return status;
}

static void training_release(training *t)
{
    for (int i = 0; t->velocity && i < t->net->param_count; i++) free(t->velocity[i]);
    free(t->velocity);
    gf_run_destroy(t->run);
    gf_net_destroy(t->net);
    gf_data_close(t->data);
}

static void update(training *t, double lr)
{
    for (int i = 0; i < t->net->param_count; i++) {
        gf_param *param = &t->net->params[i];
        double decay = param->role == GF_ROLE_WEIGHT ? weight_decay : 0;
        if (param->trainable && gf_role_is_learned(param->role))
            t->kernels->sgd_step(param->value, t->velocity[i], gf_run_param_gradient(t->run, i),
                                 gf_param_count(param), (gf_real)lr, (gf_real)momentum,
                                 (gf_real)decay, 0, true);
    }
}

static double step(training *t, int number)
{
    int positions[BATCH], labels[BATCH], images = gf_data_count(t->data, GF_TEST);
    gf_real target[BATCH * CLASSES] = { 0 }, losses[BATCH];
    double loss = 0;
    for (int i = 0; i < BATCH; i++) positions[i] = (number * BATCH + i) * 237 % images;
    gf_data_batch(gf_run_input(t->run), labels, t->data, GF_TEST, positions, BATCH, NULL, NULL);
    for (int i = 0; i < BATCH; i++) target[i * CLASSES + labels[i]] = 1;
    gf_run_forward(t->run, BATCH, GF_MODE_TRAIN, NULL);
    t->kernels->softmax_cross_entropy(gf_run_gradient(t->run, t->net->node_count - 1), losses,
                                      gf_run_logits(t->run), target, BATCH, CLASSES);
    for (int i = 0; i < BATCH; i++) loss += (double)losses[i] / BATCH;
    gf_run_backward(t->run);
    update(t, rate(number));
    return loss;
}

/* ---- against PyTorch ---- */

static void mean_and_deviation(double *mean, double *deviation, const double *values, int count)
{
    *mean = *deviation = 0;
    for (int i = 0; i < count; i++) *mean += values[i] / count;
    for (int i = 0; i < count; i++)
        *deviation += (values[i] - *mean) * (values[i] - *mean) / (count - 1);
    *deviation = sqrt(*deviation);
}

static void compare(const training *t, const gf_options *torch)
{
    double first[FIRST], late[RUNS_MOST], mean, deviation, got = 0, worst = 0;
    REQUIRE(numbers_get(first, FIRST, torch, "first") == FIRST);
    int runs = numbers_get(late, RUNS_MOST, torch, "late");
    REQUIRE(runs >= 5);
    mean_and_deviation(&mean, &deviation, late, runs);
    for (int s = 0; s < FIRST; s++) worst = fmax(worst, fabs(t->losses[s] / first[s] - 1));
    for (int s = LATE; s < STEPS; s++) got += t->losses[s] / (STEPS - LATE);
    printf("     %-8s first losses within %.1e; later mean %.4f, PyTorch's %.4f +- %.4f\n",
           t->kernels->name, worst, got, mean, deviation);
    EXPECT(worst <= 1e-4);
    EXPECT_NEAR(got, mean, 3 * deviation);
}

TEST("golden: curve", "200 steps on real images follow PyTorch's losses on every fast backend")
{
    gf_options *torch = numbers_load("tests/golden/curve.txt");
    REQUIRE(torch != NULL);
    for (const char *const *name = gf_kernels_names() + 1; *name; name++) {
        training t;
        if (gf_test_status(training_init(&t, *name), GF_OK, *name, __FILE__, __LINE__)) {
            for (int s = 0; s < STEPS; s++) t.losses[s] = step(&t, s);
            compare(&t, torch);
        }
        training_release(&t);
    }
    gf_options_destroy(torch);
}
