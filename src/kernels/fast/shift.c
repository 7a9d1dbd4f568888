/* A convolution whose kernels have one weight each. An image is laid out as planes, one for each
 * channel (and for each row and column modulo the stride), with its padding; then what a weight
 * multiplies is one stretch of a plane, as long as the output, that begins where its shift says:
 *
 *   out[f] += weight[f, c] * plane[c][shift(f, c) ..]
 *
 * at one load for each multiply-add. Rows of the output are as long as the plane's; what is too
 * much of them is computed and dropped. A thread takes whole images, so that sums are the same on
 * any number of them. */
#include "fast.h"

#include <omp.h>
#include <string.h>

enum { VECTORS = 4, BLOCK = VECTORS * LANES };
enum { PITCH = BLOCK + LANES }; /* of sums: filters do not meet in one set of the cache */

/* For loops that would become gathers and scatters, which are slower than the loads and stores. */
#define ONE_BY_ONE __attribute__((optimize("no-tree-vectorize")))

typedef struct layout {
    int rows, pitch;    /* of a plane */
    int plane, channel; /* floats of a plane, and of all planes of a channel */
    int positions;      /* of an output, whole rows */
    size_t planes;      /* floats of all planes */
} layout;

static layout layout_of(const gf_conv_shape *s)
{
    layout l = { .rows = s->out_height + (s->kernel_height - 1) / s->stride,
                 .pitch = s->out_width + (s->kernel_width - 1) / s->stride };
    l.plane = l.rows * l.pitch;
    l.channel = l.plane * s->stride * s->stride;
    l.positions = s->out_height * l.pitch;
    /* A last block may reach past the last plane. */
    l.planes = (size_t)l.channel * (size_t)s->channels + (size_t)(2 * BLOCK + s->kernel_width);
    return l;
}

/* Where in the planes what stands at this place of a kernel begins. */
static int offset_of(const layout *l, const gf_conv_shape *s, int channel, int position)
{
    int y = position / s->kernel_width, x = position % s->kernel_width;
    int phase = y % s->stride * s->stride + x % s->stride;
    return channel * l->channel + phase * l->plane + y / s->stride * l->pitch + x / s->stride;
}

/* Channels first .. last - 1, so few that a line of each plane stays in the cache. */
ONE_BY_ONE static void fill_channels(float *planes, const layout *l, const gf_conv_shape *s,
                                     const float *image, int first, int last)
{
    for (int iy = 0; iy < s->height; iy++)
        for (int ix = 0; ix < s->width; ix++, image += s->channels) {
            int y = iy + s->pad_height, x = ix + s->pad_width;
            if (y / s->stride >= l->rows || x / s->stride >= l->pitch) continue;
            float *to = planes + (y % s->stride * s->stride + x % s->stride) * l->plane +
                        y / s->stride * l->pitch + x / s->stride;
            for (int c = first; c < last; c++) to[(size_t)c * (size_t)l->channel] = image[c];
        }
}

static void fill_planes(float *planes, const layout *l, const gf_conv_shape *s, const float *image)
{
    enum { TOGETHER = 16 };
    for (int c = 0; c < s->channels; c += TOGETHER)
        fill_channels(planes, l, s, image, c,
                      s->channels - c < TOGETHER ? s->channels : c + TOGETHER);
}

GF_INLINE void sum_block(float *out, const float *planes, const float *weight, const int *offset,
                         int channels, int vectors)
{
    vec sum[VECTORS];
    EACH(int v = 0; v < vectors; v++) sum[v] = (vec){ 0 };
    for (int c = 0; c < channels; c++) {
        const float *from = planes + offset[c];
        vec w = splat(weight[c]);
        EACH(int v = 0; v < vectors; v++) sum[v] += w * load(from + v * LANES);
    }
    EACH(int v = 0; v < vectors; v++) store(out + v * LANES, sum[v]);
}

