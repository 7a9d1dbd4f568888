/* Weight view "cluster": weights, or blocks of them, are entries of a codebook that all blocks of
 * a tensor share (Han, Mao, Dally 2016, 1510.00149, section 3; Stock et al. 2020, 1907.05686,
 * section 3). The codes stay; the entries learn. An entry's gradient is the sum of its members'
 * (1510.00149, equation 3), or their mean (1907.05686, section 3.3), which is the step of plain SGD
 * projected on weights that are equal within a cluster.
 * Every member is given that gradient, so that the optimizer, which knows stored weights only,
 * moves them all alike, momentum and decay included; after the update the codebook takes over what
 * its members have become. Folding BN multiplies scales of filters, which are 1 until then, and
 * codes and codebook stay what they are.
 * The moving average (ema) does not see the codebook. */
#include "share.h"

#include "../quantize/quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CODES, BOOK, SCALE, STATES };
enum { MEMBERS_LEAST = 4 }; /* blocks for an entry of the codebook */
enum { NUMBERS = (1 << GF_CLUSTER_BITS) * GF_CLUSTER_BLOCK }; /* of a codebook at most */

static const gf_cluster_options *options_of(const gf_view *view)
{
    return (const void *)view->options;
}

static const uint8_t *codes_of(const gf_view *view)
{
    return view->states[CODES].data;
}

static gf_real *reals_of(const gf_view *view, int state)
{
    return view->states[state].data;
}

static int entries_of(const gf_view *view)
{
    return (int)view->states[BOOK].dims[0];
}

gf_blocks gf_cluster_blocks(const gf_cluster_options *options, const gf_param *weight)
{
    return (gf_blocks){ .size = options->block,
                        .inner = options->spatial ? (size_t)weight->dims[3] : 1 };
}

int gf_cluster_bits(int wanted, size_t count)
{
    int bits = wanted;
    while (bits > 1 && (size_t)MEMBERS_LEAST << bits > count) bits--;
    return bits;
}

int gf_cluster_entries(int bits, size_t count)
{
    return (size_t)1 << bits < count ? 1 << bits : 1;
}

void gf_blocks_gather(gf_real *vectors, const gf_real *values, size_t count, gf_blocks blocks)
{
    for (size_t b = 0; b < count; b++)
        for (int j = 0; j < blocks.size; j++)
            vectors[b * (size_t)blocks.size + (size_t)j] = values[gf_blocks_at(blocks, b, j)];
}

/* ---- going over all weights ---- */

/* Blocks lie filter after filter. */
typedef struct layout {
    gf_blocks blocks;
    size_t count, per_filter; /* of blocks */
    int scales;
    const uint8_t *codes, *mask;
    const gf_real *scale;
} layout;

/* One weight: where it is, the number of the codebook that it takes, its scale. */
typedef struct member {
    size_t at, number;
    gf_real scale;
    bool masked;
} member;

static layout layout_of(const gf_view *view, const gf_param *param)
{
    const gf_cluster_options *o = options_of(view);
    size_t count = gf_param_count(param) / (size_t)o->block;
    return (layout){
        .blocks = gf_cluster_blocks(o, param),
        .count = count,
        .per_filter = count / (size_t)param->dims[0],
        .scales = (int)view->states[SCALE].dims[0],
        .codes = codes_of(view),
        .mask = gf_param_mask(param),
        .scale = reals_of(view, SCALE),
    };
}

static member member_at(const layout *l, size_t block, int j)
{
    size_t at = gf_blocks_at(l->blocks, block, j);
    return (member){ .at = at,
                     .number = (size_t)l->codes[block] * (size_t)l->blocks.size + (size_t)j,
                     .scale = l->scale[l->scales > 1 ? block / l->per_filter : 0],
                     .masked = l->mask && !l->mask[at] };
}

/* ---- forward and backward ---- */

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    layout l = layout_of(view, param);
    const gf_real *book = reals_of(view, BOOK);
    (void)kernels;
    (void)in;
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < l.count; b++)
        for (int j = 0; j < l.blocks.size; j++) {
            member m = member_at(&l, b, j);
            gf_real value = book[m.number] * m.scale;
            out[m.at] = m.masked || value == 0 ? 0 : value; /* never a negative zero */
        }
}

