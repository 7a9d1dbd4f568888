/* Lifetimes of values and gradients, step by step; memory_pack.c then finds their places. */
#include "memory_plan.h"

#include "memory_pack.h"

#include <stdlib.h>

enum { ALIGNMENT = 16 /* gf_reals: a cache line of floats */, NONE = -1 };

typedef struct planner {
    gf_memory_plan *plan;
    const gf_net *net;
    const bool *want_value, *want_gradient;
    bool backward;
    int end;      /* later than everything */
    int *step_of; /* [nodes]: the step whose value it is, NONE */
    /* [nodes]: times of the last forward reader and of the first and last backward ones */
    int *last_read, *first_again, *last_again;
    int *value, *again, *gradient; /* [nodes]: blocks, NONE */
    gf_block *blocks;
    int block_count;
} planner;

void gf_memory_plan_release(gf_memory_plan *plan)
{
    free(plan->steps);
    free(plan->value);
    free(plan->value_again);
    free(plan->gradient);
    free(plan->needs_gradient);
    free(plan->add);
    free(plan->add_residual);
    free(plan->repeat);
    *plan = (gf_memory_plan){ 0 };
}

/* ---- time ---- */

static int loss_time(const planner *p)
{
    return p->plan->step_count;
}

static int backward_time(const planner *p, int step)
{
    return 2 * p->plan->step_count - step;
}

static const gf_layer_kind *kind_of(const planner *p, int step)
{
    return p->net->nodes[p->plan->steps[step].node].kind;
}

static bool runs_backward(const planner *p, int step)
{
    return p->backward && p->plan->needs_gradient[p->plan->steps[step].out];
}

static void read_again(planner *p, int node, int time)
{
    if (time < p->first_again[node]) p->first_again[node] = time;
    if (time > p->last_again[node]) p->last_again[node] = time;
}

static void find_readers(planner *p)
{
    for (int s = 0; s < p->plan->step_count; s++) {
        const gf_step *step = &p->plan->steps[s];
        const gf_node *node = &p->net->nodes[step->node];
        p->step_of[step->out] = p->last_read[step->out] = s;
        for (int i = 0; i < node->input_count; i++) {
            p->last_read[node->inputs[i]] = s;
            if (runs_backward(p, s) && node->kind->reads_in)
                read_again(p, node->inputs[i], backward_time(p, s));
        }
        if (step->residual >= 0) p->last_read[step->residual] = s;
        bool reads_out = node->kind->reads_out || step->epilogue == GF_EPILOGUE_RELU;
        if (runs_backward(p, s) && reads_out) read_again(p, step->out, backward_time(p, s));
    }
}

/* ---- values ---- */

static int add_block(planner *p, int node, int birth, int death)
{
    size_t size = gf_shape_count(p->net->nodes[node].shape);
    p->blocks[p->block_count] = (gf_block){ .size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT,
                                            .birth = birth,
                                            .death = death };
    return p->block_count++;
}

static void outlive(planner *p, int block, int time)
{
    if (p->blocks[block].death < time) p->blocks[block].death = time;
}

static bool is_wanted(const planner *p, int node)
{
    return p->want_value[node] || node == p->net->node_count - 1;
}

/* Rather made anew than kept? Its reader in the backward pass then repeats it, one at most each,
 * from a value that was kept itself. */
static bool is_repeated(const planner *p, int s)
{
    const gf_step *step = &p->plan->steps[s];
    int input = p->net->nodes[step->node].inputs[0];
    if (is_wanted(p, step->out) || !kind_of(p, s)->repeats || step->residual >= 0) return false;
    if (!runs_backward(p, s) || p->last_again[step->out] < 0) return false;
    if (p->again[input] != p->value[input]) return false;
    int reader = 2 * p->plan->step_count - p->first_again[step->out];
    return reader > s && p->plan->repeat[reader] < 0;
}

/* The value may take its input's place if nobody needs that any more. */
static bool takes_place_of_input(const planner *p, int s)
{
    const gf_node *node = &p->net->nodes[p->plan->steps[s].node];
    int input = node->inputs[0];
    if (!node->kind->in_place || input == 0 || p->plan->steps[s].residual == input) return false;
    for (int i = 1; i < node->input_count; i++)
        if (node->inputs[i] == input) return false;
    return p->blocks[p->value[input]].death == s;
}

static void plan_value(planner *p, int s)
{
    int out = p->plan->steps[s].out;
    if (s > 0 && takes_place_of_input(p, s))
        p->value[out] = p->value[p->net->nodes[p->plan->steps[s].node].inputs[0]];
    else
        p->value[out] = add_block(p, out, s, s);
    outlive(p, p->value[out], p->last_read[out]);
    if (is_wanted(p, out)) outlive(p, p->value[out], p->end);
    if (p->last_again[out] < 0 && !is_wanted(p, out)) return;
    if (is_repeated(p, s)) {
        p->plan->repeat[2 * p->plan->step_count - p->first_again[out]] = s;
        p->again[out] = add_block(p, out, p->first_again[out], p->last_again[out]);
    } else {
        p->again[out] = p->value[out];
        outlive(p, p->again[out], p->last_again[out]);
    }
}

/* ---- gradients ---- */

