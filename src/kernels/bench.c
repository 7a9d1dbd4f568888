/* How fast the kernels are on ResNet18's shapes, beside what OpenBLAS's sgemm reaches on the same
 * threads. Best of a few repetitions each: what the machine can do, not what it did on average. */
#include "backends.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

enum { REPETITIONS = 4, PEAK_SIZE = 768, PEAK_PRODUCTS = 3 };

/* One kind of layer in ResNet18 (He et al. 2015, 1512.03385, in its CIFAR form). */
typedef struct bench_layer {
    int size, in_factor, out_factor; /* channels in units of the width; 0: the 3 of the image */
    int kernel, stride, count;       /* how many of them the network has */
} bench_layer;

static const bench_layer layers[] = {
    { 32, 0, 1, 3, 1, 1 }, { 32, 1, 1, 3, 1, 4 }, { 32, 1, 2, 3, 2, 1 }, { 32, 1, 2, 1, 2, 1 },
    { 16, 2, 2, 3, 1, 3 }, { 16, 2, 4, 3, 2, 1 }, { 16, 2, 4, 1, 2, 1 }, { 8, 4, 4, 3, 1, 3 },
    { 8, 4, 8, 3, 2, 1 },  { 8, 4, 8, 1, 2, 1 },  { 4, 8, 8, 3, 1, 3 },
};

/* One timed call and everything it may touch. */
typedef struct bench {
    const gf_kernels *kernels;
    gf_conv_shape shape;
    gf_real *x, *d_x, *y, *d_y, *weight, *d_weight, *channels; /* channels: 8 rows of them */
    gf_scratch scratch;
} bench;

typedef void bench_call(bench *b);

static double best_time(bench_call *call, bench *b)
{
    double best = INFINITY;
    for (int i = 0; i < REPETITIONS; i++) {
        double start = gf_clock();
        call(b);
        double taken = gf_clock() - start;
        if (taken < best) best = taken;
    }
    return best;
}

static void call_forward(bench *b)
{
    b->kernels->conv_forward(b->y, b->x, b->weight, NULL, &b->shape, &b->scratch);
}

static void call_backward_input(bench *b)
{
    b->kernels->conv_backward_input(b->d_x, b->d_y, b->weight, &b->shape, false, &b->scratch);
}

static void call_backward_weight(bench *b)
{
    b->kernels->conv_backward_weight(b->d_weight, NULL, b->d_y, b->x, &b->shape, &b->scratch);
}

/* BN and ReLU of the layer's output, there and back. */
static void call_normalization(bench *b)
{
    const gf_conv_shape *s = &b->shape;
    int pixels = s->out_height * s->out_width, c = s->filters;
    size_t rows = (size_t)s->batch * pixels;
    gf_real *mean = b->channels, *variance = mean + c, *gamma = variance + c, *beta = gamma + c;
    gf_real *d_gamma = beta + c, *d_beta = d_gamma + c;
    b->kernels->bn_statistics(mean, variance, b->y, s->batch, pixels, c, &b->scratch);
    b->kernels->bn_forward(b->y, b->y, mean, variance, gamma, beta, rows, c, GF_EPILOGUE_RELU);
    b->kernels->relu_backward(b->d_y, b->d_y, b->y, rows * c, false);
    b->kernels->bn_backward(b->d_y, d_gamma, d_beta, b->d_y, b->y, mean, variance, gamma, s->batch,
                            pixels, c, false, &b->scratch);
}

static void bench_release(bench *b)
{
    free(b->x), free(b->d_x), free(b->y), free(b->d_y);
    free(b->weight), free(b->d_weight), free(b->channels);
    gf_scratch_release(&b->scratch);
}

static gf_real *filled(size_t count)
{
    gf_real *values = gf_alloc(count, sizeof *values);
    for (size_t i = 0; values && i < count; i++) values[i] = (gf_real)((int)(i * 7 % 13) - 6) / 8;
    return values;
}

