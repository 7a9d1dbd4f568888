/* Method "overhaul": a comprehensive overhaul of feature distillation (Heo et al. 2019, 1904.01866,
 * section 3). At the end of each stage, before the ReLU, the student learns the teacher's features
 * through a regressor (1x1 convolution and batch normalization) that is thrown away afterwards:
 *
 *   target  max(t, m_c): how negative a value is does not matter, the ReLU drops it
 *   m_c     E[x | x < 0] of the channel, from the BN before: x ~ N(beta, gamma^2) (section 3.1)
 *   loss    CE + weight sum_i 2^-(n-1-i) sum d(s, max(t, m)) of each image
 *   d       (s - t)^2, but 0 where s <= t <= 0                                        (equation 4)
 *
 * as in the authors' code for CIFAR, from which the halving towards the images, weight = 1/1000,
 * and m_c = -3 |gamma| where less than a thousandth is negative come. A feature that an addition
 * makes takes the margin of its first input's BN, as there. Stages are matched by the height of
 * their images. Unlike there the teacher normalizes with its running statistics, as in every method
 * here.
 */
#include "distill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct overhaul_loss_options {
    double weight;
} overhaul_loss_options;

typedef struct overhaul_options {
    gf_train_options train;
    char teacher[256];
    overhaul_loss_options loss;
} overhaul_options;

/* ---- which features ---- */

typedef struct matches {
    int count, students[GF_ENDS_MOST], teachers[GF_ENDS_MOST];
} matches;

static gf_status find_matches(matches *found, const gf_net *student, const gf_net *teacher)
{
    gf_stage_ends s, t;
    *found = (matches){ 0 };
    gf_stage_ends_before_activation(&s, student);
    gf_stage_ends_before_activation(&t, teacher);
    for (int i = 0; i < s.count; i++)
        for (int k = 0; k < t.count; k++) {
            gf_shape a = student->nodes[s.nodes[i]].shape, b = teacher->nodes[t.nodes[k]].shape;
            if (a.height != b.height || a.width != b.width) continue;
            found->students[found->count] = s.nodes[i];
            found->teachers[found->count++] = t.nodes[k];
            break;
        }
    if (found->count == 0)
        return gf_fail(GF_INVALID, "overhaul: no stage of the student has images as large as one "
                                   "of the teacher's");
    return GF_OK;
}

/* What a feature is compared by: its regressor, where there is one. */
static void regressor_name(char name[GF_NAME], int feature, const char *layer)
{
    snprintf(name, GF_NAME, "overhaul%d.%s", feature, layer);
}

static int student_node(const gf_net *student, const matches *m, int feature)
{
    char name[GF_NAME];
    regressor_name(name, feature, "bn");
    int node = gf_net_find_node(student, name);
    return node >= 0 ? node : m->students[feature];
}

/* ---- margins ---- */

/* E[x | x < 0] of x ~ N(mean, deviation^2). */
static double negative_mean(double mean, double deviation)
{
    const double rare = 0.001, pi = 3.14159265358979323846;
    if (fpclassify(deviation) == FP_ZERO) return mean < 0 ? mean : 0;
    double z = mean / deviation, below = erfc(z / sqrt(2)) / 2;
    if (below <= rare) return -3 * deviation;
    return mean - deviation * exp(-z * z / 2) / sqrt(2 * pi) / below;
}

/* The batch normalization that makes this node's values, or NULL. */
static const gf_node *normalization_of(const gf_net *net, int node)
{
    while (strcmp(net->nodes[node].kind->schema.name, "bn") != 0) {
        gf_channels channels = net->nodes[node].kind->channels;
        if (channels != GF_CHANNELS_FOLLOW && channels != GF_CHANNELS_AGREE) return NULL;
        node = net->nodes[node].inputs[0];
    }
    return &net->nodes[node];
}

/* margin [channels] */
static gf_status fill_margin(gf_real *margin, const gf_net *teacher, int node,
                             const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    enum { GAMMA, BETA };
    int channels = teacher->nodes[node].shape.channels;
    const gf_node *bn = normalization_of(teacher, node);
    gf_real *gamma = gf_alloc((size_t)channels, sizeof *gamma);
    gf_real *beta = gf_alloc((size_t)channels, sizeof *beta);
    GF_TRY_ALLOC(gamma && beta);
    if (!bn) {
        status = gf_fail(GF_INVALID,
                         "overhaul: the teacher's %s has no batch normalization (any more), which "
                         "margins are computed from",
                         teacher->nodes[node].name);
        goto out;
    }
    gf_param_effective(&teacher->params[bn->params[GAMMA]], kernels, gamma);
    gf_param_effective(&teacher->params[bn->params[BETA]], kernels, beta);
    for (int c = 0; c < channels; c++)
        margin[c] = (gf_real)negative_mean((double)beta[c], fabs((double)gamma[c]));
out:
    free(gamma);
    free(beta);
    return status;
}

