/* Method "kd": knowledge distillation (Hinton, Vinyals, Dean 2015, 1503.02531, section 2):
 *
 *   loss = (1 - alpha) CE(labels) + alpha T^2 KL(softmax(t / T) || softmax(s / T))
 *
 * as the mean over the batch; T^2 keeps the two gradients in proportion when T changes. Teachers
 * are frozen and see the same augmented images; several teachers are an ensemble whose softened
 * probabilities are averaged. The loss kind "kd" is the second term. */
#include "../compress.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

typedef struct kd_loss_options {
    double temperature, alpha;
} kd_loss_options;

typedef struct kd_options {
    gf_train_options train;
    char teacher[256];
    kd_loss_options loss;
} kd_options;

/* ---- the loss term ---- */

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
static gf_status apply_loss(void *state, const void *options, const gf_loss_call *call,
                            double *loss)
{
    gf_status status = GF_OK;
    const kd_loss_options *o = options;
    int classes = call->classes;
    double T = o->temperature, sum = 0;
    double *target = gf_alloc((size_t)classes, sizeof *target);
    double *student = gf_alloc((size_t)classes, sizeof *student);
    (void)state;
    GF_TRY_ALLOC(target && student);
    for (int i = 0; i < call->batch; i++) {
        size_t row = (size_t)i * (size_t)classes;
        for (int k = 0; k < classes; k++) target[k] = student[k] = 0;
        mean_of_teachers(target, call, i, T);
        add_softmax(student, gf_run_logits(call->student) + row, classes, T, 1);
        for (int k = 0; k < classes; k++) {
            if (target[k] > 0) sum += target[k] * (log(target[k]) - log(fmax(student[k], DBL_MIN)));
            call->d_logits[row + (size_t)k] +=
                (gf_real)(o->alpha * T * (student[k] - target[k]) / call->batch);
        }
    }
    *loss += o->alpha * T * T * sum / call->batch;
out:
    free(target);
    free(student);
    return status;
}

static double label_weight(const void *options)
{
    return 1 - ((const kd_loss_options *)options)->alpha;
}

static const gf_field loss_fields[] = {
    GF_FIELD(kd_loss_options, temperature, "4", "(0, 100]", "", "of both softmaxes"),
    GF_FIELD(kd_loss_options, alpha, "0.9", "[0, 1]", "fraction", "of the teacher's part"),
    GF_FIELD_END,
};

const gf_loss_kind gf_loss_kd = {
    .schema = { .name = "kd",
                .summary = "divergence from the teachers' softened probabilities",
                .paper = "Hinton et al. 2015, arXiv 1503.02531, section 2",
                .fields = loss_fields },
    .options_size = sizeof(kd_loss_options),
    .label_weight = label_weight,
    .apply = apply_loss,
};

/* ---- the method ---- */

extern const gf_method gf_method_kd; /* below; its schema says how long it trains */

static gf_status check_teachers(const gf_method_call *call)
{
    const gf_net *student = call->net;
    int classes = student->nodes[student->node_count - 1].shape.channels;
    if (call->teacher_count < 1) return gf_fail(GF_INVALID, "kd: there is no teacher");
    for (int i = 0; i < call->teacher_count; i++) {
        const gf_net *teacher = call->teachers[i];
        int theirs = teacher->nodes[teacher->node_count - 1].shape.channels;
        if (theirs != classes)
            return gf_fail(GF_INVALID, "kd: a teacher of %d classes, the student has %d", theirs,
                           classes);
    }
    return GF_OK;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const kd_options *o = options;
    const gf_loss_term term = { .kind = &gf_loss_kd, .options = &o->loss };
    gf_train_job job = gf_method_job(call, &gf_method_kd.schema);
    job.terms = &term;
    job.term_count = 1;
    GF_TRY(check_teachers(call));
    GF_TRY(gf_train(&job));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(kd_options, "10", "0.05"),
    GF_FIELD(kd_options, teacher, "parent", NULL, "",
             "a chain of `teachers`, several with commas, or \"parent\": the stage before"),
    GF_FIELD_AS("temperature", kd_options, loss.temperature, "4", "(0, 100]", "",
                "of both softmaxes"),
    GF_FIELD_AS("alpha", kd_options, loss.alpha, "0.9", "[0, 1]", "fraction",
                "of the teacher's part of the loss"),
    GF_FIELD_END,
};

const gf_method gf_method_kd = {
    .schema = { .name = "kd",
                .summary = "learn the softened outputs of a teacher",
                .paper = "Hinton et al. 2015, arXiv 1503.02531, section 2",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(kd_options),
    .stage = "distill",
    .example = "{ distill : { method = \"kd\"; teacher = \"big\"; epochs = 10; }; }",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