static gf_status bench_init(bench *b, const gf_kernels *kernels, const bench_layer *l, int width,
                            int batch)
{
    gf_status status = GF_OK;
    gf_conv_shape *s = &b->shape;
    *b = (bench){ .kernels = kernels };
    *s = (gf_conv_shape){ .batch = batch,
                          .height = l->size,
                          .width = l->size,
                          .channels = l->in_factor ? l->in_factor * width : 3,
                          .filters = l->out_factor * width,
                          .kernel_height = l->kernel,
                          .kernel_width = l->kernel,
                          .stride = l->stride,
                          .pad_height = l->kernel / 2,
                          .pad_width = l->kernel / 2,
                          .groups = 1 };
    gf_conv_shape_finish(s);
    size_t in = (size_t)batch * s->height * s->width * s->channels;
    size_t out = (size_t)batch * s->out_height * s->out_width * s->filters;
    size_t weights = (size_t)s->filters * s->channels * l->kernel * l->kernel;
    GF_TRY_ALLOC(b->x = filled(in));
    GF_TRY_ALLOC(b->d_x = filled(in));
    GF_TRY_ALLOC(b->y = filled(out));
    GF_TRY_ALLOC(b->d_y = filled(out));
    GF_TRY_ALLOC(b->weight = filled(weights));
    GF_TRY_ALLOC(b->d_weight = filled(weights));
    GF_TRY_ALLOC(b->channels = filled((size_t)8 * s->filters));
out:
    return status;
}

/* Every thread multiplies its own matrices, as the kernels would use a BLAS. */
gf_status gf_kernels_peak(double *flops)
{
    gf_status status = GF_OK;
    int threads = omp_get_max_threads();
    size_t square = (size_t)PEAK_SIZE * PEAK_SIZE;
    gf_real *memory = filled(3 * square * (size_t)threads);
    GF_TRY_ALLOC(memory);
    double best = INFINITY;
    for (int i = 0; i < REPETITIONS; i++) {
        double start = gf_clock();
#pragma omp parallel num_threads(threads)
        {
            gf_real *a = memory + 3 * square * (size_t)omp_get_thread_num();
            for (int k = 0; k < PEAK_PRODUCTS; k++)
#ifdef GF_DOUBLE
                cblas_dgemm(
#else
                cblas_sgemm(
#endif
                    CblasRowMajor, CblasNoTrans, CblasNoTrans, PEAK_SIZE, PEAK_SIZE, PEAK_SIZE, 1,
                    a, PEAK_SIZE, a + square, PEAK_SIZE, 0, a + 2 * square, PEAK_SIZE);
        }
        double taken = gf_clock() - start;
        if (taken < best) best = taken;
    }
    *flops = 2.0 * PEAK_SIZE * (double)square * PEAK_PRODUCTS * threads / best;
out:
    free(memory);
    return status;
}

/* One line; returns seconds of a training step that all layers of this kind take. */
static double bench_line(gf_text *out, bench *b, const bench_layer *l, double *convolution)
{
    const gf_conv_shape *s = &b->shape;
    double forward = best_time(call_forward, b);
    double input = l->in_factor ? best_time(call_backward_input, b) : 0;
    double weight = best_time(call_backward_weight, b), bn = best_time(call_normalization, b);
    double flop = 2.0 * (double)gf_conv_macs(s);
    gf_text_append(out, "%4d %4d->%-4d %dx%d/%d  x%d  %8.2f %6.0f  ", s->height, s->channels,
                   s->filters, l->kernel, l->kernel, l->stride, l->count, forward * 1e3,
                   flop / forward * 1e-9);
    if (l->in_factor)
        gf_text_append(out, "%8.2f %6.0f  ", input * 1e3, flop / input * 1e-9);
    else
        gf_text_append(out, "%8s %6s  ", "-", "-"); /* nobody wants the gradient of the image */
    gf_text_append(out, "%8.2f %6.0f  %8.2f\n", weight * 1e3, flop / weight * 1e-9, bn * 1e3);
    *convolution += l->count * (forward + input + weight);
    return l->count * (forward + input + weight + bn);
}

gf_status gf_kernels_bench(gf_text *out, const gf_kernels *kernels, int width, int batch)
{
    gf_status status = GF_OK;
    double peak = 0, step = 0, convolution = 0;
    bench b = { 0 };
    GF_TRY(gf_kernels_peak(&peak));
    gf_text_append(out,
                   "kernels %s, width %d, batch %d, %d threads; sgemm %.0f GF/s\n"
                   "size channels    kernel   n   forward ms   GF/s  to input   GF/s"
                   " to weight   GF/s  bn+relu ms\n",
                   kernels->name, width, batch, omp_get_max_threads(), peak * 1e-9);
    for (size_t i = 0; i < GF_COUNT(layers); i++) {
        GF_TRY(bench_init(&b, kernels, &layers[i], width, batch));
        step += bench_line(out, &b, &layers[i], &convolution);
        bench_release(&b);
        b = (bench){ 0 };
    }
    gf_text_append(out,
                   "convolutions %.1f ms, with bn+relu %.1f ms a step: at most %.0f images/s\n",
                   convolution * 1e3, step * 1e3, batch / step);
    GF_TRY(gf_text_check(out));
out:
    bench_release(&b);
    return status;
}
