/* Loss and accuracy on a split, and the passes that let activation observers see data. Sums are
 * taken in the order of the images. */
#include "trainer.h"

#include <stdlib.h>

enum { BATCH = 250 };

typedef struct buffers {
    gf_run *run;
    gf_real *target, *losses;
    int *labels, *positions;
    int classes;
} buffers;

static void buffers_release(buffers *b)
{
    gf_run_destroy(b->run);
    free(b->target);
    free(b->losses);
    free(b->labels);
    free(b->positions);
}

static gf_status buffers_init(buffers *b, gf_net *net, const gf_data *data,
                              const gf_kernels *kernels)
{
    gf_status status;
    b->classes = gf_data_classes(data);
    b->target = gf_alloc((size_t)(BATCH * b->classes), sizeof *b->target);
    b->losses = gf_alloc(BATCH, sizeof *b->losses);
    b->labels = gf_alloc(BATCH, sizeof *b->labels);
    b->positions = gf_alloc(BATCH, sizeof *b->positions);
    GF_TRY_ALLOC(b->target && b->losses && b->labels && b->positions);
    GF_TRY(gf_run_create(&b->run, net, kernels, BATCH, false));
out:
    return status;
}

static int load_batch(buffers *b, const gf_data *data, gf_split split, int first, int images)
{
    int count = images - first < BATCH ? images - first : BATCH;
    for (int i = 0; i < count; i++) b->positions[i] = first + i;
    gf_data_batch(gf_run_input(b->run), b->labels, data, split, b->positions, count, NULL, NULL);
    return count;
}

static void score_batch(buffers *b, int count, const gf_kernels *kernels, double *loss,
                        int64_t *correct)
{
    const gf_real *logits = gf_run_logits(b->run);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < b->classes; k++) b->target[i * b->classes + k] = k == b->labels[i];
    kernels->softmax_cross_entropy(NULL, b->losses, logits, b->target, count, b->classes);
    for (int i = 0; i < count; i++) {
        *correct += gf_argmax(logits + i * b->classes, b->classes) == b->labels[i];
        *loss += (double)b->losses[i];
    }
}

gf_status gf_evaluate(gf_scores *scores, gf_net *net, const gf_data *data, gf_split split,
                      const gf_kernels *kernels)
{
    gf_status status;
    buffers b = { 0 };
    int images = gf_data_count(data, split);
    double loss = 0;
    int64_t correct = 0;
    if (images == 0) return gf_fail(GF_INVALID, "a split without images cannot be evaluated");
    GF_TRY(buffers_init(&b, net, data, kernels));
    for (int first = 0; first < images; first += BATCH) {
        int count = load_batch(&b, data, split, first, images);
        gf_run_forward(b.run, count, GF_MODE_EVALUATE, NULL);
        score_batch(&b, count, kernels, &loss, &correct);
    }
    *scores = (gf_scores){ .loss = loss / images, .accuracy = (double)correct / images };
out:
    buffers_release(&b);
    return status;
}

gf_status gf_calibrate(gf_net *net, const gf_data *data, int images, const gf_kernels *kernels)
{
    gf_status status;
    buffers b = { 0 };
    int there = gf_data_count(data, GF_TRAIN);
    GF_TRY(buffers_init(&b, net, data, kernels));
    if (images > there) images = there;
    for (int first = 0; first < images; first += BATCH) {
        int count = load_batch(&b, data, GF_TRAIN, first, images);
        gf_run_forward(b.run, count, GF_MODE_CALIBRATE, NULL);
    }
out:
    buffers_release(&b);
    return status;
}