/* sums [filters, PITCH] of the positions from `first` on, a block of them. */
static void sum_filters(float *sums, const layout *l, const float *planes, const float *weight,
                        const int *offset, const gf_conv_shape *s, int first)
{
    int left = l->positions - first;
    for (int f = 0; f < s->filters;
         f++, sums += PITCH, weight += s->channels, offset += s->channels)
        if (left > 2 * LANES)
            sum_block(sums, planes + first, weight, offset, s->channels, VECTORS);
        else if (left > LANES)
            sum_block(sums, planes + first, weight, offset, s->channels, 2);
        else
            sum_block(sums, planes + first, weight, offset, s->channels, 1);
}

/* One pixel of y: sums of all filters, PITCH apart. */
ONE_BY_ONE static void write_pixel(float *y, const float *sums, const gf_conv_end *end,
                                   const float *residual, int filters)
{
    bool relu = end && end->epilogue == GF_EPILOGUE_RELU;
    for (int f = 0; f < filters; f++) {
        float sum = sums[(size_t)f * PITCH];
        if (end && end->bias) sum += end->bias[f];
        if (residual) sum += residual[f];
        y[f] = relu && sum < 0 ? 0 : sum;
    }
}

/* The pixels among a block's positions into y [out_height, out_width, filters]. */
static void write_block(float *y, const float *sums, const layout *l, const gf_conv_end *end,
                        const float *residual, const gf_conv_shape *s, int first)
{
    for (int p = first; p < first + BLOCK && p < l->positions; p++) {
        int oy = p / l->pitch, ox = p % l->pitch;
        size_t at = ((size_t)oy * (size_t)s->out_width + (size_t)ox) * (size_t)s->filters;
        if (ox < s->out_width)
            write_pixel(y + at, sums + p - first, end, residual ? residual + at : NULL, s->filters);
    }
}

/* Blocks before filters: what a block reads of the planes stays in the cache for all of them. */
static void run_images(float *y, const float *x, const float *weight, const int *offset,
                       const gf_conv_end *end, const layout *l, const gf_conv_shape *s,
                       float *memory)
{
    float *planes = memory, *sums = memory + l->planes;
    size_t image = (size_t)s->height * (size_t)s->width * (size_t)s->channels;
    size_t result = (size_t)s->out_height * (size_t)s->out_width * (size_t)s->filters;
    memset(planes, 0, l->planes * sizeof *planes); /* the padding stays */
#pragma omp for schedule(static)
    for (int i = 0; i < s->batch; i++) {
        const float *residual = end && end->residual ? end->residual + (size_t)i * result : NULL;
        fill_planes(planes, l, s, x + (size_t)i * image);
        for (int p = 0; p < l->positions; p += BLOCK) {
            sum_filters(sums, l, planes, weight, offset, s, p);
            write_block(y + (size_t)i * result, sums, l, end, residual, s, p);
        }
    }
}

void GF_FAST(shift_forward)(float *y, const float *x, const float *weight, const int32_t *position,
                            const gf_conv_end *end, const gf_conv_shape *s, gf_scratch *scratch)
{
    layout l = layout_of(s);
    size_t slices = (size_t)s->filters * (size_t)s->channels;
    size_t each = l.planes + (size_t)PITCH * (size_t)s->filters;
    int threads = omp_get_max_threads();
    float *memory = gf_scratch_get(scratch, (each * (size_t)threads + slices) * sizeof *memory);
    if (!memory) {
        poison(y, (size_t)s->batch * (size_t)s->out_height * (size_t)s->out_width *
                      (size_t)s->filters);
        return;
    }
    int *offset = (int *)(void *)(memory + each * (size_t)threads);
    for (size_t k = 0; k < slices; k++)
        offset[k] = offset_of(&l, s, (int)(k % (size_t)s->channels), position[k]);
#pragma omp parallel num_threads(threads)
    run_images(y, x, weight, offset, end, &l, s, memory + each * (size_t)omp_get_thread_num());
}
