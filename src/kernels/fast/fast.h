/* What the files of a fast variant share. They are compiled once per instruction set with
 * -DGF_ISA=portable|avx2|avx512; GF_FAST puts that word into every external name. */
#ifndef GRIDFRONT_KERNELS_FAST_H
#define GRIDFRONT_KERNELS_FAST_H

#include "../backends.h"

#define GF_JOIN_(a, b) gf_##a##_##b
#define GF_JOIN(a, b)  GF_JOIN_(a, b)
#define GF_FAST(name)  GF_JOIN(GF_ISA, name)

/* Register blocks: a tile of TILE pixels by up to PANEL_VECTORS vectors of output channels leaves
 * room for the weights in the 32 (AVX-512) or 16 registers. WEIGHT_FILTERS by WEIGHT_VECTORS is
 * the block of the weight gradient. */
#if defined(__AVX512F__)
enum { LANES = 16, TILE = 8, PANEL_VECTORS = 2, WEIGHT_FILTERS = 8, WEIGHT_VECTORS = 3 };
#elif defined(__AVX2__)
enum { LANES = 8, TILE = 6, PANEL_VECTORS = 2, WEIGHT_FILTERS = 4, WEIGHT_VECTORS = 3 };
#else
enum { LANES = 4, TILE = 6, PANEL_VECTORS = 2, WEIGHT_FILTERS = 4, WEIGHT_VECTORS = 3 };
#endif
enum { PANEL = PANEL_VECTORS * LANES };

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t vec_mask __attribute__((vector_size(LANES * sizeof(float))));
static const vec_mask lane_numbers __attribute__((unused)) = {
#if defined(__AVX512F__)
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#elif defined(__AVX2__)
    0, 1, 2, 3, 4, 5, 6, 7
#else
    0, 1, 2, 3
#endif
};
/* In memory: any float address will do, and it may alias floats. */
typedef float vec_memory __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

#define GF_INLINE static inline __attribute__((always_inline))

/* A loop of constant length over registers: it must disappear. */
#define EACH _Pragma("GCC unroll 36") for

GF_INLINE vec load(const float *from)
{
    return *(const vec_memory *)from;
}

GF_INLINE void store(float *to, vec value)
{
    *(vec_memory *)to = value;
}

GF_INLINE vec splat(float value)
{
    return value - (vec){ 0 };
}

/* Per lane: mask ? a : b, for the masks that comparisons give. */
GF_INLINE vec blend(vec_mask mask, vec a, vec b)
{
    return (vec)((mask & (vec_mask)a) | (~mask & (vec_mask)b));
}

/* The first `lanes` values; the others are 0. With the constant LANES a plain load. */
GF_INLINE vec load_part(const float *from, int lanes)
{
    if (lanes == LANES) return load(from);
    vec value = { 0 };
    for (int i = 0; i < lanes; i++) value[i] = from[i];
    return value;
}

GF_INLINE void store_part(float *to, vec value, int lanes)
{
    if (lanes == LANES)
        store(to, value);
    else
        for (int i = 0; i < lanes; i++) to[i] = value[i];
}

/* NaN everywhere: what an output becomes when scratch memory is out, so that the loss tells. */
static inline void poison(float *out, size_t count)
{
    gf_log(GF_ERROR, "kernels", "out of scratch memory: the result is set to NaN");
    for (size_t i = 0; i < count; i++) out[i] = __builtin_nanf("");
}

void GF_FAST(conv_forward)(float *y, const float *x, const float *weight, const gf_conv_end *end,
                           const gf_conv_shape *shape, gf_scratch *scratch);
void GF_FAST(conv_backward_input)(float *d_x, const float *d_y, const float *weight,
                                  const gf_conv_shape *shape, bool add, gf_scratch *scratch);
void GF_FAST(conv_backward_weight)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                                   const gf_conv_shape *shape, gf_scratch *scratch);

void GF_FAST(shift_forward)(float *y, const float *x, const float *weight, const int32_t *position,
                            const gf_conv_end *end, const gf_conv_shape *shape,
                            gf_scratch *scratch);

/* Convolutions on operands rounded to bf16 (bf16.h). */
void GF_FAST(bf16_forward)(float *y, const float *x, const float *weight, const gf_conv_end *end,
                           const gf_conv_shape *shape, gf_scratch *scratch);
void GF_FAST(bf16_backward_input)(float *d_x, const float *d_y, const float *weight,
                                  const gf_conv_shape *shape, bool add, gf_scratch *scratch);
void GF_FAST(bf16_backward_weight)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                                   const gf_conv_shape *shape, gf_scratch *scratch);

#endif
