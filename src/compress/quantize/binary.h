/* Binary weights, as the methods that make them share them. */
#ifndef GRIDFRONT_COMPRESS_BINARY_H
#define GRIDFRONT_COMPRESS_BINARY_H

#include "quantize.h"

/* Options of the weight view "binary". */
typedef struct gf_binary_options {
    bool stochastic; /* while training */
    int scale;       /* gf_binary_scale */
} gf_binary_options;

typedef enum gf_binary_scale {
    GF_BINARY_SCALE_KEPT, /* as it was at first; weights are clipped to it */
    GF_BINARY_SCALE_MEAN  /* follows the weights, which are not clipped */
} gf_binary_scale;
#define GF_BINARY_SCALE_WORDS "kept|mean"

/* A binary view, last in the chain, with the mean magnitude a of each filter (masked weights left
 * out) as its scale. Where that is kept, the stored weights become half of what they were, clipped
 * to [-a, a]. */
gf_status gf_binarize(gf_param *weight, const gf_binary_options *options,
                      const gf_kernels *kernels);

#endif
