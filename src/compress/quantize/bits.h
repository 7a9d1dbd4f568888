/* Learned bit lengths, as the method "bitpruning", its weight view and its layer share them. */
#ifndef GRIDFRONT_COMPRESS_BITS_H
#define GRIDFRONT_COMPRESS_BITS_H

#include "quantize.h"

/* Lengths stay between these: a grid of two levels that holds 0 has values on one side only. */
enum { GF_BITS_LEAST = 2, GF_BITS_MOST = 8 };

/* Options of the weight view "bits", and attributes of the layer "bits". */
typedef struct gf_bits_attributes {
    double price;    /* what a bit of this tensor adds to the loss */
    double momentum; /* of the layer's moving range while training */
} gf_bits_attributes;

/* The quantizer of a length n between two whole ones: (1 - share) Q_below + share Q_above. */
typedef struct gf_bits_grids {
    gf_quant_grid below, above; /* of floor(n) bits and of one more */
    gf_real share;              /* n - floor(n) */
    gf_real low, high;          /* the range that both cover */
} gf_bits_grids;
/* symmetric: codes around 0, else with a zero point. */
gf_bits_grids gf_bits_grids_of(gf_real low, gf_real high, gf_real length, bool symmetric);
gf_real gf_bits_clamped(gf_real length);

/* out may be x. */
void gf_bits_forward(gf_real *out, const gf_real *x, size_t count, const gf_bits_grids *grids);
/* d_x from d_out, added to what is there with `add`; may be the same buffer; NULL: not wanted.
 * Returns the sum of d_out times the derivative by the length, in an order fixed by the count. */
double gf_bits_backward(gf_real *d_x, const gf_real *d_out, const gf_real *x, size_t count,
                        const gf_bits_grids *grids, bool add);

/* A view "bits", last in the chain, that begins at GF_BITS_MOST and learns. */
gf_status gf_bits_quantize(gf_param *weight, const gf_bits_attributes *attributes);
/* The next whole length from now on; what it learned with is dropped. */
void gf_bits_settle(gf_view *view);
gf_real *gf_bits_length(const gf_view *view);

#endif
