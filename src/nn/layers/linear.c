/* Fully connected layer: a 1x1 convolution of a 1x1 image. weight [features, 1, 1, channels]. */
#include "affine.h"

static gf_conv_shape linear_shape(int batch, gf_shape in, const gf_linear_attributes *a)
{
    gf_conv_shape shape = { .batch = batch,
                            .height = 1,
                            .width = 1,
                            .channels = in.channels,
                            .filters = a->features,
                            .kernel_height = 1,
                            .kernel_width = 1,
                            .stride = 1,
                            .groups = 1 };
    gf_conv_shape_finish(&shape);
    return shape;
}

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)inputs;
    const gf_linear_attributes *a = attributes;
    if (in->height != 1 || in->width != 1)
        return gf_fail(GF_INVALID, "an image of %d x %d; a fully connected layer wants 1 x 1",
                       in->height, in->width);
    *out = (gf_shape){ .height = 1, .width = 1, .channels = a->features };
    return GF_OK;
}

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    const gf_linear_attributes *a = attributes;
    gf_conv_shape s = linear_shape(1, *in, a);
    return gf_affine_params(specs, &s, a->bias);
}

static void forward(const gf_layer_call *call)
{
    const gf_linear_attributes *a = call->attributes;
    gf_conv_shape s = linear_shape(call->batch, call->in_shape[0], a);
    gf_affine_forward(call, &s, a->bias);
}

static void backward(const gf_layer_call *call)
{
    const gf_linear_attributes *a = call->attributes;
    gf_conv_shape s = linear_shape(call->batch, call->in_shape[0], a);
    gf_affine_backward(call, &s, a->bias);
}

static int64_t macs(const gf_shape *in, gf_shape out, const void *attributes)
{
    (void)attributes;
    return (int64_t)in->channels * out.channels;
}

static const gf_field fields[] = {
    GF_FIELD(gf_linear_attributes, features, NULL, "[1, 65536]", "", "outputs"),
    GF_FIELD(gf_linear_attributes, bias, NULL, NULL, "", ""),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_linear = {
    .schema = { .name = "linear", .summary = "fully connected layer", .fields = fields },
    .attributes_size = sizeof(gf_linear_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = shape,
    .params = params,
    .forward = forward,
    .backward = backward,
    .macs = macs,
    .reads_in = true,
    .takes_forward = true,
    .channels = GF_CHANNELS_NEW,
    .bits = gf_layer_full_bits,
};
