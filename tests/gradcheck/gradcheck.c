#include "gradcheck.h"
#include "../test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Error of the difference quotient: step^2 in theory, 1e-16 / step by rounding. A step that meets a
 * kink of a ReLU is taken again, shorter: the quotient converges to the gradient, or it is wrong.
 */
static const double difference_steps[] = { 1e-5, 1e-7, 1e-8 }, tolerance = 1e-6;
enum { ELEMENTS_MOST = 100 };

void gradcheck_fill(gf_real *out, size_t count, uint32_t index)
{
    const gf_random random = { .seed = 11, .purpose = GF_PURPOSE_TEST };
    for (size_t i = 0; i < count; i++)
        out[i] = (gf_real)gf_random_normal(&random, index, (uint32_t)i);
}

static double difference(gf_real *value, double step, gradcheck_loss *loss, void *context)
{
    gf_real kept = *value;
    *value = kept + (gf_real)step;
    double above = loss(context);
    *value = kept - (gf_real)step;
    double below = loss(context);
    *value = kept;
    return (above - below) / (2 * step);
}

/* How far the gradient lies from the difference quotient, as a fraction of `largest`. */
static double gradient_error(gf_real *value, double gradient, double largest, gradcheck_loss *loss,
                             void *context)
{
    double error = INFINITY;
    for (size_t i = 0; i < GF_COUNT(difference_steps) && !(error <= tolerance); i++)
        error = fabs(difference(value, difference_steps[i], loss, context) - gradient) / largest;
    return isnan(error) ? INFINITY : error;
}

bool gradcheck_values(const char *what, gf_real *value, const gf_real *gradient, size_t count,
                      gradcheck_loss *loss, void *context)
{
    double largest = 1e-3, worst = 0;
    size_t stride = count > ELEMENTS_MOST ? count / ELEMENTS_MOST : 1, at = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)gradient[i]));
    for (size_t i = 0; i < count; i += stride) {
        double error = gradient_error(&value[i], (double)gradient[i], largest, loss, context);
        if (error > worst) {
            worst = error;
            at = i;
        }
    }
    return gf_test_check(worst <= tolerance, __FILE__, __LINE__,
                         "%s: gradient %zu of %zu is %.9g, off by %.3g of the largest", what, at,
                         count, (double)gradient[at], worst);
}

/* ---- one layer ---- */

typedef struct layer_check {
    const gf_layer_kind *kind;
    gf_layer_call call;
    gf_random random;
    gf_scratch scratch;
    gf_arena *arena;
    gf_real *projection; /* d_out: the loss is <out, projection> */
    gf_param_spec specs[GF_NODE_PARAMS];
    int params;
    size_t in_count[GF_NODE_INPUTS], param_count[GF_NODE_PARAMS], out_count;
} layer_check;

static gf_real *filled(layer_check *c, size_t count, uint32_t index)
{
    gf_real *memory = gf_arena_alloc(c->arena, count * sizeof *memory);
    gradcheck_fill(memory, count, index);
    return memory;
}

static bool is_trained(gf_role role)
{
    return role != GF_ROLE_MEAN && role != GF_ROLE_VARIANCE && role != GF_ROLE_STATE;
}

static void make_params(layer_check *c)
{
    c->params =
        c->kind->params ? c->kind->params(c->specs, c->call.in_shape, c->call.attributes) : 0;
    for (int i = 0; i < c->params; i++) {
        c->param_count[i] = 1;
        for (int d = 0; d < c->specs[i].rank; d++) c->param_count[i] *= (size_t)c->specs[i].dims[d];
        c->call.weight[i] = filled(c, c->param_count[i], 20 + (uint32_t)i);
        if (c->specs[i].role == GF_ROLE_VARIANCE || c->specs[i].role == GF_ROLE_SCALE)
            for (size_t k = 0; k < c->param_count[i]; k++)
                c->call.weight[i][k] = 1 + c->call.weight[i][k] * c->call.weight[i][k];
        if (is_trained(c->specs[i].role))
            c->call.d_weight[i] = filled(c, c->param_count[i], 40); /* to be overwritten */
    }
}

