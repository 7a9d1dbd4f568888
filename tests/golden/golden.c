/* Replays golden files of PyTorch on every backend of this CPU: the committed ones, or those named.
 *
 * Each layer alone on PyTorch's own inputs and output gradients, the whole network forward and
 * backward, BN statistics, and ten steps of SGD. With ReLU the gradients of the whole network are
 * compared loosely: a value on the other side of the kink turns a forward error e into a gradient
 * error of about its square root. */
#include "../test.h"
#include "reference.h"

#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 10, STEPS = 10 };

typedef struct replay {
    const reference *r;
    const gf_kernels *kernels;
    gf_net *net;
    gf_run *run;
    int batch;
    bool smooth; /* softplus: no kinks */
    gf_real target[256 * CLASSES], losses[256];
} replay;

/* ---- comparing ---- */

/* |got - want| / |want| in the Euclidean norm; NaN counts as infinite. */
static double relative_error(const gf_real *got, const gf_real *want, size_t count)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)got[i] - (double)want[i];
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
    }
    double error = norm > 0 ? sqrt(difference / norm) : sqrt(difference);
    return isnan(error) ? INFINITY : error;
}

static double cosine(const gf_real *a, const gf_real *b, size_t count)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

/* The worst error of a kind of comparison, printed at its end; only the first failures are. */
typedef struct worst {
    double error;
    int failures;
    char name[GF_NAME];
} worst;

static void expect_near(worst *w, const replay *p, const char *what, const char *name,
                        const gf_real *got, const gf_real *want, size_t count, double tolerance)
{
    double error = want ? relative_error(got, want, count) : INFINITY;
    w->failures += !(error <= tolerance);
    gf_test_check(error <= tolerance || w->failures > 4, __FILE__, __LINE__,
                  "%s, %s: %s of %s is off by %.3g, allowed %.3g%s", p->r->path, p->kernels->name,
                  what, name, error, tolerance, want ? "" : " (not in the file)");
    if (error <= w->error) return;
    w->error = error;
    snprintf(w->name, sizeof w->name, "%s", name);
}

static void report(const replay *p, const char *what, const worst *w)
{
    printf("     %s, %-8s %-28s worst %.2g at %s\n", p->r->path, p->kernels->name, what, w->error,
           w->name);
}

/* ---- one file on one backend ---- */

static bool replay_init(replay *p, const reference *r, const gf_kernels *kernels)
{
    *p = (replay){ .r = r, .kernels = kernels, .batch = (int)reference_number(r, "batch") };
    const char *activation = gf_options_get(r->options, "activation");
    p->smooth = activation && strcmp(activation, "softplus") == 0;
    const gf_real *labels = reference_get(r, "labels", "", (size_t)p->batch);
    bool good = labels && p->batch >= 1 && p->batch <= 256;
    if (!gf_test_check(good, __FILE__, __LINE__, "%s: 1 to 256 labels", r->path)) return false;
    for (int i = 0; i < p->batch; i++) p->target[i * CLASSES + (int)labels[i]] = 1;
    return gf_test_status(reference_net(&p->net, r), GF_OK, r->path, __FILE__, __LINE__) &&
           gf_test_status(gf_run_create(&p->run, p->net, kernels, p->batch, true), GF_OK, r->path,
                          __FILE__, __LINE__);
}

static void replay_release(replay *p)
{
    gf_run_destroy(p->run);
    gf_net_destroy(p->net);
}

static void forward(replay *p, gf_mode mode)
{
    size_t count = (size_t)p->batch * gf_shape_count(p->net->nodes[0].shape);
    const gf_real *images = reference_get(p->r, "value", "input", count);
    if (gf_test_check(images != NULL, __FILE__, __LINE__, "%s: no images", p->r->path))
        memcpy(gf_run_input(p->run), images, count * sizeof *images);
    gf_run_forward(p->run, p->batch, mode, NULL);
}

/* Forward, loss and backward in training mode; the mean loss. */
static double pass(replay *p)
{
    double loss = 0;
    forward(p, GF_MODE_TRAIN);
    p->kernels->softmax_cross_entropy(gf_run_gradient(p->run, p->net->node_count - 1), p->losses,
                                      gf_run_logits(p->run), p->target, p->batch, CLASSES);
    for (int i = 0; i < p->batch; i++) loss += (double)p->losses[i] / p->batch;
    gf_run_backward(p->run);
    return loss;
}

static void replay_file(const char *path, void (*check)(replay *))
{
    reference r;
    if (gf_test_status(reference_load(&r, path), GF_OK, path, __FILE__, __LINE__))
        for (const char *const *name = gf_kernels_names(); *name; name++) {
            const gf_kernels *kernels;
            replay *p = malloc(sizeof *p);
            if (p && gf_kernels_find(&kernels, *name) == GF_OK) {
                if (replay_init(p, &r, kernels)) check(p);
                replay_release(p);
            }
            free(p);
        }
    reference_release(&r);
}

