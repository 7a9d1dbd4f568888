/* Finding the sums and ReLUs that a node can take over: the only reader of its value is an add,
 * whose only reader is a ReLU; either may be missing. */
#include "steps.h"

#include <stdlib.h>

typedef struct finder {
    const gf_net *net;
    bool backward;
    const bool *want_value, *want_gradient;
    int *readers, *reader; /* [nodes]: how often it is read; by whom last */
    int *taken_by;         /* [nodes]: -1, or the node that does its work */
} finder;

static void find_readers(finder *f)
{
    for (int n = 0; n < f->net->node_count; n++) {
        const gf_node *node = &f->net->nodes[n];
        f->taken_by[n] = -1;
        for (int i = 0; i < node->input_count; i++) {
            f->readers[node->inputs[i]]++;
            f->reader[node->inputs[i]] = n;
        }
    }
}

static bool can_take(const finder *f, int n)
{
    const gf_layer_kind *kind = f->net->nodes[n].kind;
    return f->backward ? kind->takes_backward : kind->takes_forward;
}

/* The node behind n, if it is this tail, n's only reader, and free. */
static int tail_behind(const finder *f, int n, gf_tail tail)
{
    if (f->want_value[n] || f->want_gradient[n] || f->readers[n] != 1) return -1;
    int next = f->reader[n];
    return f->net->nodes[next].kind->tail == tail && f->taken_by[next] < 0 ? next : -1;
}

static gf_step step_of(finder *f, int n)
{
    gf_step step = { .node = n, .out = n, .residual = -1 };
    if (!can_take(f, n)) return step;
    int add = tail_behind(f, n, GF_TAIL_ADD);
    if (add >= 0) {
        const int *inputs = f->net->nodes[add].inputs;
        step.residual = inputs[0] == n ? inputs[1] : inputs[0];
        f->taken_by[step.out = add] = n;
    }
    int relu = tail_behind(f, step.out, GF_TAIL_RELU);
    if (relu >= 0) {
        step.epilogue = GF_EPILOGUE_RELU;
        f->taken_by[step.out = relu] = n;
    }
    return step;
}

/* Each step stands where its last node stood: by then everything that it reads is there. */
static int order_steps(gf_step *steps, finder *f, gf_step *by_out)
{
    int count = 0, nodes = f->net->node_count;
    for (int n = 0; n < nodes; n++) by_out[n].node = -1;
    for (int n = 0; n < nodes; n++) {
        if (f->taken_by[n] >= 0) continue;
        gf_step step = step_of(f, n);
        by_out[step.out] = step;
    }
    for (int n = 0; n < nodes; n++)
        if (by_out[n].node >= 0) steps[count++] = by_out[n];
    return count;
}

gf_status gf_steps_make(gf_step **steps, int *count, const gf_net *net, bool backward,
                        const bool *want_value, const bool *want_gradient)
{
    gf_status status = GF_OK;
    size_t nodes = (size_t)net->node_count;
    finder f = { .net = net,
                 .backward = backward,
                 .want_value = want_value,
                 .want_gradient = want_gradient,
                 .readers = gf_alloc(nodes, sizeof(int)),
                 .reader = gf_alloc(nodes, sizeof(int)),
                 .taken_by = gf_alloc(nodes, sizeof(int)) };
    gf_step *made = gf_alloc(nodes, sizeof *made), *by_out = gf_alloc(nodes, sizeof *by_out);
    GF_TRY_ALLOC(f.readers && f.reader && f.taken_by && made && by_out);
    find_readers(&f);
    *count = order_steps(made, &f, by_out);
    *steps = made;
    made = NULL;
out:
    free(f.readers);
    free(f.reader);
    free(f.taken_by);
    free(made);
    free(by_out);
    return status;
}
