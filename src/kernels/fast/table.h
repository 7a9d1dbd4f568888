/* The entries of a fast variant's tables, which differ in their convolutions. The loss, softplus
 * and memory are the reference's: a batch of ten-way rows is too small, and exponentials too few,
 * to be worth variants of their own. */
#ifndef GRIDFRONT_KERNELS_TABLE_H
#define GRIDFRONT_KERNELS_TABLE_H

#include "elementwise.h"

#define GF_FAST_TABLE(name_, forward_, backward_input_, backward_weight_)                          \
    {                                                                                              \
        .name = name_, .memory_alloc = gf_ref_memory_alloc, .memory_free = gf_ref_memory_free,     \
        .upload = gf_ref_upload, .download = gf_ref_download, .conv_forward = forward_,            \
        .conv_backward_input = backward_input_, .conv_backward_weight = backward_weight_,          \
        .shift_forward = GF_FAST(shift_forward), .bn_statistics = GF_FAST(bn_statistics),          \
        .bn_forward = GF_FAST(bn_forward), .bn_backward = GF_FAST(bn_backward),                    \
        .relu_forward = GF_FAST(relu_forward), .relu_backward = GF_FAST(relu_backward),            \
        .relu6_forward = GF_FAST(relu6_forward), .relu6_backward = GF_FAST(relu6_backward),        \
        .softplus_forward = gf_ref_softplus_forward,                                               \
        .softplus_backward = gf_ref_softplus_backward, .add = GF_FAST(add),                        \
        .accumulate = GF_FAST(accumulate), .copy = GF_FAST(copy), .multiply = GF_FAST(multiply),   \
        .mean_pool_forward = GF_FAST(mean_pool_forward),                                           \
        .mean_pool_backward = GF_FAST(mean_pool_backward),                                         \
        .softmax_cross_entropy = gf_ref_softmax_cross_entropy,                                     \
        .fake_quant_forward = GF_FAST(fake_quant_forward),                                         \
        .fake_quant_backward = GF_FAST(fake_quant_backward), .float_round = GF_FAST(float_round),  \
        .range = GF_FAST(range), .sgd_step = GF_FAST(sgd_step), .adam_step = GF_FAST(adam_step),   \
        .ema_step = GF_FAST(ema_step),                                                             \
    }

#endif
