/* Masking single weights by rank: which weights take part, and the threshold that cuts off exactly
 * as many as are wanted, found by radix selection. What a rank is, the methods say.
 * Convolution and fully connected weights take part; BN and biases do not. */
#include "prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The threshold below which everything is masked, and how many that equal it. */
typedef struct cut {
    uint32_t rank;
    size_t equal;
} cut;

/* One digit of a radix selection: counts ranks whose bits above `shift + 16` are those of prefix,
 * finds the digit in which entry `wanted` lies, and makes `wanted` relative to it. */
static uint32_t select_digit(const uint32_t *ranks, size_t count, uint64_t prefix, int shift,
                             size_t *wanted, size_t *histogram)
{
    memset(histogram, 0, 65536 * sizeof *histogram);
    for (size_t i = 0; i < count; i++)
        if ((uint64_t)ranks[i] >> (shift + 16) == prefix) histogram[ranks[i] >> shift & 0xffff]++;
    uint32_t digit = 0;
    while (*wanted >= histogram[digit]) *wanted -= histogram[digit++];
    return digit;
}

/* So that exactly `masked` (< count) entries fall below the cut. */
static gf_status find_cut(cut *out, const uint32_t *ranks, size_t count, size_t masked)
{
    size_t wanted = masked;
    size_t *histogram = gf_alloc(65536, sizeof *histogram);
    if (!histogram) return gf_fail(GF_NOMEM, "out of memory");
    uint32_t high = select_digit(ranks, count, 0, 16, &wanted, histogram);
    uint32_t low = select_digit(ranks, count, high, 0, &wanted, histogram);
    *out = (cut){ .rank = high << 16 | low, .equal = wanted };
    free(histogram);
    return GF_OK;
}

static gf_status add_mask(gf_param *param, gf_view **view)
{
    gf_status status;
    int64_t dims[GF_TENSOR_RANK] = { 0 };
    for (int d = 0; d < param->rank; d++) dims[d] = param->dims[d];
    GF_TRY(gf_param_add_first_view(param, view, "mask", NULL));
    GF_TRY(gf_view_add_state(*view, "mask", GF_U8, param->rank, dims, NULL));
    memset((*view)->states[0].data, 1, gf_param_count(param));
out:
    return status;
}

/* Masks what lies below the cut; `limit` is shared by all parameters that the cut is for. */
static gf_status mask_below(gf_param *param, const uint32_t *ranks, cut *limit)
{
    gf_status status = GF_OK;
    gf_view *view = gf_param_find_view(param, "mask");
    if (!view) GF_TRY(add_mask(param, &view));
    uint8_t *mask = view->states[0].data;
    for (size_t i = 0; i < gf_param_count(param); i++) {
        bool tie = ranks[i] == limit->rank && limit->equal > 0;
        if (tie) limit->equal--;
        if (tie || ranks[i] < limit->rank) mask[i] = 0;
    }
out:
    return status;
}

/* What is masked already comes before everything else. */
static void rank_masked_lowest(uint32_t *ranks, gf_param *param)
{
    const gf_view *view = gf_param_find_view(param, "mask");
    const uint8_t *mask = view ? view->states[0].data : NULL;
    for (size_t i = 0; mask && i < gf_param_count(param); i++)
        if (!mask[i]) ranks[i] = 0;
}

typedef struct ranking {
    gf_rank_weights *rank;
    const void *context;
    const gf_kernels *kernels;
} ranking;

static gf_status fill_ranks(uint32_t *ranks, gf_param *param, const ranking *by)
{
    gf_real *values = gf_alloc(gf_param_count(param), sizeof *values);
    if (!values) return gf_fail(GF_NOMEM, "out of memory");
    gf_param_effective(param, by->kernels, values);
    by->rank(ranks, values, param, by->context);
    rank_masked_lowest(ranks, param);
    free(values);
    return GF_OK;
}

/* Masks round(amount * count) of the weights of these parameters together. */
static gf_status mask_together(gf_param **params, int param_count, double amount, const ranking *by)
{
    gf_status status;
    size_t count = 0, at = 0;
    uint32_t *ranks = NULL;
    cut limit;
    for (int i = 0; i < param_count; i++) count += gf_param_count(params[i]);
    size_t masked = (size_t)llround(amount * (double)count);
    if (masked == 0) return GF_OK;
    if (masked >= count) masked = count - 1;
    GF_TRY_ALLOC(ranks = gf_alloc(count, sizeof *ranks));
    for (int i = 0; i < param_count; at += gf_param_count(params[i++]))
        GF_TRY(fill_ranks(ranks + at, params[i], by));
    GF_TRY(find_cut(&limit, ranks, count, masked));
    at = 0;
    for (int i = 0; i < param_count; at += gf_param_count(params[i++]))
        GF_TRY(mask_below(params[i], ranks + at, &limit));
out:
    free(ranks);
    return status;
}

gf_status gf_mask_lowest(gf_net *net, const gf_sparsity_options *o, gf_rank_weights *rank,
                         const void *context, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    const ranking by = { .rank = rank, .context = context, .kernels = kernels };
    int count = 0;
    gf_param **params = gf_alloc((size_t)net->param_count, sizeof(gf_param *));
    GF_TRY_ALLOC(params);
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].role == GF_ROLE_WEIGHT) params[count++] = &net->params[i];
    if (o->scope == GF_SPARSITY_GLOBAL && count > 0)
        GF_TRY(mask_together(params, count, o->amount, &by));
    for (int i = 0; o->scope == GF_SPARSITY_LOCAL && i < count; i++)
        GF_TRY(mask_together(&params[i], 1, o->amount, &by));
out:
    free(params);
    return status;
}

/* An integer of the same order: the bits of a float that is not negative. */
static void rank_magnitudes(uint32_t *ranks, const gf_real *values, const gf_param *param,
                            const void *context)
{
    (void)context;
    for (size_t i = 0; i < gf_param_count(param); i++) {
        float magnitude = (float)fabs((double)values[i]);
        memcpy(&ranks[i], &magnitude, sizeof *ranks);
        ranks[i]++;
    }
}

gf_status gf_mask_smallest(gf_net *net, const gf_sparsity_options *options,
                           const gf_kernels *kernels)
{
    return gf_mask_lowest(net, options, rank_magnitudes, NULL, kernels);
}

gf_status gf_mask_nothing(gf_net *net)
{
    gf_status status = GF_OK;
    gf_view *view;
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].role == GF_ROLE_WEIGHT && !gf_param_find_view(&net->params[i], "mask"))
            GF_TRY(add_mask(&net->params[i], &view));
out:
    return status;
}
