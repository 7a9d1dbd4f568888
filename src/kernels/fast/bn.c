/* Batch normalization; formulas and paper stand in ref/bn.c. Rows of `channels` values are seen as
 * rows of a *pattern*: a multiple of the channels that is also a whole number of register blocks,
 * so that 8 or 24 channels fill the vectors as well as 64 do. Sums: floats over a chunk that stays
 * in cache, doubles from chunk to chunk; variance by two passes over each chunk and the pairwise
 * formula between them (Chan, Golub & LeVeque 1979), so that a large mean costs no digits. */
#include "elementwise.h"

#include <omp.h>
#include <string.h>

enum { BLOCK_VECTORS = 4, BLOCK = BLOCK_VECTORS * LANES, PATTERN_MAX = 2048, CHUNK_FLOATS = 16384 };

#define EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < BLOCK_VECTORS; v++)

typedef struct pattern {
    size_t channels, width, repeat; /* width = channels * repeat */
} pattern;

static size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

static pattern pattern_of(int channels)
{
    size_t count = channels, repeat = BLOCK / common_divisor(count, BLOCK);
    if (count * repeat > PATTERN_MAX) repeat = 1; /* wide and odd: the last columns go one by one */
    return (pattern){ count, count * repeat, repeat };
}

static void expand(float *to, const float *from, const pattern *p)
{
    for (size_t i = 0; i < p->width; i++) to[i] = from[i % p->channels];
}

static void fold(float *sums, const pattern *p)
{
    for (size_t i = p->channels; i < p->width; i++) sums[i % p->channels] += sums[i];
}

/* Adds up f(i) over rows into sum[width]: whole pattern rows by blocks, what is left one by one. */
#define GF_COLUMN_SUMS(sum, rows, p, vector_value, scalar_value)                                   \
    do {                                                                                           \
        size_t lines = (rows) / (p)->repeat, column = 0;                                           \
        memset(sum, 0, (p)->width * sizeof(float));                                                \
        for (; column + BLOCK <= (p)->width; column += BLOCK) {                                    \
            vec total[BLOCK_VECTORS] = { 0 };                                                      \
            for (size_t line = 0; line < lines; line++) {                                          \
                EACH_VECTOR                                                                        \
                {                                                                                  \
                    size_t k = column + v * LANES, i = line * (p)->width + k;                      \
                    (void)k;                                                                       \
                    total[v] += vector_value;                                                      \
                }                                                                                  \
            }                                                                                      \
            EACH_VECTOR store(sum + column + v * LANES, total[v]);                                 \
        }                                                                                          \
        for (size_t k = column; k < (p)->width; k++)                                               \
            for (size_t line = 0; line < lines; line++) {                                          \
                size_t i = line * (p)->width + k;                                                  \
                sum[k] += scalar_value;                                                            \
            }                                                                                      \
        for (size_t i = lines * (p)->width, k = 0; i < (rows) * (p)->channels; i++, k++)           \
            sum[k] += scalar_value;                                                                \
        fold(sum, p);                                                                              \
    } while (0)

GF_INLINE vec square(vec a)
{
    return a * a;
}

static void sum_values(float *sum, const float *x, size_t rows, const pattern *p)
{
    GF_COLUMN_SUMS(sum, rows, p, load(x + i), x[i]);
}

static void sum_squares(float *sum, const float *x, const float *mean, size_t rows,
                        const pattern *p)
{
    GF_COLUMN_SUMS(sum, rows, p, square(load(x + i) - load(mean + k)),
                   (x[i] - mean[k]) * (x[i] - mean[k]));
}

static void sum_products(float *sum, const float *d_y, const float *x, const float *mean,
                         size_t rows, const pattern *p)
{
    GF_COLUMN_SUMS(sum, rows, p, load(d_y + i) * (load(x + i) - load(mean + k)),
                   d_y[i] * (x[i] - mean[k]));
}

/* Rows of a chunk: whole pattern rows, about CHUNK_FLOATS values. */
static size_t chunk_rows(const pattern *p)
{
    size_t lines = CHUNK_FLOATS / p->width;
    return (lines ? lines : 1) * p->repeat;
}

static size_t shard_begin(int batch, int pixels, int shard)
{
    return (size_t)((int64_t)batch * shard / GF_SHARDS) * pixels;
}

