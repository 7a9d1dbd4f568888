/* Making and releasing the state of a training. */
#include "trainer.h"

#include <stdlib.h>
#include <string.h>

static gf_status make_optimizer(gf_trainer *t)
{
    gf_status status = GF_OK;
    const gf_net *net = t->job->net;
    t->param_count = net->param_count;
    t->velocity = gf_alloc((size_t)net->param_count, sizeof *t->velocity);
    t->average = gf_alloc((size_t)net->param_count, sizeof *t->average);
    GF_TRY_ALLOC(t->velocity && t->average);
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *param = &net->params[i];
        size_t size = gf_param_count(param) * sizeof(gf_real);
        if (param->trainable) GF_TRY_ALLOC(t->velocity[i] = t->job->kernels->memory_alloc(size));
        if (t->options.ema > 0 && param->role != GF_ROLE_STATE) {
            GF_TRY_ALLOC(t->average[i] = t->job->kernels->memory_alloc(size));
            memcpy(t->average[i], param->value, size);
        }
    }
out:
    return status;
}

static gf_status make_teachers(gf_trainer *t)
{
    gf_status status = GF_OK;
    const gf_train_job *job = t->job;
    t->teachers = gf_alloc((size_t)job->teacher_count + 1, sizeof *t->teachers);
    GF_TRY_ALLOC(t->teachers);
    for (int i = 0; i < job->teacher_count; i++)
        GF_TRY(gf_run_create(&t->teachers[i], job->teachers[i], job->kernels, t->options.batch,
                             false));
out:
    return status;
}

static gf_status make_terms(gf_trainer *t)
{
    gf_status status = GF_OK;
    const gf_train_job *job = t->job;
    t->label_weight = 1;
    t->terms = gf_alloc((size_t)job->term_count + 1, sizeof *t->terms);
    GF_TRY_ALLOC(t->terms);
    for (int i = 0; i < job->term_count; i++) {
        const gf_loss_term *term = &job->terms[i];
        if (term->kind->label_weight) t->label_weight *= term->kind->label_weight(term->options);
        if (term->kind->create)
            GF_TRY(term->kind->create(&t->terms[i], term->options, t->run, t->teachers,
                                      job->teacher_count));
    }
out:
    return status;
}

static gf_status make_buffers(gf_trainer *t)
{
    gf_status status = GF_OK;
    size_t batch = (size_t)t->options.batch, classes = (size_t)t->classes;
    t->positions = gf_alloc((size_t)t->images, sizeof *t->positions);
    t->labels = gf_alloc(batch, sizeof *t->labels);
    t->target = gf_alloc(batch * classes, sizeof *t->target);
    t->losses = gf_alloc(batch, sizeof *t->losses);
    GF_TRY_ALLOC(t->positions && t->labels && t->target && t->losses);
out:
    return status;
}

/* A last batch of a single image has no statistics and is left out. */
static int count_steps(int images, int batch)
{
    int rest = images % batch;
    return images / batch + (rest > 1);
}

gf_status gf_trainer_init(gf_trainer *t, const gf_train_job *job)
{
    gf_status status;
    *t = (gf_trainer){ .job = job };
    GF_TRY(gf_train_options_read(&t->options, job));
    GF_TRY(gf_schedule_init(&t->schedule, job, &t->options));
    GF_TRY(gf_augment_chain_create(&t->chain, job->options, job->prefix));
    t->images = gf_data_count(job->data, GF_TRAIN);
    t->classes = gf_data_classes(job->data);
    t->steps = count_steps(t->images, t->options.batch);
    if (t->steps == 0) return gf_fail(GF_INVALID, "%d training images are too few", t->images);
    GF_TRY(gf_run_create(&t->run, job->net, job->kernels, t->options.batch, true));
    GF_TRY(make_teachers(t));
    GF_TRY(make_terms(t));
    GF_TRY(make_optimizer(t));
    GF_TRY(make_buffers(t));
out:
    return status;
}

static void release_list(const gf_kernels *kernels, gf_real **list, int count)
{
    for (int i = 0; list && i < count; i++)
        if (list[i]) kernels->memory_free(list[i]);
    free(list);
}

void gf_trainer_release(gf_trainer *t)
{
    const gf_train_job *job = t->job;
    for (int i = 0; t->terms && i < job->term_count; i++)
        if (t->terms[i] && job->terms[i].kind->destroy) job->terms[i].kind->destroy(t->terms[i]);
    for (int i = 0; t->teachers && i < job->teacher_count; i++) gf_run_destroy(t->teachers[i]);
    free(t->terms);
    free(t->teachers);
    gf_run_destroy(t->run);
    release_list(job->kernels, t->velocity, t->param_count);
    release_list(job->kernels, t->average, t->param_count);
    free(t->positions);
    free(t->labels);
    free(t->target);
    free(t->losses);
    gf_augment_chain_destroy(t->chain);
    gf_schedule_release(&t->schedule);
}

void gf_trainer_swap_average(gf_trainer *t)
{
    for (int i = 0; i < t->param_count; i++) {
        if (!t->average[i]) continue;
        gf_real *value = t->job->net->params[i].value;
        for (size_t k = 0; k < gf_param_count(&t->job->net->params[i]); k++) {
            gf_real kept = value[k];
            value[k] = t->average[i][k];
            t->average[i][k] = kept;
        }
    }
}
