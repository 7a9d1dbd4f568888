/* Gradients of weights and bias. For one row of kernel elements the products
 * d_y[pixel, f] * x[pixel, (kx, c)] are outer products with (kx, c) contiguous in the padded image:
 * a block of WEIGHT_FILTERS x WEIGHT_VECTORS sums stays in registers while the pixels go by, and
 * lands in the layout of the weights without a transposition. The batch is summed in GF_SHARDS
 * parts, each pixel by pixel, and the parts in a fixed tree. */
#include "../tune.h"
#include "gather.h"

#include <omp.h>
#include <string.h>

enum { CHUNK_FLOATS = 1 << 18, PART_FILTERS = 32, PARTS_MAX = 4 };

typedef struct weight_job {
    const gf_conv_shape *shape;
    gf_plan plan; /* of the forward pass: how images are padded */
    const float *d_y, *x;
    float *partial, *partial_bias; /* [GF_SHARDS][weights], [GF_SHARDS][filters] */
    size_t weights;
    float *buffers;
    size_t buffer_size;
    int chunk; /* images padded together */
    int parts; /* of the filters of a group, for the sake of threads only */
} weight_job;

/* What is there already, if the sums are to be added to it. */
GF_INLINE void load_block(vec sum[WEIGHT_FILTERS][WEIGHT_VECTORS], const float *to, size_t filter,
                          const int filters, const int vectors, int lanes, bool add)
{
    EACH(int f = 0; f < filters; f++)
    EACH(int v = 0; v < vectors; v++)
    {
        int left = add ? lanes - v * LANES : 0;
        sum[f][v] = splat(0);
        if (left >= LANES)
            sum[f][v] = load(to + f * filter + v * LANES);
        else
            for (int i = 0; i < left; i++) sum[f][v][i] = to[f * filter + v * LANES + i];
    }
}

GF_INLINE void store_block(float *to, vec sum[WEIGHT_FILTERS][WEIGHT_VECTORS], size_t filter,
                           const int filters, const int vectors, int lanes)
{
    EACH(int f = 0; f < filters; f++)
    EACH(int v = 0; v < vectors; v++)
    {
        int left = lanes - v * LANES;
        if (left >= LANES)
            store(to + f * filter + v * LANES, sum[f][v]);
        else
            store_part(to + f * filter + v * LANES, sum[f][v], left);
    }
}

/* to[f][0..lanes) = or += sum over pixels; `filter` is the step from filter to filter. */
GF_INLINE void block(float *to, size_t filter, const pixel_run *run, const int filters,
                     const int vectors, int lanes)
{
    vec sum[WEIGHT_FILTERS][WEIGHT_VECTORS];
    load_block(sum, to, filter, filters, vectors, lanes, run->add);
    const float *d = run->d_y;
    for (int n = 0; n < run->images; n++) {
        for (int row = 0; row < run->rows; row++) {
            const float *x = run->x + n * run->x_image + row * run->x_row;
            for (int column = 0; column < run->columns; column++) {
                vec in[WEIGHT_VECTORS];
                EACH(int v = 0; v < vectors; v++) in[v] = load(x + v * LANES);
                EACH(int f = 0; f < filters; f++)
                {
                    vec value = splat(d[f]);
                    EACH(int v = 0; v < vectors; v++) sum[f][v] += value * in[v];
                }
                x += run->x_pixel;
                d += run->d_pixel;
            }
        }
    }
    store_block(to, sum, filter, filters, vectors, lanes);
}

static void filters_full(float *to, size_t filter, const pixel_run *run, int vectors, int lanes)
{
    if (vectors == 3)
        block(to, filter, run, WEIGHT_FILTERS, 3, lanes);
    else if (vectors == 2)
        block(to, filter, run, WEIGHT_FILTERS, 2, lanes);
    else
        block(to, filter, run, WEIGHT_FILTERS, 1, lanes);
}

static void filters_single(float *to, size_t filter, const pixel_run *run, int vectors, int lanes)
{
    if (vectors == 3)
        block(to, filter, run, 1, 3, lanes);
    else if (vectors == 2)
        block(to, filter, run, 1, 2, lanes);
    else
        block(to, filter, run, 1, 1, lanes);
}

void GF_FAST(outer_products)(float *to, size_t filter, pixel_run run, int filters, int length)
{
    for (int done = 0; done < length;) {
        int left = (length - done + LANES - 1) / LANES;
        int vectors = left == 4 ? 2 : left < 3 ? left : 3; /* 4 = 2 + 2 beats 3 + 1 */
        pixel_run part = run;
        part.x += done;
        int f = 0;
        for (; f + WEIGHT_FILTERS <= filters; f += WEIGHT_FILTERS, part.d_y += WEIGHT_FILTERS)
            filters_full(to + f * filter + done, filter, &part, vectors, length - done);
        for (; f < filters; f++, part.d_y++)
            filters_single(to + f * filter + done, filter, &part, vectors, length - done);
        done += vectors * LANES;
    }
}

/* All kernel elements for filters [first, first + count) of a group. */
static void run_filters(float *partial, const weight_job *job, pixel_run run, int group, int first,
                        int count)
{
    const gf_conv_shape *s = job->shape;
    const gf_plan *plan = &job->plan;
    int columns = s->groups == 1 ? 1 : s->kernel_width;
    int length = plan->inner * (s->kernel_width / columns);
    int filter = group * plan->outer + first;
    float *to = partial + filter * plan->weight_out;
    run.d_y += filter;
    run.x += (size_t)group * plan->inner;
    const float *corner = run.x;
    for (int ky = 0; ky < s->kernel_height; ky++) {
        for (int kx = 0; kx < columns; kx++, to += length) {
            run.x = corner + ky * run.x_row / s->stride + (size_t)kx * s->channels;
            GF_FAST(outer_products)(to, plan->weight_out, run, count, length);
        }
    }
}

