/* Loss and accuracy on a split, and the passes that let activation observers see data. Sums are
 * taken in the order of the images. */
#include "trainer.h"

#include <stdlib.h>

enum { BATCH = 250 };

typedef struct buffers {
    gf_run *run;
    const gf_pretext *task;   /* NULL: the labels */
    gf_real *questions;       /* [batch, height, width, channels] of a task; or NULL */
    gf_real *target, *losses; /* [batch * answers, classes], [batch * answers] */
    int *labels, *positions;  /* [batch * answers], [batch] */
    int batch;                /* images at a time */
    int classes, inputs, answers;
} buffers;

static void buffers_release(buffers *b)
{
    gf_run_destroy(b->run);
    free(b->questions);
    free(b->target);
    free(b->losses);
    free(b->labels);
    free(b->positions);
}

static gf_status buffers_init(buffers *b, gf_net *net, const gf_data *data,
                              const gf_kernels *kernels)
{
    gf_status status;
    const gf_pretext *task = b->task;
    b->classes = task ? task->classes : gf_data_classes(data);
    b->inputs = task ? task->inputs : 1;
    b->answers = task ? task->answers : 1;
    b->batch = BATCH / b->inputs;
    size_t rows = (size_t)(b->batch * b->answers), batch = (size_t)b->batch;
    if (task) b->questions = gf_alloc(batch * gf_shape_count(net->nodes[0].shape), sizeof(gf_real));
    b->target = gf_alloc(rows * (size_t)b->classes, sizeof *b->target);
    b->losses = gf_alloc(rows, sizeof *b->losses);
    b->labels = gf_alloc(rows > batch ? rows : batch, sizeof *b->labels);
    b->positions = gf_alloc(batch, sizeof *b->positions);
    GF_TRY_ALLOC((b->questions || !task) && b->target && b->losses && b->labels && b->positions);
    GF_TRY(gf_run_create(&b->run, net, kernels, b->batch * b->inputs, false));
out:
    return status;
}

/* The same questions whenever a split is evaluated. */
static void make_task(buffers *b, int count)
{
    const gf_random random = { .purpose = GF_PURPOSE_METHOD };
    const gf_pretext_call call = { .answers = b->labels,
                                   .images = b->questions,
                                   .positions = b->positions,
                                   .count = count,
                                   .random = &random };
    gf_pretext_make(b->task, b->run, call);
}

/* Returns how many images these are. */
static int load_batch(buffers *b, const gf_data *data, gf_split split, int first, int images)
{
    int count = images - first < b->batch ? images - first : b->batch;
    for (int i = 0; i < count; i++) b->positions[i] = first + i;
    gf_data_batch(b->task ? b->questions : gf_run_input(b->run), b->labels, data, split,
                  b->positions, count, NULL, NULL);
    if (b->task) make_task(b, count);
    return count;
}

static void score_batch(buffers *b, int count, const gf_kernels *kernels, double *loss,
                        int64_t *correct)
{
    const gf_real *logits = gf_run_logits(b->run);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < b->classes; k++) b->target[i * b->classes + k] = k == b->labels[i];
    kernels->softmax_cross_entropy(NULL, b->losses, logits, b->target, count, b->classes);
    gf_pretext_weigh(b->task, b->losses, NULL, b->labels, count);
    for (int i = 0; i < count; i++) {
        *correct += gf_argmax(logits + i * b->classes, b->classes) == b->labels[i];
        *loss += (double)b->losses[i];
    }
}

gf_status gf_evaluate_pretext(gf_scores *scores, gf_net *net, const gf_data *data, gf_split split,
                              const gf_pretext *task, const gf_kernels *kernels)
{
    gf_status status;
    buffers b = { .task = task };
    int images = gf_data_count(data, split);
    double loss = 0;
    int64_t correct = 0;
    if (images == 0) return gf_fail(GF_INVALID, "a split without images cannot be evaluated");
    GF_TRY(buffers_init(&b, net, data, kernels));
    for (int first = 0; first < images; first += b.batch) {
        int count = load_batch(&b, data, split, first, images);
        gf_run_forward(b.run, count * b.inputs, GF_MODE_EVALUATE, NULL);
        score_batch(&b, count * b.answers, kernels, &loss, &correct);
    }
    double rows = (double)images * b.answers;
    *scores = (gf_scores){ .loss = loss / rows, .accuracy = (double)correct / rows };
out:
    buffers_release(&b);
    return status;
}

gf_status gf_evaluate(gf_scores *scores, gf_net *net, const gf_data *data, gf_split split,
                      const gf_kernels *kernels)
{
    return gf_evaluate_pretext(scores, net, data, split, NULL, kernels);
}

gf_status gf_calibrate(gf_net *net, const gf_data *data, int images, const gf_kernels *kernels)
{
    gf_status status;
    buffers b = { 0 };
    int there = gf_data_count(data, GF_TRAIN);
    GF_TRY(buffers_init(&b, net, data, kernels));
    if (images > there) images = there;
    for (int first = 0; first < images; first += b.batch) {
        int count = load_batch(&b, data, GF_TRAIN, first, images);
        gf_run_forward(b.run, count, GF_MODE_CALIBRATE, NULL);
    }
out:
    buffers_release(&b);
    return status;
}
