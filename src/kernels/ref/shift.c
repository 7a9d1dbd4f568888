/* A convolution whose kernels have one weight each, by its definition. Sums in gf_real, over the
 * channels in their order. */
#include "../backends.h"

static gf_real sum_at(const gf_real *image, const gf_real *weight, const int32_t *position,
                      const gf_conv_shape *s, int oy, int ox)
{
    gf_real sum = 0;
    for (int c = 0; c < s->channels; c++) {
        int iy = oy * s->stride - s->pad_height + position[c] / s->kernel_width;
        int ix = ox * s->stride - s->pad_width + position[c] % s->kernel_width;
        if (iy < 0 || iy >= s->height || ix < 0 || ix >= s->width) continue;
        sum +=
            weight[c] *
            image[((size_t)iy * (size_t)s->width + (size_t)ix) * (size_t)s->channels + (size_t)c];
    }
    return sum;
}

static gf_real finish(gf_real sum, const gf_conv_end *end, size_t at, int filter)
{
    if (!end) return sum;
    if (end->bias) sum += end->bias[filter];
    if (end->residual) sum += end->residual[at];
    return end->epilogue == GF_EPILOGUE_RELU && sum < 0 ? 0 : sum;
}

void gf_ref_shift_forward(gf_real *y, const gf_real *x, const gf_real *weight,
                          const int32_t *position, const gf_conv_end *end, const gf_conv_shape *s,
                          gf_scratch *scratch)
{
    size_t image = (size_t)s->height * (size_t)s->width * (size_t)s->channels;
    int pixels = s->out_height * s->out_width;
    (void)scratch;
#pragma omp parallel for schedule(static)
    for (int row = 0; row < s->batch * pixels; row++)
        for (int f = 0; f < s->filters; f++) {
            size_t at = (size_t)row * (size_t)s->filters + (size_t)f;
            size_t slice = (size_t)f * (size_t)s->channels;
            gf_real sum =
                sum_at(x + (size_t)(row / pixels) * image, weight + slice, position + slice, s,
                       row % pixels / s->out_width, row % pixels % s->out_width);
            y[at] = finish(sum, end, at, f);
        }
}
