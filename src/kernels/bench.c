/* How fast the kernels are on ResNet18's shapes. Best of a few repetitions each: what the machine
 * can do, not what it did on average. */
#include "backends.h"

#include <math.h>
#include <stdlib.h>

enum { REPETITIONS = 4, PASSES = 4 };

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
    gf_real *mean = b->channels, *variance = mean + c, *gamma = variance + c, *beta = gamma + c;
    gf_real *d_gamma = beta + c, *d_beta = d_gamma + c;
    b->kernels->bn_statistics(mean, variance, b->y, s->batch, pixels, c, &b->scratch);
    const gf_bn bn = { s->batch, pixels, c, mean, variance, gamma, beta, false };
    const gf_bn_gradients out = { .d_x = b->d_y, .d_gamma = d_gamma, .d_beta = d_beta };
    b->kernels->bn_forward(b->y, b->y, NULL, &bn, GF_EPILOGUE_RELU);
    b->kernels->bn_backward(&out, b->d_y, b->y, b->y, &bn, &b->scratch);
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

/* Floats of x, y and the weights. */
typedef struct operands {
    double x, y, weight;
} operands;

static operands count_operands(const gf_conv_shape *s)
{
    return (operands){ .x = (double)s->batch * s->height * s->width * s->channels,
                       .y = (double)s->batch * s->out_height * s->out_width * s->filters,
                       .weight =
                           (double)s->filters * s->channels * s->kernel_height * s->kernel_width };
}

static void append_time(gf_kernel_time *times, int *count, const bench_layer *l, bench *b,
                        const char *pass, bench_call *call)
{
    const gf_conv_shape *s = &b->shape;
    operands n = count_operands(s);
    /* BN and ReLU: about 16 operations a value; x and y forward, d_y, x and d_x backward. */
    bool bn = call == call_normalization;
    times[(*count)++] = (gf_kernel_time){
        .size = l->size,
        .channels = s->channels,
        .filters = s->filters,
        .kernel = l->kernel,
        .stride = l->stride,
        .count = l->count,
        .pass = pass,
        .seconds = best_time(call, b),
        .flop = bn ? 16 * n.y : 2 * (double)gf_conv_macs(s),
        .bytes = sizeof(gf_real) * (bn ? 5 * n.y : n.x + n.y + n.weight),
    };
}

static void time_layer(gf_kernel_time *times, int *count, const bench_layer *l, bench *b)
{
    append_time(times, count, l, b, "forward", call_forward);
    if (l->in_factor) /* nobody wants the gradient of the image */
        append_time(times, count, l, b, "to input", call_backward_input);
    append_time(times, count, l, b, "to weight", call_backward_weight);
    append_time(times, count, l, b, "bn+relu", call_normalization);
}

gf_status gf_kernels_bench(gf_kernel_time **times, int *count, const gf_kernels *kernels, int width,
                           int batch)
{
    gf_status status = GF_OK;
    bench b = { 0 };
    int used = 0;
    gf_kernel_time *made = gf_alloc(GF_COUNT(layers) * PASSES, sizeof *made);
    GF_TRY_ALLOC(made);
    for (size_t i = 0; i < GF_COUNT(layers); i++) {
        GF_TRY(bench_init(&b, kernels, &layers[i], width, batch));
        time_layer(made, &used, &layers[i], &b);
        bench_release(&b);
        b = (bench){ 0 };
    }
    *times = made;
    *count = used;
    made = NULL;
out:
    bench_release(&b);
    free(made);
    return status;
}