static void bias_sums(float *sums, const float *d_y, size_t rows, int filters)
{
    for (size_t r = 0; r < rows; r++)
        for (int f = 0; f < filters; f++) sums[f] += d_y[r * filters + f];
}

/* Images [first, first + images) of a shard, for one part of every group's filters. */
static void run_chunk(const weight_job *job, int shard, int part, int first, int images)
{
    const gf_plan *plan = &job->plan;
    const gf_conv_shape *s = job->shape;
    size_t d_image = (size_t)s->out_height * s->out_width * s->filters;
    const float *x = job->x + first * gf_plan_source_size(plan);
    if (job->buffer_size) {
        float *padded = job->buffers + (size_t)omp_get_thread_num() * job->buffer_size;
        gf_plan_pad(padded, x, plan, images);
        x = padded;
    }
    pixel_run run = { .d_y = job->d_y + first * d_image,
                      .x = x,
                      .images = images,
                      .rows = s->out_height,
                      .columns = s->out_width,
                      .x_image = gf_plan_padded_size(plan),
                      .x_row = (size_t)s->stride * plan->padded_width * plan->channels,
                      .x_pixel = (size_t)s->stride * plan->channels,
                      .d_pixel = s->filters,
                      .add = true };
    int from = plan->outer * part / job->parts, to = plan->outer * (part + 1) / job->parts;
    float *partial = job->partial + shard * job->weights;
    if (plan->depthwise) GF_FAST(depthwise_gradient)(partial, &run, s, run.x_row / s->stride);
    for (int group = 0; group < plan->groups && !plan->depthwise; group++)
        run_filters(partial, job, run, group, from, to - from);
    if (job->partial_bias && part == 0)
        bias_sums(job->partial_bias + (size_t)shard * s->filters, run.d_y,
                  (size_t)images * s->out_height * s->out_width, s->filters);
}

static void run_shard(const weight_job *job, int shard, int part)
{
    int batch = job->shape->batch;
    int end = (int)((int64_t)batch * (shard + 1) / GF_SHARDS);
    for (int n = (int)((int64_t)batch * shard / GF_SHARDS); n < end; n += job->chunk)
        run_chunk(job, shard, part, n, end - n < job->chunk ? end - n : job->chunk);
}

/* out[i] = sum of the shards' i-th values, in a fixed tree. */
static void combine(float *out, const float *parts, size_t count)
{
    _Static_assert(GF_SHARDS == 8, "the tree is written for 8 parts");
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        const float *p = parts + i;
        out[i] = ((p[0] + p[count]) + (p[2 * count] + p[3 * count])) +
                 ((p[4 * count] + p[5 * count]) + (p[6 * count] + p[7 * count]));
    }
}

static size_t rounded(size_t count)
{
    return (count + 15) / 16 * 16;
}

/* Reading whole vectors goes beyond a run's end by less than a block; the padded copy has room. */
static bool allot(weight_job *job, bool wants_bias, gf_scratch *scratch)
{
    const gf_conv_shape *s = job->shape;
    size_t image = gf_plan_padded_size(&job->plan);
    int columns = s->groups == 1 ? s->kernel_width : 1;
    int length = job->plan.depthwise ? s->filters : job->plan.inner * columns;
    bool copies = job->plan.copies || length % LANES != 0;
    int shard_most = (s->batch + GF_SHARDS - 1) / GF_SHARDS;
    size_t fit = (size_t)gf_tune_scale(CHUNK_FLOATS, gf_tune_grain(GF_PASS_BACKWARD_WEIGHT, s));
    job->chunk = image * shard_most <= fit ? shard_most : (int)(fit / image);
    if (job->chunk < 1) job->chunk = 1;
    job->buffer_size = copies ? rounded(job->chunk * image + WEIGHT_VECTORS * LANES) : 0;
    size_t partial = rounded(GF_SHARDS * job->weights);
    size_t bias = wants_bias ? rounded((size_t)GF_SHARDS * s->filters) : 0;
    size_t floats = partial + bias + job->buffer_size * (size_t)omp_get_max_threads();
    job->partial = gf_scratch_get(scratch, floats * sizeof(float));
    if (!job->partial) return false;
    job->partial_bias = wants_bias ? job->partial + partial : NULL;
    job->buffers = job->partial + partial + bias;
    return true;
}

static void clear_shard(const weight_job *job, int shard)
{
    size_t filters = job->shape->filters;
    memset(job->partial + shard * job->weights, 0, job->weights * sizeof(float));
    if (job->partial_bias) memset(job->partial_bias + shard * filters, 0, filters * sizeof(float));
}

void GF_FAST(weight_gradient)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                              const gf_conv_shape *shape, gf_scratch *scratch)
{
    weight_job job = { .shape = shape, .d_y = d_y, .x = x };
    gf_plan_forward(&job.plan, shape);
    job.weights = shape->filters * job.plan.weight_out;
    job.parts = (job.plan.outer + PART_FILTERS - 1) / PART_FILTERS;
    if (job.parts > PARTS_MAX) job.parts = PARTS_MAX;
    if (job.plan.depthwise) job.parts = 1;
    if (!allot(&job, d_bias != NULL, scratch)) {
        poison(d_weight, job.weights);
        if (d_bias) poison(d_bias, shape->filters);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int shard = 0; shard < GF_SHARDS; shard++) clear_shard(&job, shard);
#pragma omp parallel for schedule(dynamic)
    for (int item = 0; item < GF_SHARDS * job.parts; item++)
        run_shard(&job, item / job.parts, item % job.parts);
    combine(d_weight, job.partial, job.weights);
    if (d_bias) combine(d_bias, job.partial_bias, shape->filters);
}
