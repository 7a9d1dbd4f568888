/* Vectors of native bf16. VDPBF16PS adds to each of 16 float32 sums the products of two pairs of
 * bfloat16, so that everything here is stored as pairs: 32 bits that hold two neighbours of the
 * axis that is summed over. */
#ifndef GRIDFRONT_KERNELS_VECTOR_H
#define GRIDFRONT_KERNELS_VECTOR_H

#include "native.h"

#ifdef __AVX512BF16__ /* without it this file is only looked at, by the check of headers */
#include <immintrin.h>

enum { LANES = 16 };

#define GF_INLINE static inline __attribute__((always_inline))

/* A loop of constant length over registers: it must disappear. */
#define EACH _Pragma("GCC unroll 36") for

/* The first `count` lanes, at most all. */
GF_INLINE __mmask16 lanes_mask(int count)
{
    return count >= LANES ? 0xffff : (__mmask16)((1u << count) - 1);
}

/* Lane i: first[i] and second[i], rounded, as a pair. */
GF_INLINE __m512i pair_up(__m512 first, __m512 second)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

GF_INLINE __m512 add_products(__m512 sum, __m512i a, __m512i b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

/* The first `lanes` of 16, at most all; `add`: to what is there. */
GF_INLINE void store_lanes(float *out, __m512 sum, int lanes, bool add)
{
    __mmask16 mask = lanes_mask(lanes);
    if (add) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, out));
    _mm512_mask_storeu_ps(out, mask, sum);
}

static inline size_t whole_lines(size_t count)
{
    return (count + 15) / 16 * 16;
}

/* NaN everywhere: what an output becomes when scratch memory is out, so that the loss tells. */
static inline void poison(float *out, size_t count)
{
    gf_log(GF_ERROR, "kernels", "out of scratch memory: the result is set to NaN");
    for (size_t i = 0; i < count; i++) out[i] = __builtin_nanf("");
}

#endif
#endif