/* ---- statistics ------------------------------------------------------------------------------ */

/* Mean and sum of squared deviations of `count` rows. */
typedef struct moments {
    double count, *mean, *m2;
} moments;

static void merge(moments *a, double count, const double *mean, const double *m2, size_t channels)
{
    double total = a->count + count, weight = total > 0 ? count / total : 0;
    for (size_t c = 0; c < channels; c++) {
        double delta = mean[c] - a->mean[c];
        a->mean[c] += delta * weight;
        a->m2[c] += m2[c] + delta * delta * a->count * weight;
    }
    a->count = total;
}

/* Working memory of one shard: doubles first, so that everything is aligned. */
typedef struct shard_memory {
    double *mean, *m2, *chunk_mean, *chunk_m2; /* channels each */
    float *sum, *wide;                         /* width each */
} shard_memory;

static size_t shard_bytes(const pattern *p)
{
    return (4 * p->channels * sizeof(double) + 2 * p->width * sizeof(float) + 63) / 64 * 64;
}

static shard_memory shard_memory_at(char *base, int shard, const pattern *p)
{
    double *d = (double *)(base + shard * shard_bytes(p));
    float *f = (float *)(d + 4 * p->channels);
    return (shard_memory){ d, d + p->channels, d + 2 * p->channels, d + 3 * p->channels,
                           f, f + p->width };
}

static void chunk_moments(shard_memory *m, const float *x, size_t rows, const pattern *p)
{
    sum_values(m->sum, x, rows, p);
    for (size_t c = 0; c < p->channels; c++) m->sum[c] /= (float)rows;
    for (size_t c = 0; c < p->channels; c++) m->chunk_mean[c] = m->sum[c];
    expand(m->wide, m->sum, p);
    sum_squares(m->sum, x, m->wide, rows, p);
    for (size_t c = 0; c < p->channels; c++) m->chunk_m2[c] = m->sum[c];
}

static double shard_moments(shard_memory *m, const float *x, size_t begin, size_t end,
                            const pattern *p)
{
    moments all = { 0, m->mean, m->m2 };
    memset(m->mean, 0, p->channels * sizeof(double));
    memset(m->m2, 0, p->channels * sizeof(double));
    size_t step = chunk_rows(p);
    for (size_t r = begin; r < end; r += step) {
        size_t rows = end - r < step ? end - r : step;
        chunk_moments(m, x + r * p->channels, rows, p);
        merge(&all, (double)rows, m->chunk_mean, m->chunk_m2, p->channels);
    }
    return all.count;
}

void GF_FAST(bn_statistics)(float *mean, float *variance, const float *x, int batch, int pixels,
                            int channels, gf_scratch *scratch)
{
    pattern p = pattern_of(channels);
    char *memory = gf_scratch_get(scratch, GF_SHARDS * shard_bytes(&p));
    if (!memory) {
        GF_FAST(poison)(mean, channels);
        GF_FAST(poison)(variance, channels);
        return;
    }
    double counts[GF_SHARDS];
#pragma omp parallel for schedule(static)
    for (int shard = 0; shard < GF_SHARDS; shard++) {
        shard_memory m = shard_memory_at(memory, shard, &p);
        counts[shard] = shard_moments(&m, x, shard_begin(batch, pixels, shard),
                                      shard_begin(batch, pixels, shard + 1), &p);
    }
    shard_memory first = shard_memory_at(memory, 0, &p);
    moments all = { counts[0], first.mean, first.m2 };
    for (int shard = 1; shard < GF_SHARDS; shard++) {
        shard_memory m = shard_memory_at(memory, shard, &p);
        if (counts[shard] > 0) merge(&all, counts[shard], m.mean, m.m2, channels);
    }
    for (int c = 0; c < channels; c++) {
        mean[c] = (float)all.mean[c];
        variance[c] = (float)(all.m2[c] / all.count);
    }
}

/* ---- element-wise parts ------------------------------------------------------------------------
 */

/* Per-channel coefficients, as long as a pattern row: in place where that is the channels. */
typedef struct coefficients {
    float wide[4][PATTERN_MAX];
} coefficients;

static const float *widen(coefficients *c, int index, const float *from, const pattern *p)
{
    if (p->repeat == 1) return from;
    expand(c->wide[index], from, p);
    return c->wide[index];
}

