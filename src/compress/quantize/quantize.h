/* Uniform quantization, as ptq and qat share it (Krishnamoorthi 2018, 1806.08342). */
#ifndef GRIDFRONT_COMPRESS_QUANTIZE_H
#define GRIDFRONT_COMPRESS_QUANTIZE_H

#include "../compress.h"

/* Options of the weight view "fake-quant". */
typedef struct gf_weight_quant_options {
    int bits;
    bool per_channel; /* a scale for each output filter */
    bool affine;      /* a zero point; else codes are symmetric around 0 */
} gf_weight_quant_options;

/* Attributes of the layer "fake_quant". */
typedef struct gf_activation_quant_attributes {
    int bits;
    double momentum; /* of the moving range while training */
} gf_activation_quant_attributes;

/* What both methods let choose. */
typedef struct gf_quantize_options {
    int weight_bits, activation_bits, edge_bits, images, scheme;
    bool per_channel;
} gf_quantize_options;

enum { GF_SCHEME_SYMMETRIC, GF_SCHEME_AFFINE };
enum { GF_BITS_FULL = 32 };

#define GF_QUANTIZE_FIELD(S, key, fallback, range, unit, help)                                     \
    GF_FIELD_AS(#key, S, quantize.key, fallback, range, unit, help)
#define GF_QUANTIZE_FIELDS(S)                                                                      \
    GF_QUANTIZE_FIELD(S, weight_bits, "8", "[2, 8]", "bits",                                       \
                      "of convolution and fully connected weights"),                               \
        GF_QUANTIZE_FIELD(S, activation_bits, "8", "[2, 8] or 32", "bits",                         \
                          "of what these layers read; 32: left as they are"),                      \
        GF_QUANTIZE_FIELD(S, edge_bits, "8", "[2, 8]", "bits",                                     \
                          "at least, of the first and the last layer and what they read"),         \
        GF_QUANTIZE_FIELD(S, per_channel, "true", NULL, "", "a scale for each output filter"),     \
        { "scheme",                                                                                \
          GF_FIELD_CHOICE,                                                                         \
          offsetof(S, quantize.scheme),                                                            \
          sizeof(int),                                                                             \
          "symmetric",                                                                             \
          "symmetric|affine",                                                                      \
          "",                                                                                      \
          "of weights: codes around 0, or with a zero point; activations are affine" },            \
        GF_QUANTIZE_FIELD(S, images, "500", "[1, 100000]", "images",                               \
                          "that ranges of activations are taken from")

/* A fake-quant view, last in the chain, on the weight of every convolution and fully connected
 * layer. */
gf_status gf_quantize_weights(gf_net *net, const gf_quantize_options *options,
                              const gf_kernels *kernels);
/* A fake_quant node behind everything that such a layer reads; no ranges yet. */
gf_status gf_quantize_activations(gf_net *net, const gf_quantize_options *options);
/* The scales of every fake-quant view from the weights as they are now. */
gf_status gf_quantize_refresh(gf_net *net, const gf_kernels *kernels);

/* The grid of `bits` that covers [low, high] and 0, where 0 is exact. */
typedef struct gf_quant_grid {
    gf_real scale, zero;
    int low, high; /* codes */
} gf_quant_grid;
gf_quant_grid gf_quant_grid_affine(gf_real low, gf_real high, int bits);
gf_quant_grid gf_quant_grid_symmetric(gf_real low, gf_real high, int bits);

#endif
