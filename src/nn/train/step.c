/* One step: batch, mixing, teachers, forward, loss and its terms, backward, update. */
#include "trainer.h"

#include <math.h>
#include <string.h>

static gf_random random_of(const gf_trainer *t, gf_purpose purpose)
{
    return (gf_random){ .seed = t->job->seed,
                        .ordinal = t->job->ordinal,
                        .purpose = purpose,
                        .epoch = (uint32_t)t->epoch };
}

/* Images of the step that is to be done. */
static int batch_size(const gf_trainer *t)
{
    int left = t->images - t->step * t->options.batch;
    return left < t->options.batch ? left : t->options.batch;
}

static void run_teachers(gf_trainer *t, int count)
{
    const gf_real *images = gf_run_input(t->run);
    size_t size = (size_t)count * gf_shape_count(t->job->net->nodes[0].shape);
    for (int i = 0; i < t->job->teacher_count; i++) {
        t->job->kernels->copy(gf_run_input(t->teachers[i]), images, size);
        gf_run_forward(t->teachers[i], count, GF_MODE_EVALUATE, NULL);
    }
}

/* The task's inputs and answers out of the images that were loaded for it. */
static void make_task(gf_trainer *t, int images)
{
    const gf_random random = random_of(t, GF_PURPOSE_METHOD);
    const gf_pretext_call call = { .answers = t->labels,
                                   .images = t->questions,
                                   .positions = t->positions + t->step * t->options.batch,
                                   .count = images,
                                   .random = &random };
    gf_pretext_make(t->job->task, t->run, call);
}

/* Images and targets: 1 on the label, or its share where the augmentations mix images; the targets
 * of all answers that belong to one image are mixed alike. */
static void load_batch(gf_trainer *t, int images)
{
    int count = images * t->answers;
    const gf_random augment = random_of(t, GF_PURPOSE_AUGMENT);
    const gf_random mix = random_of(t, GF_PURPOSE_MIX);
    gf_shape image = t->job->net->nodes[0].shape;
    const gf_mix_call call = { .images = gf_run_input(t->run),
                               .target = t->target,
                               .count = images * t->inputs,
                               .height = image.height,
                               .width = image.width,
                               .channels = image.channels,
                               .classes = t->classes * (t->answers / t->inputs),
                               .random = &mix,
                               .index = (uint32_t)t->step,
                               .share = (double)t->epoch / t->options.epochs };
    gf_data_batch(t->job->task ? t->questions : call.images, t->labels, t->job->data, t->split,
                  t->positions + t->step * t->options.batch, images, t->chain, &augment);
    if (t->job->task) make_task(t, images);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < t->classes; k++) t->target[i * t->classes + k] = k == t->labels[i];
    gf_data_mix(&call, t->chain);
}

/* Of the target, s is spread evenly over all classes (Szegedy et al. 2016, 1512.00567, section
 * 7). */
static void smooth_target(gf_trainer *t, int count)
{
    gf_real spread = (gf_real)(t->options.label_smoothing / t->classes);
    gf_real peak = (gf_real)(1 - t->options.label_smoothing);
    for (int i = 0; i < count * t->classes; i++) t->target[i] = spread + peak * t->target[i];
}

int gf_argmax(const gf_real *values, int count)
{
    int best = 0;
    for (int k = 1; k < count; k++)
        if (values[k] > values[best]) best = k;
    return best;
}

/* An image counts with the share that its label of the largest logit has in the target before
 * smoothing: 1 or 0, unless images are mixed. */
static void count_correct(gf_trainer *t, int count)
{
    const gf_real *logits = gf_run_logits(t->run);
    for (int i = 0; i < count; i++) {
        int row = i * t->classes;
        t->sums.correct += (double)t->target[row + gf_argmax(logits + row, t->classes)];
    }
}

/* Mean loss over the batch; d_logits is left in the run. */
static gf_status hard_loss(gf_trainer *t, int count, double *loss)
{
    gf_real *d_logits = gf_run_gradient(t->run, t->job->net->node_count - 1);
    t->job->kernels->softmax_cross_entropy(d_logits, t->losses, gf_run_logits(t->run), t->target,
                                           count, t->classes);
    gf_pretext_weigh(t->job->task, t->losses, d_logits, t->labels, count);
    *loss = 0;
    for (int i = 0; i < count; i++) *loss += (double)t->losses[i];
    *loss *= t->label_weight / count;
    if (t->label_weight != 1)
        for (int i = 0; i < count * t->classes; i++) d_logits[i] *= (gf_real)t->label_weight;
    return GF_OK;
}

static gf_status add_terms(gf_trainer *t, int count, double *loss)
{
    gf_status status = GF_OK;
    const gf_train_job *job = t->job;
    const gf_loss_call call = {
        .student = t->run,
        .teachers = t->teachers,
        .teacher_count = job->teacher_count,
        .labels = t->labels,
        .target = t->target,
        .batch = count,
        .classes = t->classes,
        .epoch = t->epoch,
        .epochs = t->options.epochs,
        .d_logits = gf_run_gradient(t->run, job->net->node_count - 1),
    };
    for (int i = 0; i < job->term_count; i++)
        GF_TRY(job->terms[i].kind->apply(t->terms[i], job->terms[i].options, &call, loss));
out:
    return status;
}

static void add_gradients_of_terms(gf_trainer *t)
{
    const gf_train_job *job = t->job;
    for (int i = 0; i < job->term_count; i++)
        if (job->terms[i].kind->add_gradients)
            job->terms[i].kind->add_gradients(t->terms[i], job->terms[i].options, t->run);
}

/* s since *last, which moves on to now. */
static double lap(double *last)
{
    double begin = *last;
    *last = gf_clock();
    return *last - begin;
}

gf_status gf_trainer_step(gf_trainer *t, double rate)
{
    gf_status status;
    int images = batch_size(t), count = images * t->answers;
    double loss = 0, clock = gf_clock();
    gf_step_times times = { .images = images, .rate = rate };
    gf_random draws = random_of(t, GF_PURPOSE_DROPOUT);
    draws.epoch = (uint32_t)t->updates; /* other draws in each step */
    load_batch(t, images);
    times.data = lap(&clock);
    run_teachers(t, images);
    gf_run_forward(t->run, images * t->inputs, GF_MODE_TRAIN, &draws);
    times.forward = lap(&clock);
    count_correct(t, count);
    smooth_target(t, count);
    GF_TRY(hard_loss(t, count, &loss));
    GF_TRY(add_terms(t, count, &loss));
    if (!isfinite(loss))
        return gf_fail(GF_DIVERGED, "epoch %d, step %d: the loss is %g at a rate of %g",
                       t->epoch + 1, t->step + 1, loss, rate);
    times.loss = lap(&clock);
    times.batch_loss = loss;
    gf_run_backward(t->run);
    add_gradients_of_terms(t);
    times.backward = lap(&clock);
    gf_trainer_update(t, rate);
    times.update = lap(&clock);
    if (t->job->hooks.step) t->job->hooks.step(t->job->hooks.context, &times);
    t->sums.loss += loss * count;
    t->sums.images += count;
    t->step++;
out:
    return status;
}
