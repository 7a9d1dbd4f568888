/* Writing one tensor: find its codes, count what each layout takes, write the smallest. */
#include "encode.h"

#include "bits.h"
#include "huffman.h"
#include "layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The values as what is written: floats' bits or codes, and which of them are zero. */
typedef struct symbols {
    uint32_t *values;
    bool *zero;
    size_t count, stored; /* stored: those that are not zero */
    int bits;
    int block; /* values that a symbol stands for */
    bool coded, zeros_without_code;
} symbols;

static int bits_for(int low, int high)
{
    int bits = 1;
    while (bits < 31 && (1ll << bits) < (long long)high - low + 1) bits++;
    return bits;
}

static size_t scale_index(const gf_code *code, size_t count, size_t i)
{
    return code->scales > 1 ? i / (count / (size_t)code->scales) : 0;
}

/* The code that decodes to this very float, or false. */
static bool find_integer(uint32_t *out, gf_real value, gf_real scale, gf_real zero,
                         const gf_code *code)
{
    double q = nearbyint((double)value / (double)scale) + (double)zero;
    if (!(q >= code->low && q <= code->high)) return false;
    *out = (uint32_t)((int)q - code->low);
    return (gf_real)(((gf_real)q - zero) * scale) == value;
}

static bool find_float(uint32_t *out, gf_real value, gf_real scale, const gf_code *code)
{
    double number = gf_minifloat_round((double)(value / scale), code->format);
    *out = gf_minifloat_encode(number, code->format);
    return (gf_real)number * scale == value;
}

/* A zero has no code: it is one of those that are not stored, and any will do. */
static bool find_sign(uint32_t *out, gf_real value, gf_real scale)
{
    *out = value == scale;
    return value == scale || value == -scale || value == 0;
}

static bool find_code(uint32_t *out, gf_real value, size_t c, const gf_code *code)
{
    switch (code->kind) {
    case GF_CODE_CLUSTERS:
        return false; /* have their codes */
    case GF_CODE_FLOATS:
        return find_float(out, value, code->scale[c], code);
    case GF_CODE_SIGNS:
        return find_sign(out, value, code->scale[c]);
    case GF_CODE_INTEGERS:
        break;
    }
    return find_integer(out, value, code->scale[c], code->zero ? code->zero[c] : 0, code);
}

/* Does the block that the view gives this code for consist of these very values? */
static bool is_entry(const gf_real *values, size_t count, size_t block, const gf_code *code)
{
    const gf_real *entry = code->book + (size_t)code->codes[block] * (size_t)code->blocks.size;
    for (int j = 0; j < code->blocks.size; j++) {
        size_t i = gf_blocks_at(code->blocks, block, j);
        bool free_zero = code->blocks.size == 1 && values[i] == 0;
        if (!free_zero && entry[j] * code->scale[scale_index(code, count, i)] != values[i])
            return false;
    }
    return true;
}

static bool take_clusters(symbols *out, const gf_real *values, const gf_code *code)
{
    size_t count = out->count, blocks = count / (size_t)code->blocks.size;
    for (size_t b = 0; b < blocks; b++) {
        out->values[b] = code->codes[b];
        if (!is_entry(values, count, b, code)) return false;
    }
    out->block = code->blocks.size;
    return true;
}

static bool take_codes(symbols *out, const gf_real *values, const gf_code *code)
{
    if (code->kind == GF_CODE_CLUSTERS) return take_clusters(out, values, code);
    for (size_t i = 0; i < out->count; i++)
        if (!find_code(&out->values[i], values[i], scale_index(code, out->count, i), code))
            return false;
    return true;
}

static int code_bits(const gf_code *code)
{
    if (code->kind == GF_CODE_CLUSTERS) return bits_for(0, code->entries - 1);
    if (code->kind == GF_CODE_FLOATS) return gf_minifloats[code->format].bits;
    return code->kind == GF_CODE_SIGNS ? 1 : bits_for(code->low, code->high);
}

/* Codes that decode to the same floats, or false: then the floats themselves are stored. */
static bool find_codes(symbols *out, const gf_real *values, const gf_code *code)
{
    if (code->scales <= 0 || out->count % (size_t)code->scales ||
        (code->kind == GF_CODE_INTEGERS && code->high <= code->low))
        return false;
    if (!take_codes(out, values, code)) return false;
    out->bits = code_bits(code);
    out->zeros_without_code =
        code->kind == GF_CODE_SIGNS || (code->kind == GF_CODE_CLUSTERS && code->blocks.size == 1);
    out->coded = true;
    return true;
}

static void take_floats(symbols *out, const gf_real *values)
{
    for (size_t i = 0; i < out->count; i++) {
        float value = (float)values[i];
        memcpy(&out->values[i], &value, sizeof value);
    }
    out->bits = 32;
    out->block = 1;
    out->coded = false;
}

