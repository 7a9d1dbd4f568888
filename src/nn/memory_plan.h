/* Where values and gradients stand in one block of memory. Time runs through the forward steps, the
 * loss and the backward steps; what is never needed at the same time may share a place. A value
 * lives until its last reader; one that only backward functions read again, and that is cheap, is
 * thrown away and made anew in time (Chen et al. 2016, 1604.06174, for single steps). A gradient
 * lives from the first consumer that writes it until its own step's backward has run. */
#ifndef GRIDFRONT_NN_MEMORY_PLAN_H
#define GRIDFRONT_NN_MEMORY_PLAN_H

#include "steps.h"

#define GF_NOWHERE SIZE_MAX

/* Offsets count gf_reals of one image: multiply them by the batch. GF_NOWHERE: not there. */
typedef struct gf_memory_plan {
    gf_step *steps;
    int step_count;
    size_t *value, *value_again; /* [nodes]: in the forward and in the backward pass */
    size_t *gradient;            /* [nodes] */
    bool *needs_gradient;        /* [nodes]: something trained lies before or in this node */
    bool *add;                   /* [nodes * GF_NODE_INPUTS]: this step's d_in is added to */
    bool *add_residual;          /* [nodes] */
    int *repeat; /* [steps]: whose forward runs again before this one's backward, -1: none */
    size_t size; /* of the whole block */
} gf_memory_plan;

/* want_value, want_gradient [nodes]: to be kept for readers outside the pass. */
gf_status gf_memory_plan_init(gf_memory_plan *plan, const gf_net *net, bool backward,
                              const bool *want_value, const bool *want_gradient);
void gf_memory_plan_release(gf_memory_plan *plan);

#endif
