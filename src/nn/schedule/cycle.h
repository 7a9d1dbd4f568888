/* What cyclic policies share: bounds, the length of half a cycle, and the waves between them. */
#ifndef GRIDFRONT_NN_SCHEDULE_CYCLE_H
#define GRIDFRONT_NN_SCHEDULE_CYCLE_H

#include <gridfront/nn.h>

typedef struct gf_cycle {
    double half, low, gamma;
} gf_cycle;
extern const gf_field gf_cycle_fields[];       /* half, low */
extern const gf_field gf_cycle_decay_fields[]; /* and gamma */

/* Waves of height 1 that are 0 at the ends of cycles; x counts half cycles. */
double gf_cycle_triangle(double x);
double gf_cycle_arch(double x); /* of a sine */
/* 1 in the first cycle, half of it in each that follows. */
double gf_cycle_halved(double x);
/* Factor of the rate where a wave has this height: 0 at the lower bound, 1 at `lr`. */
double gf_cycle_between(const gf_cycle *cycle, double height);

#endif
