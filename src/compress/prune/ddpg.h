/* A deep deterministic policy gradient agent for episodes whose reward comes at the end: one action
 * in [0, 1] per step. Its networks are gf_nets. Deterministic: random numbers are addressed by
 * episode and step, so that an agent that is told the same things acts the same. */
#ifndef GRIDFRONT_COMPRESS_DDPG_H
#define GRIDFRONT_COMPRESS_DDPG_H

#include "../compress.h"

typedef struct gf_ddpg_options {
    int state;  /* numbers that describe a step, about [0, 1] each */
    int warmup; /* episodes of wide exploration before anything is learned */
    uint64_t seed;
    uint32_t ordinal;
} gf_ddpg_options;

typedef struct gf_ddpg gf_ddpg;
gf_status gf_ddpg_create(gf_ddpg **agent, const gf_ddpg_options *options,
                         const gf_kernels *kernels);
void gf_ddpg_destroy(gf_ddpg *agent);
/* The policy's action with this episode's noise. */
double gf_ddpg_act(gf_ddpg *agent, const double *state, int episode, int step);
/* One step of an episode that earned `reward`; next: the state after it, NULL at the end. Learns
 * from a batch of what it remembers, once the warm-up is over. */
void gf_ddpg_learn(gf_ddpg *agent, const double *state, double action, double reward,
                   const double *next, int episode, int step);

#endif
