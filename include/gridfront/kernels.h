/* kernels (L1): loops on (pointer, sizes), bound by one dispatch table per backend.
 *
 * Activations are NHWC; convolution weights are [filters, kernel_height, kernel_width,
 * channels / groups]. Argument order: outputs, inputs, sizes; a gradient is `d_` + name.
 * Sums are taken in an order fixed by the sizes, never by the number of threads: what is summed
 * over a batch is summed in GF_SHARDS parts of the images and combined in a fixed order.
 * Kernels use OpenMP inside, are called from one thread, and never fail: sizes are checked by nn;
 * without memory for scratch a kernel logs it and writes NaN, which ends the training as diverged.
 * A NaN in an input reaches the outputs that depend on it.
 * The same sources compiled with GF_DOUBLE give the float64 engine of the gradient checks. */
#ifndef GRIDFRONT_KERNELS_H
#define GRIDFRONT_KERNELS_H

#include <gridfront/base.h>

#ifdef GF_DOUBLE
typedef double gf_real;
#else
typedef float gf_real;
#endif

#define GF_SHARDS 8 /* parts a batch is summed in; raises the numerics version when changed */

/* Working memory of one caller; grows, never shrinks. Zero-initialize. */
typedef struct gf_scratch {
    void *data;
    size_t size;
} gf_scratch;
/* 64-byte aligned, contents undefined. Aborts never: NULL only when memory is out. */
void *gf_scratch_get(gf_scratch *scratch, size_t size);
void gf_scratch_release(gf_scratch *scratch);

typedef struct gf_conv_shape {
    int batch, height, width, channels; /* x: [batch, height, width, channels] */
    int filters, kernel_height, kernel_width, stride, pad_height, pad_width, groups;
    int out_height, out_width; /* y: [batch, out_height, out_width, filters] */
} gf_conv_shape;
/* Fills out_height and out_width from the rest. */
void gf_conv_shape_finish(gf_conv_shape *shape);
int64_t gf_conv_macs(const gf_conv_shape *shape); /* of the whole batch */

/* y = max(0, y) fused at the end of a kernel where wanted. */
typedef enum gf_epilogue { GF_EPILOGUE_NONE, GF_EPILOGUE_RELU } gf_epilogue;

