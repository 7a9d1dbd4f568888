/* Method "kd-annealed": the second stage of FitNets (Romero et al. 2015, 1412.6550, sections 2.1
 * and 2.3): knowledge distillation in which the teacher counts less and less,
 *
 *   loss = CE(labels) + lambda KL(softmax(t / T) || softmax(s / T)),  lambda from 4 to 1
 *
 * in a straight line from the first epoch to the last, so that examples the teacher itself is
 * unsure of are learned late. Unlike in `kd` labels keep their weight, and T^2 is not multiplied
 * with (equation 2); the paper's cross-entropy differs from KL by what no student changes. */
#include "distill.h"

typedef struct annealed_options {
    double temperature, first, last;
} annealed_options;

typedef struct kd_annealed_options {
    gf_train_options train;
    char teacher[256];
    annealed_options loss;
} kd_annealed_options;

/* ---- the loss term ---- */

static double lambda_in(const annealed_options *o, int epoch, int epochs)
{
    double passed = epochs > 1 ? (double)epoch / (epochs - 1) : 0;
    return o->first + (o->last - o->first) * passed;
}

static gf_status apply_loss(void *state, const void *options, const gf_loss_call *call,
                            double *loss)
{
    const annealed_options *o = options;
    double lambda = lambda_in(o, call->epoch, call->epochs);
    (void)state;
    return gf_soft_targets_add(call, o->temperature, lambda / (o->temperature * o->temperature),
                               loss);
}

#define LOSS_FIELDS(S, at)                                                                         \
    GF_FIELD_AS("temperature", S, at temperature, "3", "(0, 100]", "", "of both softmaxes"),       \
        GF_FIELD_AS("first", S, at first, "4", "[0, 1000]", "",                                    \
                    "weight of the teacher's part in the first epoch"),                            \
        GF_FIELD_AS("last", S, at last, "1", "[0, 1000]", "", "and in the last")

static const gf_field loss_fields[] = { LOSS_FIELDS(annealed_options, ), GF_FIELD_END };

const gf_loss_kind gf_loss_kd_annealed = {
    .schema = { .name = "kd-annealed",
                .summary = "divergence from the teachers' softened probabilities, fading",
                .paper = "Romero et al. 2015, arXiv 1412.6550, section 2.3",
                .fields = loss_fields },
    .options_size = sizeof(annealed_options),
    .apply = apply_loss,
};

/* ---- the method ---- */

extern const gf_method gf_method_kd_annealed; /* below; its schema says how long it trains */

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const kd_annealed_options *o = options;
    const gf_loss_term term = { .kind = &gf_loss_kd_annealed, .options = &o->loss };
    gf_train_job job = gf_method_job(call, &gf_method_kd_annealed.schema);
    job.terms = &term;
    job.term_count = 1;
    GF_TRY(gf_teachers_check(call, "kd-annealed"));
    GF_TRY(gf_train(&job));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(kd_annealed_options, "10", "0.05"),
    GF_FIELD(kd_annealed_options, teacher, "parent", NULL, "",
             "a chain of `teachers`, several with commas, or \"parent\": the stage before"),
    LOSS_FIELDS(kd_annealed_options, loss.),
    GF_FIELD_END,
};

const gf_method gf_method_kd_annealed = {
    .schema = { .name = "kd-annealed",
                .summary = "learn from a teacher that counts less and less: FitNets after its hint",
                .paper = "Romero et al. 2015, arXiv 1412.6550, section 2.3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(kd_annealed_options),
    .stage = "distill",
    .example = "{ id = \"dense\"; train : { epochs = 30; }; }, "
               "{ prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
               "{ distill : { method = \"hint\"; teacher = \"dense\"; epochs = 5; }; }, "
               "{ distill : { method = \"kd-annealed\"; teacher = \"dense\"; epochs = 10; }; }",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
