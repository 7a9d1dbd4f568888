/* One step: batch, teachers, forward, loss and its terms, backward, SGD, moving average. */
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

/* Rows that sum to 1: 1 - s on the label and s spread evenly (Szegedy et al. 2016, 1512.00567,
 * section 7). */
static void fill_target(gf_trainer *t, int count)
{
    gf_real spread = (gf_real)(t->options.label_smoothing / t->classes);
    gf_real peak = (gf_real)(1 - t->options.label_smoothing);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < t->classes; k++)
            t->target[i * t->classes + k] = spread + (k == t->labels[i] ? peak : 0);
}

int gf_argmax(const gf_real *values, int count)
{
    int best = 0;
    for (int k = 1; k < count; k++)
        if (values[k] > values[best]) best = k;
    return best;
}

/* Mean loss over the batch; d_logits is left in the run. */
static gf_status hard_loss(gf_trainer *t, int count, double *loss)
{
    gf_real *logits = gf_run_logits(t->run);
    gf_real *d_logits = gf_run_gradient(t->run, t->job->net->node_count - 1);
    t->job->kernels->softmax_cross_entropy(d_logits, t->losses, logits, t->target, count,
                                           t->classes);
    *loss = 0;
    for (int i = 0; i < count; i++) {
        *loss += (double)t->losses[i];
        t->sums.correct += gf_argmax(logits + i * t->classes, t->classes) == t->labels[i];
    }
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

static void update(gf_trainer *t, double rate)
{
    const gf_train_options *o = &t->options;
    double decay[2] = { 0, 0 };
    decay[o->decay] = o->weight_decay;
    for (int i = 0; i < t->param_count; i++) {
        gf_param *param = &t->job->net->params[i];
        bool decays = param->role == GF_ROLE_WEIGHT;
        if (t->velocity[i])
            t->job->kernels->sgd_step(
                param->value, t->velocity[i], gf_run_param_gradient(t->run, i),
                gf_param_count(param), (gf_real)rate, (gf_real)o->momentum,
                decays ? (gf_real)decay[0] : 0, decays ? (gf_real)decay[1] : 0, o->nesterov);
    }
}

/* The average follows fast at first: min(decay, (1 + n) / (10 + n)) after n updates. */
static void update_average(gf_trainer *t)
{
    double n = (double)t->updates;
    double decay = fmin(t->options.ema, (1 + n) / (10 + n));
    for (int i = 0; i < t->param_count; i++)
        if (t->average[i])
            t->job->kernels->ema_step(t->average[i], t->job->net->params[i].value,
                                      gf_param_count(&t->job->net->params[i]), (gf_real)decay);
}

gf_status gf_trainer_step(gf_trainer *t, double rate)
{
    gf_status status;
    int count = batch_size(t);
    double loss = 0;
    const gf_random augment = random_of(t, GF_PURPOSE_AUGMENT);
    const gf_random dropout = random_of(t, GF_PURPOSE_DROPOUT);
    gf_data_batch(gf_run_input(t->run), t->labels, t->job->data, GF_TRAIN,
                  t->positions + t->step * t->options.batch, count, t->chain, &augment);
    run_teachers(t, count);
    gf_run_forward(t->run, count, GF_MODE_TRAIN, &dropout);
    fill_target(t, count);
    GF_TRY(hard_loss(t, count, &loss));
    GF_TRY(add_terms(t, count, &loss));
    if (!isfinite(loss))
        return gf_fail(GF_DIVERGED, "epoch %d, step %d: the loss is %g at a rate of %g",
                       t->epoch + 1, t->step + 1, loss, rate);
    gf_run_backward(t->run);
    update(t, rate);
    t->updates++;
    if (t->options.ema > 0) update_average(t);
    t->sums.loss += loss * count;
    t->sums.images += count;
    t->step++;
out:
    return status;
}