static void replay_all(void (*check)(replay *))
{
    int count;
    glob_t found = { 0 };
    const char *const *paths = test_files(&count);
    if (count == 0 && glob("tests/golden/*.golden", 0, NULL, &found) == 0) {
        paths = (const char *const *)found.gl_pathv;
        count = (int)found.gl_pathc;
    }
    gf_test_check(count > 0, __FILE__, __LINE__, "no golden file; run from the repository's root");
    for (int i = 0; i < count; i++) replay_file(paths[i], check);
    globfree(&found);
}

/* ---- the whole network ---- */

static void check_forward(replay *p)
{
    worst w = { 0 };
    const gf_real *loss = reference_get(p->r, "loss", "", 1);
    const gf_node *last = &p->net->nodes[p->net->node_count - 1];
    double got = pass(p);
    expect_near(&w, p, "value", "logits", gf_run_logits(p->run),
                reference_get(p->r, "value", last->name, (size_t)p->batch * CLASSES),
                (size_t)p->batch * CLASSES, 1e-4);
    expect_near(&w, p, "value", "loss", &(gf_real){ (gf_real)got }, loss, 1, 1e-4);
    for (int i = 0; i < p->net->param_count; i++) {
        const gf_param *param = &p->net->params[i];
        if (param->role == GF_ROLE_MEAN || param->role == GF_ROLE_VARIANCE)
            expect_near(&w, p, "value", param->name, param->value,
                        reference_get(p->r, "after", param->name, gf_param_count(param)),
                        gf_param_count(param), 1e-4);
    }
    forward(p, GF_MODE_EVALUATE);
    expect_near(&w, p, "value", "evaluated logits", gf_run_logits(p->run),
                reference_get(p->r, "evaluated", "", (size_t)p->batch * CLASSES),
                (size_t)p->batch * CLASSES, 1e-4);
    report(p, "logits, loss, statistics", &w);
}

static void check_gradients(replay *p)
{
    worst w = { 0 };
    pass(p);
    for (int i = 0; i < p->net->param_count; i++) {
        const gf_param *param = &p->net->params[i];
        size_t count = gf_param_count(param);
        const gf_real *got = gf_run_param_gradient(p->run, i);
        if (!param->trainable) continue;
        const gf_real *want = reference_get(p->r, "d_param", param->name, count);
        expect_near(&w, p, "gradient", param->name, got, want, count, p->smooth ? 1e-3 : 3e-2);
        if (want && !p->smooth)
            gf_test_check(cosine(got, want, count) >= 0.999, __FILE__, __LINE__,
                          "%s, %s: cosine of the gradient of %s is %.6f", p->r->path,
                          p->kernels->name, param->name, cosine(got, want, count));
    }
    report(p, "gradients", &w);
}

/* SGD as nn/train does it: only weights decay. */
static void step(replay *p, gf_real **velocity)
{
    gf_real lr = (gf_real)reference_number(p->r, "lr");
    gf_real momentum = (gf_real)reference_number(p->r, "momentum");
    gf_real decay = (gf_real)reference_number(p->r, "weight_decay");
    for (int i = 0; i < p->net->param_count; i++) {
        gf_param *param = &p->net->params[i];
        if (param->trainable)
            p->kernels->sgd_step(param->value, velocity[i], gf_run_param_gradient(p->run, i),
                                 gf_param_count(param), lr, momentum,
                                 param->role == GF_ROLE_WEIGHT ? decay : 0, 0, true);
    }
}

/* Losses above 1 are compared relatively, those below absolutely. */
static void check_steps(replay *p)
{
    worst w = { 0 };
    const gf_real *want = reference_get(p->r, "losses", "", STEPS);
    gf_real **velocity = gf_alloc((size_t)p->net->param_count, sizeof *velocity);
    for (int i = 0; i < p->net->param_count; i++)
        velocity[i] = gf_alloc(gf_param_count(&p->net->params[i]), sizeof **velocity);
    for (int s = 0; want && s < STEPS; s++) {
        char name[32];
        snprintf(name, sizeof name, "step %d", s + 1);
        gf_real loss = (gf_real)pass(p);
        expect_near(&w, p, "loss", name, &loss, &want[s], 1,
                    (p->smooth ? 1e-3 : 1e-2) / fmin(1, (double)want[s]));
        step(p, velocity);
    }
    gf_test_check(want != NULL, __FILE__, __LINE__, "%s: no losses", p->r->path);
    for (int i = 0; i < p->net->param_count; i++) free(velocity[i]);
    free(velocity);
    report(p, "ten losses", &w);
}

/* ---- each layer alone ---- */

/* One node with memory of its own, on PyTorch's inputs, output and output gradient. */
typedef struct bench {
    gf_layer_call call;
    gf_scratch scratch;
    gf_arena *arena;
} bench;

static const gf_real *reference_of_node(const replay *p, const char *kind, int n)
{
    const gf_node *node = &p->net->nodes[n];
    return reference_get(p->r, kind, node->name, (size_t)p->batch * gf_shape_count(node->shape));
}

