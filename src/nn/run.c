/* Running a network forward and backward, step by step, in the memory that the plan
 * gives. */
#include <gridfront/nn.h>

#include "memory_plan.h"

#include <stdlib.h>
#include <string.h>

struct gf_run {
    gf_net *net;
    const gf_kernels *kernels;
    int batch_most, batch; /* batch: of the last forward */
    bool backward;
    gf_mode mode;
    const gf_random *random;
    gf_scratch scratch;

    bool *want_value, *want_gradient; /* [nodes] */
    gf_memory_plan plan;
    gf_real *memory;    /* of the plan: values and gradients */
    size_t memory_size; /* gf_reals */
    gf_real **cache;    /* [nodes], NULL: none */
    gf_real **viewed;   /* [params]: outputs of its views one after another, NULL: no views */
    gf_real **gradient; /* [params]: NULL: not trained */
    int node_count, param_count;
};

/* ---- memory ---- */

static void free_list(const gf_kernels *kernels, gf_real **list, int count)
{
    for (int i = 0; list && i < count; i++)
        if (list[i]) kernels->memory_free(list[i]);
    free(list);
}

void gf_run_destroy(gf_run *run)
{
    if (!run) return;
    gf_memory_plan_release(&run->plan);
    if (run->memory) run->kernels->memory_free(run->memory);
    free_list(run->kernels, run->cache, run->node_count);
    free_list(run->kernels, run->viewed, run->param_count);
    free_list(run->kernels, run->gradient, run->param_count);
    gf_scratch_release(&run->scratch);
    free(run->want_value);
    free(run->want_gradient);
    free(run);
}

static gf_status alloc_real(gf_real **out, const gf_run *run, size_t count)
{
    *out = run->kernels->memory_alloc(count * sizeof(gf_real));
    return *out ? GF_OK : gf_fail(GF_NOMEM, "out of memory for %zu values", count);
}

/* Room for the plan's block; what was in the old one is lost. */
static gf_status grow_memory(gf_run *run)
{
    gf_status status = GF_OK;
    size_t size = run->plan.size * (size_t)run->batch_most;
    if (size <= run->memory_size) return GF_OK;
    if (run->memory) run->kernels->memory_free(run->memory);
    run->memory = NULL;
    run->memory_size = 0;
    GF_TRY(alloc_real(&run->memory, run, size));
    run->memory_size = size;
out:
    return status;
}

static gf_status plan_memory(gf_run *run)
{
    gf_status status;
    gf_memory_plan_release(&run->plan);
    GF_TRY(gf_memory_plan_init(&run->plan, run->net, run->backward, run->want_value,
                               run->want_gradient));
    GF_TRY(grow_memory(run));
out:
    return status;
}

static void input_shapes(gf_shape *shapes, const gf_net *net, const gf_node *node)
{
    for (int i = 0; i < node->input_count; i++) shapes[i] = net->nodes[node->inputs[i]].shape;
}

static gf_status alloc_caches(gf_run *run)
{
    gf_status status = GF_OK;
    for (int n = 0; n < run->node_count; n++) {
        const gf_node *node = &run->net->nodes[n];
        gf_shape in[GF_NODE_INPUTS] = { { 0 } };
        input_shapes(in, run->net, node);
        size_t count = node->kind->cache
                           ? node->kind->cache(run->batch_most, in, node->shape, node->attributes)
                           : 0;
        if (count) GF_TRY(alloc_real(&run->cache[n], run, count));
    }
out:
    return status;
}

static gf_status alloc_params(gf_run *run)
{
    gf_status status = GF_OK;
    for (int i = 0; i < run->param_count; i++) {
        const gf_param *param = &run->net->params[i];
        size_t count = gf_param_count(param);
        if (param->view_count)
            GF_TRY(alloc_real(&run->viewed[i], run, count * (size_t)param->view_count));
        if (run->backward && param->trainable) GF_TRY(alloc_real(&run->gradient[i], run, count));
    }
out:
    return status;
}

