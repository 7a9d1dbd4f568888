/* Measures knobs: each grain in turn, several rounds. The formula's own grain stays unless another
 * is clearly faster, judged by least times (what disturbs only ever makes longer) and by rounds
 * won. Nothing is measured unasked: a sweep's ranks would disturb each other. */
#include "tune.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_LEAST = 5, ROUNDS_MOST = 25 };
#define KNOB_SECONDS 0.3  /* rounds beyond ROUNDS_LEAST end here */
#define CLEARLY      0.97 /* of the formula's time */
#define RESTLESS     1.2  /* times the least time */

/* One convolution and all that its passes touch. */
typedef struct trial {
    const gf_kernels *kernels;
    gf_conv_shape shape;
    gf_real *in, *out, *weight, *d_weight;
    gf_scratch scratch;
} trial;

static gf_real *filled(size_t count)
{
    gf_real *values = gf_alloc(count, sizeof *values);
    for (size_t i = 0; values && i < count; i++) values[i] = (gf_real)((int)(i * 7 % 13) - 6) / 8;
    return values;
}

static gf_status trial_init(trial *t, const gf_conv_shape *s)
{
    gf_status status;
    *t = (trial){ .shape = *s };
    size_t weights =
        (size_t)s->filters * s->kernel_height * s->kernel_width * (s->channels / s->groups);
    GF_TRY(gf_kernels_get(&t->kernels));
    GF_TRY_ALLOC(t->in = filled((size_t)s->batch * s->height * s->width * s->channels));
    GF_TRY_ALLOC(t->out = filled((size_t)s->batch * s->out_height * s->out_width * s->filters));
    GF_TRY_ALLOC(t->weight = filled(weights));
    GF_TRY_ALLOC(t->d_weight = filled(weights));
out:
    return status;
}

static void trial_release(trial *t)
{
    free(t->in), free(t->out), free(t->weight), free(t->d_weight);
    gf_scratch_release(&t->scratch);
}

static void run_pass(trial *t, int pass)
{
    const gf_kernels *k = t->kernels;
    if (pass == GF_PASS_FORWARD)
        k->conv_forward(t->out, t->in, t->weight, NULL, &t->shape, &t->scratch);
    else if (pass == GF_PASS_BACKWARD_INPUT)
        k->conv_backward_input(t->in, t->out, t->weight, &t->shape, false, &t->scratch);
    else
        k->conv_backward_weight(t->d_weight, NULL, t->out, t->in, &t->shape, &t->scratch);
}

