/* Weight gradient of a 3x3 stride-1 convolution by the transpose of F(4x4, 3x3): with the patches
 * of x and the 4x4 tiles of d_y transformed to 36 points, each point is an outer product summed
 * over tiles, and the 36 sums become 3x3 weights at the very end. The batch is summed in GF_SHARDS
 * parts, tile by tile, and the parts in a fixed tree. Leaves out the bias. */
#include "gather.h"
#include "winograd.h"

#include <omp.h>
#include <string.h>

enum { BLOCK_TILES = 64 };

typedef struct weight_job {
    tiling grid;
    const gf_conv_shape *shape;
    const float *d_y;
    float *partial; /* [GF_SHARDS][POINTS][filters][channels] */
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
                    inside ? load(from + y * line + (size_t)x * s->filters + f) : splat(0);
            }
        }
        EACH(int x = 0; x < OUT; x++) spread_axis(d + x, PATCH);
        EACH(int y = 0; y < PATCH; y++) spread_axis(d + y * PATCH, 1);
        EACH(int i = 0; i < POINTS; i++) store(to + i * job->d_plane + f, d[i]);
    }
}

static void run_block(const weight_job *job, float *partial, int first, int tiles)
{
    const gf_conv_shape *s = job->shape;
    float *sources = job->buffers + (size_t)omp_get_thread_num() * job->buffer_size;
    float *gradients = sources + POINTS * job->grid.plane;
    for (int t = 0; t < tiles; t++) {
        transform_source(sources + (size_t)t * s->channels, &job->grid, first + t);
        transform_gradient(gradients + (size_t)t * s->filters, job, first + t);
    }
    for (int p = 0; p < POINTS; p++) {
        pixel_run run = { .d_y = gradients + p * job->d_plane,
                          .x = sources + p * job->grid.plane,
                          .images = 1,
                          .rows = 1,
                          .columns = tiles,
                          .x_pixel = s->channels,
                          .d_pixel = s->filters };
        GF_FAST(outer_products)
        (partial + p * job->plane, s->channels, run, s->filters, s->channels);
    }
}

static void run_shard(const weight_job *job, int shard)
{
    int64_t batch = job->shape->batch, per_image = job->grid.tiles_y * job->grid.tiles_x;
    int end = (int)(batch * (shard + 1) / GF_SHARDS * per_image);
    float *partial = job->partial + (size_t)shard * POINTS * job->plane;
    memset(partial, 0, POINTS * job->plane * sizeof(float));
    for (int t = (int)(batch * shard / GF_SHARDS * per_image); t < end; t += BLOCK_TILES)
        run_block(job, partial, t, end - t < BLOCK_TILES ? end - t : BLOCK_TILES);
}

static vec shard_sum(const float *first, size_t shard)
{
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
                u[p] = shard_sum(job->partial + p * job->plane + (size_t)f * channels + c, shard);
            EACH(int x = 0; x < PATCH; x++) gather_axis(u + x, PATCH);
            EACH(int y = 0; y < 3; y++) gather_axis(u + y * PATCH, 1);
            for (int k = 0; k < 9; k++)
                store(d_weight + ((size_t)f * 9 + k) * channels + c, u[k / 3 * PATCH + k % 3]);
        }
    }
}

static bool allot(weight_job *job, gf_scratch *scratch)
{
    const gf_conv_shape *s = job->shape;
    job->plane = (size_t)s->filters * s->channels;
    job->grid.plane = (size_t)BLOCK_TILES * s->channels + SKEW;
    job->d_plane = (size_t)BLOCK_TILES * s->filters + SKEW;
    job->buffer_size = POINTS * (job->grid.plane + job->d_plane);
    size_t partial = GF_SHARDS * POINTS * job->plane, threads = omp_get_max_threads();
    float *memory = gf_scratch_get(scratch, (partial + s->channels + job->buffer_size * threads) *
                                                sizeof(float));
    if (!memory) return false;
    job->partial = memory;
    memset(memory + partial, 0, s->channels * sizeof(float));
    job->grid.zeros = memory + partial;
    job->buffers = memory + partial + s->channels;
    return true;
}

void GF_FAST(winograd_weight)(float *d_weight, const float *d_y, const float *x,
                              const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_plan plan;
    gf_plan_forward(&plan, shape);
    weight_job job = { .grid = tiling_of(&plan, x), .shape = shape, .d_y = d_y };
    if (!allot(&job, scratch)) {
        poison(d_weight, (size_t)shape->filters * 9 * shape->channels);
        return;
    }
#pragma omp parallel for schedule(dynamic)
    for (int shard = 0; shard < GF_SHARDS; shard++) run_shard(&job, shard);
    finish(d_weight, &job);
}