gf_status gf_run_create(gf_run **run, gf_net *net, const gf_kernels *kernels, int batch,
                        bool backward)
{
    gf_status status;
    gf_run *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    *made = (gf_run){ .net = net,
                      .kernels = kernels,
                      .batch_most = batch,
                      .backward = backward,
                      .node_count = net->node_count,
                      .param_count = net->param_count };
    made->want_value = gf_alloc((size_t)net->node_count, sizeof(bool));
    made->want_gradient = gf_alloc((size_t)net->node_count, sizeof(bool));
    made->cache = gf_alloc((size_t)net->node_count, sizeof(gf_real *));
    made->viewed = gf_alloc((size_t)net->param_count, sizeof(gf_real *));
    made->gradient = gf_alloc((size_t)net->param_count, sizeof(gf_real *));
    GF_TRY_ALLOC(made->want_value && made->want_gradient && made->cache && made->viewed &&
                 made->gradient);
    GF_TRY(plan_memory(made));
    GF_TRY(alloc_caches(made));
    GF_TRY(alloc_params(made));
    *run = made;
    made = NULL;
out:
    gf_run_destroy(made);
    return status;
}

gf_status gf_run_want_value(gf_run *run, int node)
{
    run->want_value[node] = true;
    return plan_memory(run);
}

gf_status gf_run_want_gradient(gf_run *run, int node)
{
    run->want_gradient[node] = true;
    return plan_memory(run);
}

/* ---- looking in ---- */

static gf_real *place(const gf_run *run, size_t offset)
{
    return offset == GF_NOWHERE ? NULL : run->memory + offset * (size_t)run->batch_most;
}

static gf_real *value_of(const gf_run *run, int node)
{
    return place(run, run->plan.value[node]);
}

static gf_real *gradient_of(const gf_run *run, int node)
{
    return place(run, run->plan.gradient[node]);
}

gf_real *gf_run_input(gf_run *run)
{
    return value_of(run, 0);
}

const gf_real *gf_run_value(const gf_run *run, int node)
{
    return value_of(run, node);
}

gf_real *gf_run_logits(gf_run *run)
{
    return value_of(run, run->node_count - 1);
}

gf_real *gf_run_gradient(gf_run *run, int node)
{
    return gradient_of(run, node);
}

gf_real *gf_run_param_gradient(gf_run *run, int param)
{
    return run->gradient[param];
}

gf_net *gf_run_net(gf_run *run)
{
    return run->net;
}

const gf_kernels *gf_run_kernels(const gf_run *run)
{
    return run->kernels;
}

int gf_run_batch(const gf_run *run)
{
    return run->batch;
}

int gf_run_capacity(const gf_run *run)
{
    return run->batch_most;
}

/* ---- weights through their views ---- */

static gf_real *effective(const gf_run *run, int param)
{
    const gf_param *p = &run->net->params[param];
    if (!p->view_count) return p->value;
    return run->viewed[param] + (size_t)(p->view_count - 1) * gf_param_count(p);
}

static void apply_view(const gf_run *run, const gf_view *view, const gf_param *param, gf_real *out,
                       const gf_real *in)
{
    if (run->mode == GF_MODE_TRAIN && param->trainable && view->kind->forward_train && run->random)
        view->kind->forward_train(view, param, run->kernels, out, in, run->random);
    else
        view->kind->forward(view, param, run->kernels, out, in);
}

static void apply_views(gf_run *run, int index)
{
    gf_param *param = &run->net->params[index];
    size_t count = gf_param_count(param);
    const gf_real *in = param->value;
    for (int v = 0; v < param->view_count; v++) {
        gf_view *view = &param->views[v];
        gf_real *out = run->viewed[index] + (size_t)v * count;
        if (run->mode == GF_MODE_TRAIN && param->trainable && view->kind->refresh)
            view->kind->refresh(view, param, run->kernels, in);
        apply_view(run, view, param, out, in);
        in = out;
    }
}

