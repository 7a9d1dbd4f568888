/* Method "hint": the first stage of FitNets (Romero et al. 2015, 1412.6550, section 2.2). The
 * student up to its guided layer learns to give what the teacher has at its hint layer, through a
 * regressor of 1x1 convolutions that is thrown away afterwards:
 *
 *   loss = 1/2 mean (teacher's hint - regressor(guided))^2
 *
 * as a mean over all values instead of their sum, so that rates fit any size. Nothing behind the
 * guided layer changes but running statistics. The second stage is a `kd-annealed` after it. */
#include "distill.h"

#include <stdlib.h>
#include <string.h>

#define AUTO      "auto"
#define REGRESSOR "hint"

typedef struct hint_loss_options {
    char student[GF_NAME], teacher[GF_NAME]; /* nodes of equal shape */
} hint_loss_options;

typedef struct hint_options {
    gf_train_options train;
    char teacher[256];
    char guided[GF_NAME], hint[GF_NAME];
} hint_options;

/* "auto": the last node whose maps are at least half as high as the image, which in ResNets is
 * about the middle. */
static gf_status find_node(int *node, const gf_net *net, const char *name)
{
    *node = gf_net_find_node(net, name);
    if (strcmp(name, AUTO) == 0)
        for (int n = 0; n < net->node_count; n++)
            if (2 * net->nodes[n].shape.height >= net->nodes[0].shape.height) *node = n;
    if (*node < 0) return gf_fail(GF_INVALID, "hint: no node is called %s", name);
    return GF_OK;
}

/* ---- the loss term ---- */

typedef struct hint_state {
    int student, *teachers; /* nodes */
} hint_state;

static void destroy(void *state_)
{
    hint_state *state = state_;
    if (state) free(state->teachers);
    free(state);
}

static gf_status want_teacher(int *node, gf_run *teacher, const hint_loss_options *o,
                              gf_shape wanted)
{
    gf_status status;
    GF_TRY(find_node(node, gf_run_net(teacher), o->teacher));
    gf_shape shape = gf_run_net(teacher)->nodes[*node].shape;
    if (shape.height != wanted.height || shape.width != wanted.width ||
        shape.channels != wanted.channels)
        return gf_fail(GF_INVALID,
                       "hint: the teacher has %d x %d x %d values, the student %d x %d x %d",
                       shape.height, shape.width, shape.channels, wanted.height, wanted.width,
                       wanted.channels);
    GF_TRY(gf_run_want_value(teacher, *node));
out:
    return status;
}

static gf_status create(void **state, const void *options, gf_run *student, gf_run *const *teachers,
                        int teacher_count)
{
    gf_status status;
    const hint_loss_options *o = options;
    hint_state *made = gf_alloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    GF_TRY_ALLOC(made->teachers = gf_alloc((size_t)teacher_count, sizeof *made->teachers));
    GF_TRY(find_node(&made->student, gf_run_net(student), o->student));
    GF_TRY(gf_run_want_value(student, made->student));
    GF_TRY(gf_run_want_gradient(student, made->student));
    for (int i = 0; i < teacher_count; i++)
        GF_TRY(want_teacher(&made->teachers[i], teachers[i], o,
                            gf_run_net(student)->nodes[made->student].shape));
    *state = made;
    made = NULL;
out:
    destroy(made);
    return status;
}

/* Of one image, unscaled. */
static double add_image(gf_real *gradient, const gf_real *got, const gf_real *want, size_t count,
                        double scale)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        double apart = (double)got[k] - (double)want[k];
        sum += apart * apart;
        gradient[k] += (gf_real)(scale * apart);
    }
    return sum / 2;
}

static gf_status apply_loss(void *state_, const void *options, const gf_loss_call *call,
                            double *loss)
{
    gf_status status = GF_OK;
    const hint_state *state = state_;
    size_t count = gf_shape_count(gf_run_net(call->student)->nodes[state->student].shape);
    double scale = 1 / ((double)count * call->batch * call->teacher_count);
    const gf_real *got = gf_run_value(call->student, state->student);
    gf_real *gradient = gf_run_gradient(call->student, state->student);
    double *sums = gf_alloc((size_t)call->batch, sizeof *sums);
    (void)options;
    GF_TRY_ALLOC(sums);
    for (int t = 0; t < call->teacher_count; t++) {
        const gf_real *want = gf_run_value(call->teachers[t], state->teachers[t]);
#pragma omp parallel for schedule(static)
        for (int i = 0; i < call->batch; i++) {
            size_t at = (size_t)i * count;
            sums[i] = add_image(gradient + at, got + at, want + at, count, scale);
        }
        for (int i = 0; i < call->batch; i++) *loss += scale * sums[i];
    }
out:
    free(sums);
    return status;
}