static gf_real *fresh(bench *b, const gf_real *copied, size_t count)
{
    gf_real *memory = gf_arena_alloc(b->arena, count * sizeof *memory);
    if (copied) memcpy(memory, copied, count * sizeof *memory);
    return memory;
}

static void bench_params(bench *b, const replay *p, const gf_node *node)
{
    for (int i = 0; i < node->param_count; i++) {
        const gf_param *param = &p->net->params[node->params[i]];
        b->call.weight[i] = fresh(b, param->value, gf_param_count(param));
        if (param->trainable) b->call.d_weight[i] = fresh(b, NULL, gf_param_count(param));
    }
}

/* False when the file lacks what the node reads. */
static bool bench_init(bench *b, const replay *p, int n)
{
    const gf_node *node = &p->net->nodes[n];
    size_t count = (size_t)p->batch * gf_shape_count(node->shape);
    *b = (bench){ .arena = gf_arena_create() };
    b->call = (gf_layer_call){ .kernels = p->kernels,
                               .scratch = &b->scratch,
                               .attributes = node->attributes,
                               .mode = GF_MODE_TRAIN,
                               .batch = p->batch,
                               .input_count = node->input_count,
                               .out_shape = node->shape,
                               .out = fresh(b, NULL, count),
                               .d_out = reference_of_node(p, "gradient", n) };
    bool good = b->call.d_out != NULL;
    for (int i = 0; i < node->input_count; i++) {
        gf_shape shape = p->net->nodes[node->inputs[i]].shape;
        b->call.in_shape[i] = shape;
        b->call.in[i] = reference_of_node(p, "value", node->inputs[i]);
        b->call.d_in[i] = fresh(b, NULL, (size_t)p->batch * gf_shape_count(shape));
        good = good && b->call.in[i];
    }
    bench_params(b, p, node);
    if (node->kind->cache)
        b->call.cache = fresh(
            b, NULL, node->kind->cache(p->batch, b->call.in_shape, node->shape, node->attributes));
    return good;
}

/* What PyTorch gave back to input i of this node: its own share where several read that input. */
static const gf_real *reference_d_in(const replay *p, const gf_node *node, int i, size_t count)
{
    char name[2 * GF_NAME];
    snprintf(name, sizeof name, "%s.%d", node->name, i);
    const gf_real *own = reference_get(p->r, "d_in", name, count);
    return own ? own : reference_get(p->r, "gradient", p->net->nodes[node->inputs[i]].name, count);
}

static void check_layer(replay *p, int n, worst *w)
{
    bench b;
    const gf_node *node = &p->net->nodes[n];
    size_t count = (size_t)p->batch * gf_shape_count(node->shape);
    const gf_real *value = reference_of_node(p, "value", n);
    bool good = bench_init(&b, p, n);
    if (gf_test_check(good && value, __FILE__, __LINE__, "%s: nothing to test %s with", p->r->path,
                      node->name)) {
        node->kind->forward(&b.call);
        expect_near(w, p, "value", node->name, b.call.out, value, count, 1e-4);
        memcpy(b.call.out, value, count * sizeof *value);
        node->kind->backward(&b.call);
    }
    for (int i = 0; good && i < node->input_count; i++) {
        size_t size = (size_t)p->batch * gf_shape_count(b.call.in_shape[i]);
        expect_near(w, p, "input gradient", node->name, b.call.d_in[i],
                    reference_d_in(p, node, i, size), size, 1e-4);
    }
    for (int i = 0; good && i < node->param_count; i++) {
        const gf_param *param = &p->net->params[node->params[i]];
        size_t size = gf_param_count(param);
        if (param->trainable)
            expect_near(w, p, "gradient", param->name, b.call.d_weight[i],
                        reference_get(p->r, "d_param", param->name, size), size, 1e-4);
    }
    gf_scratch_release(&b.scratch);
    gf_arena_destroy(b.arena);
}

static void check_layers(replay *p)
{
    worst w = { 0 };
    for (int n = 1; n < p->net->node_count; n++) check_layer(p, n, &w);
    report(p, "layers alone", &w);
}

/* ---- */

TEST("golden", "each layer forward and backward equals PyTorch's")
{
    replay_all(check_layers);
}

TEST("golden", "logits, loss and BN statistics equal PyTorch's")
{
    replay_all(check_forward);
}

TEST("golden", "the gradient of every parameter equals PyTorch's")
{
    replay_all(check_gradients);
}

TEST("golden", "ten steps of SGD follow PyTorch's losses")
{
    replay_all(check_steps);
}

TEST("golden", "a cut golden file is refused")
{
    reference r;
    char path[600];
    snprintf(path, sizeof path, "%s/cut.golden", test_folder());
    REQUIRE_OK(gf_file_write(path, "gridfront-golden 1\n\1\0\0", 22));
    EXPECT_STATUS(reference_load(&r, path), GF_CORRUPT);
    reference_release(&r);
}