/* From the gradient of the weight that was used to that of the stored one, in place. */
static void backward_views(gf_run *run, int index)
{
    const gf_param *param = &run->net->params[index];
    size_t count = gf_param_count(param);
    for (int v = param->view_count - 1; v >= 0; v--) {
        const gf_real *in = v ? run->viewed[index] + (size_t)(v - 1) * count : param->value;
        param->views[v].kind->backward(&param->views[v], param, run->kernels, run->gradient[index],
                                       run->gradient[index], in);
    }
}

/* ---- passes ---- */

/* values: the plan's places of the pass that is running. */
static gf_layer_call layer_call(gf_run *run, const gf_step *step, const size_t *values)
{
    const gf_node *node = &run->net->nodes[step->node];
    gf_layer_call call = { .kernels = run->kernels,
                           .scratch = &run->scratch,
                           .attributes = node->attributes,
                           .mode = node->frozen && run->mode == GF_MODE_TRAIN ? GF_MODE_EVALUATE
                                                                              : run->mode,
                           .batch = run->batch,
                           .input_count = node->input_count,
                           .out_shape = node->shape,
                           .out = place(run, values[step->out]),
                           .cache = run->cache[step->node],
                           .epilogue = step->epilogue,
                           .random = run->random,
                           .node_hash = gf_hash32(node->name) };
    input_shapes(call.in_shape, run->net, node);
    for (int i = 0; i < node->input_count; i++) call.in[i] = place(run, values[node->inputs[i]]);
    for (int i = 0; i < node->param_count; i++) call.weight[i] = effective(run, node->params[i]);
    if (step->residual >= 0) call.residual = place(run, values[step->residual]);
    return call;
}

static void clear_wanted_gradients(gf_run *run)
{
    for (int n = 0; n < run->node_count; n++)
        if (run->want_gradient[n])
            memset(gradient_of(run, n), 0,
                   (size_t)run->batch * gf_shape_count(run->net->nodes[n].shape) * sizeof(gf_real));
}

void gf_run_forward(gf_run *run, int batch, gf_mode mode, const gf_random *random)
{
    run->batch = batch;
    run->mode = mode;
    run->random = random;
    for (int i = 0; i < run->param_count; i++) apply_views(run, i);
    for (int s = 1; s < run->plan.step_count; s++) {
        const gf_step *step = &run->plan.steps[s];
        gf_layer_call call = layer_call(run, step, run->plan.value);
        run->net->nodes[step->node].kind->forward(&call);
    }
    if (run->backward) clear_wanted_gradients(run);
}

static void repeat_forward(gf_run *run, int s)
{
    const gf_step *step = &run->plan.steps[s];
    gf_layer_call call = layer_call(run, step, run->plan.value_again);
    call.again = true;
    run->net->nodes[step->node].kind->forward(&call);
}

static void step_backward(gf_run *run, const gf_step *step)
{
    const gf_memory_plan *plan = &run->plan;
    const gf_node *node = &run->net->nodes[step->node];
    gf_layer_call call = layer_call(run, step, plan->value_again);
    call.d_out = gradient_of(run, step->out);
    for (int i = 0; i < node->input_count; i++) {
        if (plan->needs_gradient[node->inputs[i]]) call.d_in[i] = gradient_of(run, node->inputs[i]);
        call.d_in_add[i] = plan->add[step->node * GF_NODE_INPUTS + i];
    }
    if (step->residual >= 0 && plan->needs_gradient[step->residual])
        call.d_residual = gradient_of(run, step->residual);
    call.d_residual_add = plan->add_residual[step->node];
    for (int i = 0; i < node->param_count; i++) call.d_weight[i] = run->gradient[node->params[i]];
    node->kind->backward(&call);
}

void gf_run_backward(gf_run *run)
{
    const gf_memory_plan *plan = &run->plan;
    for (int s = plan->step_count - 1; s > 0; s--) {
        int out = plan->steps[s].out;
        if (plan->repeat[s] >= 0) repeat_forward(run, plan->repeat[s]);
        if (plan->gradient[out] != GF_NOWHERE && plan->needs_gradient[out])
            step_backward(run, &plan->steps[s]);
    }
    for (int i = 0; i < run->param_count; i++)
        if (run->gradient[i]) backward_views(run, i);
}
