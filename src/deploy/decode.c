/* Reading one tensor of the packed form. Everything in it may be hostile: sizes are compared with
 * what is expected, and a stream that ends early is CORRUPT. */
#include "encode.h"

#include "bits.h"
#include "layout.h"

#include <stdlib.h>
#include <string.h>

typedef struct head {
    gf_layout layout;
    int bits, gap_bits;
    bool coded, zeros;
    uint32_t count, stored, scales;
    int32_t low;
    float *scale, *zero; /* [scales], in one allocation owned by scale */
} head;

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

static gf_status read_head(head *out, gf_bit_reader *reader, size_t count)
{
    gf_status status;
    *out = (head){ .layout = (gf_layout)gf_bits_read(reader, 8) };
    out->bits = (int)gf_bits_read(reader, 8);
    out->gap_bits = (int)gf_bits_read(reader, 8);
    uint32_t flags = gf_bits_read(reader, 8);
    out->coded = flags & GF_FLAG_CODES;
    out->zeros = flags & GF_FLAG_ZEROS;
    out->count = gf_bits_read(reader, 32);
    out->stored = gf_bits_read(reader, 32);
    out->scales = gf_bits_read(reader, 32);
    if (out->layout >= GF_LAYOUT_COUNT || out->bits < 1 || out->bits > 32 ||
        out->gap_bits > GF_GAP_BITS_MOST || out->count != count || out->stored > count ||
        out->coded != (out->scales > 0) || (out->coded && count % out->scales) ||
        (out->layout == GF_LAYOUT_RELATIVE && out->gap_bits < 1) || (!out->coded && out->bits < 32))
        return gf_fail(GF_CORRUPT, "packed tensor: its head does not fit %zu values", count);
    if (out->coded) {
        out->low = (int32_t)gf_bits_read(reader, 32);
        GF_TRY(read_scales(out, reader));
    }
    return GF_OK;
out:
    return status;
}

static gf_real read_value(gf_bit_reader *reader, const head *h, size_t i)
{
    if (!h->coded) return (gf_real)read_float(reader);
    size_t c = h->scales > 1 ? i / (h->count / h->scales) : 0;
    int64_t code = (int64_t)gf_bits_read(reader, h->bits) + h->low;
    /* The same two float operations as the fake-quant kernel: the same bits. */
    return ((gf_real)code - (gf_real)h->zero[c]) * (gf_real)h->scale[c];
}

static gf_status read_bitmask(gf_real *values, gf_bit_reader *reader, const head *h)
{
    /* The mask is laid out before the values: remember it in the values themselves. */
    for (size_t i = 0; i < h->count; i++) values[i] = (gf_real)gf_bits_read(reader, 1);
    for (size_t i = 0; i < h->count; i++)
        if (values[i] != 0) values[i] = read_value(reader, h, i);
    return GF_OK;
}

static gf_status read_relative(gf_real *values, gf_bit_reader *reader, const head *h)
{
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
        values[position] = read_value(reader, h, position);
        position++;
        stored++;
    }
    return GF_OK;
}

static gf_status read_values(gf_real *values, gf_bit_reader *reader, const head *h)
{
    if (h->layout == GF_LAYOUT_BITMASK) return read_bitmask(values, reader, h);
    if (h->layout == GF_LAYOUT_RELATIVE) return read_relative(values, reader, h);
    for (size_t i = 0; i < h->count; i++) values[i] = read_value(reader, h, i);
    return GF_OK;
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
    free(h.scale);
    return status;
}
