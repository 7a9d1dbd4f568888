/* Which activations and gradients share memory. A value lives until its last reader in the forward
 * pass, or for the whole step where a backward function reads it; a gradient lives from the first
 * consumer that writes it until its node's own backward has run. */
#ifndef GRIDFRONT_NN_MEMORY_PLAN_H
#define GRIDFRONT_NN_MEMORY_PLAN_H

#include <gridfront/nn.h>

typedef struct gf_memory_plan {
    int *value_slot, *gradient_slot; /* [nodes]: slot of each, -1: none */
    bool *needs_gradient;            /* [nodes]: something trained lies before or in this node */
    bool *add;                       /* [nodes * GF_NODE_INPUTS]: d_in is added to */
    size_t *slot_size;               /* [slots]: gf_reals of one image */
    int slot_count;
} gf_memory_plan;

/* want_value, want_gradient [nodes]: to be kept for readers outside the pass. */
gf_status gf_memory_plan_init(gf_memory_plan *plan, const gf_net *net, bool backward,
                              const bool *want_value, const bool *want_gradient);
void gf_memory_plan_release(gf_memory_plan *plan);

#endif
