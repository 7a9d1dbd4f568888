/* Method "lit": learned intermediate representation training (Koratana et al., ICML 2019,
 * 1810.01937, section 3), for a student as wide as its teacher with fewer layers. Each block of the
 * student is given what the teacher's block before it has made, and learns to make of it what the
 * teacher's does, so that it need not follow its own predecessors while these learn:
 *
 *   loss = beta [(1 - alpha) CE + alpha T^2 KL] + (1 - beta) sum_i mean (S_i(t_{i-1}) - t_i)^2
 *
 * where the first part is `kd` on the student as a whole. Several teachers: the mean of their
 * losses. beta, alpha and T are those of the authors' code for CIFAR-10. The student is then
 * trained alone, by a `kd` or `finetune` stage with a tenth of the rate. Choices: a block ends at
 * the last place before the images become smaller, and the first one begins at the images, so that
 * it has the stem (which that code takes over from the teacher, with the classifier, and holds).
 * What a block learns from the teacher's input does not enter its running statistics: these are of
 * the student's own. A block is a second run of a part of the student, with its weights. */
#include "distill.h"

#include <stdlib.h>
#include <string.h>

typedef struct lit_loss_options {
    double temperature, alpha, beta;
} lit_loss_options;

typedef struct lit_options {
    gf_train_options train;
    char teacher[256];
    lit_loss_options loss;
} lit_options;

/* ---- a block ---- */

typedef struct block {
    gf_net *net; /* of the student what stands behind its first node, which is the input */
    gf_run *run;
    gf_real **gradients; /* [params]: sums over teachers; NULL: not of this block */
    int first, last;     /* nodes of the student */
} block;

static void block_release(block *b)
{
    for (int i = 0; b->gradients && i < b->net->param_count; i++) free(b->gradients[i]);
    free(b->gradients);
    gf_run_destroy(b->run);
    gf_net_destroy(b->net);
}

/* Nodes first .. last are all that stay; the table of parameters keeps its order. */
static void cut_out(gf_net *net, int first, int last)
{
    const gf_layer_kind *input = net->nodes[0].kind;
    memmove(net->nodes, net->nodes + first, (size_t)(last - first + 1) * sizeof *net->nodes);
    net->node_count = last - first + 1;
    for (int n = 0; n < net->node_count; n++)
        for (int i = 0; i < net->nodes[n].input_count; i++) net->nodes[n].inputs[i] -= first;
    net->nodes[0].kind = input;
    net->nodes[0].input_count = net->nodes[0].param_count = 0;
}

static gf_status take_params(block *b)
{
    gf_status status = GF_OK;
    gf_net *net = b->net;
    GF_TRY_ALLOC(b->gradients = gf_alloc((size_t)net->param_count + 1, sizeof *b->gradients));
    for (int n = 0; n < net->node_count; n++)
        for (int i = 0; i < net->nodes[n].param_count; i++) {
            int p = net->nodes[n].params[i];
            if (!net->params[p].trainable || b->gradients[p]) continue;
            b->gradients[p] = gf_alloc(gf_param_count(&net->params[p]), sizeof(gf_real));
            GF_TRY_ALLOC(b->gradients[p]);
        }
    for (int p = 0; p < net->param_count; p++)
        if (!b->gradients[p]) net->params[p].trainable = false;
out:
    return status;
}

static gf_status block_init(block *b, gf_run *student, int first, int last)
{
    gf_status status;
    *b = (block){ .first = first, .last = last };
    GF_TRY(gf_net_copy(&b->net, gf_run_net(student)));
    cut_out(b->net, first, last);
    GF_TRY(take_params(b));
    GF_TRY(gf_run_create(&b->run, b->net, gf_run_kernels(student), gf_run_capacity(student), true));
out:
    return status;
}

/* The student's weights and what its views know, as they are now. */
static void follow(block *b, const gf_net *student)
{
    for (int p = 0; p < student->param_count; p++) {
        const gf_param *from = &student->params[p];
        gf_param *to = &b->net->params[p];
        memcpy(to->value, from->value, gf_param_count(from) * sizeof *from->value);
        for (int v = 0; v < from->view_count; v++)
            for (int s = 0; s < from->views[v].state_count; s++) {
                const gf_tensor *state = &from->views[v].states[s];
                memcpy(to->views[v].states[s].data, state->data,
                       (size_t)gf_tensor_count(state) * gf_dtype_size(state->dtype));
            }
    }
}

static void add_to(gf_real *sum, const gf_real *values, size_t count)
{
    for (size_t k = 0; k < count; k++) sum[k] += values[k];
}

/* What the run's backward pass has left, added up over teachers. */
static void add_gradients_of(block *b, bool first)
{
    for (int p = 0; p < b->net->param_count; p++) {
        size_t count = gf_param_count(&b->net->params[p]);
        if (!b->gradients[p]) continue;
        if (first) memset(b->gradients[p], 0, count * sizeof(gf_real));
        add_to(b->gradients[p], gf_run_param_gradient(b->run, p), count);
    }
}

