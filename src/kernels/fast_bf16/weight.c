/* Native bf16 gradient of the weights. The sum runs over pixels of all images; a pair is the same
 * pixel of two neighbouring images, so that every tap and stride finds its pairs in place (the last
 * of an odd number is paired with zeros). FILTERS filters by VECTORS vectors of weights stay in
 * registers while the pixels go by: a pair of d_y is broadcast, a vector of x holds 16 channels at
 * one tap of a kernel row. Both operands are laid out so that what a block reads is contiguous: d_y
 * [8 filters][pixel], x [16 channels][padded pixel].
 * Few weights: the batch is summed in GF_SHARDS parts, one thread each, and the parts in a fixed
 * tree. Many: the parts would cost more memory traffic than they save, and there are enough blocks
 * of weights to share out; each is then one sum over the whole batch. Which of the two it is
 * depends on the shape alone. Leaves out groups and the gradient of the bias. */
#include "vector.h"

#include <omp.h>
#include <string.h>

enum {
    FILTERS = 8,
    VECTORS = 3,
    CHUNK_WORDS = 1 << 17,   /* both operands of a shard's chunk: a quarter of a 2 MB L2 */
    SHARD_WEIGHTS = 1 << 16, /* above, the parts of a sharded sum fit no cache */
    WIDE_PIXELS = 1024,      /* of a chunk that all threads work on */
};

typedef struct weight_job {
    const gf_conv_shape *shape;
    const float *d_y, *x;
    int width;                         /* of the padded x */
    int channel_blocks, filter_blocks; /* of 16 and of FILTERS, the last one padded with zeros */
    int x_pixels, d_pixels;            /* of an image, padding included */
    size_t x_plane, d_plane;           /* words of a block in a chunk */
    int chunk;                         /* pairs of images that are converted together */
    uint32_t *buffers;                 /* chunks: x then d_y; one per thread, or one */
    size_t buffer_size;
} weight_job;

/* A vector of x, and where its weights stand in a filter. */
typedef struct column {
    size_t source;
    int weight, lanes;
} column;

/* ---- operands ------------------------------------------------------------------------------ */

/* One pixel of two images as pairs, `lanes` of 16; without a second image its half is zero. */
GF_INLINE __m512i pair_pixel(const float *first, const float *second, __mmask16 lanes)
{
    __m512 a = _mm512_maskz_loadu_ps(lanes, first), b = _mm512_setzero_ps();
    if (second) b = _mm512_maskz_loadu_ps(lanes, second);
    return pair_up(a, b);
}

/* x of two images into every plane of 16 channels; `to` is the first, at this pair's place. */
static void pair_x(uint32_t *to, const weight_job *job, const float *first, const float *second)
{
    const gf_conv_shape *s = job->shape;
    size_t corner = (size_t)s->pad_height * job->width + s->pad_width;
    for (int block = 0; block < job->channel_blocks; block++, to += job->x_plane) {
        int c = block * LANES;
        __mmask16 lanes = lanes_mask(s->channels - c);
        memset(to, 0, (size_t)job->x_pixels * LANES * sizeof *to);
        for (int y = 0; y < s->height; y++) {
            uint32_t *row = to + (corner + (size_t)y * job->width) * LANES;
            for (int x = 0; x < s->width; x++, row += LANES) {
                size_t from = ((size_t)y * s->width + x) * s->channels + c;
                const float *other = second ? second + from : NULL;
                _mm512_storeu_si512(row, pair_pixel(first + from, other, lanes));
            }
        }
    }
}

/* d_y of two images into every plane of FILTERS filters. */
static void pair_d(uint32_t *to, const weight_job *job, const float *first, const float *second)
{
    int filters = job->shape->filters;
    for (int block = 0; block < job->filter_blocks; block++, to += job->d_plane) {
        int f = block * FILTERS;
        __mmask16 lanes = lanes_mask(filters - f < FILTERS ? filters - f : FILTERS);
        for (int p = 0; p < job->d_pixels; p++) {
            size_t from = (size_t)p * filters + f;
            __m512i pair = pair_pixel(first + from, second ? second + from : NULL, lanes);
            _mm256_storeu_si256((__m256i *)(to + p * FILTERS), _mm512_castsi512_si256(pair));
        }
    }
}

/* Images first and first + 1, the second only if it lies below `end`, into place `at` of a chunk.
 */
static void pair_images(const weight_job *job, uint32_t *chunk, int at, int first, int end)
{
    const gf_conv_shape *s = job->shape;
    size_t x_size = (size_t)s->height * s->width * s->channels;
    size_t d_size = (size_t)job->d_pixels * s->filters;
    const float *x = job->x + first * x_size, *d_y = job->d_y + first * d_size;
    bool both = first + 1 < end;
    uint32_t *d_chunk = chunk + job->channel_blocks * job->x_plane;
    pair_x(chunk + (size_t)at * job->x_pixels * LANES, job, x, both ? x + x_size : NULL);
    pair_d(d_chunk + (size_t)at * job->d_pixels * FILTERS, job, d_y, both ? d_y + d_size : NULL);
}

