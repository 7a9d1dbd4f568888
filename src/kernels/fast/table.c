/* A fast variant's tables: float32, and bf16 emulated by it. */
#include "../bf16.h"
#include "table.h"

#define GF_STRING_(word)    #word
#define GF_STRING(word)     GF_STRING_(word)
#define GF_TABLE_(isa)      gf_kernels_##isa
#define GF_TABLE(isa)       GF_TABLE_(isa)
#define GF_TABLE_BF16_(isa) gf_kernels_##isa##_bf16
#define GF_TABLE_BF16(isa)  GF_TABLE_BF16_(isa)

const gf_kernels GF_TABLE(GF_ISA) = GF_FAST_TABLE(GF_STRING(GF_ISA), GF_FAST(conv_forward),
                                                  GF_FAST(conv_backward_input),
                                                  GF_FAST(conv_backward_weight));

static const gf_bf16_emulator emulator = { &GF_TABLE(GF_ISA), gf_bf16_round_values };

void GF_FAST(bf16_forward)(float *y, const float *x, const float *weight, const gf_conv_end *end,
                           const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_bf16_forward(&emulator, y, x, weight, end, shape, scratch);
}

void GF_FAST(bf16_backward_input)(float *d_x, const float *d_y, const float *weight,
                                  const gf_conv_shape *shape, bool add, gf_scratch *scratch)
{
    gf_bf16_backward_input(&emulator, d_x, d_y, weight, shape, add, scratch);
}

void GF_FAST(bf16_backward_weight)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                                   const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_bf16_backward_weight(&emulator, d_weight, d_bias, d_y, x, shape, scratch);
}

const gf_kernels GF_TABLE_BF16(GF_ISA) = GF_FAST_TABLE(GF_STRING(GF_ISA) " bf16",
                                                       GF_FAST(bf16_forward),
                                                       GF_FAST(bf16_backward_input),
                                                       GF_FAST(bf16_backward_weight));
