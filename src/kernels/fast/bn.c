/* Batch normalization; formulas and paper stand in ref/bn.c. Sums: floats over a chunk of rows that
 * stays in cache, doubles from chunk to chunk; variance by deviations from a guess of
 * the chunk's mean and the pairwise formula between chunks (Chan, Golub & LeVeque 1979, sections 1
 * and 2), so that a large mean costs no digits. */
#include "elementwise.h"
#include "rows.h"

#include <string.h>

enum { GUESS_ROWS = 8 };

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
    float *sum, *products, *wide;              /* width each */
    float *guess;                              /* channels */
} shard_memory;

static size_t shard_bytes(const pattern *p)
{
    return (4 * p->channels * sizeof(double) + (3 * p->width + p->channels) * sizeof(float) + 63) /
           64 * 64;
}

static shard_memory shard_memory_at(char *base, int shard, const pattern *p)
{
    double *d = (double *)(base + shard * shard_bytes(p));
    float *f = (float *)(d + 4 * p->channels);
    return (shard_memory){ d, d + p->channels, d + 2 * p->channels, d + 3 * p->channels,
                           f, f + p->width,    f + 2 * p->width,    f + 3 * p->width };
}

static void deviation_sums(float *sum, float *squares, const rows_in *in, size_t rows,
                           const pattern *p)
{
    column_sums(sum, squares, in, rows, p, deviation_and_square);
}

/* Near the mean of a chunk: the mean of some of its rows. */
static void guess_mean(float *mean, const float *x, size_t rows, size_t channels)
{
    size_t count = rows < GUESS_ROWS ? rows : GUESS_ROWS, step = rows / count;
    memset(mean, 0, channels * sizeof *mean);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < channels; c++) mean[c] += x[i * step * channels + c];
    for (size_t c = 0; c < channels; c++) mean[c] /= (float)count;
}

