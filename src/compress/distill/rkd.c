/* Method "rkd": relational knowledge distillation (Park et al. 2019, 1904.05068, section 3.2). What
 * the classifier sees of a batch (the features after pooling) shall lie in the student as in the
 * teacher, however many features either has:
 *
 *   distances  d_ij / mean d                                     RKD-D, equation 6
 *   angles     cos of the angle at j between i and k             RKD-A, equation 9
 *
 * are compared by the Huber loss, as means over all ordered pairs and triples of the batch, as the
 * authors' code has them. Angles follow from inner products alone:
 *
 *   <x_i - x_j, x_k - x_j> = G_ik - G_ij - G_jk + G_jj,  G_ij = <x_i, x_j>
 *
 * so that a batch costs N^3 whatever the number of features. Several teachers: the mean of their
 * losses. The labels teach as without it. Weights 25 and 50 are those of classification (section
 * 4.2, and the defaults of the authors' code for it; for metric learning without labels it has 1
 * and 2). That code also scales features to unit length before it, and can add 16 KL at a
 * temperature of 4: left out, a `kd` is a stage of its own. */
#include "../compress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct rkd_loss_options {
    double distance, angle;
} rkd_loss_options;

typedef struct rkd_options {
    gf_train_options train;
    char teacher[256];
    rkd_loss_options loss;
} rkd_options;

/* ---- relations of a batch ---- */

/* [count, count] each */
typedef struct relations {
    int count, size;
    const gf_real *features;           /* [count, size], borrowed */
    double *gram, *distance, *inverse; /* inverse: of the distance; 0 where that is 0 */
    double mean;                       /* distance of pairs that are apart */
    double pairs;                      /* how many there are */
} relations;

static void relations_release(relations *r)
{
    free(r->gram);
    free(r->distance);
    free(r->inverse);
}

static void fill_row(relations *r, int i)
{
    const gf_real *x = r->features + (size_t)i * (size_t)r->size;
    for (int j = 0; j < r->count; j++) {
        const gf_real *y = r->features + (size_t)j * (size_t)r->size;
        double product = 0, square = 0;
        for (int k = 0; k < r->size; k++) {
            double apart = (double)x[k] - (double)y[k];
            product += (double)x[k] * (double)y[k];
            square += apart * apart;
        }
        r->gram[i * r->count + j] = product;
        r->distance[i * r->count + j] = sqrt(square);
        r->inverse[i * r->count + j] = square > 0 ? 1 / sqrt(square) : 0;
    }
}

static gf_status relations_init(relations *r, gf_run *run, int node, int count)
{
    gf_status status = GF_OK;
    size_t pairs = (size_t)count * (size_t)count;
    *r = (relations){ .count = count,
                      .size = (int)gf_shape_count(gf_run_net(run)->nodes[node].shape),
                      .features = gf_run_value(run, node) };
    r->gram = gf_alloc(pairs, sizeof *r->gram);
    r->distance = gf_alloc(pairs, sizeof *r->distance);
    r->inverse = gf_alloc(pairs, sizeof *r->inverse);
    GF_TRY_ALLOC(r->gram && r->distance && r->inverse);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count; i++) fill_row(r, i);
    for (size_t p = 0; p < pairs; p++) {
        r->mean += r->distance[p];
        r->pairs += r->distance[p] > 0;
    }
    r->mean = r->pairs > 0 ? r->mean / r->pairs : 1;
out:
    return status;
}

/* ---- the two losses ---- */

/* With respect to the student's distances and inner products, [count, count] each. */
typedef struct gradients {
    double *distance, *gram;
    double *angle; /* [count, count]: what the sums over k below give, for later */
    double *loss;  /* [count] of each i */
} gradients;

static void gradients_release(gradients *g)
{
    free(g->distance);
    free(g->gram);
    free(g->angle);
    free(g->loss);
}

static gf_status gradients_init(gradients *g, int count)
{
    gf_status status = GF_OK;
    size_t pairs = (size_t)count * (size_t)count;
    *g = (gradients){ .distance = gf_alloc(pairs, sizeof(double)),
                      .gram = gf_alloc(pairs, sizeof(double)),
                      .angle = gf_alloc(pairs, sizeof(double)),
                      .loss = gf_alloc((size_t)count, sizeof(double)) };
    GF_TRY_ALLOC(g->distance && g->gram && g->angle && g->loss);
out:
    return status;
}