/* ---- outer products ------------------------------------------------------------------------ */

/* sum[f][v] += sum over `pairs` pairs of images. */
GF_INLINE void add_pixels(__m512 sum[FILTERS][VECTORS], const weight_job *job, const uint32_t *x,
                          const column *columns, const int vectors, const uint32_t *d, int pairs)
{
    const gf_conv_shape *s = job->shape;
    size_t pixel = (size_t)s->stride * LANES, row = pixel * job->width;
    for (int n = 0; n < pairs; n++, x += (size_t)job->x_pixels * LANES) {
        for (int y = 0; y < s->out_height; y++) {
            const uint32_t *from[VECTORS];
            EACH(int v = 0; v < vectors; v++) from[v] = x + y * row + columns[v].source;
            size_t end = s->out_width * pixel;
            for (size_t at = 0; at < end; at += pixel, d += FILTERS) {
                __m512i in[VECTORS];
                EACH(int v = 0; v < vectors; v++) in[v] = _mm512_loadu_si512(from[v] + at);
                EACH(int f = 0; f < FILTERS; f++)
                {
                    __m512i value = _mm512_set1_epi32((int)d[f]);
                    EACH(int v = 0; v < vectors; v++)
                    sum[f][v] = add_products(sum[f][v], in[v], value);
                }
            }
        }
    }
}

/* Adds to these columns of every filter, from `to` on, over the pairs of a chunk. */
GF_INLINE void run_columns(float *to, const weight_job *job, const uint32_t *x,
                           const column *columns, const int vectors, const uint32_t *d, int pairs)
{
    const gf_conv_shape *s = job->shape;
    size_t filter = (size_t)s->kernel_height * s->kernel_width * s->channels;
    for (int first = 0; first < s->filters; first += FILTERS, d += job->d_plane) {
        int filters = s->filters - first < FILTERS ? s->filters - first : FILTERS;
        __m512 sum[FILTERS][VECTORS];
        EACH(int f = 0; f < FILTERS; f++)
        EACH(int v = 0; v < vectors; v++) sum[f][v] = _mm512_setzero_ps();
        add_pixels(sum, job, x, columns, vectors, d, pairs);
        EACH(int f = 0; f < FILTERS; f++)
        {
            if (f >= filters) break;
            float *weights = to + (first + f) * filter;
            EACH(int v = 0; v < vectors; v++)
            store_lanes(weights + columns[v].weight, sum[f][v], columns[v].lanes, true);
        }
    }
}

static int columns_of(const weight_job *job)
{
    return job->channel_blocks * job->shape->kernel_width;
}

/* Up to VECTORS columns of one kernel row, all filters: one of count_blocks() shares of the work.
 */
static void run_block(float *weights, const weight_job *job, const uint32_t *chunk, int index,
                      int pairs)
{
    const gf_conv_shape *s = job->shape;
    int all = columns_of(job), groups = (all + VECTORS - 1) / VECTORS;
    int ky = index / groups, first = index % groups * VECTORS;
    int vectors = all - first < VECTORS ? all - first : VECTORS;
    column columns[VECTORS];
    for (int v = 0; v < vectors; v++) {
        int block = (first + v) / s->kernel_width, kx = (first + v) % s->kernel_width;
        columns[v] = (column){ .source = block * job->x_plane + (size_t)kx * LANES,
                               .weight = kx * s->channels + block * LANES,
                               .lanes = s->channels - block * LANES };
    }
    const uint32_t *x = chunk + (size_t)ky * job->width * LANES;
    const uint32_t *d = chunk + job->channel_blocks * job->x_plane;
    float *to = weights + (size_t)ky * s->kernel_width * s->channels;
    if (vectors == 3)
        run_columns(to, job, x, columns, 3, d, pairs);
    else if (vectors == 2)
        run_columns(to, job, x, columns, 2, d, pairs);
    else
        run_columns(to, job, x, columns, 1, d, pairs);
}

static int count_blocks(const weight_job *job)
{
    return job->shape->kernel_height * ((columns_of(job) + VECTORS - 1) / VECTORS);
}

static size_t count_weights(const gf_conv_shape *s)
{
    return (size_t)s->filters * s->kernel_height * s->kernel_width * s->channels;
}

/* ---- few weights: parts of the batch ------------------------------------------------------- */