/* Deviations are taken from a guess that is near enough to the mean for no digits to go. */
static void chunk_moments(shard_memory *m, const float *x, size_t rows, const pattern *p)
{
    guess_mean(m->guess, x, rows, p->channels);
    expand(m->wide, m->guess, p);
    const rows_in in = { .x = x, .mean = m->wide };
    deviation_sums(m->sum, m->products, &in, rows, p);
    for (size_t c = 0; c < p->channels; c++) {
        double shift = (double)m->sum[c] / (double)rows;
        double m2 = (double)m->products[c] - (double)m->sum[c] * shift;
        m->chunk_mean[c] = (double)m->guess[c] + shift;
        m->chunk_m2[c] = m2 < 0 ? 0 : m2; /* NaN stays NaN */
    }
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

GF_INLINE vec normalized_and_added(const pass *s, size_t i, size_t k, int lanes)
{
    return normalized(s, i, k, lanes) + load_part(s->residual + i, lanes);
}

#define PASS(name, value, add, relu)                                                               \
    static void name(const pass *s, size_t begin, size_t end)                                      \
    {                                                                                              \
        write_chunk(s, begin, end, value, add, relu);                                              \
    }

PASS(write_normalized, normalized, false, false)
PASS(write_normalized_relu, normalized, false, true)
PASS(write_added, normalized_and_added, false, false)
PASS(write_added_relu, normalized_and_added, false, true)

static size_t rows_of(const gf_bn *bn)
{
    return (size_t)bn->batch * bn->pixels;
}

void GF_FAST(bn_forward)(float *y, const float *x, const float *residual, const gf_bn *bn,
                         gf_epilogue epilogue)
{
    static pass_chunk *const passes[2][2] = { { write_normalized, write_normalized_relu },
                                              { write_added, write_added_relu } };
    pattern p = pattern_of(bn->channels);
    coefficients wide;
    pass s = { .p = &p,
               .out = y,
               .x = x,
               .residual = residual,
               .mean = widen(&wide, 0, bn->mean, &p),
               .a = widen(&wide, 1, bn->scale, &p),
               .b = widen(&wide, 2, bn->gamma, &p),
               .c = widen(&wide, 3, bn->beta, &p) };
    run_pass(&s, rows_of(bn), passes[residual != NULL][epilogue == GF_EPILOGUE_RELU]);
}

/* ---- backward: one pass for the sums (and the residual's gradient), one for d_x ---- */

typedef struct gradient_job {
    const gf_bn *bn;
    const gf_bn_gradients *out;
    const float *d_y, *y, *x;
    const pattern *p;
    char *memory; /* of the shards */
} gradient_job;

typedef void chunk_sums(float *sum, float *products, const rows_in *in, size_t rows,
                        const pattern *p);

#define UPSTREAM(name, cut, use)                                                                   \
    GF_INLINE pair name##_pair(const rows_in *in, size_t i, size_t k, int lanes)                   \
    {                                                                                              \
        return upstream_and_product(in, i, k, lanes, cut, use);                                    \
    }                                                                                              \
    static void name(float *sum, float *products, const rows_in *in, size_t rows,                  \
                     const pattern *p)                                                             \
    {                                                                                              \
        column_sums(sum, products, in, rows, p, name##_pair);                                      \
    }

UPSTREAM(plain_sums, false, RESIDUAL_NONE)
UPSTREAM(plain_sums_written, false, RESIDUAL_WRITE)
UPSTREAM(plain_sums_added, false, RESIDUAL_ADD)
UPSTREAM(cut_sums, true, RESIDUAL_NONE)
UPSTREAM(cut_sums_written, true, RESIDUAL_WRITE)
UPSTREAM(cut_sums_added, true, RESIDUAL_ADD)

static chunk_sums *sums_of(const gradient_job *job)
{
    static chunk_sums *const all[2][3] = { { plain_sums, plain_sums_written, plain_sums_added },
                                           { cut_sums, cut_sums_written, cut_sums_added } };
    const gf_bn_gradients *out = job->out;
    residual_use use = !out->d_residual    ? RESIDUAL_NONE
                       : out->add_residual ? RESIDUAL_ADD
                                           : RESIDUAL_WRITE;
    return all[job->y != NULL][use];
}

/* Sums of d_y and of d_y * (x - mean) over a shard's rows, into m->mean and m->m2. */
static void shard_gradients(shard_memory *m, const gradient_job *job, size_t begin, size_t end)
{
    const pattern *p = job->p;
    chunk_sums *sums = sums_of(job);
    memset(m->mean, 0, p->channels * sizeof(double));
    memset(m->m2, 0, p->channels * sizeof(double));
    expand(m->wide, job->bn->mean, p);
    size_t step = chunk_rows(p);
    for (size_t r = begin; r < end; r += step) {
        size_t rows = end - r < step ? end - r : step, at = r * p->channels;
        const rows_in in = { .x = job->x + at,
                             .mean = m->wide,
                             .d_y = job->d_y + at,
                             .y = job->y ? job->y + at : NULL,
                             .residual = job->out->d_residual ? job->out->d_residual + at : NULL };
        sums(m->sum, m->products, &in, rows, p);
        for (size_t c = 0; c < p->channels; c++) m->mean[c] += m->sum[c];
        for (size_t c = 0; c < p->channels; c++) m->m2[c] += m->products[c];
    }
}

static void parameter_gradients(const gradient_job *job)
{
    const gf_bn *bn = job->bn;
#pragma omp parallel for schedule(static)
    for (int shard = 0; shard < GF_SHARDS; shard++) {
        shard_memory m = shard_memory_at(job->memory, shard, job->p);
        shard_gradients(&m, job, shard_begin(bn->batch, bn->pixels, shard),
                        shard_begin(bn->batch, bn->pixels, shard + 1));
    }
    for (int c = 0; c < bn->channels; c++) {
        double gamma_sum = 0, beta_sum = 0;
        for (int shard = 0; shard < GF_SHARDS; shard++) {
            shard_memory m = shard_memory_at(job->memory, shard, job->p);
            beta_sum += m.mean[c];
            gamma_sum += m.m2[c];
        }
        job->out->d_gamma[c] = (float)(gamma_sum * bn->scale[c]);
        job->out->d_beta[c] = (float)beta_sum;
    }
}

GF_INLINE vec plain_upstream(const pass *s, size_t i, int lanes)
{
    return load_part(s->d_y + i, lanes);
}

GF_INLINE vec cut_upstream(const pass *s, size_t i, int lanes)
{
    return blend(load_part(s->y + i, lanes) <= splat(0), splat(0), load_part(s->d_y + i, lanes));
}

/* a * d_y - b - c * (x - mean) */
GF_INLINE vec through(vec d_y, const pass *s, size_t i, size_t k, int lanes)
{
    vec centered = load_part(s->x + i, lanes) - load_part(s->mean + k, lanes);
    vec taken = load_part(s->c + k, lanes) * centered + load_part(s->b + k, lanes);
    return load_part(s->a + k, lanes) * d_y - taken;
}

GF_INLINE vec frozen(vec d_y, const pass *s, size_t i, size_t k, int lanes)
{
    (void)i;
    return load_part(s->a + k, lanes) * d_y;
}

#define GRADIENT(rule, upstream)                                                                   \
    GF_INLINE vec rule##_##upstream(const pass *s, size_t i, size_t k, int lanes)                  \
    {                                                                                              \
        return rule(upstream##_upstream(s, i, lanes), s, i, k, lanes);                             \
    }                                                                                              \
    PASS(write_##rule##_##upstream, rule##_##upstream, false, false)                               \
    PASS(add_##rule##_##upstream, rule##_##upstream, true, false)

GRADIENT(through, plain)
GRADIENT(through, cut)
GRADIENT(frozen, plain)
GRADIENT(frozen, cut)

/* [frozen][behind a ReLU][add] */
static pass_chunk *const gradient_passes[2][2][2] = {
    { { write_through_plain, add_through_plain }, { write_through_cut, add_through_cut } },
    { { write_frozen_plain, add_frozen_plain }, { write_frozen_cut, add_frozen_cut } },
};

/* coefficients: three rows of channels */
static void input_gradient(const gradient_job *job, float *factor)
{
    const gf_bn *bn = job->bn;
    const gf_bn_gradients *out = job->out;
    size_t rows = rows_of(bn);
    float *offset = factor + bn->channels, *slope = offset + bn->channels;
    for (int c = 0; c < bn->channels; c++) {
        factor[c] = bn->gamma[c] * bn->scale[c];
        offset[c] = factor[c] * out->d_beta[c] / (float)rows;
        slope[c] = factor[c] * bn->scale[c] * out->d_gamma[c] / (float)rows;
    }
    bool done = out->d_residual && !out->add_residual; /* it holds d_y behind the ReLU */
    coefficients wide;
    pass s = { .p = job->p,
               .out = out->d_x,
               .x = job->x,
               .d_y = done ? out->d_residual : job->d_y,
               .y = done ? NULL : job->y,
               .mean = widen(&wide, 0, bn->mean, job->p),
               .a = widen(&wide, 1, factor, job->p),
               .b = widen(&wide, 2, offset, job->p),
               .c = widen(&wide, 3, slope, job->p) };
    run_pass(&s, rows, gradient_passes[bn->frozen][s.y != NULL][out->add_x]);
}

static void poison_all(const gf_bn_gradients *out, const gf_bn *bn)
{
    if (out->d_x) poison(out->d_x, rows_of(bn) * bn->channels);
    if (out->d_residual) poison(out->d_residual, rows_of(bn) * bn->channels);
    poison(out->d_gamma, bn->channels);
    poison(out->d_beta, bn->channels);
}

void GF_FAST(bn_backward)(const gf_bn_gradients *out, const float *d_y, const float *y,
                          const float *x, const gf_bn *bn, gf_scratch *scratch)
{
    pattern p = pattern_of(bn->channels);
    size_t shards = GF_SHARDS * shard_bytes(&p);
    char *memory = gf_scratch_get(scratch, shards + 3 * p.channels * sizeof(float));
    if (!memory) {
        poison_all(out, bn);
        return;
    }
    gradient_job job = {
        .bn = bn, .out = out, .d_y = d_y, .y = y, .x = x, .p = &p, .memory = memory
    };
    parameter_gradients(&job);
    if (out->d_x) input_gradient(&job, (float *)(memory + shards));
}
