/* Shared weights, as the methods that make them share them. */
#ifndef GRIDFRONT_COMPRESS_SHARE_H
#define GRIDFRONT_COMPRESS_SHARE_H

#include "../compress.h"

enum { GF_CLUSTER_BITS = 8, GF_CLUSTER_BLOCK = 32 }; /* at most */

/* Options of the weight view "cluster". */
typedef struct gf_cluster_options {
    int bits;     /* of a code */
    int block;    /* values of an entry of the codebook */
    bool spatial; /* a block is a filter's kernel for one input channel, or a row of it; else
                   * neighbouring channels */
    int coder;    /* gf_coder of the codes where they are packed */
    bool average; /* centroids learn from the mean of their members' gradients; else from the sum */
} gf_cluster_options;

/* A view "cluster", last in the chain: block b of the weight becomes entry codes[b] of the book
 * [entries, block]; what is masked stays zero. Stored weights become what the view gives. */
gf_status gf_cluster(gf_param *weight, const gf_cluster_options *options, const gf_real *book,
                     int entries, const uint8_t *codes);
gf_blocks gf_cluster_blocks(const gf_cluster_options *options, const gf_param *weight);
/* The most bits up to `wanted` of which a codebook has at most one entry for four of count blocks;
 * 1 at least. */
int gf_cluster_bits(int wanted, size_t count);
/* Entries for so many blocks: 2^bits, or 1 where there are no more blocks than that. */
int gf_cluster_entries(int bits, size_t count);
/* vectors [count, blocks.size]: the values, block after block. */
void gf_blocks_gather(gf_real *vectors, const gf_real *values, size_t count, gf_blocks blocks);

/* k-means of numbers (Lloyd 1982), from centroids at equal distances between the smallest and the
 * largest (1510.00149, section 3.2), until nothing moves or `rounds` are done; those without
 * members then halve the worst clusters, and once more. *entries: how many are wanted, then how
 * many there are; centroids [*entries], ascending. count > 0. */
gf_status gf_kmeans(gf_real *centroids, int *entries, const gf_real *values, size_t count,
                    int rounds);
/* k-means of vectors [count, size], from entries drawn without repetition: codes [count] of the
 * nearest centroids, after `rounds` at most. entries in [1, min(count, 256)]. */
gf_status gf_kmeans_vectors(uint8_t *codes, const gf_real *points, size_t count, int size,
                            int entries, int rounds, const gf_random *random);
/* The same from codes that are there: the first centroids are the means of their members. */
gf_status gf_kmeans_go_on(uint8_t *codes, const gf_real *points, size_t count, int size,
                          int entries, int rounds);
/* means [entries, size] of the members; those without any are left as they are. */
void gf_kmeans_means(gf_real *means, const uint8_t *codes, const gf_real *points, size_t count,
                     int size, int entries);

/* The weight's values, where they are not masked, from a codebook by gf_kmeans of 2^bits entries,
 * fewer where there are less than four members for each. wanted: the view's options, block 1. */
gf_status gf_share_weights(gf_param *weight, const gf_cluster_options *wanted, int rounds,
                           const gf_kernels *kernels);

/* A view "drawn", last in the chain: it changes no value, and keeps the codes [rows], each below
 * gf_cluster_entries, of the clusters that the weight's rows are drawn to while deep-kmeans trains.
 */
gf_status gf_draw(gf_param *weight, int bits, const uint8_t *codes);
int gf_drawn_bits(const gf_view *view);
uint8_t *gf_drawn_codes(gf_view *view);
/* The rows of a weight's kernels, one for each filter, input channel and y; single weights where
 * they are wider than an entry may be. */
gf_blocks gf_rows_of(const gf_param *weight);
size_t gf_rows_count(const gf_param *weight);

/* The nearest of ascending centroids, of two as near the smaller. */
int gf_kmeans_nearest(const gf_real *centroids, int entries, gf_real value);

#endif