/* slope [numbers of the codebook] */
static void sum_up(double *slope, const gf_view *view, const layout *l, const gf_real *d_out)
{
    double weight[NUMBERS] = { 0 };
    size_t numbers = (size_t)entries_of(view) * (size_t)l->blocks.size;
    memset(slope, 0, numbers * sizeof *slope);
    for (size_t b = 0; b < l->count; b++)
        for (int j = 0; j < l->blocks.size; j++) {
            member m = member_at(l, b, j);
            if (m.masked) continue;
            slope[m.number] += (double)m.scale * (double)d_out[m.at];
            weight[m.number] += (double)m.scale * (double)m.scale;
        }
    for (size_t n = 0; options_of(view)->average && n < numbers; n++)
        if (weight[n] > 0) slope[n] /= weight[n];
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    double slope[NUMBERS];
    layout l = layout_of(view, param);
    (void)kernels;
    (void)in;
    sum_up(slope, view, &l, d_out);
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < l.count; b++)
        for (int j = 0; j < l.blocks.size; j++) {
            member m = member_at(&l, b, j);
            d_in[m.at] = m.scale * (gf_real)slope[m.number];
        }
}

/* A number is read off the member of the largest scale, the first of equal ones. */
static void read_book(gf_view *view, const layout *l, const gf_real *values)
{
    gf_real most[NUMBERS] = { 0 };
    for (size_t b = 0; b < l->count; b++)
        for (int j = 0; j < l->blocks.size; j++) {
            member m = member_at(l, b, j);
            gf_real magnitude = m.scale < 0 ? -m.scale : m.scale;
            if (m.masked || magnitude <= most[m.number]) continue;
            most[m.number] = magnitude;
            reals_of(view, BOOK)[m.number] = values[m.at] / m.scale;
        }
}

static void after_update(gf_view *view, gf_param *param, const gf_kernels *kernels,
                         const gf_update *update)
{
    layout l = layout_of(view, param);
    (void)update;
    read_book(view, &l, param->value);
    forward(view, param, kernels, param->value, NULL);
}

/* ---- what is stored ---- */

static void code(const gf_view *view, const gf_param *param, gf_code *code)
{
    const gf_cluster_options *o = options_of(view);
    code->bits = (double)o->bits / o->block;
    code->kind = GF_CODE_CLUSTERS;
    code->coder = (gf_coder)o->coder;
    code->symmetric = true;
    code->book = reals_of(view, BOOK);
    code->codes = codes_of(view);
    code->entries = entries_of(view);
    code->blocks = gf_cluster_blocks(o, param);
    code->scale = reals_of(view, SCALE);
    code->scales = (int)view->states[SCALE].dims[0];
}

static gf_status select_codes(gf_view *view, const gf_param *param, int axis, const int *keep,
                              int count)
{
    gf_status status;
    const gf_cluster_options *o = options_of(view);
    if (axis == 3 && o->block > 1 && !o->spatial)
        return gf_fail(GF_UNSUPPORTED, "%s: blocks of input channels cannot lose some",
                       param->name);
    GF_TRY(gf_state_select(&view->states[CODES], axis, keep, count));
    if (axis == 0 && view->states[SCALE].dims[0] > 1)
        GF_TRY(gf_scale_resize(&view->states[SCALE], keep, count));
out:
    return status;
}

static gf_status rescale(gf_view *view, const gf_param *param, const gf_real *factor)
{
    gf_status status = GF_OK;
    if (view->states[SCALE].dims[0] != param->dims[0])
        GF_TRY(gf_scale_resize(&view->states[SCALE], NULL, param->dims[0]));
    for (int f = 0; f < param->dims[0]; f++) reals_of(view, SCALE)[f] *= factor[f];
out:
    return status;
}