/* One thread's own time is not stretched by its neighbours; of several the slowest counts. */
static double seconds_of(const gf_knob *knob)
{
    struct timespec now;
    if (knob->threads > 1 || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return gf_clock();
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct rounds {
    int count;
    double times[ROUNDS_MOST][GF_TUNE_GRAINS];
} rounds;

static void time_grains(rounds *r, trial *t, const gf_knob *knob)
{
    run_pass(t, knob->pass); /* warms up, and sizes the scratch memory */
    double begin = gf_clock();
    for (r->count = 0; r->count < ROUNDS_MOST; r->count++) {
        if (r->count >= ROUNDS_LEAST && gf_clock() - begin > KNOB_SECONDS) break;
        for (int i = 0; i < GF_TUNE_GRAINS; i++) {
            gf_tuning_put(gf_tune_plan(), knob, gf_tune_grains[i]);
            double start = seconds_of(knob);
            run_pass(t, knob->pass);
            r->times[r->count][i] = seconds_of(knob) - start;
        }
    }
}

static double least_time(const rounds *r, int grain)
{
    double least = r->times[0][grain];
    for (int round = 1; round < r->count; round++) least = fmin(least, r->times[round][grain]);
    return least;
}

/* Faster than the formula's grain at its best and in most rounds, so that one quiet moment of a
 * busy machine does not decide. */
static bool is_better(const rounds *r, int grain)
{
    int won = 0;
    for (int round = 0; round < r->count; round++)
        won += r->times[round][grain] < r->times[round][0];
    return least_time(r, grain) < CLEARLY * least_time(r, 0) && 3 * won > 2 * r->count;
}

/* Most rounds of the formula's grain came near its best: nobody else computes on these cores. */
static bool is_calm(const rounds *r)
{
    int near = 0;
    for (int round = 0; round < r->count; round++)
        near += r->times[round][0] < RESTLESS * least_time(r, 0);
    return 2 * near > r->count;
}

static int best_grain(const rounds *r)
{
    int best = 0;
    for (int i = 1; i < GF_TUNE_GRAINS; i++)
        if (is_better(r, i) && least_time(r, i) < least_time(r, best)) best = i;
    return best;
}

/* What was disturbed is the formula's for this process, and is not kept. */
static void measure_knob(gf_tuning *fresh, gf_tune_summary *summary, trial *t, const gf_knob *knob)
{
    rounds r;
    time_grains(&r, t, knob);
    bool calm = is_calm(&r);
    int best = calm ? best_grain(&r) : 0;
    if (best) { /* the best of several was also the luckiest: it has to win once more */
        time_grains(&r, t, knob);
        calm = is_calm(&r);
        if (!calm || !is_better(&r, best)) best = 0;
    }
    gf_tuning_put(gf_tune_plan(), knob, gf_tune_grains[best]);
    summary->disturbed += !calm;
    if (!calm) return;
    gf_tuning_put(fresh, knob, gf_tune_grains[best]);
    summary->measured++;
    summary->changed += best != 0;
    summary->before += least_time(&r, 0);
    summary->after += least_time(&r, best);
}

/* The passes of one shape that the plan lacks, until `end`. */
static gf_status measure_shape(gf_tuning *fresh, gf_tune_summary *summary,
                               const gf_conv_shape *shape, double end)
{
    gf_status status = GF_OK;
    trial t = { 0 };
    for (int pass = 0; pass < GF_PASS_COUNT; pass++) {
        const gf_knob knob = { pass, omp_get_max_threads(), *shape };
        if (gf_tuning_find(gf_tune_plan(), &knob)) {
            summary->known++;
        } else if (gf_clock() >= end || gf_tune_plan()->count == GF_TUNE_MAX) {
            summary->left++;
        } else {
            if (!t.in) GF_TRY(trial_init(&t, shape));
            measure_knob(fresh, summary, &t, &knob);
        }
    }
out:
    trial_release(&t);
    return status;
}

static void keep(const gf_tuning *fresh)
{
    char path[PATH_MAX];
    gf_status status = gf_tune_path(path);
    if (status == GF_OK) status = gf_tune_save(fresh, path);
    if (status == GF_OK) return;
    gf_log(GF_DEBUG, "kernels", "the measured plan is not kept: %s", gf_error_message());
    gf_error_clear();
}

static bool stands_before(const gf_conv_shape *shapes, int index)
{
    for (int i = 0; i < index; i++)
        if (memcmp(&shapes[i], &shapes[index], sizeof *shapes) == 0) return true;
    return false;
}

gf_status gf_tune_shapes(gf_tune_summary *summary, const gf_conv_shape *shapes, int count,
                         double seconds)
{
    gf_status status;
    char path[PATH_MAX];
    double end = gf_clock() + seconds;
    gf_tuning *fresh = NULL;
    status = gf_tune_path(path);
    if (status == GF_UNSUPPORTED)
        goto out; /* switched off; without a home it is for this process */
    status = GF_OK;
    GF_TRY_ALLOC(fresh = gf_alloc(1, sizeof *fresh));
    *summary = (gf_tune_summary){ 0 };
    for (int i = 0; i < count; i++)
        if (!stands_before(shapes, i)) GF_TRY(measure_shape(fresh, summary, &shapes[i], end));
    if (fresh->count) keep(fresh);
out:
    free(fresh);
    return status;
}
