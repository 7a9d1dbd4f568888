/* Mean over all pixels of an image: [h, w, c] -> [1, 1, c]. */
#include <gridfront/nn.h>

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)inputs;
    (void)attributes;
    *out = (gf_shape){ .height = 1, .width = 1, .channels = in->channels };
    return GF_OK;
}

static void forward(const gf_layer_call *call)
{
    call->kernels->mean_pool_forward(call->out, call->in[0], call->batch,
                                     call->in_shape[0].height * call->in_shape[0].width,
                                     call->in_shape[0].channels);
}

static void backward(const gf_layer_call *call)
{
    if (call->d_in[0])
        call->kernels->mean_pool_backward(call->d_in[0], call->d_out, call->batch,
                                          call->in_shape[0].height * call->in_shape[0].width,
                                          call->in_shape[0].channels, call->d_in_add[0]);
}

const gf_layer_kind gf_layer_mean_pool = {
    .schema = { .name = "mean_pool", .summary = "mean over the pixels" },
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = gf_layer_full_bits,
};
