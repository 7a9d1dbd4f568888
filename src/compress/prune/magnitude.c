/* Method "magnitude": the weights of smallest magnitude are masked (Han et al. 2015, 1506.02626,
 * section 3), over the whole network or layer by layer; retraining is a stage of its own, and Han's
 * iteration is a chain of such pairs with growing amounts.
 * Choices: convolution and fully connected weights take part, BN and biases do not; magnitudes are
 * of the weights that the forward pass uses; `amount` counts what is masked afterwards, earlier
 * masks included; of equal magnitudes the one that comes first is masked. */
#include "../compress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCOPE_GLOBAL, SCOPE_LOCAL };

typedef struct magnitude_options {
    double amount;
    int scope;
} magnitude_options;

/* A magnitude as an integer of the same order: the bits of a float that is not negative. */
static uint32_t rank_of(gf_real value)
{
    float magnitude = (float)fabs((double)value);
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    return bits;
}

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

static gf_status fill_ranks(uint32_t *ranks, const gf_param *param, const gf_kernels *kernels)
{
    size_t count = gf_param_count(param);
    gf_real *values = gf_alloc(count, sizeof *values);
    if (!values) return gf_fail(GF_NOMEM, "out of memory");
    gf_param_effective(param, kernels, values);
    for (size_t i = 0; i < count; i++) ranks[i] = rank_of(values[i]);
    free(values);
    return GF_OK;
}

/* Masks round(amount * count) of the weights of these parameters together. */
static gf_status prune(gf_param **params, int param_count, double amount, const gf_kernels *kernels)
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
        GF_TRY(fill_ranks(ranks + at, params[i], kernels));
    GF_TRY(find_cut(&limit, ranks, count, masked));
    at = 0;
    for (int i = 0; i < param_count; at += gf_param_count(params[i++]))
        GF_TRY(mask_below(params[i], ranks + at, &limit));
out:
    free(ranks);
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const magnitude_options *o = options;
    int count = 0;
    gf_param **params = gf_alloc((size_t)call->net->param_count, sizeof(gf_param *));
    GF_TRY_ALLOC(params);
    for (int i = 0; i < call->net->param_count; i++)
        if (call->net->params[i].role == GF_ROLE_WEIGHT) params[count++] = &call->net->params[i];
    if (o->scope == SCOPE_GLOBAL && count > 0)
        GF_TRY(prune(params, count, o->amount, call->kernels));
    for (int i = 0; o->scope == SCOPE_LOCAL && i < count; i++)
        GF_TRY(prune(&params[i], 1, o->amount, call->kernels));
out:
    free(params);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(magnitude_options, amount, NULL, "[0, 1)", "fraction",
             "of the weights that are masked afterwards"),
    GF_FIELD_WORD(magnitude_options, scope, "global", "global|local",
                  "compare over the whole network, or take the same fraction of every layer"),
    GF_FIELD_END,
};

const gf_method gf_method_magnitude = {
    .schema = { .name = "magnitude",
                .summary = "mask the weights of smallest magnitude",
                .paper = "Han et al. 2015, arXiv 1506.02626, section 3",
                .fields = fields },
    .options_size = sizeof(magnitude_options),
    .stage = "prune",
    .example = "{ prune : { method = \"magnitude\"; amount = 0.8; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .adds = GF_FACT_SPARSE,
    .neutral = "amount = 0\n",
    .apply = apply,
};
