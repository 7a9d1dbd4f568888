/* A fast variant's table. The loss, softplus and memory are the reference's: a batch of ten-way
 * rows is too small, and exponentials too few, to be worth variants of their own. */
#include "elementwise.h"

#define GF_STRING_(word) #word
#define GF_STRING(word)  GF_STRING_(word)
#define GF_TABLE_(isa)   gf_kernels_##isa
#define GF_TABLE(isa)    GF_TABLE_(isa)

const gf_kernels GF_TABLE(GF_ISA) = {
    .name = GF_STRING(GF_ISA),
    .memory_alloc = gf_ref_memory_alloc,
    .memory_free = gf_ref_memory_free,
    .upload = gf_ref_upload,
    .download = gf_ref_download,
    .conv_forward = GF_FAST(conv_forward),
    .conv_backward_input = GF_FAST(conv_backward_input),
    .conv_backward_weight = GF_FAST(conv_backward_weight),
    .bn_statistics = GF_FAST(bn_statistics),
    .bn_forward = GF_FAST(bn_forward),
    .bn_backward = GF_FAST(bn_backward),
    .bn_backward_frozen = GF_FAST(bn_backward_frozen),
    .relu_forward = GF_FAST(relu_forward),
    .relu_backward = GF_FAST(relu_backward),
    .softplus_forward = gf_ref_softplus_forward,
    .softplus_backward = gf_ref_softplus_backward,
    .add = GF_FAST(add),
    .accumulate = GF_FAST(accumulate),
    .copy = GF_FAST(copy),
    .multiply = GF_FAST(multiply),
    .mean_pool_forward = GF_FAST(mean_pool_forward),
    .mean_pool_backward = GF_FAST(mean_pool_backward),
    .softmax_cross_entropy = gf_ref_softmax_cross_entropy,
    .fake_quant_forward = GF_FAST(fake_quant_forward),
    .fake_quant_backward = GF_FAST(fake_quant_backward),
    .range = GF_FAST(range),
    .sgd_step = GF_FAST(sgd_step),
    .ema_step = GF_FAST(ema_step),
};
