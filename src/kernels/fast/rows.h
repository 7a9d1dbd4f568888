/* Rows of `channels` values, vectorized whatever the channels: sums by column, and element-wise
 * passes with coefficients by column. Rows are seen as lines of a *pattern*: a multiple of the
 * channels that is also a whole number of register blocks, so that 8 or 24 channels fill the
 * vectors as well as 64 do. Everything here is static: included by bn.c. */
#ifndef GRIDFRONT_KERNELS_ROWS_H
#define GRIDFRONT_KERNELS_ROWS_H

#include "elementwise.h"

#include <string.h>

enum { BLOCK_VECTORS = 4, BLOCK = BLOCK_VECTORS * LANES, PATTERN_MAX = 2048, CHUNK_FLOATS = 16384 };

#define EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < BLOCK_VECTORS; v++)

typedef struct pattern {
    size_t channels, width, repeat; /* width = channels * repeat */
} pattern;

static inline size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

static inline pattern pattern_of(int channels)
{
    size_t count = channels, repeat = BLOCK / common_divisor(count, BLOCK);
    if (count * repeat > PATTERN_MAX) repeat = 1; /* wide and odd: the last columns go one by one */
    return (pattern){ count, count * repeat, repeat };
}

static inline void expand(float *to, const float *from, const pattern *p)
{
    for (size_t i = 0; i < p->repeat; i++)
        memcpy(to + i * p->channels, from, p->channels * sizeof *to);
}

static inline void fold(float *sums, const pattern *p)
{
    for (size_t i = 1; i < p->repeat; i++)
        for (size_t c = 0; c < p->channels; c++) sums[c] += sums[i * p->channels + c];
}

/* ---- sums over rows ---- */

typedef struct rows_in {
    const float *x, *d_y, *mean; /* mean: as wide as the pattern */
} rows_in;

/* What is summed: of values i, which stand in columns k of the pattern. */
typedef vec row_value(const rows_in *in, size_t i, size_t k, int lanes);

GF_INLINE vec plain_value(const rows_in *in, size_t i, size_t k, int lanes)
{
    (void)k;
    return load_part(in->x + i, lanes);
}

GF_INLINE vec squared_deviation(const rows_in *in, size_t i, size_t k, int lanes)
{
    vec deviation = load_part(in->x + i, lanes) - load_part(in->mean + k, lanes);
    return deviation * deviation;
}

GF_INLINE vec product_with_deviation(const rows_in *in, size_t i, size_t k, int lanes)
{
    vec deviation = load_part(in->x + i, lanes) - load_part(in->mean + k, lanes);
    return load_part(in->d_y + i, lanes) * deviation;
}

static inline int lanes_left(size_t at, size_t end)
{
    return end - at < LANES ? (int)(end - at) : LANES;
}

/* sum[channels] (and room for the pattern's width): whole lines of the pattern by register blocks,
 * then its odd columns, then the rows that are no whole line. */
GF_INLINE void column_sums(float *sum, const rows_in *in, size_t rows, const pattern *p,
                           row_value *value)
{
    size_t lines = rows / p->repeat, column = 0, whole = lines * p->width;
    for (; column + BLOCK <= p->width; column += BLOCK) {
        vec total[BLOCK_VECTORS] = { 0 };
        for (size_t line = 0; line < lines; line++) {
            EACH_VECTOR
            {
                size_t k = column + v * LANES;
                total[v] += value(in, line * p->width + k, k, LANES);
            }
        }
        EACH_VECTOR store(sum + column + v * LANES, total[v]);
    }
    for (; column < p->width; column += LANES) {
        int lanes = lanes_left(column, p->width);
        vec total = { 0 };
        for (size_t line = 0; line < lines; line++)
            total += value(in, line * p->width + column, column, lanes);
        store_part(sum + column, total, lanes);
    }
    for (size_t k = 0; whole + k < rows * p->channels; k += LANES) {
        int lanes = lanes_left(whole + k, rows * p->channels);
        store_part(sum + k, load_part(sum + k, lanes) + value(in, whole + k, k, lanes), lanes);
    }
    fold(sum, p);
}

/* Rows of a chunk: whole pattern rows, about CHUNK_FLOATS values. */
static inline size_t chunk_rows(const pattern *p)
{
    size_t lines = CHUNK_FLOATS / p->width;
    return (lines ? lines : 1) * p->repeat;
}

/* ---- element-wise passes ---- */

/* Per-channel coefficients, as long as a pattern row: in place where that is the channels. */
typedef struct coefficients {
    float wide[4][PATTERN_MAX];
} coefficients;

static inline const float *widen(coefficients *c, int index, const float *from, const pattern *p)
{
    if (p->repeat == 1) return from;
    expand(c->wide[index], from, p);
    return c->wide[index];
}

/* One element-wise pass: its operands, coefficients by column of the pattern. */
typedef struct pass {
    const pattern *p;
    float *out;
    const float *x, *d_y, *mean, *a, *b, *c;
} pass;

typedef vec pass_value(const pass *s, size_t i, size_t k, int lanes);
typedef void pass_chunk(const pass *s, size_t begin, size_t end);

GF_INLINE void write_value(float *out, vec value, const bool add, const bool relu, int lanes)
{
    if (relu) value = select(value < splat(0), splat(0), value);
    if (add) value += load_part(out, lanes);
    store_part(out, value, lanes);
}

/* Values [begin, end), which start at column 0. */
GF_INLINE void write_chunk(const pass *s, size_t begin, size_t end, pass_value *value,
                           const bool add, const bool relu)
{
    for (size_t line = begin; line < end; line += s->p->width) {
        size_t width = end - line < s->p->width ? end - line : s->p->width, k = 0;
        for (; k + LANES <= width; k += LANES)
            write_value(s->out + line + k, value(s, line + k, k, LANES), add, relu, LANES);
        if (k == width) continue;
        int lanes = lanes_left(k, width);
        write_value(s->out + line + k, value(s, line + k, k, lanes), add, relu, lanes);
    }
}

#endif