/* ---- the loss term ---- */

typedef struct lit_state {
    int count;
    gf_stage_ends student, *teachers; /* of each teacher */
    block *blocks;                    /* [count]; the first is part of the student's own pass */
    double *sums;                     /* [batch] */
} lit_state;

static void destroy(void *state_)
{
    lit_state *state = state_;
    for (int i = 1; state && state->blocks && i < state->count; i++)
        block_release(&state->blocks[i]);
    if (state) free(state->blocks);
    if (state) free(state->teachers);
    if (state) free(state->sums);
    free(state);
}

static gf_status find_teacher_ends(gf_stage_ends *ends, gf_run *teacher,
                                   const gf_stage_ends *student, const gf_net *net)
{
    gf_status status = GF_OK;
    gf_stage_ends_cut(ends, gf_run_net(teacher));
    if (ends->count != student->count)
        return gf_fail(GF_INVALID, "lit: %d blocks of the student, %d of the teacher",
                       student->count, ends->count);
    for (int i = 0; i < ends->count; i++) {
        gf_shape s = net->nodes[student->nodes[i]].shape;
        gf_shape t = gf_run_net(teacher)->nodes[ends->nodes[i]].shape;
        if (s.height != t.height || s.width != t.width || s.channels != t.channels)
            return gf_fail(GF_INVALID,
                           "lit: block %d ends with %d x %d x %d values in the student, with %d x "
                           "%d x %d in the teacher; both must be equally wide",
                           i + 1, s.height, s.width, s.channels, t.height, t.width, t.channels);
        GF_TRY(gf_run_want_value(teacher, ends->nodes[i]));
    }
out:
    return status;
}

static gf_status make_blocks(lit_state *state, gf_run *student)
{
    gf_status status;
    const gf_stage_ends *ends = &state->student;
    GF_TRY(gf_run_want_value(student, ends->nodes[0]));
    GF_TRY(gf_run_want_gradient(student, ends->nodes[0]));
    GF_TRY_ALLOC(state->blocks = gf_alloc((size_t)ends->count, sizeof *state->blocks));
    for (int i = 1; i < ends->count; i++) {
        state->count = i + 1;
        GF_TRY(block_init(&state->blocks[i], student, ends->nodes[i - 1], ends->nodes[i]));
    }
    state->count = ends->count;
out:
    return status;
}

static gf_status create(void **state, const void *options, gf_run *student, gf_run *const *teachers,
                        int teacher_count)
{
    gf_status status;
    lit_state *made = gf_alloc(1, sizeof *made);
    (void)options;
    GF_TRY_ALLOC(made);
    gf_stage_ends_cut(&made->student, gf_run_net(student));
    if (made->student.count == 0) {
        status = gf_fail(GF_INVALID, "lit: the student has no blocks");
        goto out;
    }
    GF_TRY_ALLOC(made->teachers = gf_alloc((size_t)teacher_count, sizeof *made->teachers));
    GF_TRY_ALLOC(made->sums = gf_alloc((size_t)gf_run_capacity(student), sizeof *made->sums));
    for (int t = 0; t < teacher_count; t++)
        GF_TRY(find_teacher_ends(&made->teachers[t], teachers[t], &made->student,
                                 gf_run_net(student)));
    GF_TRY(make_blocks(made, student));
    *state = made;
    made = NULL;
out:
    destroy(made);
    return status;
}

/* scale of one image's squared distances [count], summed; `gradient` is added to. */
static double add_distance(gf_real *gradient, const gf_real *got, const gf_real *want, size_t count,
                           int batch, double scale, double *sums)
{
    double loss = 0;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < batch; i++) {
        double sum = 0;
        for (size_t k = (size_t)i * count; k < ((size_t)i + 1) * count; k++) {
            double apart = (double)got[k] - (double)want[k];
            sum += apart * apart;
            gradient[k] += (gf_real)(2 * scale * apart);
        }
        sums[i] = sum;
    }
    for (int i = 0; i < batch; i++) loss += scale * sums[i];
    return loss;
}

static double apply_block(block *b, const gf_loss_call *call, const gf_real *input,
                          const gf_real *want, double scale, double *sums)
{
    int last = b->net->node_count - 1;
    size_t count = gf_shape_count(b->net->nodes[last].shape);
    gf_real *gradient = gf_run_gradient(b->run, last);
    memcpy(gf_run_input(b->run), input,
           (size_t)call->batch * gf_shape_count(b->net->nodes[0].shape) * sizeof *input);
    gf_run_forward(b->run, call->batch, GF_MODE_TRAIN, NULL);
    memset(gradient, 0, (size_t)call->batch * count * sizeof *gradient);
    double loss =
        add_distance(gradient, gf_run_value(b->run, last), want, count, call->batch, scale, sums);
    gf_run_backward(b->run);
    return loss;
}

