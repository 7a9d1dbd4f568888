/* What pruning methods share: masks of single weights by rank, whole filters by score. */
#ifndef GRIDFRONT_COMPRESS_PRUNE_H
#define GRIDFRONT_COMPRESS_PRUNE_H

#include "../compress.h"

/* ---- sparsity.c: single weights ---------------------------------------------------------------
 */

enum { GF_SPARSITY_GLOBAL, GF_SPARSITY_LOCAL };

/* `amount` counts what is masked afterwards, earlier masks included. */
typedef struct gf_sparsity_options {
    double amount;
    int scope;
} gf_sparsity_options;

#define GF_SPARSITY_FIELDS(S)                                                                      \
    GF_FIELD(S, amount, NULL, "[0, 1)", "fraction", "of the weights that are masked afterwards"),  \
        GF_FIELD_WORD(S, scope, "global", "global|local",                                          \
                      "compare over the whole network, or take the same fraction of every layer")

/* ranks [elements of param], from 1 on, from the values that the forward pass uses: the lowest are
 * masked, of equal ones the first. */
typedef void gf_rank_weights(uint32_t *ranks, const gf_real *values, const gf_param *param,
                             const void *context);
/* Masks round(amount * count) of all convolution and fully connected weights (never all of them);
 * with nothing to mask the network keeps its bits. */
gf_status gf_mask_lowest(gf_net *net, const gf_sparsity_options *options, gf_rank_weights *rank,
                         const void *context, const gf_kernels *kernels);
gf_status gf_mask_smallest(gf_net *net, const gf_sparsity_options *options,
                           const gf_kernels *kernels); /* by magnitude */
/* A mask of ones on each of these weights that has none, for masks that change in training. */
gf_status gf_mask_nothing(gf_net *net);
/* ---- filters.c: whole filters ------------------------------------------------------------------
 */

enum { GF_SCOPE_INTERNAL, GF_SCOPE_ALL };

typedef struct gf_filter_options {
    double amount;
    int scope, min_channels;
} gf_filter_options;

#define GF_FILTER_AMOUNT_FIELD(S)                                                                  \
    GF_FIELD(S, amount, NULL, "[0, 1)", "fraction", "of each layer's filters that is removed")
#define GF_FILTER_SCOPE_FIELD(S)                                                                   \
    GF_FIELD_WORD(S, scope, "internal", "internal|all",                                            \
                  "only channels inside a block, or the residual stream as well")
#define GF_FILTER_LEAST_FIELD(S)                                                                   \
    GF_FIELD(S, min_channels, "1", "[1, 65536]", "channels", "that every layer keeps at least")
#define GF_FILTER_FIELDS(S)                                                                        \
    GF_FILTER_AMOUNT_FIELD(S), GF_FILTER_SCOPE_FIELD(S), GF_FILTER_LEAST_FIELD(S)

/* A group of channels loses whole positions: one channel in each of its `multiple` equal blocks,
 * since a grouped convolution can lose nothing else. */
int gf_group_positions(const gf_channel_group *group);
/* How many stay when this fraction goes: rounded, never fewer than min_channels asks for. */
int gf_group_count_kept(const gf_channel_group *group, double amount, int min_channels);
/* stays [positions]: what is kept; at least one. */
gf_status gf_group_keep_positions(gf_net *net, const gf_channel_group *group, const bool *stays);

/* Adds to scores [positions], which are 0, what each position is worth. */
typedef gf_status gf_score_filters(double *scores, const gf_channel_group *group, const gf_net *net,
                                   const gf_kernels *kernels, const void *context);
/* Removes the positions of lowest score from every group in the scope; of equal ones the first
 * stays. */
gf_status gf_prune_filters(gf_net *net, const gf_filter_options *options, gf_score_filters *score,
                           const void *context, const gf_kernels *kernels);
/* The same with one threshold for all groups together: `amount` is a fraction of all channels in
 * the scope; a group that would lose too many keeps its best. Scores are those before any cut. */
gf_status gf_prune_filters_globally(gf_net *net, const gf_filter_options *options,
                                    gf_score_filters *score, const void *context,
                                    const gf_kernels *kernels);
/* The same for one group. */
gf_status gf_prune_group(gf_net *net, const gf_channel_group *group, double amount,
                         int min_channels, gf_score_filters *score, const void *context,
                         const gf_kernels *kernels);

/* The score is the norm of a position's filters as the forward pass uses them, added over all
 * convolutions that write the channel; context is a gf_filter_norm. */
typedef struct gf_filter_norm {
    double (*of)(const gf_real *filter, size_t size);
} gf_filter_norm;
gf_score_filters gf_score_norms;
double gf_norm_l1(const gf_real *filter, size_t size);

#endif
