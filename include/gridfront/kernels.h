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
    struct gf_scratch *inner; /* of a kernel that the caller's kernel calls */
} gf_scratch;
/* 64-byte aligned, contents undefined. Aborts never: NULL only when memory is out. */
void *gf_scratch_get(gf_scratch *scratch, size_t size);
/* For a kernel inside a kernel, beside what the outer one holds; NULL when memory is out. */
gf_scratch *gf_scratch_inner(gf_scratch *scratch);
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

/* What becomes of each sum of a convolution before it is written. */
typedef struct gf_conv_end {
    const gf_real *bias;     /* [filters], added; NULL: none */
    const gf_real *residual; /* like y, added; may be y; NULL: none */
    gf_epilogue epilogue;
} gf_conv_end;

/* A batch normalization: x and y are [batch, pixels, channels]; mean, scale, gamma and beta
 * [channels], scale = 1 / sqrt(variance + eps). */
typedef struct gf_bn {
    int batch, pixels, channels;
    const gf_real *mean, *scale, *gamma, *beta;
    bool frozen; /* mean and scale are constants: no gradient goes through them */
} gf_bn;

/* Where its gradients go. One of d_x and d_residual may be d_y itself (then without `add`). */
typedef struct gf_bn_gradients {
    gf_real *d_x, *d_residual; /* NULL: not wanted */
    bool add_x, add_residual;  /* add to what is there */
    gf_real *d_gamma, *d_beta;
} gf_bn_gradients;

/* What one Adam update takes, bias corrections worked in. */
typedef struct gf_adam {
    gf_real rate;                     /* lr / (1 - beta1^t) */
    gf_real root;                     /* 1 / sqrt(1 - beta2^t) */
    gf_real eps;                      /* beside the root */
    gf_real keep_mean, take_mean;     /* beta1, 1 - beta1 */
    gf_real keep_square, take_square; /* beta2, 1 - beta2 */
    gf_real coupled;                  /* decay inside the gradient */
    gf_real decoupled;                /* decay beside the step, times lr */
} gf_adam;

