/* The two ways a variant runs a gather plan. */
#ifndef GRIDFRONT_KERNELS_GATHER_H
#define GRIDFRONT_KERNELS_GATHER_H

#include "../plan.h"
#include "fast.h"

/* out [batch, out_height, out_width, out_channels]; bias may be NULL. */
void GF_FAST(gather)(float *out, const float *source, const float *weight, const float *bias,
                     const gf_plan *plan, bool add, gf_scratch *scratch);
/* The same where every group has one source and one output channel. */
void GF_FAST(gather_depthwise)(float *out, const float *source, const float *weight,
                               const float *bias, const gf_plan *plan, bool add,
                               gf_scratch *scratch);
void GF_FAST(weight_gradient)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                              const gf_conv_shape *shape, gf_scratch *scratch);

#endif