/* The statements for every value i of channel column k, in chunks of whole pattern rows. */
#define GF_ROWS(rows, p, vector_statement, scalar_statement)                                       \
    do {                                                                                           \
        size_t values = (rows) * (p)->channels, step = chunk_rows(p) * (p)->channels;              \
        GF_PRAGMA(omp parallel for schedule(static) if (values > 2 * CHUNK))                       \
        for (size_t begin = 0; begin < values; begin += step) {                                    \
            size_t end = begin + step < values ? begin + step : values;                            \
            for (size_t line = begin; line < end; line += (p)->width) {                            \
                size_t width = end - line < (p)->width ? end - line : (p)->width, k = 0;           \
                for (; k + LANES <= width; k += LANES) {                                           \
                    size_t i = line + k;                                                           \
                    vector_statement;                                                              \
                }                                                                                  \
                for (; k < width; k++) {                                                           \
                    size_t i = line + k;                                                           \
                    scalar_statement;                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

GF_INLINE float keep_positive(float value)
{
    return value < 0 ? 0 : value;
}

GF_INLINE vec keep_positive_vec(vec value)
{
    return select(value < splat(0), splat(0), value);
}

void GF_FAST(bn_forward)(float *y, const float *x, const float *mean, const float *scale,
                         const float *gamma, const float *beta, size_t rows, int channels,
                         gf_epilogue epilogue)
{
    pattern p = pattern_of(channels);
    coefficients c;
    const float *m = widen(&c, 0, mean, &p), *s = widen(&c, 1, scale, &p);
    const float *g = widen(&c, 2, gamma, &p), *b = widen(&c, 3, beta, &p);
#define VALUE_VEC ((load(x + i) - load(m + k)) * load(s + k) * load(g + k) + load(b + k))
#define VALUE     ((x[i] - m[k]) * s[k] * g[k] + b[k])
    if (epilogue == GF_EPILOGUE_RELU)
        GF_ROWS(rows, &p, store(y + i, keep_positive_vec(VALUE_VEC)), y[i] = keep_positive(VALUE));
    else
        GF_ROWS(rows, &p, store(y + i, VALUE_VEC), y[i] = VALUE);
#undef VALUE_VEC
#undef VALUE
}

/* ---- backward
 * ------------------------------------------------------------------------------------ */

/* Sums of d_y and of d_y * (x - mean) over a shard's rows, into m->mean and m->m2. */
static void shard_gradients(shard_memory *m, const float *d_y, const float *x, const float *mean,
                            size_t begin, size_t end, const pattern *p)
{
    memset(m->mean, 0, p->channels * sizeof(double));
    memset(m->m2, 0, p->channels * sizeof(double));
    expand(m->wide, mean, p);
    size_t step = chunk_rows(p);
    for (size_t r = begin; r < end; r += step) {
        size_t rows = end - r < step ? end - r : step, at = r * p->channels;
        sum_values(m->sum, d_y + at, rows, p);
        for (size_t c = 0; c < p->channels; c++) m->mean[c] += m->sum[c];
        sum_products(m->sum, d_y + at, x + at, m->wide, rows, p);
        for (size_t c = 0; c < p->channels; c++) m->m2[c] += m->sum[c];
    }
}

static void parameter_gradients(float *d_gamma, float *d_beta, const float *d_y, const float *x,
                                const float *mean, const float *scale, int batch, int pixels,
                                const pattern *p, char *memory)
{
#pragma omp parallel for schedule(static)
    for (int shard = 0; shard < GF_SHARDS; shard++) {
        shard_memory m = shard_memory_at(memory, shard, p);
        shard_gradients(&m, d_y, x, mean, shard_begin(batch, pixels, shard),
                        shard_begin(batch, pixels, shard + 1), p);
    }
    for (size_t c = 0; c < p->channels; c++) {
        double gamma_sum = 0, beta_sum = 0;
        for (int shard = 0; shard < GF_SHARDS; shard++) {
            shard_memory m = shard_memory_at(memory, shard, p);
            beta_sum += m.mean[c];
            gamma_sum += m.m2[c];
        }
        d_gamma[c] = (float)(gamma_sum * scale[c]);
        d_beta[c] = (float)beta_sum;
    }
}

/* d_x = a * d_y - b - c * (x - mean), the coefficients per channel. */
static void input_gradient(float *d_x, const float *d_y, const float *x, const float *mean,
                           const float *factor, const float *offset, const float *slope,
                           size_t rows, const pattern *p, bool add)
{
    coefficients wide;
    const float *a = widen(&wide, 0, factor, p), *b = widen(&wide, 1, offset, p);
    const float *c = widen(&wide, 2, slope, p), *m = widen(&wide, 3, mean, p);
#define VALUE_VEC                                                                                  \
    (load(a + k) * load(d_y + i) - (load(c + k) * (load(x + i) - load(m + k)) + load(b + k)))
#define VALUE (a[k] * d_y[i] - (c[k] * (x[i] - m[k]) + b[k]))
    if (add)
        GF_ROWS(rows, p, store(d_x + i, load(d_x + i) + VALUE_VEC), d_x[i] += VALUE);
    else
        GF_ROWS(rows, p, store(d_x + i, VALUE_VEC), d_x[i] = VALUE);
#undef VALUE_VEC
#undef VALUE
}

static void frozen_input_gradient(float *d_x, const float *d_y, const float *factor, size_t rows,
                                  const pattern *p, bool add)
{
    coefficients wide;
    const float *a = widen(&wide, 0, factor, p);
    if (add)
        GF_ROWS(rows, p, store(d_x + i, load(d_x + i) + load(a + k) * load(d_y + i)),
                d_x[i] += a[k] * d_y[i]);
    else
        GF_ROWS(rows, p, store(d_x + i, load(a + k) * load(d_y + i)), d_x[i] = a[k] * d_y[i]);
}

/* Scratch of the backward passes: the shards', then three rows of coefficients. */
static char *backward_memory(float **factor, const pattern *p, gf_scratch *scratch)
{
    size_t shards = GF_SHARDS * shard_bytes(p);
    char *memory = gf_scratch_get(scratch, shards + 3 * p->channels * sizeof(float));
    if (memory) *factor = (float *)(memory + shards);
    return memory;
}

static void poison_all(float *d_x, float *d_gamma, float *d_beta, size_t rows, int channels)
{
    if (d_x) GF_FAST(poison)(d_x, rows * channels);
    GF_FAST(poison)(d_gamma, channels);
    GF_FAST(poison)(d_beta, channels);
}

void GF_FAST(bn_backward)(float *d_x, float *d_gamma, float *d_beta, const float *d_y,
                          const float *x, const float *mean, const float *scale, const float *gamma,
                          int batch, int pixels, int channels, bool add, gf_scratch *scratch)
{
    pattern p = pattern_of(channels);
    size_t rows = (size_t)batch * pixels;
    float *factor;
    char *memory = backward_memory(&factor, &p, scratch);
    if (!memory) {
        poison_all(d_x, d_gamma, d_beta, rows, channels);
        return;
    }
    parameter_gradients(d_gamma, d_beta, d_y, x, mean, scale, batch, pixels, &p, memory);
    if (!d_x) return;
    float *offset = factor + channels, *slope = offset + channels;
    for (int c = 0; c < channels; c++) {
        factor[c] = gamma[c] * scale[c];
        offset[c] = factor[c] * d_beta[c] / (float)rows;
        slope[c] = factor[c] * scale[c] * d_gamma[c] / (float)rows;
    }
    input_gradient(d_x, d_y, x, mean, factor, offset, slope, rows, &p, add);
}

void GF_FAST(bn_backward_frozen)(float *d_x, float *d_gamma, float *d_beta, const float *d_y,
                                 const float *x, const float *mean, const float *scale,
                                 const float *gamma, int batch, int pixels, int channels, bool add,
                                 gf_scratch *scratch)
{
    pattern p = pattern_of(channels);
    size_t rows = (size_t)batch * pixels;
    float *factor;
    char *memory = backward_memory(&factor, &p, scratch);
    if (!memory) {
        poison_all(d_x, d_gamma, d_beta, rows, channels);
        return;
    }
    parameter_gradients(d_gamma, d_beta, d_y, x, mean, scale, batch, pixels, &p, memory);
    if (!d_x) return;
    for (int c = 0; c < channels; c++) factor[c] = gamma[c] * scale[c];
    frozen_input_gradient(d_x, d_y, factor, rows, &p, add);
}
