/* The two halves of a variant's convolution: gather plans, and the gradient of the weights. */
#ifndef GRIDFRONT_KERNELS_GATHER_H
#define GRIDFRONT_KERNELS_GATHER_H

#include "../plan.h"
#include "fast.h"

/* out [batch, out_height, out_width, out_channels]; end may be NULL. */
void GF_FAST(gather)(float *out, const float *source, const float *weight, const gf_conv_end *end,
                     const gf_plan *plan, bool add, gf_scratch *scratch);
/* The same for a 3x3 kernel at stride 1, one group, channels that are multiples of 16. */
void GF_FAST(winograd)(float *out, const float *source, const float *weight, const gf_conv_end *end,
                       const gf_plan *plan, bool add, gf_scratch *scratch);

/* A run of images that a weight gradient is summed over. Steps in floats. */
typedef struct pixel_run {
    const float *d_y, *x; /* x padded, with room for whole vectors behind it */
    int images, rows, columns;
    size_t x_image, x_row, x_pixel, d_pixel;
    bool add; /* to what is there */
} pixel_run;

/* to[f * filter + i] = or += sum over pixels of d_y[f] * x[i], i < length. */
void GF_FAST(outer_products)(float *to, size_t filter, pixel_run run, int filters, int length);
/* Depthwise: partial[c][tap] += sum over the run's pixels of d_y[c] * x[tap][c]. x_line: from one
 * row of the padded image to the next. */
void GF_FAST(depthwise_gradient)(float *partial, const pixel_run *run, const gf_conv_shape *shape,
                                 size_t x_line);
/* The same shapes as winograd. */
void GF_FAST(winograd_weight)(float *d_weight, const float *d_y, const float *x,
                              const gf_conv_shape *shape, gf_scratch *scratch);
void GF_FAST(weight_gradient)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                              const gf_conv_shape *shape, gf_scratch *scratch);

#endif
