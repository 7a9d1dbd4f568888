/* Batch normalization; formulas and paper stand in ref/bn.c. Sums: floats over a chunk of rows that
 * stays in cache, doubles from chunk to chunk; variance by two passes over each chunk and the
 * pairwise formula between them (Chan, Golub & LeVeque 1979), so that a large mean costs no
 * digits. */
#include "elementwise.h"
#include "rows.h"

#include <string.h>

static void sum_values(float *sum, const float *x, size_t rows, const pattern *p)
{
    rows_in in = { .x = x };
    column_sums(sum, &in, rows, p, plain_value);
}

static void sum_squares(float *sum, const float *x, const float *mean, size_t rows,
                        const pattern *p)
{
    rows_in in = { .x = x, .mean = mean };
    column_sums(sum, &in, rows, p, squared_deviation);
}

static void sum_products(float *sum, const float *d_y, const float *x, const float *mean,
                         size_t rows, const pattern *p)
{
    rows_in in = { .x = x, .d_y = d_y, .mean = mean };
    column_sums(sum, &in, rows, p, product_with_deviation);
}

static size_t shard_begin(int batch, int pixels, int shard)
{
    return (size_t)((int64_t)batch * shard / GF_SHARDS) * pixels;
}

/* ---- statistics ---- */

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
        poison(mean, channels);
        poison(variance, channels);
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

static void run_pass(const pass *s, size_t rows, pass_chunk *run)
{
    size_t values = rows * s->p->channels, step = chunk_rows(s->p) * s->p->channels;
#pragma omp parallel for schedule(static) if (values > 2 * CHUNK)
    for (size_t begin = 0; begin < values; begin += step)
        run(s, begin, begin + step < values ? begin + step : values);
}

/* (x - mean) * a * b + c: scale, gamma, beta */
GF_INLINE vec normalized(const pass *s, size_t i, size_t k, int lanes)
{
    vec centered = load_part(s->x + i, lanes) - load_part(s->mean + k, lanes);
    vec factor = load_part(s->a + k, lanes), gamma = load_part(s->b + k, lanes);
    return centered * factor * gamma + load_part(s->c + k, lanes);
}

static void write_normalized(const pass *s, size_t begin, size_t end)
{
    write_chunk(s, begin, end, normalized, false, false);
}

static void write_normalized_relu(const pass *s, size_t begin, size_t end)
{
    write_chunk(s, begin, end, normalized, false, true);
}

void GF_FAST(bn_forward)(float *y, const float *x, const float *mean, const float *scale,
                         const float *gamma, const float *beta, size_t rows, int channels,
                         gf_epilogue epilogue)
{
    pattern p = pattern_of(channels);
    coefficients wide;
    pass s = { .p = &p,
               .out = y,
               .x = x,
               .mean = widen(&wide, 0, mean, &p),
               .a = widen(&wide, 1, scale, &p),
               .b = widen(&wide, 2, gamma, &p),
               .c = widen(&wide, 3, beta, &p) };
    run_pass(&s, rows, epilogue == GF_EPILOGUE_RELU ? write_normalized_relu : write_normalized);
}

/* ---- backward ---- */

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

/* a * d_y - b - c * (x - mean) */
GF_INLINE vec gradient_through(const pass *s, size_t i, size_t k, int lanes)
{
    vec centered = load_part(s->x + i, lanes) - load_part(s->mean + k, lanes);
    vec taken = load_part(s->c + k, lanes) * centered + load_part(s->b + k, lanes);
    return load_part(s->a + k, lanes) * load_part(s->d_y + i, lanes) - taken;
}

GF_INLINE vec gradient_frozen(const pass *s, size_t i, size_t k, int lanes)
{
    return load_part(s->a + k, lanes) * load_part(s->d_y + i, lanes);
}

static void write_through(const pass *s, size_t begin, size_t end)
{
    write_chunk(s, begin, end, gradient_through, false, false);
}

static void add_through(const pass *s, size_t begin, size_t end)
{
    write_chunk(s, begin, end, gradient_through, true, false);
}

static void write_frozen(const pass *s, size_t begin, size_t end)
{
    write_chunk(s, begin, end, gradient_frozen, false, false);
}

static void add_frozen(const pass *s, size_t begin, size_t end)
{
    write_chunk(s, begin, end, gradient_frozen, true, false);
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
    if (d_x) poison(d_x, rows * channels);
    poison(d_gamma, channels);
    poison(d_beta, channels);
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
    coefficients wide;
    pass s = { .p = &p,
               .out = d_x,
               .x = x,
               .d_y = d_y,
               .mean = widen(&wide, 0, mean, &p),
               .a = widen(&wide, 1, factor, &p),
               .b = widen(&wide, 2, offset, &p),
               .c = widen(&wide, 3, slope, &p) };
    run_pass(&s, rows, add ? add_through : write_through);
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
    coefficients wide;
    pass s = { .p = &p, .out = d_x, .d_y = d_y, .a = widen(&wide, 0, factor, &p) };
    run_pass(&s, rows, add ? add_frozen : write_frozen);
}