typedef struct gf_kernels {
    const char *name; /* "ref", "portable", "avx2", "avx512" */

    /* Memory of the backend. Layers reach activations and parameters only through it. */
    void *(*memory_alloc)(size_t size); /* zeroed, 64-byte aligned; NULL: out of memory */
    void (*memory_free)(void *memory);
    void (*upload)(void *device, const void *host, size_t size);
    void (*download)(void *host, const void *device, size_t size);

    /* Convolution; a fully connected layer is a 1x1 convolution of a 1x1 image. bias [filters] or
     * NULL. `add`: the result is added to what the output holds. d_bias may be NULL. */
    void (*conv_forward)(gf_real *y, const gf_real *x, const gf_real *weight, const gf_real *bias,
                         const gf_conv_shape *shape, gf_scratch *scratch);
    void (*conv_backward_input)(gf_real *d_x, const gf_real *d_y, const gf_real *weight,
                                const gf_conv_shape *shape, bool add, gf_scratch *scratch);
    void (*conv_backward_weight)(gf_real *d_weight, gf_real *d_bias, const gf_real *d_y,
                                 const gf_real *x, const gf_conv_shape *shape,
                                 gf_scratch *scratch); /* overwrites */

    /* Batch normalization over rows = batch * height * width. Variance is the biased one. */
    void (*bn_statistics)(gf_real *mean, gf_real *variance, const gf_real *x, int batch, int pixels,
                          int channels, gf_scratch *scratch);
    /* y = (x - mean) * scale * gamma + beta with scale = 1 / sqrt(variance + eps) */
    void (*bn_forward)(gf_real *y, const gf_real *x, const gf_real *mean, const gf_real *scale,
                       const gf_real *gamma, const gf_real *beta, size_t rows, int channels,
                       gf_epilogue epilogue);
    /* Through the batch statistics; d_x NULL: not wanted. */
    void (*bn_backward)(gf_real *d_x, gf_real *d_gamma, gf_real *d_beta, const gf_real *d_y,
                        const gf_real *x, const gf_real *mean, const gf_real *scale,
                        const gf_real *gamma, int batch, int pixels, int channels, bool add,
                        gf_scratch *scratch);
    /* The same where mean and scale are constants (running statistics, frozen). */
    void (*bn_backward_frozen)(gf_real *d_x, gf_real *d_gamma, gf_real *d_beta, const gf_real *d_y,
                               const gf_real *x, const gf_real *mean, const gf_real *scale,
                               const gf_real *gamma, int batch, int pixels, int channels, bool add,
                               gf_scratch *scratch);

    /* Element-wise over count elements; an output may be one of the inputs. `d_x` gets d_y * f'(x);
     * `add` as above. */
    void (*relu_forward)(gf_real *y, const gf_real *x, size_t count);
    void (*relu_backward)(gf_real *d_x, const gf_real *d_y, const gf_real *y, size_t count,
                          bool add);
    void (*softplus_forward)(gf_real *y, const gf_real *x, size_t count);
    void (*softplus_backward)(gf_real *d_x, const gf_real *d_y, const gf_real *x, size_t count,
                              bool add);
    void (*add)(gf_real *y, const gf_real *a, const gf_real *b, size_t count);
    void (*accumulate)(gf_real *y, const gf_real *x, size_t count); /* y += x */
    void (*copy)(gf_real *y, const gf_real *x, size_t count);
    void (*multiply)(gf_real *y, const gf_real *a, const gf_real *b, size_t count);

    /* Mean over each image's pixels: y [batch, channels]. */
    void (*mean_pool_forward)(gf_real *y, const gf_real *x, int batch, int pixels, int channels);
    void (*mean_pool_backward)(gf_real *d_x, const gf_real *d_y, int batch, int pixels,
                               int channels, bool add);

    /* losses[i] = - sum_k target[i,k] log softmax(logits[i])[k]; d_logits (may be NULL) is the
     * gradient of their mean over the batch. target: rows that sum to 1. */
    void (*softmax_cross_entropy)(gf_real *d_logits, gf_real *losses, const gf_real *logits,
                                  const gf_real *target, int batch, int classes);

    /* Uniform fake quantization (Krishnamoorthi 2018, 1806.08342, section 2):
     * y = (clamp(round(x / scale_c) + zero_c, low, high) - zero_c) * scale_c, round half to even.
     * x: [outer, inner]; scale and zero have `outer` entries when per_outer, else one. */
    void (*fake_quant_forward)(gf_real *y, const gf_real *x, const gf_real *scale,
                               const gf_real *zero, int low, int high, size_t outer, size_t inner,
                               bool per_outer);
    /* Straight-through: d_y where x lies inside the representable range, else 0. */
    void (*fake_quant_backward)(gf_real *d_x, const gf_real *d_y, const gf_real *x,
                                const gf_real *scale, const gf_real *zero, int low, int high,
                                size_t outer, size_t inner, bool per_outer, bool add);
    void (*range)(gf_real *low, gf_real *high, const gf_real *x, size_t count); /* min and max */

    /* SGD (Sutskever et al. 2013 as in PyTorch): g += coupled * w; v = momentum * v + g;
     * w -= lr * (nesterov ? g + momentum * v : v) + lr * decoupled * w(before). */
    void (*sgd_step)(gf_real *weight, gf_real *velocity, const gf_real *gradient, size_t count,
                     gf_real lr, gf_real momentum, gf_real coupled, gf_real decoupled,
                     bool nesterov);
    void (*ema_step)(gf_real *average, const gf_real *weight, size_t count, gf_real decay);
} gf_kernels;

/* The backend for this process: the best that the CPU runs, or what GRIDFRONT_ISA names
 * ("ref", "portable", "avx2", "avx512"). UNSUPPORTED where the CPU lacks it. */
gf_status gf_kernels_get(const gf_kernels **kernels);
gf_status gf_kernels_find(const gf_kernels **kernels, const char *name);
const char *const *gf_kernels_names(void); /* every backend this CPU can run; NULL-terminated */
/* "avx512 SkylakeX 0.3.21": all that numbers depend on here; enters every stage key. */
void gf_kernels_class(char out[128]);
/* Single-threaded BLAS inside our OpenMP loops; refuses builds that compute wrong (platform.md,
 * I). Call once at start of a process that computes. threads <= 0: all that affinity allows. */
gf_status gf_kernels_start(int threads);
int gf_kernels_threads(void);

/* Appends a table: ms and GF/s of every pass on ResNet18's layers at this width and batch, and the
 * step time that they add up to. Takes seconds. */
gf_status gf_kernels_bench(gf_text *out, const gf_kernels *kernels, int width, int batch);
/* Floating-point operations per second of OpenBLAS's matrix product on all threads, measured. */
gf_status gf_kernels_peak(double *flops);

/* Dense linear algebra for methods: singular values, least squares (LAPACK). Row-major.
 * a [rows, columns] is overwritten; u [rows, k], s [k], vt [k, columns], k = min(rows, columns). */
gf_status gf_svd(gf_real *u, gf_real *s, gf_real *vt, gf_real *a, int rows, int columns);

#endif