/* ---- the loss term ---- */

typedef struct feature {
    int student, teacher; /* nodes */
    double share;         /* 2^-(n-1-i) */
    gf_real *margin;      /* [channels] */
} feature;

typedef struct overhaul_state {
    int teacher_count, *counts;
    feature (*features)[GF_ENDS_MOST]; /* of each teacher */
} overhaul_state;

static void destroy(void *state_)
{
    overhaul_state *state = state_;
    for (int t = 0; state && state->features && t < state->teacher_count; t++)
        for (int i = 0; i < GF_ENDS_MOST; i++) free(state->features[t][i].margin);
    if (state) free(state->features);
    if (state) free(state->counts);
    free(state);
}

static gf_status want_feature(feature *f, gf_run *student, gf_run *teacher)
{
    gf_status status;
    gf_shape s = gf_run_net(student)->nodes[f->student].shape;
    gf_shape t = gf_run_net(teacher)->nodes[f->teacher].shape;
    if (s.channels != t.channels)
        return gf_fail(GF_INVALID, "overhaul: %d channels of the student, %d of the teacher",
                       s.channels, t.channels);
    GF_TRY_ALLOC(f->margin = gf_alloc((size_t)t.channels, sizeof *f->margin));
    GF_TRY(fill_margin(f->margin, gf_run_net(teacher), f->teacher, gf_run_kernels(teacher)));
    GF_TRY(gf_run_want_value(student, f->student));
    GF_TRY(gf_run_want_gradient(student, f->student));
    GF_TRY(gf_run_want_value(teacher, f->teacher));
out:
    return status;
}

static gf_status want_features(feature *features, int *count, gf_run *student, gf_run *teacher)
{
    gf_status status;
    matches m;
    GF_TRY(find_matches(&m, gf_run_net(student), gf_run_net(teacher)));
    for (int i = 0; i < m.count; i++) {
        features[i] = (feature){ .student = student_node(gf_run_net(student), &m, i),
                                 .teacher = m.teachers[i],
                                 .share = ldexp(1, i + 1 - m.count) };
        GF_TRY(want_feature(&features[i], student, teacher));
    }
    *count = m.count;
out:
    return status;
}

static gf_status create(void **state, const void *options, gf_run *student, gf_run *const *teachers,
                        int teacher_count)
{
    gf_status status;
    overhaul_state *made = gf_alloc(1, sizeof *made);
    (void)options;
    GF_TRY_ALLOC(made);
    made->teacher_count = teacher_count;
    GF_TRY_ALLOC(made->counts = gf_alloc((size_t)teacher_count, sizeof *made->counts));
    GF_TRY_ALLOC(made->features = gf_alloc((size_t)teacher_count, sizeof *made->features));
    for (int t = 0; t < teacher_count; t++)
        GF_TRY(want_features(made->features[t], &made->counts[t], student, teachers[t]));
    *state = made;
    made = NULL;
out:
    destroy(made);
    return status;
}

/* The partial distance of one image's feature [pixels, channels], unscaled. */
static double add_image(gf_real *gradient, const gf_real *s, const gf_real *t,
                        const gf_real *margin, int pixels, int channels, double scale)
{
    double sum = 0;
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++) {
            size_t k = (size_t)p * (size_t)channels + (size_t)c;
            gf_real target = t[k] > margin[c] ? t[k] : margin[c];
            if (s[k] <= target && target <= 0) continue;
            double apart = (double)s[k] - (double)target;
            sum += apart * apart;
            gradient[k] += (gf_real)(2 * scale * apart);
        }
    return sum;
}

/* sums [batch] */
static double add_feature(const feature *f, const gf_loss_call *call, gf_run *teacher, double scale,
                          double *sums)
{
    gf_shape shape = gf_run_net(teacher)->nodes[f->teacher].shape;
    const gf_real *s = gf_run_value(call->student, f->student);
    const gf_real *t = gf_run_value(teacher, f->teacher);
    gf_real *gradient = gf_run_gradient(call->student, f->student);
    double loss = 0;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < call->batch; i++) {
        size_t at = (size_t)i * gf_shape_count(shape);
        sums[i] = add_image(gradient + at, s + at, t + at, f->margin, shape.height * shape.width,
                            shape.channels, scale);
    }
    for (int i = 0; i < call->batch; i++) loss += scale * sums[i];
    return loss;
}

