/* Weight gradient of a 3x3 stride-1 convolution by the transpose of F(4x4, 3x3): with the patches
 * of x and the 4x4 tiles of d_y transformed to 36 points, each point is an outer product summed
 * over tiles, and the 36 sums become 3x3 weights at the very end. The batch is summed in GF_SHARDS
 * parts, tile by tile, and the parts in a fixed tree; where so many sums would take more memory
 * than the transformed tiles of the whole batch, in one part, point by point. Leaves out the bias.
 */
#include "../tune.h"
#include "winograd.h"

#include <omp.h>
#include <string.h>

enum { BLOCK_TILES = 64, GROUP_FILTERS = 128 };

typedef struct weight_job {
    tiling grid;
    const gf_conv_shape *shape;
    const float *d_y;
    int parts;      /* GF_SHARDS or 1 */
    float *partial; /* [parts][POINTS][filters][channels] */
    int block;      /* tiles transformed together: sums go tile by tile all the same */
    size_t plane;   /* filters * channels */
    float *buffers; /* per thread: transformed x, then transformed d_y */
    size_t buffer_size, d_plane;
} weight_job;

/* 4 values in, 6 out, both `step` apart: the transpose of the output transform. */
GF_INLINE void spread_axis(vec *d, const int step)
{
    vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    vec even_a = d0 + AA * d2, odd_a = A * (d1 + AA * d3);
    vec even_b = d0 + BB * d2, odd_b = B * (d1 + BB * d3);
    d[step] = even_a + odd_a;
    d[2 * step] = even_a - odd_a;
    d[3 * step] = even_b + odd_b;
    d[4 * step] = even_b - odd_b;
    d[5 * step] = d3;
}

/* 6 values in, 3 out: the transpose of the weight transform. */
GF_INLINE void gather_axis(vec *u, const int step)
{
    vec sum_a = NORM_A * (u[step] + u[2 * step]), difference_a = NORM_A * (u[step] - u[2 * step]);
    vec sum_b = NORM_B * (u[3 * step] + u[4 * step]);
    vec difference_b = NORM_B * (u[3 * step] - u[4 * step]);
    u[0] = u[0] * (1 / (AA * BB)) + sum_a + sum_b;
    u[step] = A * difference_a + B * difference_b;
    u[2 * step] = AA * sum_a + BB * sum_b + u[5 * step];
}

/* A tile of d_y; what hangs over the border is zero. */
static void transform_gradient(float *to, const weight_job *job, int tile)
{
    const gf_conv_shape *s = job->shape;
    place at = place_of(&job->grid, tile);
    size_t line = (size_t)s->out_width * s->filters;
    const float *from = job->d_y + ((size_t)at.image * s->out_height + at.row) * line +
                        (size_t)at.column * s->filters;
    for (int f = 0; f < s->filters; f += LANES) {
        vec d[POINTS];
        for (int y = 0; y < OUT; y++) {
            for (int x = 0; x < OUT; x++) {
                bool inside = at.row + y < s->out_height && at.column + x < s->out_width;
                d[y * PATCH + x] =
                    inside ? load_operand(from + y * line + (size_t)x * s->filters + f) : splat(0);
            }
        }
        EACH(int x = 0; x < OUT; x++) spread_axis(d + x, PATCH);
        EACH(int y = 0; y < PATCH; y++) spread_axis(d + y * PATCH, 1);
        EACH(int i = 0; i < POINTS; i++) store(to + i * job->d_plane + f, d[i]);
    }
}

/* sources, gradients: of the block that begins with tile `first` */
static void transform_tile(float *sources, float *gradients, const weight_job *job, int first,
                           int t)
{
    transform_source(sources + (size_t)t * job->shape->channels, &job->grid, first + t);
    transform_gradient(gradients + (size_t)t * job->shape->filters, job, first + t);
}

/* A block's products at one point, of `count` filters from `filter` on; `add`: to what is there. */
static void multiply_point(float *partial, const float *sources, const float *gradients,
                           const weight_job *job, int point, int filter, int count, int tiles,
                           bool add)
{
    const gf_conv_shape *s = job->shape;
    pixel_run run = { .d_y = gradients + point * job->d_plane + filter,
                      .x = sources + point * job->grid.plane,
                      .images = 1,
                      .rows = 1,
                      .columns = tiles,
                      .x_pixel = s->channels,
                      .d_pixel = s->filters,
                      .add = add };
    GF_FAST(outer_products)
    (partial + point * job->plane + (size_t)filter * s->channels, s->channels, run, count,
     s->channels);
}

static void run_block(const weight_job *job, float *partial, int first, int tiles, bool add)
{
    float *sources = job->buffers + (size_t)omp_get_thread_num() * job->buffer_size;
    float *gradients = sources + POINTS * job->grid.plane;
    for (int t = 0; t < tiles; t++) transform_tile(sources, gradients, job, first, t);
    for (int p = 0; p < POINTS; p++)
        multiply_point(partial, sources, gradients, job, p, 0, job->shape->filters, tiles, add);
}