static bool layer_check_init(layer_check *c, const gf_layer_kind *kind, const void *attributes,
                             const gf_shape *in, int inputs, int batch, gf_mode mode)
{
    *c = (layer_check){ .kind = kind,
                        .arena = gf_arena_create(),
                        .random = { .seed = 3, .purpose = GF_PURPOSE_DROPOUT } };
    gf_layer_call *call = &c->call;
    gf_kernels_get(&call->kernels);
    call->scratch = &c->scratch;
    call->attributes = attributes;
    call->mode = mode;
    call->batch = batch;
    call->input_count = inputs;
    call->random = &c->random;
    if (kind->shape(&call->out_shape, in, inputs, attributes) != GF_OK) return false;
    for (int i = 0; i < inputs; i++) {
        call->in_shape[i] = in[i];
        c->in_count[i] = (size_t)batch * gf_shape_count(in[i]);
        call->in[i] = filled(c, c->in_count[i], 1 + (uint32_t)i);
        call->d_in[i] = filled(c, c->in_count[i], 41);
    }
    c->out_count = (size_t)batch * gf_shape_count(call->out_shape);
    call->out = filled(c, c->out_count, 42);
    call->d_out = c->projection = filled(c, c->out_count, 10);
    size_t cache = kind->cache ? kind->cache(batch, in, call->out_shape, attributes) : 0;
    if (cache) call->cache = filled(c, cache, 43);
    make_params(c);
    return true;
}

static double layer_loss(void *context)
{
    layer_check *c = context;
    double loss = 0;
    c->kind->forward(&c->call);
    for (size_t i = 0; i < c->out_count; i++)
        loss += (double)c->call.out[i] * (double)c->projection[i];
    return loss;
}

/* With add, d_in must come out larger than without by what was there. */
static bool adds_to_inputs(layer_check *c)
{
    bool good = true;
    for (int i = 0; i < c->call.input_count; i++) {
        gf_real *alone = c->call.d_in[i], *sum = filled(c, c->in_count[i], 44);
        gf_real *before = filled(c, c->in_count[i], 44);
        c->call.d_in[i] = sum;
        c->call.d_in_add[i] = true;
        c->kind->backward(&c->call);
        for (size_t k = 0; k < c->in_count[i]; k++) before[k] += alone[k];
        good =
            gf_test_doubles((const double *)sum, (const double *)before,
                            sizeof(gf_real) == 8 ? c->in_count[i] : 0, 1e-12, __FILE__, __LINE__) &&
            good;
        c->call.d_in[i] = alone;
        c->call.d_in_add[i] = false;
    }
    return good;
}

bool gradcheck_layer(const gf_layer_kind *kind, const void *attributes, const gf_shape *in,
                     int inputs, int batch, gf_mode mode)
{
    layer_check c;
    char what[160];
    bool good = layer_check_init(&c, kind, attributes, in, inputs, batch, mode);
    gf_test_check(good, __FILE__, __LINE__, "%s: %s", kind->schema.name, gf_error_message());
    if (good) {
        layer_loss(&c);
        kind->backward(&c.call);
    }
    for (int i = 0; good && i < inputs; i++) {
        snprintf(what, sizeof what, "%s of %d x %d x %d, mode %d, input %d", kind->schema.name,
                 in->height, in->width, in->channels, (int)mode, i);
        good = gradcheck_values(what, (gf_real *)c.call.in[i], c.call.d_in[i], c.in_count[i],
                                layer_loss, &c);
    }
    for (int i = 0; good && i < c.params; i++) {
        snprintf(what, sizeof what, "%s of %d x %d x %d, mode %d, %s", kind->schema.name,
                 in->height, in->width, in->channels, (int)mode, c.specs[i].suffix);
        if (c.call.d_weight[i])
            good = gradcheck_values(what, c.call.weight[i], c.call.d_weight[i], c.param_count[i],
                                    layer_loss, &c);
    }
    if (good) {
        layer_loss(&c); /* what forward keeps is that of unchanged values again */
        good = adds_to_inputs(&c);
    }
    gf_scratch_release(&c.scratch);
    gf_arena_destroy(c.arena);
    return good;
}