static gf_status symbols_init(symbols *out, const gf_real *values, size_t count,
                              const gf_code *code)
{
    gf_status status = GF_OK;
    *out = (symbols){ .count = count, .block = 1 };
    GF_TRY_ALLOC(out->values = gf_alloc(count, sizeof *out->values));
    GF_TRY_ALLOC(out->zero = gf_alloc(count, sizeof *out->zero));
    if (!find_codes(out, values, code)) take_floats(out, values);
    out->count /= (size_t)out->block;
    for (size_t i = 0; i < out->count; i++) {
        out->zero[i] = out->block == 1 && values[i] == 0;
        out->stored += !out->zero[i];
    }
out:
    return status;
}

static void symbols_release(symbols *s)
{
    free(s->values);
    free(s->zero);
}

/* ---- what each layout takes, in bits ---- */

static uint64_t relative_size(const symbols *s, int gap_bits)
{
    uint64_t most = (1ull << gap_bits) - 1, gap = 0, fillers = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->zero[i]) {
            gap++;
            continue;
        }
        fillers += gap / most;
        gap = 0;
    }
    return (s->stored + fillers) * (uint64_t)gap_bits + s->stored * (uint64_t)s->bits;
}

/* Of the layouts whose size follows from counting. */
static gf_layout cheapest(const symbols *s, int *gap_bits)
{
    bool dense = !s->zeros_without_code || s->stored == s->count;
    uint64_t best = dense ? (uint64_t)s->count * (uint64_t)s->bits : UINT64_MAX;
    gf_layout layout = GF_LAYOUT_DENSE;
    *gap_bits = 0;
    uint64_t mask = s->count + (uint64_t)s->stored * (uint64_t)s->bits;
    if (mask < best) {
        best = mask;
        layout = GF_LAYOUT_BITMASK;
    }
    for (int bits = 1; bits <= GF_GAP_BITS_MOST; bits++) {
        uint64_t size = relative_size(s, bits);
        if (size < best) {
            best = size;
            layout = GF_LAYOUT_RELATIVE;
            *gap_bits = bits;
        }
    }
    return layout;
}

/* ---- writing ---- */

static void write_dense(gf_bit_writer *writer, const symbols *s)
{
    for (size_t i = 0; i < s->count; i++) gf_bits_write(writer, s->values[i], s->bits);
}

static void write_bitmask(gf_bit_writer *writer, const symbols *s)
{
    for (size_t i = 0; i < s->count; i++) gf_bits_write(writer, !s->zero[i], 1);
    for (size_t i = 0; i < s->count; i++)
        if (!s->zero[i]) gf_bits_write(writer, s->values[i], s->bits);
}

static void write_relative(gf_bit_writer *writer, const symbols *s, int gap_bits)
{
    uint64_t most = (1ull << gap_bits) - 1, gap = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->zero[i]) {
            gap++;
            continue;
        }
        for (; gap >= most; gap -= most) gf_bits_write(writer, most, gap_bits);
        gf_bits_write(writer, gap, gap_bits);
        gf_bits_write(writer, s->values[i], s->bits);
        gap = 0;
    }
}

static void write_coded(gf_text *out, const symbols *s)
{
    gf_coded_models models;
    gf_range_writer writer = gf_range_writer_start(out);
    gf_coded_models_init(&models);
    for (size_t i = 0; i < s->count; i++) {
        if (s->stored < s->count) {
            gf_range_write(&writer, &models.zero[models.before], s->zero[i]);
            models.before = (models.before << 1 | s->zero[i]) & 3;
        }
        if (!s->zero[i])
            gf_range_write_number(&writer, s->coded ? models.tree : NULL, s->values[i], s->bits);
    }
    gf_range_finish(&writer);
}

/* The zeros before each value that is stored, as gaps of GF_HUFFMAN_GAP at most. Without a writer
 * they are counted. */
typedef struct huffman_tables {
    gf_huffman gaps, values;
    uint64_t gap_counts[GF_HUFFMAN_SYMBOLS], value_counts[GF_HUFFMAN_SYMBOLS];
} huffman_tables;

static void put_gap(gf_bit_writer *writer, huffman_tables *t, uint32_t gap)
{
    if (writer)
        gf_huffman_write(writer, &t->gaps, gap);
    else
        t->gap_counts[gap]++;
}

static void put_value(gf_bit_writer *writer, huffman_tables *t, uint32_t value)
{
    if (writer)
        gf_huffman_write(writer, &t->values, value);
    else
        t->value_counts[value]++;
}

static void walk_huffman(gf_bit_writer *writer, huffman_tables *t, const symbols *s)
{
    bool gaps = s->stored < s->count;
    size_t gap = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->zero[i]) {
            gap++;
            continue;
        }
        for (; gap >= GF_HUFFMAN_GAP; gap -= GF_HUFFMAN_GAP) put_gap(writer, t, GF_HUFFMAN_GAP);
        if (gaps) put_gap(writer, t, (uint32_t)gap);
        put_value(writer, t, s->values[i]);
        gap = 0;
    }
}

