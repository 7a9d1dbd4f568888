/* log(1 + exp(x)): a ReLU without its kink, for tests of whole-network gradients. */
#include <gridfront/nn.h>

static void forward(const gf_layer_call *call)
{
    call->kernels->softplus_forward(call->out, call->in[0],
                                    (size_t)call->batch * gf_shape_count(call->out_shape));
}

static void backward(const gf_layer_call *call)
{
    if (call->d_in[0])
        call->kernels->softplus_backward(call->d_in[0], call->d_out, call->in[0],
                                         (size_t)call->batch * gf_shape_count(call->out_shape),
                                         call->d_in_add[0]);
}

const gf_layer_kind gf_layer_softplus = {
    .schema = { .name = "softplus", .summary = "log(1 + exp(x))" },
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .forward = forward,
    .backward = backward,
    .reads_in = true,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = gf_layer_full_bits,
};
