/* The training loop. It may be left between any two steps and resumed to the same bits. */
#include "trainer.h"

#include <math.h>
#include <stdlib.h>

static gf_status save_state(gf_trainer *t)
{
    gf_status status;
    gf_artifact state = { 0 };
    if (!t->job->hooks.save) return GF_OK;
    GF_TRY(gf_trainer_save(t, &state));
    GF_TRY(t->job->hooks.save(t->job->hooks.context, &state));
out:
    gf_artifact_release(&state);
    return status;
}

/* What epoch_start and step_start are given. */
static void *method_context(const gf_trainer *t)
{
    const gf_train_hooks *hooks = &t->job->hooks;
    return hooks->method_context ? hooks->method_context : hooks->context;
}

static gf_status begin_epoch(gf_trainer *t)
{
    const gf_train_hooks *hooks = &t->job->hooks;
    const gf_random shuffle = { .seed = t->job->seed,
                                .ordinal = t->job->ordinal,
                                .purpose = GF_PURPOSE_SHUFFLE,
                                .epoch = (uint32_t)t->epoch };
    gf_random_permutation(&shuffle, 0, t->positions, t->images);
    if (t->step > 0 || !hooks->epoch_start)
        return GF_OK; /* resumed inside the epoch: what happens at its start is in the network */
    return hooks->epoch_start(method_context(t), t->job->net, t->epoch, t->options.epochs);
}

static gf_status begin_step(gf_trainer *t)
{
    const gf_train_place place = {
        .epoch = t->epoch, .epochs = t->options.epochs, .step = t->step, .steps = t->steps
    };
    if (!t->job->hooks.step_start) return GF_OK;
    return t->job->hooks.step_start(method_context(t), t->job->net, &place);
}

/* Scores of what the training would leave now; NAN without validation images. */
static gf_status validate(gf_trainer *t, gf_scores *scores)
{
    gf_status status;
    *scores = (gf_scores){ .loss = NAN, .accuracy = NAN };
    if (gf_data_count(t->job->data, GF_VALIDATION) == 0) return GF_OK;
    gf_trainer_swap_average(t);
    status = gf_evaluate_pretext(scores, t->job->net, t->job->data, GF_VALIDATION, t->job->task,
                                 t->job->kernels);
    gf_trainer_swap_average(t);
    GF_TRY(status);
    if (!isfinite(scores->loss))
        return gf_fail(GF_DIVERGED, "epoch %d: the validation loss is %g", t->epoch + 1,
                       scores->loss);
out:
    return status;
}

static gf_status end_epoch(gf_trainer *t, double rate)
{
    gf_status status;
    gf_scores scores;
    double images = (double)t->sums.images;
    GF_TRY(validate(t, &scores));
    const gf_epoch_row row = { .epoch = t->epoch + 1,
                               .steps = t->steps,
                               .lr = rate,
                               .train_loss = t->sums.loss / images,
                               .train_accuracy = t->sums.correct / images,
                               .validation_loss = scores.loss,
                               .validation_accuracy = scores.accuracy,
                               .seconds = t->sums.seconds };
    t->epoch++;
    t->step = 0;
    gf_schedule_observe(&t->schedule, t->epoch, &scores);
    t->sums = (gf_train_sums){ 0 };
    if (t->job->hooks.epoch) GF_TRY(t->job->hooks.epoch(t->job->hooks.context, &row));
    GF_TRY(save_state(t));
out:
    return status;
}

/* Epoch at which this job ends. */
static int last_epoch(const gf_trainer *t)
{
    int until = t->job->until;
    return until > 0 && until < t->options.epochs ? until : t->options.epochs;
}

static double share_done(const gf_trainer *t)
{
    double epoch = t->epoch + (double)t->step / t->steps;
    return (epoch - t->job->from) / (last_epoch(t) - t->job->from);
}

static bool must_stop(const gf_trainer *t)
{
    const gf_train_hooks *hooks = &t->job->hooks;
    return hooks->stop && hooks->stop(hooks->context, share_done(t));
}

static gf_status run_epoch(gf_trainer *t, double *saved)
{
    gf_status status;
    /* Resumed behind the last step: the epoch's row shows that step's rate all the same. */
    int last = t->step < t->steps ? t->step : t->steps - 1;
    double rate = gf_schedule_rate(&t->schedule, t->epoch, last, t->steps);
    double every = t->job->hooks.checkpoint_seconds;
    GF_TRY(begin_epoch(t));
    while (t->step < t->steps) {
        double begin = gf_clock();
        rate = gf_schedule_rate(&t->schedule, t->epoch, t->step, t->steps);
        GF_TRY(begin_step(t));
        GF_TRY(gf_trainer_step(t, rate));
        t->sums.seconds += gf_clock() - begin;
        if (must_stop(t)) {
            GF_TRY(save_state(t));
            return gf_fail(GF_INTERRUPTED, "asked to stop in epoch %d", t->epoch + 1);
        }
        if (every > 0 && gf_clock() - *saved > every) {
            GF_TRY(save_state(t));
            *saved = gf_clock();
        }
    }
    GF_TRY(end_epoch(t, rate));
    *saved = gf_clock();
out:
    return status;
}

gf_status gf_train(const gf_train_job *job)
{
    gf_status status;
    gf_trainer t = { .job = job };
    double saved = gf_clock();
    if (job->resume) GF_TRY(gf_train_restore_net(job->net, job->resume));
    GF_TRY(gf_trainer_init(&t, job));
    if (job->resume) GF_TRY(gf_trainer_restore(&t, job->resume));
    while (t.epoch < last_epoch(&t)) GF_TRY(run_epoch(&t, &saved));
    if (t.epoch < t.options.epochs && job->left) GF_TRY(gf_trainer_save(&t, job->left));
    gf_trainer_swap_average(&t);
out:
    gf_trainer_release(&t);
    return status;
}
