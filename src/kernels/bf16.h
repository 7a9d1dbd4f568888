/* bfloat16: rounding, and bf16 convolutions by float32 kernels on rounded operands. */
#ifndef GRIDFRONT_KERNELS_BF16_H
#define GRIDFRONT_KERNELS_BF16_H

#include <gridfront/kernels.h>

#include <string.h>

/* The bfloat16 next to `value`, half to even. As VCVTNEPS2BF16 does it: subnormal values become
 * zeros of their sign, a NaN stays a (quiet) NaN. */
static inline uint16_t gf_bf16_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t magnitude = bits & 0x7fffffff;
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    uint32_t quiet = bits | 0x00400000, zero = bits & 0x80000000;
    return (uint16_t)((magnitude > 0x7f800000   ? quiet
                       : magnitude < 0x00800000 ? zero
                                                : rounded) >>
                      16);
}

/* The same as a float. */
static inline float gf_bf16_round(float value)
{
    uint32_t bits = (uint32_t)gf_bf16_bits(value) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Inline, so that every backend compiles it for its own instructions. */
static inline void gf_bf16_round_values(float *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++) to[i] = gf_bf16_round(from[i]);
}

/* A float32 backend, and gf_bf16_round_values as compiled for it. */
typedef struct gf_bf16_emulator {
    const gf_kernels *f32;
    void (*round_values)(float *to, const float *from, size_t count);
} gf_bf16_emulator;

/* Its convolutions on rounded copies of their operands. */
void gf_bf16_forward(const gf_bf16_emulator *by, float *y, const float *x, const float *weight,
                     const gf_conv_end *end, const gf_conv_shape *shape, gf_scratch *scratch);
void gf_bf16_backward_input(const gf_bf16_emulator *by, float *d_x, const float *d_y,
                            const float *weight, const gf_conv_shape *shape, bool add,
                            gf_scratch *scratch);
void gf_bf16_backward_weight(const gf_bf16_emulator *by, float *d_weight, float *d_bias,
                             const float *d_y, const float *x, const gf_conv_shape *shape,
                             gf_scratch *scratch);

#endif
