/* The divergence from the teachers' softened probabilities (Hinton, Vinyals, Dean 2015, 1503.02531,
 * section 2), for all methods that have it in their loss. */
#include "distill.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Adds weight * softmax(row / temperature) to out. */
static void add_softmax(double *out, const gf_real *row, int classes, double temperature,
                        double weight)
{
    double most = (double)row[0], sum = 0;
    for (int k = 1; k < classes; k++)
        if ((double)row[k] > most) most = (double)row[k]; /* gcc 12 fails on fmax for arm64 */
    for (int k = 0; k < classes; k++) sum += exp(((double)row[k] - most) / temperature);
    for (int k = 0; k < classes; k++)
        out[k] += weight * exp(((double)row[k] - most) / temperature) / sum;
}

static void mean_of_teachers(double *out, const gf_loss_call *call, int image, double temperature)
{
    for (int i = 0; i < call->teacher_count; i++)
        add_softmax(out, gf_run_logits(call->teachers[i]) + (size_t)image * (size_t)call->classes,
                    call->classes, temperature, 1.0 / call->teacher_count);
}

/* d/ds of alpha T^2 KL is alpha T (softmax(s / T) - target). */
gf_status gf_soft_targets_add(const gf_loss_call *call, double T, double alpha, double *loss)
{
    gf_status status = GF_OK;
    int classes = call->classes;
    double sum = 0;
    double *target = gf_alloc((size_t)classes, sizeof *target);
    double *student = gf_alloc((size_t)classes, sizeof *student);
    GF_TRY_ALLOC(target && student);
    for (int i = 0; i < call->batch; i++) {
        size_t row = (size_t)i * (size_t)classes;
        for (int k = 0; k < classes; k++) target[k] = student[k] = 0;
        mean_of_teachers(target, call, i, T);
        add_softmax(student, gf_run_logits(call->student) + row, classes, T, 1);
        for (int k = 0; k < classes; k++) {
            if (target[k] > 0) sum += target[k] * (log(target[k]) - log(fmax(student[k], DBL_MIN)));
            call->d_logits[row + (size_t)k] +=
                (gf_real)(alpha * T * (student[k] - target[k]) / call->batch);
        }
    }
    *loss += alpha * T * T * sum / call->batch;
out:
    free(target);
    free(student);
    return status;
}

gf_status gf_teachers_check(const gf_method_call *call, const char *name)
{
    const gf_net *student = call->net;
    int classes = student->nodes[student->node_count - 1].shape.channels;
    if (call->teacher_count < 1) return gf_fail(GF_INVALID, "%s: there is no teacher", name);
    for (int i = 0; i < call->teacher_count; i++) {
        const gf_net *teacher = call->teachers[i];
        int theirs = teacher->nodes[teacher->node_count - 1].shape.channels;
        if (theirs != classes)
            return gf_fail(GF_INVALID, "%s: a teacher of %d classes, the student has %d", name,
                           theirs, classes);
    }
    return GF_OK;
}