static double apply_blocks(lit_state *state, const gf_loss_call *call, int teacher, double weight)
{
    gf_run *run = call->teachers[teacher];
    const int *ends = state->teachers[teacher].nodes;
    double loss = 0;
    for (int i = 0; i < state->count; i++) {
        size_t count = gf_shape_count(gf_run_net(run)->nodes[ends[i]].shape);
        double scale = weight / ((double)count * call->batch);
        const gf_real *want = gf_run_value(run, ends[i]);
        int own = state->student.nodes[i];
        if (i == 0) {
            loss +=
                add_distance(gf_run_gradient(call->student, own), gf_run_value(call->student, own),
                             want, count, call->batch, scale, state->sums);
            continue;
        }
        loss += apply_block(&state->blocks[i], call, gf_run_value(run, ends[i - 1]), want, scale,
                            state->sums);
        add_gradients_of(&state->blocks[i], teacher == 0);
    }
    return loss;
}

static gf_status apply_loss(void *state_, const void *options, const gf_loss_call *call,
                            double *loss)
{
    gf_status status;
    lit_state *state = state_;
    const lit_loss_options *o = options;
    for (int i = 1; i < state->count; i++) follow(&state->blocks[i], gf_run_net(call->student));
    for (int t = 0; t < call->teacher_count; t++)
        *loss += apply_blocks(state, call, t, (1 - o->beta) / call->teacher_count);
    GF_TRY(gf_soft_targets_add(call, o->temperature, o->beta * o->alpha, loss));
out:
    return status;
}

static void add_gradients(void *state_, const void *options, gf_run *student)
{
    lit_state *state = state_;
    (void)options;
    for (int i = 1; i < state->count; i++) {
        const block *b = &state->blocks[i];
        for (int p = 0; p < b->net->param_count; p++)
            if (b->gradients[p] && gf_run_param_gradient(student, p))
                add_to(gf_run_param_gradient(student, p), b->gradients[p],
                       gf_param_count(&b->net->params[p]));
    }
}

static double label_weight(const void *options)
{
    const lit_loss_options *o = options;
    return o->beta * (1 - o->alpha);
}

#define LOSS_FIELDS(S, at)                                                                         \
    GF_FIELD_AS("temperature", S, at temperature, "6", "(0, 100]", "", "of both softmaxes"),       \
        GF_FIELD_AS("alpha", S, at alpha, "0.95", "[0, 1]", "fraction",                            \
                    "of the teacher's part beside the labels'"),                                   \
        GF_FIELD_AS("beta", S, at beta, "0.75", "[0, 1]", "fraction",                              \
                    "of the student's outputs beside its blocks'")

static const gf_field loss_fields[] = { LOSS_FIELDS(lit_loss_options, ), GF_FIELD_END };

const gf_loss_kind gf_loss_lit = {
    .schema = { .name = "lit",
                .summary = "what each block makes of the teacher's input to it",
                .paper = "Koratana et al. 2019, arXiv 1810.01937, section 3",
                .fields = loss_fields },
    .options_size = sizeof(lit_loss_options),
    .create = create,
    .destroy = destroy,
    .label_weight = label_weight,
    .apply = apply_loss,
    .add_gradients = add_gradients,
};

/* ---- the method ---- */

extern const gf_method gf_method_lit; /* below; its schema says how long it trains */

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const lit_options *o = options;
    const gf_loss_term term = { .kind = &gf_loss_lit, .options = &o->loss };
    gf_train_job job = gf_method_job(call, &gf_method_lit.schema);
    job.terms = &term;
    job.term_count = 1;
    GF_TRY(gf_teachers_check(call, "lit"));
    GF_TRY(gf_train(&job));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(lit_options, "10", "0.1"),
    GF_FIELD(lit_options, teacher, "parent", NULL, "",
             "a chain of `teachers`, several with commas, or \"parent\": the stage before; as wide "
             "as the student"),
    LOSS_FIELDS(lit_options, loss.),
    GF_FIELD_END,
};

const gf_method gf_method_lit = {
    .schema = { .name = "lit",
                .summary = "fit each block to a deeper teacher's, on the teacher's own input",
                .paper = "Koratana et al. 2019, arXiv 1810.01937, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(lit_options),
    .stage = "distill",
    .example = "{ distill : { method = \"lit\"; teacher = \"deep\"; epochs = 10; "
               "/* a chain of `teachers` */ }; }, "
               "{ distill : { method = \"kd\"; teacher = \"deep\"; epochs = 5; lr = 0.01; }; }",
    .refuses = GF_FACT_SHRUNK,
    .refusal = "its blocks must end with as many channels as the teacher's",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