typedef struct gf_kernels {
    const char *name; /* "ref", "portable", "avx2", "avx512" */

    /* Memory of the backend. Layers reach activations and parameters only through it. */
    void *(*memory_alloc)(size_t size); /* zeroed, 64-byte aligned; NULL: out of memory */
    void (*memory_free)(void *memory);
    void (*upload)(void *device, const void *host, size_t size);
    void (*download)(void *host, const void *device, size_t size);

    /* Convolution; a fully connected layer is a 1x1 convolution of a 1x1 image. end NULL:
     * the sums as they are. `add`: the result is added to what the output holds. d_bias may be
     * NULL. */
    void (*conv_forward)(gf_real *y, const gf_real *x, const gf_real *weight,
                         const gf_conv_end *end, const gf_conv_shape *shape, gf_scratch *scratch);
    void (*conv_backward_input)(gf_real *d_x, const gf_real *d_y, const gf_real *weight,
                                const gf_conv_shape *shape, bool add, gf_scratch *scratch);
    void (*conv_backward_weight)(gf_real *d_weight, gf_real *d_bias, const gf_real *d_y,
                                 const gf_real *x, const gf_conv_shape *shape,
                                 gf_scratch *scratch); /* overwrites */
    /* The forward pass of a convolution of which every kernel has one weight: weight [filters,
     * channels] stands in row position / kernel_width and column position % kernel_width of its
     * kernel, position [filters, channels] in [0, kernel_height * kernel_width). One group. */
    void (*shift_forward)(gf_real *y, const gf_real *x, const gf_real *weight,
                          const int32_t *position, const gf_conv_end *end,
                          const gf_conv_shape *shape, gf_scratch *scratch);

    /* Batch normalization over rows = batch * height * width. Variance is the biased one. */
    void (*bn_statistics)(gf_real *mean, gf_real *variance, const gf_real *x, int batch, int pixels,
                          int channels, gf_scratch *scratch);
    /* y = (x - mean) * scale * gamma + beta, + residual where that is not NULL, then the epilogue.
     * y may be x or the residual. */
    void (*bn_forward)(gf_real *y, const gf_real *x, const gf_real *residual, const gf_bn *bn,
                       gf_epilogue epilogue);
    /* y: what forward gave with GF_EPILOGUE_RELU, so that d_y counts where y > 0; NULL: no ReLU. */
    void (*bn_backward)(const gf_bn_gradients *out, const gf_real *d_y, const gf_real *y,
                        const gf_real *x, const gf_bn *bn, gf_scratch *scratch);

    /* Element-wise over count elements; an output may be one of the inputs. `d_x` gets d_y * f'(x);
     * `add` as above. */
    void (*relu_forward)(gf_real *y, const gf_real *x, size_t count);
    void (*relu_backward)(gf_real *d_x, const gf_real *d_y, const gf_real *y, size_t count,
                          bool add);
    void (*relu6_forward)(gf_real *y, const gf_real *x, size_t count); /* min(max(0, x), 6) */
    void (*relu6_backward)(gf_real *d_x, const gf_real *d_y, const gf_real *y, size_t count,
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
    /* y = scale_c * (x / scale_c rounded to the format, gf_minifloat_round); shapes as above. */
    void (*float_round)(gf_real *y, const gf_real *x, const gf_real *scale, gf_minifloat format,
                        size_t outer, size_t inner, bool per_outer);
    void (*range)(gf_real *low, gf_real *high, const gf_real *x, size_t count); /* min and max */

    /* SGD (Sutskever et al. 2013 as in PyTorch): g += coupled * w; v = momentum * v + g;
     * w -= lr * (nesterov ? g + momentum * v : v) + lr * decoupled * w(before). */
    void (*sgd_step)(gf_real *weight, gf_real *velocity, const gf_real *gradient, size_t count,
                     gf_real lr, gf_real momentum, gf_real coupled, gf_real decoupled,
                     bool nesterov);
    /* Adam (Kingma & Ba 2015, 1412.6980, algorithm 1): g += coupled * w; m = beta1 m + (1 - beta1)
     * g; v = beta2 v + (1 - beta2) g^2; w -= rate * m / (root * sqrt(v) + eps) + decoupled * w. */
    void (*adam_step)(gf_real *weight, gf_real *mean, gf_real *square, const gf_real *gradient,
                      size_t count, const gf_adam *adam);
    void (*ema_step)(gf_real *average, const gf_real *weight, size_t count, gf_real decay);
} gf_kernels;

/* The backend for this process: the best that the CPU runs, or what GRIDFRONT_ISA names
 * ("ref", "portable", "avx2", "avx512"). UNSUPPORTED where the CPU lacks it. */
gf_status gf_kernels_get(const gf_kernels **kernels);
gf_status gf_kernels_find(const gf_kernels **kernels, const char *name);
const char *const *gf_kernels_names(void); /* every backend this CPU can run; NULL-terminated */
/* "avx512 SkylakeX 0.3.21": all that numbers depend on here; enters every stage key. */
void gf_kernels_class(char out[128]);

/* bf16: the operands of a convolution's products (x and weight; d_y and weight; d_y and x) are
 * rounded to bfloat16, half to even, subnormal values to zero, and summed in float32; d_bias sums
 * the rounded d_y. Bias, outputs and all other kernels are those of float32. */
typedef enum gf_numerics { GF_NUMERICS_F32, GF_NUMERICS_BF16 } gf_numerics;
#define GF_NUMERICS_WORDS "f32|bf16"
/* The table that computes as `kernels` does, but with these numerics: `kernels` itself for float32.
 * UNSUPPORTED in the float64 engine, or where GRIDFRONT_BF16 asks for what the CPU lacks. */
gf_status gf_kernels_with(const gf_kernels **out, const gf_kernels *kernels, gf_numerics numerics);
/* How this process computes bf16: "native" (VDPBF16PS) or "emulated" (float32 kernels on rounded
 * operands), whichever is faster on this kind of CPU, or what GRIDFRONT_BF16 names. The bits
 * differ, so this enters the keys of stages that train so. */
const char *gf_kernels_bf16(void);

/* Single-threaded BLAS inside our OpenMP loops; refuses builds that compute wrong (platform.md,
 * I). Call once at start of a process that computes. threads <= 0: all that affinity allows. */
gf_status gf_kernels_start(int threads);
int gf_kernels_threads(void);

/* What all threads together reach on this machine, measured in some tenths of a second: float32
 * operations per second in registers with the instructions of `kernels`, those of OpenBLAS's matrix
 * product, and bytes per second of memory (of the last cache where that holds 500 MB). */
double gf_machine_flops(const gf_kernels *kernels);
gf_status gf_machine_blas_flops(double *flops);
gf_status gf_machine_bandwidth(double *bytes_per_second);

/* One pass over one kind of ResNet18 layer, timed: the best of a few calls. */
typedef struct gf_kernel_time {
    int size, channels, filters, kernel, stride; /* size: height and width of its input */
    int count;                                   /* of such layers in the network */
    const char *pass; /* "forward", "to input", "to weight"; "bn+relu": there and back */
    double seconds;   /* of one call */
    double flop;      /* of the direct sum, however it is computed */
    double bytes;     /* that must move: each operand and each result once */
} gf_kernel_time;
/* All passes of a training step at this width and batch; caller frees *times. Takes seconds. */
gf_status gf_kernels_bench(gf_kernel_time **times, int *count, const gf_kernels *kernels, int width,
                           int batch);

/* The measured plan: how much work convolutions cut off at a time, by shape, pass and threads. It
 * changes how fast a result comes and no bit of it; what is not in it a formula decides.
 * gf_kernels_start reads it from $XDG_CACHE_HOME/gridfront (or ~/.cache/gridfront), a file per CPU
 * and instruction set; GRIDFRONT_TUNE=off leaves it alone, and so does whatever cannot be read. */
typedef struct gf_tune_summary {
    int known, measured, left; /* passes of shapes: before, now, for want of time not */
    int changed;               /* of those measured: better than the formula's */
    int disturbed;             /* others were computing on these cores: nothing decided */
    double before, after;      /* s: one call of each measured pass */
} gf_tune_summary;
/* Measures on this process's threads what the plan lacks, for about `seconds`, and keeps it where
 * it can. UNSUPPORTED with GRIDFRONT_TUNE=off. */
gf_status gf_tune_shapes(gf_tune_summary *summary, const gf_conv_shape *shapes, int count,
                         double seconds);
/* Appends "36 measured choices in /home/me/.cache/gridfront/tuning-1-avx512-....txt". */
void gf_tune_describe(gf_text *out);

/* Dense linear algebra for methods: singular values, least squares (LAPACK). Row-major.
 * a [rows, columns] is overwritten; u [rows, k], s [k], vt [k, columns], k = min(rows, columns). */
gf_status gf_svd(gf_real *u, gf_real *s, gf_real *vt, gf_real *a, int rows, int columns);
/* The normal equations of least squares, in float64 whatever gf_real is; sums in the order of the
 * rows. gram [columns, columns] = X^T X of x [rows, columns], whose rows lie `stride` apart. */
void gf_gram(double *gram, const gf_real *x, int rows, int columns, size_t stride);
/* a x = b for a symmetric positive definite a [n, n], which is overwritten; b [n] becomes x.
 * FAILED when a is not (numerically) positive definite, or holds a NaN. */
gf_status gf_solve_symmetric(double *b, double *a, int n);

#endif
