/* Shift attention (Hacene et al. 2019, 1905.12300): what its view and its method share. */
#ifndef GRIDFRONT_COMPRESS_SHIFT_H
#define GRIDFRONT_COMPRESS_SHIFT_H

#include "../compress.h"

/* Puts the view "shift-attention" on a weight without views; attention begins as its magnitudes. */
gf_status gf_attend_shifts(gf_param *weight);
/* The temperature of a weight that has the view. */
void gf_attend_shifts_at(gf_param *weight, double temperature);
/* The weight that each kernel keeps, [filters, channels], and its place, row * kernel_width +
 * column; the first of equals. */
void gf_attend_shifts_choose(const gf_param *weight, gf_real *kept, gf_real *position);

#endif
