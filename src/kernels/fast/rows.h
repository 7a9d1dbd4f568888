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
    const float *x, *mean; /* mean: as wide as the pattern */
    const float *d_y, *y;
    float *residual;
} rows_in;

/* What is summed: two values of element i, which stands in column k of the pattern. */
typedef struct pair {
    vec first, second;
} pair;
typedef pair row_pair(const rows_in *in, size_t i, size_t k, int lanes);

GF_INLINE vec deviation(const rows_in *in, size_t i, size_t k, int lanes)
{
    return load_part(in->x + i, lanes) - load_part(in->mean + k, lanes);
}

GF_INLINE pair deviation_and_square(const rows_in *in, size_t i, size_t k, int lanes)
{
    vec d = deviation(in, i, k, lanes);
    return (pair){ d, d * d };
}

typedef enum residual_use { RESIDUAL_NONE, RESIDUAL_WRITE, RESIDUAL_ADD } residual_use;

/* d_y, behind a ReLU whose output was y if `cut`, and its product with the deviation; d_y is given
 * to the residual on the way. */
GF_INLINE pair upstream_and_product(const rows_in *in, size_t i, size_t k, int lanes,
                                    const bool cut, const residual_use use)
{
    vec d = load_part(in->d_y + i, lanes);
    if (cut) d = blend(load_part(in->y + i, lanes) <= splat(0), splat(0), d);
    if (use == RESIDUAL_WRITE) store_part(in->residual + i, d, lanes);
    if (use == RESIDUAL_ADD)
        store_part(in->residual + i, load_part(in->residual + i, lanes) + d, lanes);
    return (pair){ d, d * deviation(in, i, k, lanes) };
}

static inline int lanes_left(size_t at, size_t end)
{
    return end - at < LANES ? (int)(end - at) : LANES;
}

/* first, second [channels] (and room for the pattern's width): whole lines of the pattern by
 * register blocks, then its odd columns, then the rows that are no whole line. */
GF_INLINE void column_sums(float *first, float *second, const rows_in *in, size_t rows,
                           const pattern *p, row_pair *value)
{
    size_t lines = rows / p->repeat, column = 0, whole = lines * p->width;
    for (; column + BLOCK <= p->width; column += BLOCK) {
        pair total[BLOCK_VECTORS] = { 0 };
        for (size_t line = 0; line < lines; line++) {
            EACH_VECTOR
            {
                size_t k = column + v * LANES;
                pair values = value(in, line * p->width + k, k, LANES);
                total[v].first += values.first;
                total[v].second += values.second;
            }
        }
        EACH_VECTOR
        {
            store(first + column + v * LANES, total[v].first);
            store(second + column + v * LANES, total[v].second);
        }
    }
    for (; column < p->width; column += LANES) {
        int lanes = lanes_left(column, p->width);
        pair total = { 0 };
        for (size_t line = 0; line < lines; line++) {
            pair values = value(in, line * p->width + column, column, lanes);
            total.first += values.first;
            total.second += values.second;
        }
        store_part(first + column, total.first, lanes);
        store_part(second + column, total.second, lanes);
    }
    for (size_t k = 0; whole + k < rows * p->channels; k += LANES) {
        int lanes = lanes_left(whole + k, rows * p->channels);
        pair values = value(in, whole + k, k, lanes);
        store_part(first + k, load_part(first + k, lanes) + values.first, lanes);
        store_part(second + k, load_part(second + k, lanes) + values.second, lanes);
    }
    fold(first, p);
    fold(second, p);
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
    const float *x, *residual, *d_y, *y, *mean, *a, *b, *c;
} pass;

typedef vec pass_value(const pass *s, size_t i, size_t k, int lanes);
typedef void pass_chunk(const pass *s, size_t begin, size_t end);

GF_INLINE void write_value(float *out, vec value, const bool add, const bool relu, int lanes)
{
    if (relu) value = blend(value < splat(0), splat(0), value);
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