/* ---- networks and loss terms ---- */

typedef struct net_check {
    gf_run *run, **teachers;
    gf_net *net;
    const gf_kernels *kernels;
    gf_mode mode;
    int batch, classes, teacher_count;
    gf_real *images, *target, *losses, *d_logits;
    int *labels;
    const gf_loss_term *terms;
    void **states;
    int term_count;
    gf_arena *arena;
} net_check;

static gf_real *reals(net_check *c, size_t count)
{
    return gf_arena_alloc(c->arena, count * sizeof(gf_real));
}

static void make_batch(net_check *c)
{
    size_t pixels = (size_t)c->batch * gf_shape_count(c->net->nodes[0].shape);
    c->images = reals(c, pixels);
    gradcheck_fill(c->images, pixels, 50);
    c->target = reals(c, (size_t)c->batch * (size_t)c->classes);
    c->losses = reals(c, (size_t)c->batch);
    c->d_logits = reals(c, (size_t)c->batch * (size_t)c->classes);
    c->labels = gf_arena_alloc(c->arena, (size_t)c->batch * sizeof *c->labels);
    for (int i = 0; i < c->batch; i++) {
        c->labels[i] = 3 * i % c->classes;
        for (int k = 0; k < c->classes; k++)
            c->target[i * c->classes + k] = (gf_real)0.1 / c->classes;
        c->target[i * c->classes + c->labels[i]] += (gf_real)0.9;
    }
}

static gf_status make_teachers(net_check *c, gf_net *const *teachers)
{
    gf_status status = GF_OK;
    c->teachers = gf_arena_alloc(c->arena, ((size_t)c->teacher_count + 1) * sizeof *c->teachers);
    for (int i = 0; i < c->teacher_count; i++) {
        GF_TRY(gf_run_create(&c->teachers[i], teachers[i], c->kernels, c->batch, false));
        memcpy(gf_run_input(c->teachers[i]), c->images,
               (size_t)c->batch * gf_shape_count(c->net->nodes[0].shape) * sizeof(gf_real));
        gf_run_forward(c->teachers[i], c->batch, GF_MODE_EVALUATE, NULL);
    }
out:
    return status;
}

static gf_status make_terms(net_check *c)
{
    gf_status status = GF_OK;
    c->states = gf_arena_alloc(c->arena, ((size_t)c->term_count + 1) * sizeof *c->states);
    for (int i = 0; i < c->term_count; i++)
        if (c->terms[i].kind->create)
            GF_TRY(c->terms[i].kind->create(&c->states[i], c->terms[i].options, c->run, c->teachers,
                                            c->teacher_count));
    /* A term may have asked its teachers for values: they are there after one more pass. */
    for (int i = 0; i < c->teacher_count; i++)
        gf_run_forward(c->teachers[i], c->batch, GF_MODE_EVALUATE, NULL);
out:
    return status;
}

static gf_status apply_terms(net_check *c, double *loss)
{
    gf_status status = GF_OK;
    const gf_loss_call call = { .student = c->run,
                                .teachers = c->teachers,
                                .teacher_count = c->teacher_count,
                                .labels = c->labels,
                                .target = c->target,
                                .batch = c->batch,
                                .classes = c->classes,
                                .epochs = 1,
                                .d_logits = gf_run_gradient(c->run, c->net->node_count - 1) };
    for (int i = 0; i < c->term_count; i++)
        GF_TRY(c->terms[i].kind->apply(c->states[i], c->terms[i].options, &call, loss));
out:
    return status;
}

