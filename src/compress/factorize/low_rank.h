/* What the methods share that split a convolution in two by the singular values of its weight. */
#ifndef GRIDFRONT_COMPRESS_FACTORIZE_LOW_RANK_H
#define GRIDFRONT_COMPRESS_FACTORIZE_LOW_RANK_H

#include "../compress.h"

enum { GF_KEEP_ENERGY, GF_KEEP_RANK, GF_KEEP_MACS, GF_KEEP_PARAMETERS };

typedef struct gf_low_rank_options {
    double keep;
    int of;
} gf_low_rank_options;

#define GF_LOW_RANK_FIELDS                                                                         \
    GF_FIELD(gf_low_rank_options, keep, NULL, "(0, 1]", "fraction", "that is kept of `of`"),       \
        GF_FIELD_WORD(gf_low_rank_options, of, "energy", "energy|rank|macs|parameters",            \
                      "each layer's squared singular values, or its rank; or the whole network's " \
                      "MACs or parameters: then every layer keeps the same energy, the most that " \
                      "fits")

#define GF_LOW_RANK_REFUSES                                                                        \
    (GF_FACT_SPARSE | GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS)
#define GF_LOW_RANK_REFUSAL                                                                        \
    "factors are dense float32 weights, and what lies between them has no quantizer; factorize "   \
    "before"

/* Splits every ungrouped convolution that two of fewer weights and fewer MACs replace at the rank
 * that `options` ask for; the others keep their bits. The second one has the old name, and gives
 * what the old one gave. spatial: k x 1 and 1 x k, of those of more than one row and column; else
 * k x k and 1 x 1. FAILED where rank 1 everywhere is still beyond the budget. */
gf_status gf_low_rank_split(gf_net *net, const gf_low_rank_options *options, bool spatial,
                            const gf_kernels *kernels);

#endif
