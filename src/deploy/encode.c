/* Writing one tensor: find its codes, count what each layout takes, write the cheapest. */
#include "encode.h"

#include "bits.h"
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
    bool coded;
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

/* Codes that decode to the same floats, or false: then the floats themselves are stored. */
static bool find_codes(symbols *out, const gf_real *values, const gf_code *code)
{
    if (code->scales <= 0 || code->high <= code->low || out->count % (size_t)code->scales)
        return false;
    for (size_t i = 0; i < out->count; i++) {
        size_t c = scale_index(code, out->count, i);
        gf_real zero = code->zero ? code->zero[c] : 0;
        double q = nearbyint((double)values[i] / (double)code->scale[c]) + (double)zero;
        if (!(q >= code->low && q <= code->high)) return false;
        if ((gf_real)(((gf_real)q - zero) * code->scale[c]) != values[i]) return false;
        out->values[i] = (uint32_t)((int)q - code->low);
    }
    out->bits = bits_for(code->low, code->high);
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
    out->coded = false;
}

static gf_status symbols_init(symbols *out, const gf_real *values, size_t count,
                              const gf_code *code)
{
    gf_status status = GF_OK;
    *out = (symbols){ .count = count };
    GF_TRY_ALLOC(out->values = gf_alloc(count, sizeof *out->values));
    GF_TRY_ALLOC(out->zero = gf_alloc(count, sizeof *out->zero));
    if (!find_codes(out, values, code)) take_floats(out, values);
    for (size_t i = 0; i < count; i++) {
        out->zero[i] = values[i] == 0;
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

static gf_layout cheapest(const symbols *s, int *gap_bits)
{
    uint64_t best = (uint64_t)s->count * (uint64_t)s->bits;
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

static void write_head(gf_text *out, const symbols *s, gf_layout layout, int gap_bits,
                       const gf_code *code)
{
    int scales = s->coded ? code->scales : 0;
    bool zeros = s->coded && code->zero && !code->symmetric;
    unsigned char head[4] = {
        (unsigned char)layout, (unsigned char)s->bits, (unsigned char)gap_bits,
        (unsigned char)((s->coded ? GF_FLAG_CODES : 0) | (zeros ? GF_FLAG_ZEROS : 0))
    };
    gf_text_append_bytes(out, (const char *)head, sizeof head);
    gf_bit_writer writer = { .out = out };
    gf_bits_write(&writer, s->count, 32);
    gf_bits_write(&writer, s->stored, 32);
    gf_bits_write(&writer, (uint64_t)scales, 32);
    if (s->coded) gf_bits_write(&writer, (uint32_t)code->low, 32);
    for (int pass = 0; pass < 1 + zeros; pass++)
        for (int c = 0; c < scales; c++) {
            float value = (float)(pass ? code->zero[c] : code->scale[c]);
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            gf_bits_write(&writer, bits, 32);
        }
}

gf_status gf_tensor_encode(gf_text *out, const gf_real *values, size_t count, const gf_code *code)
{
    gf_status status;
    symbols s = { 0 };
    int gap_bits;
    if (count > UINT32_MAX)
        return gf_fail(GF_UNSUPPORTED, "a tensor of %zu values is too large to pack", count);
    GF_TRY(symbols_init(&s, values, count, code));
    gf_layout layout = cheapest(&s, &gap_bits);
    write_head(out, &s, layout, gap_bits, code);
    gf_bit_writer writer = { .out = out };
    if (layout == GF_LAYOUT_DENSE)
        write_dense(&writer, &s);
    else if (layout == GF_LAYOUT_BITMASK)
        write_bitmask(&writer, &s);
    else
        write_relative(&writer, &s, gap_bits);
    gf_bits_flush(&writer);
    status = gf_text_check(out);
out:
    symbols_release(&s);
    return status;
}
