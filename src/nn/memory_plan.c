/* Greedy sharing: a slot is free again when what it holds is dead; the smallest free slot that is
 * large enough is taken, else the largest free one grows, else a new one is made. */
#include "memory_plan.h"

#include <stdlib.h>

typedef struct planner {
    gf_memory_plan *plan;
    const gf_net *net;
    const bool *want_value, *want_gradient;
    bool backward;
    int *last_use; /* [nodes]: last node that reads the value in the forward pass */
    bool *keep;    /* [nodes]: the value must outlive the forward pass */
    bool *busy;    /* [slots] */
} planner;

void gf_memory_plan_release(gf_memory_plan *plan)
{
    free(plan->value_slot);
    free(plan->gradient_slot);
    free(plan->needs_gradient);
    free(plan->add);
    free(plan->slot_size);
    *plan = (gf_memory_plan){ 0 };
}

static int take_slot(planner *p, size_t size)
{
    gf_memory_plan *plan = p->plan;
    int best = -1, largest = -1;
    for (int s = 0; s < plan->slot_count; s++) {
        if (p->busy[s]) continue;
        if (plan->slot_size[s] >= size && (best < 0 || plan->slot_size[s] < plan->slot_size[best]))
            best = s;
        if (largest < 0 || plan->slot_size[s] > plan->slot_size[largest]) largest = s;
    }
    int slot = best >= 0 ? best : largest >= 0 ? largest : plan->slot_count++;
    if (plan->slot_size[slot] < size) plan->slot_size[slot] = size;
    p->busy[slot] = true;
    return slot;
}

/* ---- values ---- */

static void find_lifetimes(planner *p)
{
    int last = p->net->node_count - 1;
    for (int n = 0; n <= last; n++) {
        const gf_node *node = &p->net->nodes[n];
        p->last_use[n] = n;
        p->keep[n] =
            n == 0 || n == last || p->want_value[n] || (p->backward && node->kind->reads_out);
        for (int i = 0; i < node->input_count; i++) {
            p->last_use[node->inputs[i]] = n;
            if (p->backward && node->kind->reads_in) p->keep[node->inputs[i]] = true;
        }
    }
}

static bool may_work_in_place(const planner *p, int n)
{
    const gf_node *node = &p->net->nodes[n];
    int input = node->inputs[0];
    if (!node->kind->in_place || p->keep[input] || p->last_use[input] != n) return false;
    for (int i = 1; i < node->input_count; i++)
        if (node->inputs[i] == input) return false;
    return true;
}

static void plan_values(planner *p)
{
    int *slot = p->plan->value_slot;
    slot[0] = take_slot(p, gf_shape_count(p->net->nodes[0].shape));
    for (int n = 1; n < p->net->node_count; n++) {
        const gf_node *node = &p->net->nodes[n];
        slot[n] = may_work_in_place(p, n) ? slot[node->inputs[0]]
                                          : take_slot(p, gf_shape_count(node->shape));
        for (int i = 0; i < node->input_count; i++) {
            int m = node->inputs[i];
            if (p->last_use[m] == n && !p->keep[m] && slot[m] != slot[n]) p->busy[slot[m]] = false;
        }
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

static void plan_inputs_of(planner *p, int n)
{
    gf_memory_plan *plan = p->plan;
    const gf_node *node = &p->net->nodes[n];
    for (int i = 0; i < node->input_count; i++) {
        int m = node->inputs[i];
        if (!plan->needs_gradient[m]) continue;
        plan->add[n * GF_NODE_INPUTS + i] = plan->gradient_slot[m] >= 0;
        if (plan->gradient_slot[m] < 0)
            plan->gradient_slot[m] = take_slot(p, gf_shape_count(p->net->nodes[m].shape));
    }
}

static void plan_gradients(planner *p)
{
    int last = p->net->node_count - 1;
    int *slot = p->plan->gradient_slot;
    for (int n = 0; n <= last; n++)
        if (n == last || p->want_gradient[n])
            slot[n] = take_slot(p, gf_shape_count(p->net->nodes[n].shape));
    for (int n = last; n > 0; n--) {
        if (slot[n] < 0) continue;
        plan_inputs_of(p, n);
        if (n != last && !p->want_gradient[n]) p->busy[slot[n]] = false;
    }
}

static gf_status allocate(gf_memory_plan *plan, planner *p, size_t nodes)
{
    gf_status status = GF_OK;
    plan->value_slot = gf_alloc(nodes, sizeof(int));
    plan->gradient_slot = gf_alloc(nodes, sizeof(int));
    plan->needs_gradient = gf_alloc(nodes, sizeof(bool));
    plan->add = gf_alloc(nodes * GF_NODE_INPUTS, sizeof(bool));
    plan->slot_size = gf_alloc(2 * nodes, sizeof(size_t));
    p->last_use = gf_alloc(nodes, sizeof(int));
    p->keep = gf_alloc(nodes, sizeof(bool));
    p->busy = gf_alloc(2 * nodes, sizeof(bool));
    GF_TRY_ALLOC(plan->value_slot && plan->gradient_slot && plan->needs_gradient && plan->add &&
                 plan->slot_size && p->last_use && p->keep && p->busy);
    for (size_t n = 0; n < nodes; n++) plan->value_slot[n] = plan->gradient_slot[n] = -1;
out:
    return status;
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
    GF_TRY(allocate(plan, &p, (size_t)net->node_count));
    find_lifetimes(&p);
    plan_values(&p);
    find_needs(&p);
    if (backward) plan_gradients(&p);
out:
    free(p.last_use);
    free(p.keep);
    free(p.busy);
    if (status != GF_OK) gf_memory_plan_release(plan);
    return status;
}
