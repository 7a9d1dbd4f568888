/* Rectified linear unit; backward reads its own output, so that it can work in place. */
#include <gridfront/nn.h>

static void forward(const gf_layer_call *call)
{
    call->kernels->relu_forward(call->out, call->in[0],
                                (size_t)call->batch * gf_shape_count(call->out_shape));
}

static void backward(const gf_layer_call *call)
{
    if (call->d_in[0])
        call->kernels->relu_backward(call->d_in[0], call->d_out, call->out,
                                     (size_t)call->batch * gf_shape_count(call->out_shape),
                                     call->d_in_add[0]);
}

const gf_layer_kind gf_layer_relu = {
    .schema = { .name = "relu", .summary = "max(0, x)" },
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .forward = forward,
    .backward = backward,
    .reads_out = true,
    .in_place = true,
    .gradient_in_place = true,
    .tail = GF_TAIL_RELU,
    .channels = GF_CHANNELS_FOLLOW,
};