/* Dimensions of the codes: those of the weight, with blocks in place of weights. */
static void fill_dims(int64_t *dims, const gf_cluster_options *o, const gf_param *param)
{
    for (int d = 0; d < 4; d++) dims[d] = param->dims[d];
    if (!o->spatial) {
        dims[3] /= o->block;
        return;
    }
    dims[1] = dims[1] * dims[2] / o->block; /* of a whole kernel 1, of rows its height */
    dims[2] = 1;
}

static bool fits(const gf_cluster_options *o, const gf_param *param)
{
    if (param->rank != 4) return false;
    if (!o->spatial) return param->dims[3] % o->block == 0;
    return param->dims[2] == o->block || (int64_t)param->dims[1] * param->dims[2] == o->block;
}

static bool check_codes(const gf_view *view, const gf_param *param)
{
    const gf_tensor *codes = &view->states[CODES];
    int64_t dims[4];
    fill_dims(dims, options_of(view), param);
    if (strcmp(codes->name, "codes") != 0 || codes->dtype != GF_U8 || codes->rank != 4 ||
        memcmp(codes->dims, dims, sizeof dims) != 0)
        return false;
    for (int64_t i = 0; i < gf_tensor_count(codes); i++)
        if (codes_of(view)[i] >= entries_of(view)) return false;
    return true;
}

static bool check_book(const gf_view *view)
{
    const gf_cluster_options *o = options_of(view);
    const gf_tensor *book = &view->states[BOOK];
    if (strcmp(book->name, "book") != 0 || book->dtype != GF_REAL_DTYPE || book->rank != 2 ||
        book->dims[0] < 1 || book->dims[0] > 1 << o->bits || book->dims[1] != o->block)
        return false;
    for (int64_t i = 0; i < gf_tensor_count(book); i++)
        if (!isfinite(reals_of(view, BOOK)[i])) return false;
    return true;
}

static bool check(const gf_view *view, const gf_param *param)
{
    return view->state_count == STATES && fits(options_of(view), param) && check_book(view) &&
           check_codes(view, param) && view->states[SCALE].rank == 1 &&
           gf_scales_check(view, SCALE, "scale", param, view->states[SCALE].dims[0] != 1);
}

gf_status gf_cluster(gf_param *weight, const gf_cluster_options *options, const gf_real *book,
                     int entries, const uint8_t *codes)
{
    gf_status status;
    gf_view *view;
    int64_t dims[4], shape[2] = { entries, options->block }, one = 1;
    const gf_real scale = 1;
    if (!fits(options, weight))
        return gf_fail(GF_INVALID, "%s: no blocks of %d weights", weight->name, options->block);
    fill_dims(dims, options, weight);
    GF_TRY(gf_param_add_view(weight, &view, "cluster", options));
    GF_TRY(gf_view_add_state(view, "codes", GF_U8, 4, dims, codes));
    GF_TRY(gf_view_add_state(view, "book", GF_REAL_DTYPE, 2, shape, book));
    GF_TRY(gf_view_add_state(view, "scale", GF_REAL_DTYPE, 1, &one, &scale));
    forward(view, weight, NULL, weight->value, NULL);
out:
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(gf_cluster_options, bits, NULL, "[1, 8]", "bits", "of a code"),
    GF_FIELD(gf_cluster_options, block, NULL, "[1, 32]", "weights", "that share a code"),
    GF_FIELD(gf_cluster_options, spatial, NULL, NULL, "",
             "blocks are kernels of one input channel, or rows of them"),
    GF_FIELD(gf_cluster_options, average, NULL, NULL, "",
             "entries learn from the mean of gradients, not from their sum"),
    GF_FIELD_WORD(gf_cluster_options, coder, "arithmetic", "arithmetic|huffman",
                  "of the packed codes"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_cluster = {
    .schema = { .name = "cluster",
                .summary = "weights, or blocks of them, from a codebook",
                .paper = "Han et al. 2016, arXiv 1510.00149, section 3",
                .fields = fields },
    .options_size = sizeof(gf_cluster_options),
    .forward = forward,
    .backward = backward,
    .straight_through = true,
    .after_update = after_update,
    .code = code,
    .select = select_codes,
    .rescale = rescale,
    .check = check,
};