static gf_status apply_loss(void *state_, const void *options, const gf_loss_call *call,
                            double *loss)
{
    gf_status status = GF_OK;
    const overhaul_state *state = state_;
    const overhaul_loss_options *o = options;
    double each = o->weight / ((double)call->batch * call->teacher_count);
    double *sums = gf_alloc((size_t)call->batch, sizeof *sums);
    GF_TRY_ALLOC(sums);
    for (int t = 0; t < call->teacher_count; t++)
        for (int i = 0; i < state->counts[t]; i++) {
            const feature *f = &state->features[t][i];
            *loss += add_feature(f, call, call->teachers[t], f->share * each, sums);
        }
out:
    free(sums);
    return status;
}

#define WEIGHT_FIELD(S, member)                                                                    \
    GF_FIELD_AS("weight", S, member, "0.001", "[0, 1000]", "",                                     \
                "of an image's squared distances, summed over its values")

static const gf_field loss_fields[] = {
    WEIGHT_FIELD(overhaul_loss_options, weight),
    GF_FIELD_END,
};

const gf_loss_kind gf_loss_overhaul = {
    .schema = { .name = "overhaul",
                .summary = "partial distance of features before their ReLU",
                .paper = "Heo et al. 2019, arXiv 1904.01866, section 3",
                .fields = loss_fields },
    .options_size = sizeof(overhaul_loss_options),
    .create = create,
    .destroy = destroy,
    .apply = apply_loss,
};

/* ---- the method ---- */

extern const gf_method gf_method_overhaul; /* below; its schema says how long it trains */

static gf_status add_regressors(const gf_method_call *call, int *count)
{
    gf_status status;
    matches m;
    const gf_net *teacher = call->teachers[0];
    GF_TRY(find_matches(&m, call->net, teacher));
    for (int i = 0; i < m.count; i++) {
        char conv[GF_NAME], bn[GF_NAME];
        int node;
        regressor_name(conv, i, "conv");
        regressor_name(bn, i, "bn");
        GF_TRY(gf_regressor_add_conv(call, &node, conv, m.students[i],
                                     teacher->nodes[m.teachers[i]].shape.channels, false));
        GF_TRY(gf_regressor_add_bn(call, &node, bn, node));
    }
    *count = m.count;
out:
    return status;
}

static gf_status remove_regressors(gf_net *net, int count)
{
    gf_status status = GF_OK;
    static const char *const layers[] = { "bn", "conv" };
    for (int i = count - 1; i >= 0; i--)
        for (size_t k = 0; k < GF_COUNT(layers); k++) {
            char name[GF_NAME];
            regressor_name(name, i, layers[k]);
            GF_TRY(gf_net_remove(net, gf_net_find_node(net, name)));
        }
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const overhaul_options *o = options;
    const gf_loss_term term = { .kind = &gf_loss_overhaul, .options = &o->loss };
    gf_train_job job = gf_method_job(call, &gf_method_overhaul.schema);
    int regressors;
    if (call->teacher_count != 1)
        return gf_fail(GF_INVALID, "overhaul: %d teachers; it takes one", call->teacher_count);
    job.terms = &term;
    job.term_count = 1;
    GF_TRY(add_regressors(call, &regressors));
    GF_TRY(gf_train(&job));
    GF_TRY(remove_regressors(call->net, regressors));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(overhaul_options, "10", "0.05"),
    GF_FIELD(overhaul_options, teacher, "parent", NULL, "",
             "a chain of `teachers`, or \"parent\": the stage before"),
    WEIGHT_FIELD(overhaul_options, loss.weight),
    GF_FIELD_END,
};

const gf_method gf_method_overhaul = {
    .schema = { .name = "overhaul",
                .summary = "learn a teacher's features before their ReLUs, what is negative aside",
                .paper = "Heo et al. 2019, arXiv 1904.01866, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(overhaul_options),
    .stage = "distill",
    .example = "{ id = \"dense\"; train : { epochs = 30; }; }, "
               "{ prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
               "{ distill : { method = \"overhaul\"; teacher = \"dense\"; epochs = 10; }; }",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
