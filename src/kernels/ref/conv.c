/* Convolution by its definition (cross-correlation, as in every network library), the oracle of the
 * fast variants and the convolution of the float64 engine. Each output is one sum in double, in
 * the order written here, so the threads cannot change it. */
#include "../backends.h"

/* Where an image has pixel (row, column), or NULL in the padding. */
static const gf_real *pixel_at(const gf_real *image, int row, int column, int height, int width,
                               int channels)
{
    if (row < 0 || row >= height || column < 0 || column >= width) return NULL;
    return image + ((size_t)row * width + column) * channels;
}

static double dot(const gf_real *a, const gf_real *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* image [height, width, channels] -> y[oy, ox, f] */
static double output_at(const gf_real *image, const gf_real *weight, const gf_conv_shape *s, int oy,
                        int ox, int f)
{
    int inner = s->channels / s->groups;
    int first = f / (s->filters / s->groups) * inner; /* first channel of the filter's group */
    const gf_real *w = weight + (size_t)f * s->kernel_height * s->kernel_width * inner;
    double sum = 0;
    for (int ky = 0; ky < s->kernel_height; ky++) {
        for (int kx = 0; kx < s->kernel_width; kx++, w += inner) {
            const gf_real *x =
                pixel_at(image, oy * s->stride + ky - s->pad_height,
                         ox * s->stride + kx - s->pad_width, s->height, s->width, s->channels);
            if (x) sum += dot(x + first, w, inner);
        }
    }
    return sum;
}

void gf_ref_conv_forward(gf_real *y, const gf_real *x, const gf_real *weight,
                         const gf_conv_end *end, const gf_conv_shape *s, gf_scratch *scratch)
{
    (void)scratch;
    const gf_conv_end nothing = { 0 };
    if (!end) end = &nothing;
    size_t image = (size_t)s->height * s->width * s->channels;
    int rows = s->batch * s->out_height;
#pragma omp parallel for schedule(static)
    for (int row = 0; row < rows; row++) {
        int n = row / s->out_height, oy = row % s->out_height;
        size_t at = (size_t)row * s->out_width * s->filters;
        for (int ox = 0; ox < s->out_width; ox++) {
            for (int f = 0; f < s->filters; f++, at++) {
                double value = output_at(x + n * image, weight, s, oy, ox, f);
                if (end->bias) value += (double)end->bias[f];
                if (end->residual) value += (double)end->residual[at];
                y[at] = end->epilogue == GF_EPILOGUE_RELU && value < 0 ? 0 : (gf_real)value;
            }
        }
    }
}

/* Output row or column that input `in` reaches through kernel element k, or -1. */
static int output_of(int in, int k, int pad, int stride, int out_size)
{
    int scaled = in + pad - k;
    if (scaled < 0 || scaled % stride != 0 || scaled / stride >= out_size) return -1;
    return scaled / stride;
}

/* d_image [out_height, out_width, filters] -> d_x[iy, ix, c] */
static double input_gradient_at(const gf_real *d_image, const gf_real *weight,
                                const gf_conv_shape *s, int iy, int ix, int c)
{
    int inner = s->channels / s->groups, outer = s->filters / s->groups;
    int first = c / inner * outer; /* first filter of the channel's group */
    size_t taps = (size_t)s->kernel_height * s->kernel_width;
    double sum = 0;
    for (int ky = 0; ky < s->kernel_height; ky++) {
        int oy = output_of(iy, ky, s->pad_height, s->stride, s->out_height);
        for (int kx = 0; oy >= 0 && kx < s->kernel_width; kx++) {
            int ox = output_of(ix, kx, s->pad_width, s->stride, s->out_width);
            if (ox < 0) continue;
            const gf_real *d = d_image + ((size_t)oy * s->out_width + ox) * s->filters;
            const gf_real *w = weight + ((size_t)ky * s->kernel_width + kx) * inner + c % inner;
            for (int f = first; f < first + outer; f++)
                sum += (double)d[f] * w[(size_t)f * taps * inner];
        }
    }
    return sum;
}

void gf_ref_conv_backward_input(gf_real *d_x, const gf_real *d_y, const gf_real *weight,
                                const gf_conv_shape *s, bool add, gf_scratch *scratch)
{
    (void)scratch;
    size_t image = (size_t)s->out_height * s->out_width * s->filters;
    int rows = s->batch * s->height;
#pragma omp parallel for schedule(static)
    for (int row = 0; row < rows; row++) {
        int n = row / s->height, iy = row % s->height;
        gf_real *out = d_x + (size_t)row * s->width * s->channels;
        for (int ix = 0; ix < s->width; ix++) {
            for (int c = 0; c < s->channels; c++, out++) {
                double gradient = input_gradient_at(d_y + n * image, weight, s, iy, ix, c);
                *out = (gf_real)((add ? (double)*out : 0) + gradient);
            }
        }
    }
}

/* One element of d_weight: over all images and output pixels. */
static double weight_gradient_at(const gf_real *d_y, const gf_real *x, const gf_conv_shape *s,
                                 int f, int ky, int kx, int c)
{
    size_t image = (size_t)s->height * s->width * s->channels;
    const gf_real *d = d_y + f;
    double sum = 0;
    for (int n = 0; n < s->batch; n++) {
        for (int oy = 0; oy < s->out_height; oy++) {
            for (int ox = 0; ox < s->out_width; ox++, d += s->filters) {
                const gf_real *in =
                    pixel_at(x + n * image, oy * s->stride + ky - s->pad_height,
                             ox * s->stride + kx - s->pad_width, s->height, s->width, s->channels);
                if (in) sum += (double)*d * in[c];
            }
        }
    }
    return sum;
}

static double bias_gradient_at(const gf_real *d_y, size_t rows, int filters, int f)
{
    double sum = 0;
    for (size_t row = 0; row < rows; row++) sum += d_y[row * filters + f];
    return sum;
}

void gf_ref_conv_backward_weight(gf_real *d_weight, gf_real *d_bias, const gf_real *d_y,
                                 const gf_real *x, const gf_conv_shape *s, gf_scratch *scratch)
{
    (void)scratch;
    int inner = s->channels / s->groups, outer = s->filters / s->groups;
    size_t rows = (size_t)s->batch * s->out_height * s->out_width;
#pragma omp parallel for schedule(static)
    for (int f = 0; f < s->filters; f++) {
        gf_real *out = d_weight + (size_t)f * s->kernel_height * s->kernel_width * inner;
        for (int ky = 0; ky < s->kernel_height; ky++)
            for (int kx = 0; kx < s->kernel_width; kx++)
                for (int c = 0; c < inner; c++)
                    *out++ =
                        (gf_real)weight_gradient_at(d_y, x, s, f, ky, kx, f / outer * inner + c);
        if (d_bias) d_bias[f] = (gf_real)bias_gradient_at(d_y, rows, s->filters, f);
    }
}
