/* How a convolution is cut into work: independent of the instruction set. Private to this room.
 *
 * Forward and input gradient are one operation, a *gather*: each output pixel is a sum over taps
 * of (source pixel x weights). The input gradient of a strided convolution falls apart into
 * stride^2 phases (output pixels of equal remainder), each with its own subset of taps and no
 * multiplication by inserted zeros. */
#ifndef GRIDFRONT_KERNELS_PLAN_H
#define GRIDFRONT_KERNELS_PLAN_H

#include <gridfront/kernels.h>

enum { GF_PLAN_STRIDE_MAX = 4, GF_PLAN_PHASES_MAX = 16 };

/* Output pixels (row + i * step, column + j * step), i < rows, j < columns. Pixel (i, j) reads the
 * padded source from (source_row + i * source_step, source_column + j * source_step) on, taps_y
 * rows by taps_x columns; tap (a, b) has the weight of kernel element (ky + a * k_step, ...). */
typedef struct gf_phase {
    int row, column, step, rows, columns;
    int source_row, source_column, source_step;
    int taps_y, taps_x, ky, kx, k_step;
} gf_phase;

typedef struct gf_plan {
    /* The source (x, or d_y for the input gradient), and its padded copy. */
    int height, width, channels, pad_top, pad_left, padded_height, padded_width;
    bool copies; /* false: no padding is needed and the source is read in place */
    int out_height, out_width, out_channels;
    int groups, inner, outer; /* source and output channels of a group */
    /* Every output channel reads the source channel of its own number: seen as one group with one
     * source channel each, so that vectors run over channels. */
    bool depthwise;
    /* Weight of (output o, source channel i, kernel element k) of group g stands at
     * g * weight_group + o * weight_out + i * weight_in + k * weight_kernel. */
    size_t weight_group, weight_out, weight_in, weight_kernel;
    int kernel_width;
    int batch, images, items; /* an item is `images` images (the last one maybe fewer) */
    int splits; /* shares of the output channels that an item is split into; 1 for large batches */
    int grain;  /* of the pass, in percent of the usual item or block; see tune.h */
    int phase_count;
    gf_phase phases[GF_PLAN_PHASES_MAX];
} gf_plan;

void gf_plan_forward(gf_plan *plan, const gf_conv_shape *shape);
void gf_plan_backward_input(gf_plan *plan, const gf_conv_shape *shape);

/* May Winograd's passes take this shape: 3x3 at stride 1, one group, channels of whole vectors? */
bool gf_plan_fits_winograd(const gf_conv_shape *shape);

size_t gf_plan_source_size(const gf_plan *plan); /* elements of one image, unpadded */
size_t gf_plan_padded_size(const gf_plan *plan); /* padded, without slack */
/* Copies images into the zero-padded buffer. */
void gf_plan_pad(gf_real *padded, const gf_real *source, const gf_plan *plan, int images);

#endif
