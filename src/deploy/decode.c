/* Reading one tensor of the packed form. Everything in it may be hostile: sizes are compared with
 * what is expected, and a stream that ends early is CORRUPT. */
#include "encode.h"

#include "bits.h"
#include "huffman.h"
#include "layout.h"

#include <stdlib.h>
#include <string.h>

typedef struct head {
    gf_layout layout;
    int bits, gap_bits;
    bool coded, zeros, floats, signs, clusters;
    uint32_t count, stored, scales;
    int32_t low;         /* floats: the format; clusters: entries of the codebook */
    float *scale, *zero; /* [scales], in one allocation owned by scale */
    float *book;         /* [low, blocks.size], owned */
    gf_blocks blocks;
} head;

static void head_release(head *h)
{
    free(h->scale);
    free(h->book);
}

static float read_float(gf_bit_reader *reader)
{
    uint32_t bits = gf_bits_read(reader, 32);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static gf_status read_scales(head *out, gf_bit_reader *reader)
{
    gf_status status = GF_OK;
    GF_TRY_ALLOC(out->scale = gf_alloc(2 * (size_t)out->scales, sizeof *out->scale));
    out->zero = out->scale + out->scales;
    for (uint32_t c = 0; c < out->scales; c++) out->scale[c] = read_float(reader);
    for (uint32_t c = 0; out->zeros && c < out->scales; c++) out->zero[c] = read_float(reader);
out:
    return status;
}

/* Do the blocks cut the values up, filter by filter? */
static bool fits_blocks(const head *h)
{
    uint64_t size = (uint64_t)h->blocks.size, filter = h->count / h->scales;
    if (size < 1 || size > h->count || h->blocks.inner < 1 || h->blocks.inner > h->count)
        return false;
    return filter % (size * h->blocks.inner) == 0 &&
           (size == 1 || h->layout == GF_LAYOUT_DENSE || h->layout == GF_LAYOUT_CODED ||
            h->layout == GF_LAYOUT_HUFFMAN);
}

/* Is what the codes stand for something that they can stand for? */
static bool fits_codes(const head *h)
{
    bool all_stored = h->stored == h->count;
    if (h->floats + h->signs + h->clusters > 1) return false;
    if (h->floats)
        return !h->zeros && h->low >= 0 && h->low < GF_MINIFLOATS &&
               gf_minifloats[h->low].bits == h->bits;
    if (h->clusters)
        return !h->zeros && h->bits <= GF_CLUSTER_BITS_MOST && h->low >= 1 &&
               h->low <= 1 << h->bits && fits_blocks(h) &&
               (all_stored || (h->layout != GF_LAYOUT_DENSE && h->blocks.size == 1));
    return !h->signs || (h->bits == 1 && !h->zeros && (h->layout != GF_LAYOUT_DENSE || all_stored));
}

/* The codebook's shape, and the codebook where it fits. */
static gf_status read_codebook(head *out, gf_bit_reader *reader)
{
    gf_status status = GF_OK;
    uint32_t size = gf_bits_read(reader, 32);
    out->blocks.size = size <= INT32_MAX ? (int)size : 0;
    out->blocks.inner = gf_bits_read(reader, 32);
    if (!fits_codes(out) || out->count == 0)
        return gf_fail(GF_CORRUPT, "packed tensor: its codebook does not fit");
    size_t numbers = (size_t)out->low * size;
    if (numbers > (reader->size - reader->next) / 4)
        return gf_fail(GF_CORRUPT, "packed tensor: it ends early");
    GF_TRY_ALLOC(out->book = gf_alloc(numbers, sizeof *out->book));
    for (size_t i = 0; i < numbers; i++) out->book[i] = read_float(reader);
out:
    return status;
}

static gf_status read_head(head *out, gf_bit_reader *reader, size_t count)
{
    gf_status status;
    *out = (head){ .layout = (gf_layout)gf_bits_read(reader, 8) };
    out->bits = (int)gf_bits_read(reader, 8);
    out->gap_bits = (int)gf_bits_read(reader, 8);
    uint32_t flags = gf_bits_read(reader, 8);
    out->coded = flags & GF_FLAG_CODES;
    out->zeros = flags & GF_FLAG_ZEROS;
    out->floats = flags & GF_FLAG_FLOATS;
    out->signs = flags & GF_FLAG_SIGNS;
    out->clusters = out->coded && (flags & GF_FLAG_CLUSTERS);
    out->blocks = (gf_blocks){ .size = 1, .inner = 1 };
    out->count = gf_bits_read(reader, 32);
    out->stored = gf_bits_read(reader, 32);
    out->scales = gf_bits_read(reader, 32);
    if (out->layout >= GF_LAYOUT_COUNT || out->bits < 1 || out->bits > 32 ||
        out->gap_bits > GF_GAP_BITS_MOST || out->count != count || out->stored > count ||
        out->coded != (out->scales > 0) || (out->coded && count % out->scales) ||
        (out->layout == GF_LAYOUT_RELATIVE && out->gap_bits < 1) ||
        (out->layout == GF_LAYOUT_HUFFMAN && out->bits > GF_HUFFMAN_BITS_MOST) ||
        (!out->coded && out->bits < 32))
        return gf_fail(GF_CORRUPT, "packed tensor: its head does not fit %zu values", count);
    if (out->coded) {
        out->low = (int32_t)gf_bits_read(reader, 32);
        if (out->clusters) GF_TRY(read_codebook(out, reader));
        if (!fits_codes(out)) return gf_fail(GF_CORRUPT, "packed tensor: unknown codes");
        GF_TRY(read_scales(out, reader));
    }
    return GF_OK;
out:
    return status;
}

static size_t scale_index(const head *h, size_t i)
{
    return h->scales > 1 ? i / (h->count / h->scales) : 0;
}

static gf_real value_of(uint32_t bits, const head *h, size_t i)
{
    if (!h->coded) {
        float value;
        memcpy(&value, &bits, sizeof value);
        return (gf_real)value;
    }
    size_t c = scale_index(h, i);
    if (h->signs) return (gf_real)(bits ? h->scale[c] : -h->scale[c]);
    if (h->floats)
        return (gf_real)gf_minifloat_decode(bits, (gf_minifloat)h->low) * (gf_real)h->scale[c];
    /* The same two float operations as the fake-quant kernel: the same bits. */
    int64_t code = (int64_t)bits + h->low;
    return ((gf_real)code - (gf_real)h->zero[c]) * (gf_real)h->scale[c];
}

/* All values of symbol i. */
static gf_status put_symbol(gf_real *values, uint32_t bits, const head *h, size_t i)
{
    if (!h->clusters) {
        values[i] = value_of(bits, h, i);
        return GF_OK;
    }
    if (bits >= (uint32_t)h->low)
        return gf_fail(GF_CORRUPT, "packed tensor: a code lies outside its codebook");
    for (int j = 0; j < h->blocks.size; j++) {
        size_t at = gf_blocks_at(h->blocks, i, j);
        gf_real entry = (gf_real)h->book[(size_t)bits * (size_t)h->blocks.size + (size_t)j];
        gf_real value = entry * (gf_real)h->scale[scale_index(h, at)];
        values[at] = value == 0 ? 0 : value; /* as the view: no negative zeros */
    }
    return GF_OK;
}

static gf_status read_symbol(gf_real *values, gf_bit_reader *reader, const head *h, size_t i)
{
    return put_symbol(values, gf_bits_read(reader, h->bits), h, i);
}

static size_t count_symbols(const head *h)
{
    return h->count / (size_t)h->blocks.size;
}

static gf_status read_dense(gf_real *values, gf_bit_reader *reader, const head *h)
{
    gf_status status = GF_OK;
    for (size_t i = 0; i < count_symbols(h); i++) GF_TRY(read_symbol(values, reader, h, i));
out:
    return status;
}

static gf_status read_bitmask(gf_real *values, gf_bit_reader *reader, const head *h)
{
    gf_status status = GF_OK;
    /* The mask is laid out before the values: remember it in the values themselves. */
    for (size_t i = 0; i < h->count; i++) values[i] = (gf_real)gf_bits_read(reader, 1);
    for (size_t i = 0; i < h->count; i++)
        if (values[i] != 0) GF_TRY(read_symbol(values, reader, h, i));
out:
    return status;
}

static gf_status read_relative(gf_real *values, gf_bit_reader *reader, const head *h)
{
    gf_status status = GF_OK;
    uint32_t most = (1u << h->gap_bits) - 1;
    size_t position = 0;
    memset(values, 0, h->count * sizeof *values);
    for (uint32_t stored = 0; stored < h->stored;) {
        uint32_t gap = gf_bits_read(reader, h->gap_bits);
        position += gap;
        if (position > h->count || reader->exhausted)
            return gf_fail(GF_CORRUPT, "packed tensor: an index lies outside");
        if (gap == most) continue;
        if (position == h->count)
            return gf_fail(GF_CORRUPT, "packed tensor: an index lies outside");
        GF_TRY(read_symbol(values, reader, h, position));
        position++;
        stored++;
    }
out:
    return status;
}

static gf_status read_coded(gf_real *values, gf_bit_reader *reader, const head *h)
{
    gf_status status = GF_OK;
    gf_coded_models models;
    gf_range_reader range = gf_range_reader_start(reader);
    gf_coded_models_init(&models);
    memset(values, 0, h->count * sizeof *values);
    for (size_t i = 0; i < count_symbols(h) && !reader->exhausted; i++) {
        bool zero = h->stored < h->count && gf_range_read(&range, &models.zero[models.before]);
        models.before = (models.before << 1 | zero) & 3;
        if (zero) continue;
        uint32_t bits = gf_range_read_number(&range, h->coded ? models.tree : NULL, h->bits);
        GF_TRY(put_symbol(values, bits, h, i));
    }
out:
    return status;
}

/* Moves *position over the zeros before the next value. */
static gf_status skip_gap(size_t *position, gf_bit_reader *reader, const gf_huffman *gaps,
                          size_t symbols)
{
    for (int gap = GF_HUFFMAN_GAP; gap == GF_HUFFMAN_GAP; *position += (size_t)gap) {
        gap = gf_huffman_read(reader, gaps);
        if (gap < 0 || reader->exhausted || (size_t)gap > symbols - *position)
            return gf_fail(GF_CORRUPT, "packed tensor: an index lies outside");
    }
    return GF_OK;
}

static gf_status read_huffman(gf_real *values, gf_bit_reader *reader, const head *h)
{
    gf_status status = GF_OK;
    gf_huffman gaps, codes;
    bool sparse = h->stored < h->count;
    size_t position = 0, symbols = count_symbols(h), stored = h->stored / (size_t)h->blocks.size;
    if (sparse) GF_TRY(gf_huffman_read_table(&gaps, reader));
    GF_TRY(gf_huffman_read_table(&codes, reader));
    memset(values, 0, h->count * sizeof *values);
    for (size_t s = 0; s < stored; s++, position++) {
        if (sparse) GF_TRY(skip_gap(&position, reader, &gaps, symbols));
        int code = gf_huffman_read(reader, &codes);
        if (code < 0 || code >> h->bits || position >= symbols || reader->exhausted)
            return gf_fail(GF_CORRUPT, "packed tensor: a code is nobody's");
        GF_TRY(put_symbol(values, (uint32_t)code, h, position));
    }
out:
    return status;
}

static gf_status read_values(gf_real *values, gf_bit_reader *reader, const head *h)
{
    switch (h->layout) {
    case GF_LAYOUT_BITMASK:
        return read_bitmask(values, reader, h);
    case GF_LAYOUT_RELATIVE:
        return read_relative(values, reader, h);
    case GF_LAYOUT_CODED:
        return read_coded(values, reader, h);
    case GF_LAYOUT_HUFFMAN:
        return read_huffman(values, reader, h);
    default:
        return read_dense(values, reader, h);
    }
}

gf_status gf_tensor_decode(gf_real *values, size_t count, const unsigned char *bytes, size_t size,
                           size_t *at)
{
    gf_status status;
    head h = { 0 };
    gf_bit_reader reader = { .bytes = bytes, .size = size, .next = *at };
    GF_TRY(read_head(&h, &reader, count));
    GF_TRY(read_values(values, &reader, &h));
    if (reader.exhausted)
        status = gf_fail(GF_CORRUPT, "packed tensor: it ends early");
    else
        *at = reader.next;
out:
    head_release(&h);
    return status;
}