static void find_needs(planner *p)
{
    bool *needs = p->plan->needs_gradient;
    for (int n = 0; n < p->net->node_count; n++) {
        const gf_node *node = &p->net->nodes[n];
        needs[n] = p->want_gradient[n];
        for (int i = 0; i < node->input_count; i++) needs[n] |= needs[node->inputs[i]];
        for (int i = 0; i < node->param_count; i++)
            needs[n] |= p->net->params[node->params[i]].trainable;
    }
}

/* Step s writes, or adds to, the gradient of `node`; true: it adds. in_place: it may be written
 * over the gradient of the step's own output, once that was read. */
static bool plan_gradient(planner *p, int s, int node, bool in_place)
{
    int out = p->plan->steps[s].out;
    if (p->gradient[node] >= 0) return true;
    if (in_place && !p->want_gradient[out] && out != p->net->node_count - 1)
        p->gradient[node] = p->gradient[out];
    else
        p->gradient[node] = add_block(p, node, backward_time(p, s), backward_time(p, s));
    outlive(p, p->gradient[node], backward_time(p, p->step_of[node]));
    return false;
}

static void plan_gradients_of(planner *p, int s)
{
    gf_memory_plan *plan = p->plan;
    const gf_step *step = &plan->steps[s];
    const gf_node *node = &p->net->nodes[step->node];
    bool in_place = node->kind->gradient_in_place;
    if (step->residual >= 0 && plan->needs_gradient[step->residual]) {
        plan->add_residual[step->node] = plan_gradient(p, s, step->residual, in_place);
        if (!plan->add_residual[step->node]) in_place = false;
    }
    for (int i = 0; i < node->input_count; i++)
        if (plan->needs_gradient[node->inputs[i]])
            plan->add[step->node * GF_NODE_INPUTS + i] =
                plan_gradient(p, s, node->inputs[i], in_place && i == 0);
}

static void plan_gradients(planner *p)
{
    int last = p->net->node_count - 1;
    for (int n = 0; n <= last; n++)
        if (n == last || p->want_gradient[n])
            p->gradient[n] = add_block(p, n, loss_time(p), p->end);
    for (int s = p->plan->step_count - 1; s > 0; s--)
        if (p->gradient[p->plan->steps[s].out] >= 0) plan_gradients_of(p, s);
}

/* ---- all of it ---- */

static gf_status allocate(planner *p, size_t nodes)
{
    gf_status status = GF_OK;
    gf_memory_plan *plan = p->plan;
    int **lists[] = { &p->step_of, &p->last_read, &p->first_again, &p->last_again,
                      &p->value,   &p->again,     &p->gradient,    &plan->repeat };
    size_t **offsets[] = { &plan->value, &plan->value_again, &plan->gradient };
    for (size_t i = 0; i < GF_COUNT(lists); i++) {
        GF_TRY_ALLOC(*lists[i] = gf_alloc(nodes, sizeof(int)));
        for (size_t n = 0; n < nodes; n++) (*lists[i])[n] = NONE;
    }
    for (size_t i = 0; i < GF_COUNT(offsets); i++)
        GF_TRY_ALLOC(*offsets[i] = gf_alloc(nodes, sizeof(size_t)));
    for (size_t n = 0; n < nodes; n++) p->first_again[n] = p->end;
    plan->needs_gradient = gf_alloc(nodes, sizeof(bool));
    plan->add = gf_alloc(nodes * GF_NODE_INPUTS, sizeof(bool));
    plan->add_residual = gf_alloc(nodes, sizeof(bool));
    p->blocks = gf_alloc(3 * nodes, sizeof *p->blocks);
    GF_TRY_ALLOC(plan->needs_gradient && plan->add && plan->add_residual && p->blocks);
out:
    return status;
}

static size_t place_of(const planner *p, int block)
{
    return block < 0 ? GF_NOWHERE : p->blocks[block].offset;
}

static void release(planner *p)
{
    free(p->step_of);
    free(p->last_read);
    free(p->first_again);
    free(p->last_again);
    free(p->value);
    free(p->again);
    free(p->gradient);
    free(p->blocks);
}

gf_status gf_memory_plan_init(gf_memory_plan *plan, const gf_net *net, bool backward,
                              const bool *want_value, const bool *want_gradient)
{
    gf_status status;
    planner p = { .plan = plan,
                  .net = net,
                  .want_value = want_value,
                  .want_gradient = want_gradient,
                  .backward = backward };
    *plan = (gf_memory_plan){ 0 };
    GF_TRY(
        gf_steps_make(&plan->steps, &plan->step_count, net, backward, want_value, want_gradient));
    p.end = 2 * plan->step_count + 1;
    GF_TRY(allocate(&p, (size_t)net->node_count));
    find_needs(&p);
    find_readers(&p);
    for (int s = 0; s < plan->step_count; s++) plan_value(&p, s);
    if (backward) plan_gradients(&p);
    GF_TRY(gf_memory_pack(&plan->size, p.blocks, p.block_count));
    for (int n = 0; n < net->node_count; n++) {
        plan->value[n] = place_of(&p, p.value[n]);
        plan->value_again[n] = place_of(&p, p.again[n]);
        plan->gradient[n] = place_of(&p, p.gradient[n]);
    }
out:
    release(&p);
    if (status != GF_OK) gf_memory_plan_release(plan);
    return status;
}