static void write_huffman(gf_text *out, const symbols *s)
{
    huffman_tables tables = { 0 };
    gf_bit_writer writer = { .out = out };
    walk_huffman(NULL, &tables, s);
    gf_huffman_build(&tables.gaps, tables.gap_counts);
    gf_huffman_build(&tables.values, tables.value_counts);
    if (s->stored < s->count) gf_huffman_write_table(&writer, &tables.gaps);
    gf_huffman_write_table(&writer, &tables.values);
    walk_huffman(&writer, &tables, s);
    gf_bits_flush(&writer);
}

static void write_counted(gf_text *out, const symbols *s, gf_layout layout, int gap_bits)
{
    gf_bit_writer writer = { .out = out };
    if (layout == GF_LAYOUT_DENSE)
        write_dense(&writer, s);
    else if (layout == GF_LAYOUT_BITMASK)
        write_bitmask(&writer, s);
    else
        write_relative(&writer, s, gap_bits);
    gf_bits_flush(&writer);
}

static unsigned char flags_of(const symbols *s, const gf_code *code, bool zeros)
{
    static const int kinds[] = {
        [GF_CODE_FLOATS] = GF_FLAG_FLOATS,
        [GF_CODE_SIGNS] = GF_FLAG_SIGNS,
        [GF_CODE_CLUSTERS] = GF_FLAG_CLUSTERS,
    };
    if (!s->coded) return 0;
    return (unsigned char)(GF_FLAG_CODES | (zeros ? GF_FLAG_ZEROS : 0) | kinds[code->kind]);
}

static void write_float(gf_bit_writer *writer, gf_real value)
{
    float number = (float)value;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    gf_bits_write(writer, bits, 32);
}

static void write_codebook(gf_bit_writer *writer, const gf_code *code)
{
    gf_bits_write(writer, (uint32_t)code->blocks.size, 32);
    gf_bits_write(writer, code->blocks.inner, 32);
    for (int i = 0; i < code->entries * code->blocks.size; i++) write_float(writer, code->book[i]);
}

static int first_number(const gf_code *code)
{
    if (code->kind == GF_CODE_CLUSTERS) return code->entries;
    return code->kind == GF_CODE_FLOATS ? (int)code->format : code->low;
}

static void write_head(gf_text *out, const symbols *s, gf_layout layout, int gap_bits,
                       const gf_code *code)
{
    int scales = s->coded ? code->scales : 0;
    bool zeros = s->coded && code->zero && !code->symmetric;
    unsigned char head[4] = { (unsigned char)layout, (unsigned char)s->bits,
                              (unsigned char)gap_bits, flags_of(s, code, zeros) };
    gf_text_append_bytes(out, (const char *)head, sizeof head);
    gf_bit_writer writer = { .out = out };
    gf_bits_write(&writer, s->count * (size_t)s->block, 32);
    gf_bits_write(&writer, s->stored * (size_t)s->block, 32);
    gf_bits_write(&writer, (uint64_t)scales, 32);
    if (s->coded) gf_bits_write(&writer, (uint32_t)first_number(code), 32);
    if (s->coded && code->kind == GF_CODE_CLUSTERS) write_codebook(&writer, code);
    for (int c = 0; c < scales; c++) write_float(&writer, code->scale[c]);
    for (int c = 0; zeros && c < scales; c++) write_float(&writer, code->zero[c]);
}

gf_status gf_tensor_encode(gf_text *out, const gf_real *values, size_t count, const gf_code *code)
{
    gf_status status;
    symbols s = { 0 };
    gf_text counted = { 0 }, coded = { 0 };
    int gap_bits;
    gf_layout entropy = GF_LAYOUT_CODED;
    if (count > UINT32_MAX)
        return gf_fail(GF_UNSUPPORTED, "a tensor of %zu values is too large to pack", count);
    GF_TRY(symbols_init(&s, values, count, code));
    gf_layout layout = cheapest(&s, &gap_bits);
    write_counted(&counted, &s, layout, gap_bits);
    bool models_help = s.coded || s.stored < s.count; /* dense floats are as they are */
    if (s.coded && s.bits <= GF_HUFFMAN_BITS_MOST && code->coder == GF_CODER_HUFFMAN)
        entropy = GF_LAYOUT_HUFFMAN;
    if (models_help) (entropy == GF_LAYOUT_HUFFMAN ? write_huffman : write_coded)(&coded, &s);
    GF_TRY(gf_text_check(&counted));
    GF_TRY(gf_text_check(&coded));
    bool smaller = models_help && coded.size < counted.size;
    write_head(out, &s, smaller ? entropy : layout, smaller ? 0 : gap_bits, code);
    const gf_text *body = smaller ? &coded : &counted;
    gf_text_append_bytes(out, body->data, body->size);
    status = gf_text_check(out);
out:
    gf_text_release(&counted);
    gf_text_release(&coded);
    symbols_release(&s);
    return status;
}
