/* bf16 convolutions on VDPBF16PS, for AVX-512 with BF16. */
#ifndef GRIDFRONT_KERNELS_NATIVE_H
#define GRIDFRONT_KERNELS_NATIVE_H

#include "../plan.h"

/* out [batch, out_height, out_width, out_channels]; one group; end may be NULL. */
void gf_native_gather(float *out, const float *source, const float *weight, const gf_conv_end *end,
                      const gf_plan *plan, bool add, gf_scratch *scratch);
/* Winograd's float32 passes (fast/winograd.c) on operands that are rounded as they are read. */
void gf_native_winograd(float *out, const float *source, const float *weight,
                        const gf_conv_end *end, const gf_plan *plan, bool add, gf_scratch *scratch);
void gf_native_winograd_weight(float *d_weight, const float *d_y, const float *x,
                               const gf_conv_shape *shape, gf_scratch *scratch);
/* One group. */
void gf_native_weight_gradient(float *d_weight, const float *d_y, const float *x,
                               const gf_conv_shape *shape, gf_scratch *scratch);

void gf_native_forward(float *y, const float *x, const float *weight, const gf_conv_end *end,
                       const gf_conv_shape *shape, gf_scratch *scratch);
void gf_native_backward_input(float *d_x, const float *d_y, const float *weight,
                              const gf_conv_shape *shape, bool add, gf_scratch *scratch);
void gf_native_backward_weight(float *d_weight, float *d_bias, const float *d_y, const float *x,
                               const gf_conv_shape *shape, gf_scratch *scratch);

#endif
