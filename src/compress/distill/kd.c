/* Method "kd": knowledge distillation (Hinton, Vinyals, Dean 2015, 1503.02531, section 2):
 *
 *   loss = (1 - alpha) CE(labels) + alpha T^2 KL(softmax(t / T) || softmax(s / T))
 *
 * as the mean over the batch; T^2 keeps the two gradients in proportion when T changes. Teachers
 * are frozen and see the same augmented images; several teachers are an ensemble whose softened
 * probabilities are averaged. The loss kind "kd" is the second term. */
#include "distill.h"

typedef struct kd_loss_options {
    double temperature, alpha;
} kd_loss_options;

typedef struct kd_options {
    gf_train_options train;
    char teacher[256];
    kd_loss_options loss;
} kd_options;

/* ---- the loss term ---- */

static gf_status apply_loss(void *state, const void *options, const gf_loss_call *call,
                            double *loss)
{
    const kd_loss_options *o = options;
    (void)state;
    return gf_soft_targets_add(call, o->temperature, o->alpha, loss);
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

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const kd_options *o = options;
    const gf_loss_term term = { .kind = &gf_loss_kd, .options = &o->loss };
    gf_train_job job = gf_method_job(call, &gf_method_kd.schema);
    job.terms = &term;
    job.term_count = 1;
    GF_TRY(gf_teachers_check(call, "kd"));
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
    .example = "{ id = \"dense\"; train : { epochs = 30; }; }, "
               "{ prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
               "{ distill : { method = \"kd\"; teacher = \"dense\"; epochs = 10; }; }",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
