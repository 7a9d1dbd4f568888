/* Making and releasing the state of a training. */
#include "trainer.h"

#include <stdlib.h>

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
    size_t batch = (size_t)t->options.batch, rows = batch * (size_t)t->answers;
    size_t classes = (size_t)t->classes, image = gf_shape_count(t->job->net->nodes[0].shape);
    t->positions = gf_alloc((size_t)t->images, sizeof *t->positions);
    t->labels = gf_alloc(batch > rows ? batch : rows, sizeof *t->labels);
    t->target = gf_alloc(rows * classes, sizeof *t->target);
    t->losses = gf_alloc(rows, sizeof *t->losses);
    if (t->job->task) GF_TRY_ALLOC(t->questions = gf_alloc(batch * image, sizeof *t->questions));
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
    const gf_kernels *kernels;
    *t = (gf_trainer){ .job = job };
    GF_TRY(gf_train_options_read(&t->options, job));
    GF_TRY(gf_schedule_init(&t->schedule, job, &t->options));
    GF_TRY(gf_optimizer_init(&t->optimizer, job));
    GF_TRY(gf_augment_chain_create(&t->chain, job->options, job->prefix));
    if (t->schedule.kind->observe && gf_data_count(job->data, GF_VALIDATION) == 0)
        return gf_fail(GF_INVALID, "%sschedule.policy = \"%s\" needs validation images",
                       job->prefix, t->schedule.kind->schema.name);
    t->split = job->task ? GF_UNLABELLED : GF_TRAIN;
    t->images = gf_data_count(job->data, t->split);
    t->classes = job->task ? job->task->classes : gf_data_classes(job->data);
    t->inputs = job->task ? job->task->inputs : 1;
    t->answers = job->task ? job->task->answers : 1;
    t->steps = count_steps(t->images, t->options.batch);
    if (t->steps == 0) return gf_fail(GF_INVALID, "%d training images are too few", t->images);
    GF_TRY(gf_kernels_with(&kernels, job->kernels, (gf_numerics)t->options.numerics));
    GF_TRY(gf_run_create(&t->run, job->net, kernels, t->options.batch * t->inputs, true));
    GF_TRY(make_teachers(t));
    GF_TRY(make_terms(t));
    GF_TRY(gf_trainer_make_buffers(t));
    GF_TRY(make_buffers(t));
out:
    return status;
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
    gf_trainer_release_buffers(t);
    free(t->positions);
    free(t->labels);
    free(t->questions);
    free(t->target);
    free(t->losses);
    gf_augment_chain_destroy(t->chain);
    gf_schedule_release(&t->schedule);
    gf_optimizer_release(&t->optimizer);
}
