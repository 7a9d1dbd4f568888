/* What a run executes, one step after the other: a node, or a node together with the sum and the
 * ReLU behind it, which it does in the same pass over memory. */
#ifndef GRIDFRONT_NN_STEPS_H
#define GRIDFRONT_NN_STEPS_H

#include <gridfront/nn.h>

typedef struct gf_step {
    int node;     /* its kind's functions run, with its inputs and parameters */
    int out;      /* the node whose value comes out: node itself, or the last one it took over */
    int residual; /* what is added to it, -1: nothing */
    gf_epilogue epilogue;
} gf_step;

/* In the order of `out`; step 0 is the input. A node that somebody outside wants to see is not
 * taken over and takes nothing over. *steps [*count] is the caller's to free. */
gf_status gf_steps_make(gf_step **steps, int *count, const gf_net *net, bool backward,
                        const bool *want_value, const bool *want_gradient);

#endif