/* Huber's loss with a width of 1 is slope (x - slope / 2). */
static inline double huber_slope(double x)
{
    return x < -1 ? -1 : x > 1 ? 1 : x;
}

/* The student's mean distance depends on all of them. */
static double compare_distances(gradients *g, const relations *s, const relations *t, double weight)
{
    double loss = 0, by_mean = 0;
    int pairs = s->count * s->count;
    for (int p = 0; p < pairs; p++) {
        double x = s->distance[p] / s->mean - t->distance[p] / t->mean, slope = huber_slope(x);
        loss += slope * (x - slope / 2);
        by_mean += slope * s->distance[p];
    }
    for (int p = 0; p < pairs; p++) {
        double x = s->distance[p] / s->mean - t->distance[p] / t->mean;
        if (s->distance[p] > 0)
            g->distance[p] +=
                weight / pairs * (huber_slope(x) - by_mean / (s->mean * s->pairs)) / s->mean;
    }
    return weight * loss / pairs;
}

/* All angles with i on one side; by symmetry the other side's share is as large. */
static void compare_angles_of(gradients *g, const relations *s, const relations *t, int i,
                              double weight)
{
    int n = s->count;
    const double *s_i = s->gram + i * n, *t_i = t->gram + i * n;
    double *d_gram = g->gram + i * n;
    for (int j = 0; j < n; j++) {
        const double *s_j = s->gram + j * n, *t_j = t->gram + j * n;
        const double *s_inverse = s->inverse + j * n, *t_inverse = t->inverse + j * n;
        double by_product = 0, by_distance = 0, loss = 0;
        for (int k = 0; k < n; k++) {
            double scale = s_inverse[i] * s_inverse[k];
            double student = (s_i[k] - s_i[j] - s_j[k] + s_j[j]) * scale;
            double teacher = (t_i[k] - t_i[j] - t_j[k] + t_j[j]) * t_inverse[i] * t_inverse[k];
            double slope = huber_slope(student - teacher);
            loss += slope * (student - teacher - slope / 2);
            d_gram[k] += weight * slope * scale;
            by_product += slope * scale;
            by_distance += slope * student;
        }
        g->loss[i] += weight * loss;
        g->angle[i * n + j] = weight * by_product;
        g->distance[i * n + j] -= 2 * weight * by_distance * s_inverse[i];
    }
}

static double compare_angles(gradients *g, const relations *s, const relations *t, double weight)
{
    int n = s->count;
    double loss = 0, each = weight / ((double)n * n * n);
    memset(g->loss, 0, (size_t)n * sizeof *g->loss);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) compare_angles_of(g, s, t, i, each);
    for (int i = 0; i < n; i++) {
        loss += g->loss[i];
        for (int j = 0; j < n; j++) {
            g->gram[i * n + j] -= 2 * g->angle[i * n + j];
            g->gram[j * n + j] += g->angle[i * n + j];
        }
    }
    return loss;
}

/* Adds the gradient of every image's features to d_features. */
static void add_to_features(gf_real *d_features, const relations *s, const gradients *g)
{
    int n = s->count, size = s->size;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            const gf_real *x = s->features + i * size, *y = s->features + j * size;
            int to = i * n + j, back = j * n + i;
            double apart = (g->distance[to] + g->distance[back]) * s->inverse[to];
            double product = g->gram[to] + g->gram[back];
            for (int k = 0; k < size; k++)
                d_features[i * size + k] +=
                    (gf_real)(apart * ((double)x[k] - (double)y[k]) + product * (double)y[k]);
        }
}

/* ---- the loss term ---- */

typedef struct rkd_state {
    int student, *teachers; /* nodes */
} rkd_state;

/* What the last node sees, before any dropout. */
static int feature_node(const gf_net *net)
{
    int node = net->nodes[net->node_count - 1].inputs[0];
    while (strcmp(net->nodes[node].kind->schema.name, "dropout") == 0)
        node = net->nodes[node].inputs[0];
    return node;
}

static void destroy(void *state_)
{
    rkd_state *state = state_;
    if (state) free(state->teachers);
    free(state);
}

