/* min(max(0, x), 6) (Krizhevsky 2010; MobileNets); backward reads its own output, so that it can
 * work in place. At 0 and 6 the derivative is 0, as PyTorch has it. */
#include <gridfront/nn.h>

static void forward(const gf_layer_call *call)
{
    call->kernels->relu6_forward(call->out, call->in[0],
                                 (size_t)call->batch * gf_shape_count(call->out_shape));
}

static void backward(const gf_layer_call *call)
{
    if (call->d_in[0])
        call->kernels->relu6_backward(call->d_in[0], call->d_out, call->out,
                                      (size_t)call->batch * gf_shape_count(call->out_shape),
                                      call->d_in_add[0]);
}

const gf_layer_kind gf_layer_relu6 = {
    .schema = { .name = "relu6", .summary = "min(max(0, x), 6)" },
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .forward = forward,
    .backward = backward,
    .reads_out = true,
    .in_place = true,
    .gradient_in_place = true,
    .channels = GF_CHANNELS_FOLLOW,
};
