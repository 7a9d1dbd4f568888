/* Loops over elements in chunks that the work alone defines: which elements share a vector, and so
 * how each is rounded, is the same for any number of threads. Outputs may be inputs (in place). */
#ifndef GRIDFRONT_KERNELS_ELEMENTWISE_H
#define GRIDFRONT_KERNELS_ELEMENTWISE_H

#include "fast.h"

enum { CHUNK = 8192 };

#define GF_PRAGMA(text) _Pragma(#text)

/* The statement for every i in [0, count). */
#define GF_ELEMENTS(count, statement)                                                              \
    do {                                                                                           \
        GF_PRAGMA(omp parallel for schedule(static) if ((count) > 2 * CHUNK))                      \
        for (size_t begin = 0; begin < (count); begin += CHUNK) {                                  \
            size_t end = begin + CHUNK < (count) ? begin + CHUNK : (count);                        \
            GF_PRAGMA(GCC ivdep)                                                                   \
            for (size_t i = begin; i < end; i++) statement;                                        \
        }                                                                                          \
    } while (0)

void GF_FAST(relu_forward)(float *y, const float *x, size_t count);
void GF_FAST(relu_backward)(float *d_x, const float *d_y, const float *y, size_t count, bool add);
void GF_FAST(relu6_forward)(float *y, const float *x, size_t count);
void GF_FAST(relu6_backward)(float *d_x, const float *d_y, const float *y, size_t count, bool add);
void GF_FAST(add)(float *y, const float *a, const float *b, size_t count);
void GF_FAST(accumulate)(float *y, const float *x, size_t count);
void GF_FAST(copy)(float *y, const float *x, size_t count);
void GF_FAST(multiply)(float *y, const float *a, const float *b, size_t count);
void GF_FAST(mean_pool_forward)(float *y, const float *x, int batch, int pixels, int channels);
void GF_FAST(mean_pool_backward)(float *d_x, const float *d_y, int batch, int pixels, int channels,
                                 bool add);
void GF_FAST(fake_quant_forward)(float *y, const float *x, const float *scale, const float *zero,
                                 int low, int high, size_t outer, size_t inner, bool per_outer);
void GF_FAST(fake_quant_backward)(float *d_x, const float *d_y, const float *x, const float *scale,
                                  const float *zero, int low, int high, size_t outer, size_t inner,
                                  bool per_outer, bool add);
void GF_FAST(float_round)(float *y, const float *x, const float *scale, gf_minifloat format,
                          size_t outer, size_t inner, bool per_outer);
void GF_FAST(range)(float *low, float *high, const float *x, size_t count);
void GF_FAST(sgd_step)(float *weight, float *velocity, const float *gradient, size_t count,
                       float lr, float momentum, float coupled, float decoupled, bool nesterov);
void GF_FAST(adam_step)(float *weight, float *mean, float *square, const float *gradient,
                        size_t count, const gf_adam *adam);
void GF_FAST(ema_step)(float *average, const float *weight, size_t count, float decay);
void GF_FAST(bn_statistics)(float *mean, float *variance, const float *x, int batch, int pixels,
                            int channels, gf_scratch *scratch);
void GF_FAST(bn_forward)(float *y, const float *x, const float *residual, const gf_bn *bn,
                         gf_epilogue epilogue);
void GF_FAST(bn_backward)(const gf_bn_gradients *out, const float *d_y, const float *y,
                          const float *x, const gf_bn *bn, gf_scratch *scratch);

#endif
