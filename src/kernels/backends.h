/* The backends that dispatch.c chooses from, and what they share. Private to this room. */
#ifndef GRIDFRONT_KERNELS_BACKENDS_H
#define GRIDFRONT_KERNELS_BACKENDS_H

#include <gridfront/kernels.h>

extern const gf_kernels gf_kernels_ref;
#ifndef GF_DOUBLE /* the float64 engine has the reference alone */
extern const gf_kernels gf_kernels_portable;
extern const gf_kernels gf_kernels_ref_bf16, gf_kernels_portable_bf16; /* emulated, as the next */
#if defined(__x86_64__)
extern const gf_kernels gf_kernels_avx2;
extern const gf_kernels gf_kernels_avx512;
extern const gf_kernels gf_kernels_avx2_bf16, gf_kernels_avx512_bf16;
extern const gf_kernels gf_kernels_avx512_native; /* with GF_NATIVE_BF16 (Makefile) */
#endif
#endif

/* fast/peak.c: FLOP of so many rounds of multiply-adds in registers. */
double gf_portable_peak(float *result, int64_t rounds);
double gf_avx2_peak(float *result, int64_t rounds);
double gf_avx512_peak(float *result, int64_t rounds);

/* ref/memory.c: plain host memory, the same for every CPU backend. */
void *gf_ref_memory_alloc(size_t size);
void gf_ref_memory_free(void *memory);
void gf_ref_upload(void *device, const void *host, size_t size);
void gf_ref_download(void *host, const void *device, size_t size);

/* ref/conv.c */
void gf_ref_conv_forward(gf_real *y, const gf_real *x, const gf_real *weight,
                         const gf_conv_end *end, const gf_conv_shape *shape, gf_scratch *scratch);
void gf_ref_conv_backward_input(gf_real *d_x, const gf_real *d_y, const gf_real *weight,
                                const gf_conv_shape *shape, bool add, gf_scratch *scratch);
void gf_ref_conv_backward_weight(gf_real *d_weight, gf_real *d_bias, const gf_real *d_y,
                                 const gf_real *x, const gf_conv_shape *shape, gf_scratch *scratch);

/* ref/shift.c */
void gf_ref_shift_forward(gf_real *y, const gf_real *x, const gf_real *weight,
                          const int32_t *position, const gf_conv_end *end,
                          const gf_conv_shape *shape, gf_scratch *scratch);

/* ref/bn.c */
void gf_ref_bn_statistics(gf_real *mean, gf_real *variance, const gf_real *x, int batch, int pixels,
                          int channels, gf_scratch *scratch);
void gf_ref_bn_forward(gf_real *y, const gf_real *x, const gf_real *residual, const gf_bn *bn,
                       gf_epilogue epilogue);
void gf_ref_bn_backward(const gf_bn_gradients *out, const gf_real *d_y, const gf_real *y,
                        const gf_real *x, const gf_bn *bn, gf_scratch *scratch);

/* ref/activation.c */
void gf_ref_relu_forward(gf_real *y, const gf_real *x, size_t count);
void gf_ref_relu_backward(gf_real *d_x, const gf_real *d_y, const gf_real *y, size_t count,
                          bool add);
void gf_ref_relu6_forward(gf_real *y, const gf_real *x, size_t count);
void gf_ref_relu6_backward(gf_real *d_x, const gf_real *d_y, const gf_real *y, size_t count,
                           bool add);
void gf_ref_softplus_forward(gf_real *y, const gf_real *x, size_t count);
void gf_ref_softplus_backward(gf_real *d_x, const gf_real *d_y, const gf_real *x, size_t count,
                              bool add);
void gf_ref_add(gf_real *y, const gf_real *a, const gf_real *b, size_t count);
void gf_ref_accumulate(gf_real *y, const gf_real *x, size_t count);
void gf_ref_copy(gf_real *y, const gf_real *x, size_t count);
void gf_ref_multiply(gf_real *y, const gf_real *a, const gf_real *b, size_t count);
void gf_ref_mean_pool_forward(gf_real *y, const gf_real *x, int batch, int pixels, int channels);
void gf_ref_mean_pool_backward(gf_real *d_x, const gf_real *d_y, int batch, int pixels,
                               int channels, bool add);

/* ref/loss.c */
void gf_ref_softmax_cross_entropy(gf_real *d_logits, gf_real *losses, const gf_real *logits,
                                  const gf_real *target, int batch, int classes);

/* ref/quant.c */
void gf_ref_fake_quant_forward(gf_real *y, const gf_real *x, const gf_real *scale,
                               const gf_real *zero, int low, int high, size_t outer, size_t inner,
                               bool per_outer);
void gf_ref_fake_quant_backward(gf_real *d_x, const gf_real *d_y, const gf_real *x,
                                const gf_real *scale, const gf_real *zero, int low, int high,
                                size_t outer, size_t inner, bool per_outer, bool add);
void gf_ref_float_round(gf_real *y, const gf_real *x, const gf_real *scale, gf_minifloat format,
                        size_t outer, size_t inner, bool per_outer);
void gf_ref_range(gf_real *low, gf_real *high, const gf_real *x, size_t count);

/* ref/optim.c */
void gf_ref_sgd_step(gf_real *weight, gf_real *velocity, const gf_real *gradient, size_t count,
                     gf_real lr, gf_real momentum, gf_real coupled, gf_real decoupled,
                     bool nesterov);
void gf_ref_adam_step(gf_real *weight, gf_real *mean, gf_real *square, const gf_real *gradient,
                      size_t count, const gf_adam *adam);
void gf_ref_ema_step(gf_real *average, const gf_real *weight, size_t count, gf_real decay);

#endif