/* Mean cross-entropy with soft targets, weighted as the terms ask, and the terms. */
static double net_loss(void *context)
{
    net_check *c = context;
    double loss = 0, weight = 1;
    size_t pixels = (size_t)c->batch * gf_shape_count(c->net->nodes[0].shape);
    static const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_DROPOUT };
    memcpy(gf_run_input(c->run), c->images, pixels * sizeof *c->images);
    gf_run_forward(c->run, c->batch, c->mode, &random);
    for (int i = 0; i < c->term_count; i++)
        if (c->terms[i].kind->label_weight)
            weight *= c->terms[i].kind->label_weight(c->terms[i].options);
    gf_real *d_logits = gf_run_gradient(c->run, c->net->node_count - 1);
    c->kernels->softmax_cross_entropy(d_logits, c->losses, gf_run_logits(c->run), c->target,
                                      c->batch, c->classes);
    for (int i = 0; i < c->batch; i++) loss += weight * (double)c->losses[i] / c->batch;
    for (int i = 0; i < c->batch * c->classes; i++) d_logits[i] *= (gf_real)weight;
    return apply_terms(c, &loss) == GF_OK ? loss : NAN;
}

static gf_status net_check_init(net_check *c, gf_net *const *teachers)
{
    gf_status status;
    c->arena = gf_arena_create();
    c->classes = (int)gf_shape_count(c->net->nodes[c->net->node_count - 1].shape);
    GF_TRY(gf_kernels_get(&c->kernels));
    GF_TRY(gf_run_create(&c->run, c->net, c->kernels, c->batch, true));
    GF_TRY(gf_run_want_gradient(c->run, 0));
    make_batch(c);
    GF_TRY(make_teachers(c, teachers));
    GF_TRY(make_terms(c));
out:
    return status;
}

static void net_check_release(net_check *c)
{
    for (int i = 0; c->states && i < c->term_count; i++)
        if (c->states[i] && c->terms[i].kind->destroy) c->terms[i].kind->destroy(c->states[i]);
    for (int i = 0; c->teachers && i < c->teacher_count; i++) gf_run_destroy(c->teachers[i]);
    gf_run_destroy(c->run);
    gf_arena_destroy(c->arena);
}

/* Views that follow the weight (refresh) would move under a difference: all passes after the first
 * are in the mode of the first, and refresh sees equal weights up to the step. */
static bool compare_net(const char *what, net_check *c)
{
    char full[200];
    bool good = true;
    size_t pixels = (size_t)c->batch * gf_shape_count(c->net->nodes[0].shape);
    net_loss(c);
    gf_run_backward(c->run);
    for (int i = 0; i < c->term_count; i++)
        if (c->terms[i].kind->add_gradients)
            c->terms[i].kind->add_gradients(c->states[i], c->terms[i].options, c->run);
    gf_real *d_images = reals(c, pixels);
    memcpy(d_images, gf_run_gradient(c->run, 0), pixels * sizeof *d_images);
    for (int i = 0; i < c->net->param_count; i++) {
        gf_param *param = &c->net->params[i];
        snprintf(full, sizeof full, "%s: %s", what, param->name);
        if (param->trainable)
            good = gradcheck_values(full, param->value, gf_run_param_gradient(c->run, i),
                                    gf_param_count(param), net_loss, c) &&
                   good;
    }
    snprintf(full, sizeof full, "%s: images", what);
    return gradcheck_values(full, c->images, d_images, pixels, net_loss, c) && good;
}

static bool run_check(const char *what, net_check *c, gf_net *const *teachers)
{
    bool good = gf_test_status(net_check_init(c, teachers), GF_OK, what, __FILE__, __LINE__) &&
                compare_net(what, c);
    net_check_release(c);
    return good;
}

bool gradcheck_net(const char *what, gf_net *net, int batch, gf_mode mode)
{
    net_check c = { .net = net, .batch = batch, .mode = mode };
    return run_check(what, &c, NULL);
}

bool gradcheck_terms(const char *what, gf_net *net, gf_net *const *teachers, int teacher_count,
                     const gf_loss_term *terms, int term_count, int batch)
{
    net_check c = { .net = net,
                    .batch = batch,
                    .mode = GF_MODE_TRAIN,
                    .teacher_count = teacher_count,
                    .terms = terms,
                    .term_count = term_count };
    return run_check(what, &c, teachers);
}
