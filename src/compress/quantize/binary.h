/* Binary weights, as the methods that make them share them. */
#ifndef GRIDFRONT_COMPRESS_BINARY_H
#define GRIDFRONT_COMPRESS_BINARY_H

#include "quantize.h"

/* Options of the weight view "binary". */
typedef struct gf_binary_options {
    bool stochastic; /* while training */
    int scale;       /* gf_binary_scale */
    int penalty;     /* gf_binary_penalty, of a learned scale */
    double strength; /* of the penalty */
} gf_binary_options;

typedef enum gf_binary_scale {
    GF_BINARY_SCALE_KEPT,   /* as it was at first; weights are clipped to it */
    GF_BINARY_SCALE_MEAN,   /* follows the weights, which are not clipped */
    GF_BINARY_SCALE_LEARNED /* beside the weights, which a penalty draws to it */
} gf_binary_scale;
#define GF_BINARY_SCALE_WORDS "kept|mean|learned"

/* R(w) of a weight and the scale a of its filter: |a - |w||, or its square. */
typedef enum gf_binary_penalty { GF_BINARY_PENALTY_L1, GF_BINARY_PENALTY_L2 } gf_binary_penalty;
#define GF_BINARY_PENALTY_WORDS "l1|l2"

/* A binary view, last in the chain, with the mean magnitude a of each filter (masked weights left
 * out) as its scale. Where that is kept, the stored weights become half of what they were, clipped
 * to [-a, a]. */
gf_status gf_binarize(gf_param *weight, const gf_binary_options *options,
                      const gf_kernels *kernels);
/* Drops what a learned scale was learned with; other weights are left alone. */
void gf_binarize_finish(gf_param *weight);

/* Attributes of the layer "sign": what stands in for the derivative. */
typedef struct gf_sign_attributes {
    int slope;   /* gf_sign_slope */
    double beta; /* of swish: how narrow */
} gf_sign_attributes;

typedef enum gf_sign_slope {
    GF_SIGN_SLOPE_CLIP, /* 1 where |x| <= 1 */
    GF_SIGN_SLOPE_SWISH /* the derivative of SwishSign */
} gf_sign_slope;
#define GF_SIGN_SLOPE_WORDS "clip|swish"

/* d/dx of 2 s(bx) (1 + bx (1 - s(bx))) - 1, s the logistic function (Darabi et al. 2018,
 * 1812.11800, section 3.1). */
gf_real gf_swish_sign_slope(gf_real x, gf_real beta);

/* A sign before every convolution and fully connected layer but the first and the last, with the
 * order BN, sign, convolution (Rastegari et al. 2016, section 3.2, figure 3): a sign behind a ReLU
 * would always be 1, so ReLUs that such a layer reads go, for those too who read them beside it:
 * the residual stream between the blocks is real and has no ReLU. */
gf_status gf_binarize_inputs(gf_net *net, const gf_sign_attributes *attributes);

#endif
