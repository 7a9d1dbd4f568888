/* What augmentations that mix pairs of images share: one weight per batch, drawn from a symmetric
 * Beta distribution, and every image's partner, the next of the batch. Batches are in random order,
 * so that the next image is a random one. */
#ifndef GRIDFRONT_DATA_MIX_H
#define GRIDFRONT_DATA_MIX_H

#include <gridfront/data.h>

typedef struct gf_mix_options {
    double alpha, probability, from, until;
} gf_mix_options;

#define GF_MIX_FIELDS                                                                              \
    GF_FIELD(gf_mix_options, alpha, "1", "[0.01, 100]", "",                                        \
             "of the Beta distribution of the weights; 1: uniform"),                               \
        GF_FIELD(gf_mix_options, probability, "1", "[0, 1]", "", "that a batch is mixed"),         \
        GF_FIELD(gf_mix_options, from, "0", "[0, 1)", "fraction",                                  \
                 "of the training after which it is switched on"),                                 \
        GF_FIELD(gf_mix_options, until, "1", "(0, 1]", "fraction", "after which it is off again"), \
        GF_FIELD_END

enum { GF_MIX_DRAWN = 1 << 20 }; /* elements from here on are the kind's own */

gf_status gf_mix_check(const void *options); /* INVALID unless from < until */
/* Is this batch mixed? Then *own is the weight of an image itself. */
bool gf_mix_draw(double *own, const gf_mix_call *call, const gf_mix_options *options);
/* Pieces of `size` values, `stride` apart, one of each image: own of themselves and 1 - own of the
 * next. */
void gf_mix_blend(gf_real *pieces, size_t stride, int size, int count, gf_real own);
/* The targets alike. */
void gf_mix_targets(const gf_mix_call *call, double own);

#endif
