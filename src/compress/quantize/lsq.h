/* Learned step sizes, as the method "lsq", its weight view and its layer share them. */
#ifndef GRIDFRONT_COMPRESS_LSQ_H
#define GRIDFRONT_COMPRESS_LSQ_H

#include "quantize.h"

/* The levels of a quantizer: -Q_N and Q_P of the paper. */
typedef struct gf_lsq_levels {
    int low, high;
} gf_lsq_levels;
gf_lsq_levels gf_lsq_levels_of(int bits, bool is_signed);

/* Options of the weight view "lsq". */
typedef struct gf_lsq_weight_options {
    int bits;
} gf_lsq_weight_options;

/* Attributes of the layer "lsq". */
typedef struct gf_lsq_activation_attributes {
    int bits;
    bool is_signed;
} gf_lsq_activation_attributes;

/* 2 mean|v| / sqrt(Q_P); 0 for zeros. */
gf_real gf_lsq_first_step(const gf_real *v, size_t count, gf_lsq_levels levels);
/* d_v from d_out, added to what is there with `add`; may be the same buffer. Returns the sum of
 * d_out times the derivative by the step, in an order fixed by the count. */
double gf_lsq_backward(gf_real *d_v, const gf_real *d_out, const gf_real *v, size_t count,
                       gf_real step, gf_lsq_levels levels, bool add);
/* What the sum is multiplied by: 1 / sqrt(N Q_P) for N weights or features. */
double gf_lsq_gradient_scale(size_t count, gf_lsq_levels levels);

/* A view "lsq", last in the chain, that learns its step; what it learns with is dropped at the
 * end of the training. */
gf_status gf_lsq_quantize(gf_param *weight, int bits, const gf_kernels *kernels);
void gf_lsq_finish(gf_param *weight);

#endif