static double label_weight(const void *options)
{
    (void)options;
    return 0;
}

static const gf_field loss_fields[] = {
    GF_FIELD(hint_loss_options, student, AUTO, NULL, "", "node of the student"),
    GF_FIELD(hint_loss_options, teacher, AUTO, NULL, "", "node of the teacher, of the same shape"),
    GF_FIELD_END,
};

const gf_loss_kind gf_loss_hint = {
    .schema = { .name = "hint",
                .summary = "squared distance of a layer from a teacher's",
                .paper = "Romero et al. 2015, arXiv 1412.6550, section 2.2",
                .fields = loss_fields },
    .options_size = sizeof(hint_loss_options),
    .create = create,
    .destroy = destroy,
    .label_weight = label_weight,
    .apply = apply_loss,
};

/* ---- the regressor ---- */

/* What does not lead to the regressor stays as it is. */
static gf_status hold_rest(bool **held, gf_net *net)
{
    gf_status status;
    bool *leads = NULL;
    GF_TRY(gf_nodes_before(&leads, net, gf_net_find_node(net, REGRESSOR)));
    GF_TRY(gf_params_hold(held, net, leads));
out:
    free(leads);
    return status;
}

/* Parameters of the regressor stand last: those before it have kept their places. */
static gf_status remove_regressor(gf_net *net, const bool *held)
{
    gf_status status;
    GF_TRY(gf_net_remove(net, gf_net_find_node(net, REGRESSOR)));
    gf_params_let_go(net, held);
out:
    return status;
}

/* ---- the method ---- */

extern const gf_method gf_method_hint; /* below; its schema says how long it trains */

static gf_status prepare(const gf_method_call *call, const hint_options *o)
{
    gf_status status;
    int guided, hint;
    if (call->teacher_count != 1)
        return gf_fail(GF_INVALID, "hint: %d teachers; it takes one", call->teacher_count);
    const gf_net *teacher = call->teachers[0];
    GF_TRY(find_node(&guided, call->net, o->guided));
    GF_TRY(find_node(&hint, teacher, o->hint));
    if (guided == call->net->node_count - 1)
        return gf_fail(GF_INVALID, "hint: guided = %s gives the logits", o->guided);
    GF_TRY(gf_regressor_add_conv(call, &guided, REGRESSOR, guided,
                                 teacher->nodes[hint].shape.channels, true));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const hint_options *o = options;
    hint_loss_options loss = { .student = REGRESSOR };
    const gf_loss_term term = { .kind = &gf_loss_hint, .options = &loss };
    gf_train_job job = gf_method_job(call, &gf_method_hint.schema);
    bool *held = NULL;
    snprintf(loss.teacher, sizeof loss.teacher, "%s", o->hint);
    job.terms = &term;
    job.term_count = 1;
    GF_TRY(prepare(call, o));
    GF_TRY(hold_rest(&held, call->net));
    GF_TRY(gf_train(&job));
    GF_TRY(remove_regressor(call->net, held));
out:
    free(held);
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(hint_options, "5", "0.05"),
    GF_FIELD(hint_options, teacher, "parent", NULL, "",
             "a chain of `teachers`, or \"parent\": the stage before"),
    GF_FIELD(hint_options, guided, AUTO, NULL, "",
             "node of the student; auto: the last with maps of half the image's height"),
    GF_FIELD(hint_options, hint, AUTO, NULL, "", "node of the teacher, of the same height"),
    GF_FIELD_END,
};

const gf_method gf_method_hint = {
    .schema = { .name = "hint",
                .summary = "fit the first layers to a teacher's: the first stage of FitNets",
                .paper = "Romero et al. 2015, arXiv 1412.6550, section 2.2",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(hint_options),
    .stage = "distill",
    .example = "{ id = \"dense\"; train : { epochs = 30; }; }, "
               "{ prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
               "{ distill : { method = \"hint\"; teacher = \"dense\"; epochs = 5; }; }, "
               "{ distill : { method = \"kd-annealed\"; teacher = \"dense\"; epochs = 10; }; }",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
