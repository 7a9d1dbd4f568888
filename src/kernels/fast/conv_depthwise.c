/* Weight gradient of a depthwise convolution: vectors run over channels, each tap is a sum over
 * pixels of element-wise products. (The other two passes are gather plans.) */
#include "gather.h"

enum { TAPS = 3 }; /* neighbours in a kernel row that share the loads of d_y */

/* sum[t][lane] over all pixels for `taps` neighbouring taps; x at the first of them. */
GF_INLINE void row_sums(vec sum[TAPS], const pixel_run *run, const float *x, const float *d_y,
                        size_t x_tap, const int taps, int lanes)
{
    for (int t = 0; t < taps; t++) sum[t] = splat(0);
    for (int n = 0; n < run->images; n++) {
        for (int row = 0; row < run->rows; row++) {
            const float *in = x + n * run->x_image + row * run->x_row;
            for (int column = 0; column < run->columns; column++) {
                vec d = load_part(d_y, lanes);
                for (int t = 0; t < taps; t++) sum[t] += d * load(in + t * x_tap);
                in += run->x_pixel;
                d_y += run->d_pixel;
            }
        }
    }
}

static void taps_of_row(vec sum[TAPS], const pixel_run *run, const float *x, const float *d_y,
                        size_t x_tap, int taps, int lanes)
{
    if (taps == TAPS && lanes == LANES)
        row_sums(sum, run, x, d_y, x_tap, TAPS, LANES);
    else if (taps == TAPS)
        row_sums(sum, run, x, d_y, x_tap, TAPS, lanes);
    else
        row_sums(sum, run, x, d_y, x_tap, 1, lanes);
}

static void channel_block(float *partial, const pixel_run *run, const gf_conv_shape *s, int first,
                          size_t x_line)
{
    int kernel = s->kernel_height * s->kernel_width;
    int lanes = s->filters - first < LANES ? s->filters - first : LANES;
    for (int ky = 0; ky < s->kernel_height; ky++) {
        for (int kx = 0; kx < s->kernel_width;) {
            vec sum[TAPS];
            int taps = s->kernel_width - kx >= TAPS ? TAPS : 1;
            const float *x = run->x + ky * x_line + (size_t)kx * s->channels + first;
            taps_of_row(sum, run, x, run->d_y + first, s->channels, taps, lanes);
            for (int t = 0; t < taps; t++, kx++)
                for (int i = 0; i < lanes; i++)
                    partial[(size_t)(first + i) * kernel + ky * s->kernel_width + kx] += sum[t][i];
        }
    }
}

void GF_FAST(depthwise_gradient)(float *partial, const pixel_run *run, const gf_conv_shape *shape,
                                 size_t x_line)
{
    for (int first = 0; first < shape->filters; first += LANES)
        channel_block(partial, run, shape, first, x_line);
}