static gf_status create(void **state, const void *options, gf_run *student, gf_run *const *teachers,
                        int teacher_count)
{
    gf_status status;
    rkd_state *made = gf_alloc(1, sizeof *made);
    (void)options;
    GF_TRY_ALLOC(made);
    GF_TRY_ALLOC(made->teachers = gf_alloc((size_t)teacher_count, sizeof *made->teachers));
    made->student = feature_node(gf_run_net(student));
    GF_TRY(gf_run_want_value(student, made->student));
    GF_TRY(gf_run_want_gradient(student, made->student));
    for (int i = 0; i < teacher_count; i++) {
        made->teachers[i] = feature_node(gf_run_net(teachers[i]));
        GF_TRY(gf_run_want_value(teachers[i], made->teachers[i]));
    }
    *state = made;
    made = NULL;
out:
    destroy(made);
    return status;
}

static gf_status add_teacher(const rkd_state *state, const rkd_loss_options *o,
                             const gf_loss_call *call, int teacher, const relations *s,
                             gradients *g, double *loss)
{
    gf_status status;
    relations t = { 0 };
    GF_TRY(relations_init(&t, call->teachers[teacher], state->teachers[teacher], call->batch));
    *loss += compare_distances(g, s, &t, o->distance / call->teacher_count);
    *loss += compare_angles(g, s, &t, o->angle / call->teacher_count);
out:
    relations_release(&t);
    return status;
}

static gf_status apply_loss(void *state_, const void *options, const gf_loss_call *call,
                            double *loss)
{
    gf_status status;
    const rkd_state *state = state_;
    relations s = { 0 };
    gradients g = { 0 };
    GF_TRY(relations_init(&s, call->student, state->student, call->batch));
    GF_TRY(gradients_init(&g, call->batch));
    for (int i = 0; i < call->teacher_count; i++)
        GF_TRY(add_teacher(state, options, call, i, &s, &g, loss));
    add_to_features(gf_run_gradient(call->student, state->student), &s, &g);
out:
    relations_release(&s);
    gradients_release(&g);
    return status;
}

static const gf_field loss_fields[] = {
    GF_FIELD(rkd_loss_options, distance, "25", "[0, 10000]", "", "weight of distances"),
    GF_FIELD(rkd_loss_options, angle, "50", "[0, 10000]", "", "weight of angles"),
    GF_FIELD_END,
};

const gf_loss_kind gf_loss_rkd = {
    .schema = { .name = "rkd",
                .summary = "distances and angles between images' features",
                .paper = "Park et al. 2019, arXiv 1904.05068, section 3.2",
                .fields = loss_fields },
    .options_size = sizeof(rkd_loss_options),
    .create = create,
    .destroy = destroy,
    .apply = apply_loss,
};

/* ---- the method ---- */

extern const gf_method gf_method_rkd; /* below; its schema says how long it trains */

static gf_status apply(const gf_method_call *call, const void *options)
{
    const rkd_options *o = options;
    const gf_loss_term term = { .kind = &gf_loss_rkd, .options = &o->loss };
    gf_train_job job = gf_method_job(call, &gf_method_rkd.schema);
    if (call->teacher_count < 1) return gf_fail(GF_INVALID, "rkd: there is no teacher");
    job.terms = &term;
    job.term_count = 1;
    return gf_train(&job);
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(rkd_options, "10", "0.05"),
    GF_FIELD(rkd_options, teacher, "parent", NULL, "",
             "a chain of `teachers`, several with commas, or \"parent\": the stage before"),
    GF_FIELD_AS("distance", rkd_options, loss.distance, "25", "[0, 10000]", "",
                "weight of distances"),
    GF_FIELD_AS("angle", rkd_options, loss.angle, "50", "[0, 10000]", "", "weight of angles"),
    GF_FIELD_END,
};

const gf_method gf_method_rkd = {
    .schema = { .name = "rkd",
                .summary = "learn how a teacher's features lie to each other",
                .paper = "Park et al. 2019, arXiv 1904.05068, section 3.2",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(rkd_options),
    .stage = "distill",
    .example = "{ id = \"dense\"; train : { epochs = 30; }; }, "
               "{ prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
               "{ distill : { method = \"rkd\"; teacher = \"dense\"; epochs = 10; }; }",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
