/* Sum of two equal shapes: the end of a residual block. */
#include <gridfront/nn.h>

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)inputs;
    (void)attributes;
    if (in[0].height != in[1].height || in[0].width != in[1].width ||
        in[0].channels != in[1].channels)
        return gf_fail(GF_INVALID, "%d x %d x %d and %d x %d x %d cannot be added", in[0].height,
                       in[0].width, in[0].channels, in[1].height, in[1].width, in[1].channels);
    *out = in[0];
    return GF_OK;
}

static void forward(const gf_layer_call *call)
{
    call->kernels->add(call->out, call->in[0], call->in[1],
                       (size_t)call->batch * gf_shape_count(call->out_shape));
}

static void backward(const gf_layer_call *call)
{
    size_t count = (size_t)call->batch * gf_shape_count(call->out_shape);
    for (int i = 0; i < 2; i++) {
        if (!call->d_in[i]) continue;
        if (call->d_in_add[i])
            call->kernels->accumulate(call->d_in[i], call->d_out, count);
        else
            call->kernels->copy(call->d_in[i], call->d_out, count);
    }
}

const gf_layer_kind gf_layer_add = {
    .schema = { .name = "add", .summary = "sum of two inputs" },
    .inputs_least = 2,
    .inputs_most = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .in_place = true,
    .tail = GF_TAIL_ADD,
    .channels = GF_CHANNELS_AGREE,
    .bits = gf_layer_full_bits,
};
