/* Convolution, grouped and depthwise included. x [batch, h, w, c], weight [filters, kh, kw,
 * c / groups], optional bias [filters]. */
#include "affine.h"

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)inputs;
    const gf_conv_attributes *a = attributes;
    if (in->channels % a->groups || a->filters % a->groups)
        return gf_fail(GF_INVALID, "%d input channels and %d filters are no multiples of %d groups",
                       in->channels, a->filters, a->groups);
    return gf_conv_out(out, in, a);
}

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    const gf_conv_attributes *a = attributes;
    gf_conv_shape s = gf_conv_shape_on(1, *in, a);
    return gf_affine_params(specs, &s, a->bias);
}

static void forward(const gf_layer_call *call)
{
    const gf_conv_attributes *a = call->attributes;
    gf_conv_shape s = gf_conv_shape_on(call->batch, call->in_shape[0], a);
    gf_affine_forward(call, &s, a->bias);
}

static void backward(const gf_layer_call *call)
{
    const gf_conv_attributes *a = call->attributes;
    gf_conv_shape s = gf_conv_shape_on(call->batch, call->in_shape[0], a);
    gf_affine_backward(call, &s, a->bias);
}

static int64_t macs(const gf_shape *in, gf_shape out, const void *attributes)
{
    (void)out;
    gf_conv_shape s = gf_conv_shape_on(1, *in, attributes);
    return gf_conv_macs(&s);
}

static const gf_field fields[] = {
    GF_FIELD(gf_conv_attributes, filters, NULL, "[1, 65536]", "", "output channels"),
    GF_FIELD(gf_conv_attributes, kernel_height, NULL, "[1, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, kernel_width, NULL, "[1, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, stride, NULL, "[1, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, pad_height, NULL, "[0, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, pad_width, NULL, "[0, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, groups, NULL, "[1, 65536]", "", ""),
    GF_FIELD(gf_conv_attributes, bias, NULL, NULL, "", ""),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_conv = {
    .schema = { .name = "conv", .summary = "convolution", .fields = fields },
    .attributes_size = sizeof(gf_conv_attributes),
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