static void run_shard(const weight_job *job, int shard)
{
    int64_t batch = job->shape->batch, per_image = job->grid.tiles_y * job->grid.tiles_x;
    int first = (int)(batch * shard / GF_SHARDS * per_image);
    int end = (int)(batch * (shard + 1) / GF_SHARDS * per_image);
    float *partial = job->partial + (size_t)shard * POINTS * job->plane;
    if (first == end) memset(partial, 0, POINTS * job->plane * sizeof(float));
    for (int t = first; t < end; t += job->block)
        run_block(job, partial, t, end - t < job->block ? end - t : job->block, t > first);
}

static void run_shards(const weight_job *job)
{
#pragma omp parallel for schedule(dynamic)
    for (int shard = 0; shard < GF_SHARDS; shard++) run_shard(job, shard);
}

/* All tiles at once, a point and some filters at a time. */
static void run_points(const weight_job *job)
{
    const gf_conv_shape *s = job->shape;
    float *sources = job->buffers, *gradients = sources + POINTS * job->grid.plane;
    int groups = (s->filters + GROUP_FILTERS - 1) / GROUP_FILTERS;
#pragma omp parallel for schedule(static)
    for (int t = 0; t < job->grid.tiles; t++) transform_tile(sources, gradients, job, 0, t);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < POINTS * groups; i++) {
        int point = i / groups, filter = i % groups * GROUP_FILTERS;
        int count = s->filters - filter < GROUP_FILTERS ? s->filters - filter : GROUP_FILTERS;
        multiply_point(job->partial, sources, gradients, job, point, filter, count, job->grid.tiles,
                       false);
    }
}

static vec shard_sum(const float *first, size_t shard, int parts)
{
    if (parts == 1) return load(first);
    _Static_assert(GF_SHARDS == 8, "the tree is written for 8 parts");
    vec a = load(first) + load(first + shard), b = load(first + 2 * shard);
    vec c = load(first + 4 * shard) + load(first + 5 * shard), d = load(first + 6 * shard);
    return (a + (b + load(first + 3 * shard))) + (c + (d + load(first + 7 * shard)));
}

/* From the 36 sums of each (filter, channel) to its 3x3 weights. */
static void finish(float *d_weight, const weight_job *job)
{
    int channels = job->shape->channels;
    size_t shard = POINTS * job->plane;
#pragma omp parallel for schedule(static)
    for (int f = 0; f < job->shape->filters; f++) {
        for (int c = 0; c < channels; c += LANES) {
            vec u[POINTS];
            for (int p = 0; p < POINTS; p++)
                u[p] = shard_sum(job->partial + p * job->plane + (size_t)f * channels + c, shard,
                                 job->parts);
            EACH(int x = 0; x < PATCH; x++) gather_axis(u + x, PATCH);
            EACH(int y = 0; y < 3; y++) gather_axis(u + y * PATCH, 1);
            for (int k = 0; k < 9; k++)
                store(d_weight + ((size_t)f * 9 + k) * channels + c, u[k / 3 * PATCH + k % 3]);
        }
    }
}

static void choose_parts(weight_job *job)
{
    const gf_conv_shape *s = job->shape;
    job->plane = (size_t)s->filters * s->channels;
    size_t tiles = (size_t)job->grid.tiles * (s->filters + s->channels);
    job->parts = GF_SHARDS * job->plane > tiles ? 1 : GF_SHARDS;
    job->block = gf_tune_scale(BLOCK_TILES, gf_tune_grain(GF_PASS_BACKWARD_WEIGHT, s));
    if (job->parts == 1) job->block = job->grid.tiles;
}

static bool allot(weight_job *job, gf_scratch *scratch)
{
    const gf_conv_shape *s = job->shape;
    job->grid.plane = (size_t)job->block * s->channels + SKEW;
    job->d_plane = (size_t)job->block * s->filters + SKEW;
    job->buffer_size = POINTS * (job->grid.plane + job->d_plane);
    size_t partial = job->parts * POINTS * job->plane;
    size_t threads = job->parts == 1 ? 1 : omp_get_max_threads();
    float *memory = gf_scratch_get(scratch, (partial + s->channels + job->buffer_size * threads) *
                                                sizeof(float));
    if (!memory) return false;
    job->partial = memory;
    memset(memory + partial, 0, s->channels * sizeof(float));
    job->grid.zeros = memory + partial;
    job->buffers = memory + partial + s->channels;
    return true;
}

void GF_WINOGRAD(winograd_weight)(float *d_weight, const float *d_y, const float *x,
                                  const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_plan plan;
    gf_plan_forward(&plan, shape);
    weight_job job = { .grid = tiling_of(&plan, x), .shape = shape, .d_y = d_y };
    choose_parts(&job);
    if (!allot(&job, scratch)) {
        poison(d_weight, (size_t)shape->filters * 9 * shape->channels);
        return;
    }
    if (job.parts == 1)
        run_points(&job);
    else
        run_shards(&job);
    finish(d_weight, &job);
}