static void run_shard(float *partial, const weight_job *job, int shard)
{
    uint32_t *chunk = job->buffers + (size_t)omp_get_thread_num() * job->buffer_size;
    int batch = job->shape->batch, blocks = count_blocks(job);
    int end = (int)((int64_t)batch * (shard + 1) / GF_SHARDS);
    int first = (int)((int64_t)batch * shard / GF_SHARDS);
    memset(partial, 0, count_weights(job->shape) * sizeof *partial);
    while (first < end) {
        int pairs = 0;
        for (; pairs < job->chunk && first < end; pairs++, first += 2)
            pair_images(job, chunk, pairs, first, end);
        for (int i = 0; i < blocks; i++) run_block(partial, job, chunk, i, pairs);
    }
}

/* out[i] = sum of the shards' i-th values, in a fixed tree. */
static void combine(float *out, const float *parts, size_t count)
{
    _Static_assert(GF_SHARDS == 8, "the tree is written for 8 parts");
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < count; i++) {
        const float *p = parts + i;
        out[i] = ((p[0] + p[count]) + (p[2 * count] + p[3 * count])) +
                 ((p[4 * count] + p[5 * count]) + (p[6 * count] + p[7 * count]));
    }
}

static void run_shards(float *d_weight, float *parts, const weight_job *job)
{
    size_t weights = count_weights(job->shape);
#pragma omp parallel for schedule(dynamic)
    for (int shard = 0; shard < GF_SHARDS; shard++) run_shard(parts + shard * weights, job, shard);
    combine(d_weight, parts, weights);
}

/* ---- many weights: parts of the weights ---------------------------------------------------- */

static void run_blocks(float *d_weight, const weight_job *job)
{
    int batch = job->shape->batch, blocks = count_blocks(job);
    memset(d_weight, 0, count_weights(job->shape) * sizeof *d_weight);
    for (int first = 0; first < batch; first += 2 * job->chunk) {
        int pairs = (batch - first + 1) / 2;
        if (pairs > job->chunk) pairs = job->chunk;
#pragma omp parallel
        {
#pragma omp for schedule(static)
            for (int i = 0; i < pairs; i++) pair_images(job, job->buffers, i, first + 2 * i, batch);
#pragma omp for schedule(dynamic)
            for (int i = 0; i < blocks; i++) run_block(d_weight, job, job->buffers, i, pairs);
        }
    }
}

/* ---- layout -------------------------------------------------------------------------------- */

/* Pairs of images that are converted together. */
static int choose_chunk(const weight_job *job, bool sharded)
{
    size_t words = ((size_t)job->channel_blocks * job->x_pixels * LANES) +
                   ((size_t)job->filter_blocks * job->d_pixels * FILTERS);
    int fitting = sharded ? (int)(CHUNK_WORDS / words) : WIDE_PIXELS / job->d_pixels;
    int batch = job->shape->batch;
    int most = ((sharded ? (batch + GF_SHARDS - 1) / GF_SHARDS : batch) + 1) / 2;
    return fitting < 1 ? 1 : fitting < most ? fitting : most;
}

static weight_job lay_out(const gf_conv_shape *s, bool sharded)
{
    weight_job job = { .shape = s,
                       .width = s->width + 2 * s->pad_width,
                       .channel_blocks = (s->channels + LANES - 1) / LANES,
                       .filter_blocks = (s->filters + FILTERS - 1) / FILTERS,
                       .d_pixels = s->out_height * s->out_width };
    job.x_pixels = (s->height + 2 * s->pad_height) * job.width;
    job.chunk = choose_chunk(&job, sharded);
    job.x_plane = (size_t)job.chunk * job.x_pixels * LANES;
    job.d_plane = (size_t)job.chunk * job.d_pixels * FILTERS;
    job.buffer_size =
        whole_lines(job.channel_blocks * job.x_plane + job.filter_blocks * job.d_plane);
    return job;
}

void gf_native_weight_gradient(float *d_weight, const float *d_y, const float *x,
                               const gf_conv_shape *shape, gf_scratch *scratch)
{
    size_t weights = count_weights(shape);
    bool sharded = weights <= SHARD_WEIGHTS;
    weight_job job = lay_out(shape, sharded);
    job.d_y = d_y;
    job.x = x;
    size_t parts = sharded ? whole_lines(GF_SHARDS * weights) : 0;
    size_t buffers = sharded ? (size_t)omp_get_max_threads() : 1;
    float *memory = gf_scratch_get(scratch, (parts + buffers * job.buffer_size) * sizeof(float));
    if (!memory) {
        poison(d_weight, weights);
        return;
    }
    job.buffers = (uint32_t *)(memory + parts);
    if (sharded)
        run_shards(d_weight, memory, &job);
    else
        run_blocks(d_weight, &job);
}
