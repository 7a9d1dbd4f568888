/* The reference backend: every kernel by its definition. */
#include "../backends.h"
#include "../bf16.h"

#define TABLE(name_, forward_, backward_input_, backward_weight_)                                  \
    {                                                                                              \
        .name = name_, .memory_alloc = gf_ref_memory_alloc, .memory_free = gf_ref_memory_free,     \
        .upload = gf_ref_upload, .download = gf_ref_download, .conv_forward = forward_,            \
        .conv_backward_input = backward_input_, .conv_backward_weight = backward_weight_,          \
        .shift_forward = gf_ref_shift_forward, .bn_statistics = gf_ref_bn_statistics,              \
        .bn_forward = gf_ref_bn_forward, .bn_backward = gf_ref_bn_backward,                        \
        .relu_forward = gf_ref_relu_forward, .relu_backward = gf_ref_relu_backward,                \
        .relu6_forward = gf_ref_relu6_forward, .relu6_backward = gf_ref_relu6_backward,            \
        .softplus_forward = gf_ref_softplus_forward,                                               \
        .softplus_backward = gf_ref_softplus_backward, .add = gf_ref_add,                          \
        .accumulate = gf_ref_accumulate, .copy = gf_ref_copy, .multiply = gf_ref_multiply,         \
        .mean_pool_forward = gf_ref_mean_pool_forward,                                             \
        .mean_pool_backward = gf_ref_mean_pool_backward,                                           \
        .softmax_cross_entropy = gf_ref_softmax_cross_entropy,                                     \
        .fake_quant_forward = gf_ref_fake_quant_forward,                                           \
        .fake_quant_backward = gf_ref_fake_quant_backward, .float_round = gf_ref_float_round,      \
        .range = gf_ref_range, .sgd_step = gf_ref_sgd_step, .adam_step = gf_ref_adam_step,         \
        .ema_step = gf_ref_ema_step,                                                               \
    }

const gf_kernels gf_kernels_ref =
    TABLE("ref", gf_ref_conv_forward, gf_ref_conv_backward_input, gf_ref_conv_backward_weight);

#ifndef GF_DOUBLE
static const gf_bf16_emulator emulator = { &gf_kernels_ref, gf_bf16_round_values };

static void bf16_forward(float *y, const float *x, const float *weight, const gf_conv_end *end,
                         const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_bf16_forward(&emulator, y, x, weight, end, shape, scratch);
}

static void bf16_backward_input(float *d_x, const float *d_y, const float *weight,
                                const gf_conv_shape *shape, bool add, gf_scratch *scratch)
{
    gf_bf16_backward_input(&emulator, d_x, d_y, weight, shape, add, scratch);
}

static void bf16_backward_weight(float *d_weight, float *d_bias, const float *d_y, const float *x,
                                 const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_bf16_backward_weight(&emulator, d_weight, d_bias, d_y, x, shape, scratch);
}

const gf_kernels gf_kernels_ref_bf16 =
    TABLE("ref bf16", bf16_forward, bf16_backward_input, bf16_backward_weight);
#endif
