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

typedef struct layout {
    int rows, pitch;       /* of a plane */
    int plane, channel;    /* floats of a plane, and of all planes of a channel */
    int positions;         /* of an output, whole rows */
    size_t planes, output; /* floats of a thread's planes and outputs */
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
    l.output = (size_t)(l.positions + BLOCK);
    return l;
}

/* Where in the planes what stands at this place of a kernel begins. */
static int offset_of(const layout *l, const gf_conv_shape *s, int channel, int position)
{
    int y = position / s->kernel_width, x = position % s->kernel_width;
    int phase = y % s->stride * s->stride + x % s->stride;
    return channel * l->channel + phase * l->plane + y / s->stride * l->pitch + x / s->stride;
}

static void fill_planes(float *planes, const layout *l, const gf_conv_shape *s, const float *image)
{
    for (int iy = 0; iy < s->height; iy++)
        for (int ix = 0; ix < s->width; ix++, image += s->channels) {
            int y = iy + s->pad_height, x = ix + s->pad_width;
            if (y / s->stride >= l->rows || x / s->stride >= l->pitch) continue;
            float *to = planes + (y % s->stride * s->stride + x % s->stride) * l->plane +
                        y / s->stride * l->pitch + x / s->stride;
            for (int c = 0; c < s->channels; c++) to[(size_t)c * (size_t)l->channel] = image[c];
        }
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

static void sum_filter(float *out, const layout *l, const float *planes, const float *weight,
                       const int *offset, int channels)
{
    int p = 0;
    for (; l->positions - p > 2 * LANES; p += BLOCK)
        sum_block(out + p, planes + p, weight, offset, channels, VECTORS);
    if (l->positions - p > LANES)
        sum_block(out + p, planes + p, weight, offset, channels, 2);
    else if (l->positions > p)
        sum_block(out + p, planes + p, weight, offset, channels, 1);
}

/* outputs [filters, l->output] into y [out_height, out_width, filters]. */
static void write_image(float *y, const float *outputs, const layout *l, const gf_conv_end *end,
                        const float *residual, const gf_conv_shape *s)
{
    bool relu = end && end->epilogue == GF_EPILOGUE_RELU;
    for (int oy = 0; oy < s->out_height; oy++)
        for (int ox = 0; ox < s->out_width; ox++) {
            const float *from = outputs + oy * l->pitch + ox;
            size_t at = ((size_t)oy * (size_t)s->out_width + (size_t)ox) * (size_t)s->filters;
            for (int f = 0; f < s->filters; f++) {
                float sum = from[(size_t)f * l->output];
                if (end && end->bias) sum += end->bias[f];
                if (residual) sum += residual[at + (size_t)f];
                y[at + (size_t)f] = relu && sum < 0 ? 0 : sum;
            }
        }
}

static void run_images(float *y, const float *x, const float *weight, const int *offset,
                       const gf_conv_end *end, const layout *l, const gf_conv_shape *s,
                       float *memory)
{
    float *planes = memory, *outputs = memory + l->planes;
    size_t image = (size_t)s->height * (size_t)s->width * (size_t)s->channels;
    size_t result = (size_t)s->out_height * (size_t)s->out_width * (size_t)s->filters;
    memset(planes, 0, l->planes * sizeof *planes); /* the padding stays */
#pragma omp for schedule(static)
    for (int i = 0; i < s->batch; i++) {
        const float *residual = end && end->residual ? end->residual + (size_t)i * result : NULL;
        fill_planes(planes, l, s, x + (size_t)i * image);
        for (int f = 0; f < s->filters; f++) {
            size_t slice = (size_t)f * (size_t)s->channels;
            sum_filter(outputs + (size_t)f * l->output, l, planes, weight + slice, offset + slice,
                       s->channels);
        }
        write_image(y + (size_t)i * result, outputs, l, end, residual, s);
    }
}

void GF_FAST(shift_forward)(float *y, const float *x, const float *weight, const int32_t *position,
                            const gf_conv_end *end, const gf_conv_shape *s, gf_scratch *scratch)
{
    layout l = layout_of(s);
    size_t slices = (size_t)s->filters * (size_t)s->channels;
    size_t each = l.planes + l.output * (size_t)s->filters;
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
