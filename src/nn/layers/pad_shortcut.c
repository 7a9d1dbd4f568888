/* He's option A shortcut (He et al. 2016, 1512.03385, section 3.3): every stride-th pixel, new
 * channels half before and half behind the old ones, filled with zeros. No parameters, no MACs. */
#include <gridfront/nn.h>

#include <string.h>

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)inputs;
    const gf_pad_shortcut_attributes *a = attributes;
    if (a->channels < in->channels)
        return gf_fail(GF_INVALID, "%d channels cannot be padded to %d", in->channels, a->channels);
    *out = (gf_shape){ .height = (in->height + a->stride - 1) / a->stride,
                       .width = (in->width + a->stride - 1) / a->stride,
                       .channels = a->channels };
    return GF_OK;
}

/* Where pixel p of the output of image i begins in the input, channel 0. */
static size_t source(const gf_layer_call *call, size_t image, size_t pixel)
{
    const gf_pad_shortcut_attributes *a = call->attributes;
    gf_shape in = call->in_shape[0];
    size_t row = pixel / (size_t)call->out_shape.width * (size_t)a->stride;
    size_t column = pixel % (size_t)call->out_shape.width * (size_t)a->stride;
    return ((image * (size_t)in.height + row) * (size_t)in.width + column) * (size_t)in.channels;
}

static void forward(const gf_layer_call *call)
{
    gf_shape in = call->in_shape[0], out = call->out_shape;
    size_t pixels = (size_t)out.height * (size_t)out.width;
    size_t before = (size_t)(out.channels - in.channels) / 2;
#pragma omp parallel for
    for (int image = 0; image < call->batch; image++)
        for (size_t pixel = 0; pixel < pixels; pixel++) {
            gf_real *to = call->out + ((size_t)image * pixels + pixel) * (size_t)out.channels;
            memset(to, 0, (size_t)out.channels * sizeof *to);
            memcpy(to + before, call->in[0] + source(call, (size_t)image, pixel),
                   (size_t)in.channels * sizeof *to);
        }
}

static void backward(const gf_layer_call *call)
{
    gf_shape in = call->in_shape[0], out = call->out_shape;
    size_t pixels = (size_t)out.height * (size_t)out.width;
    size_t before = (size_t)(out.channels - in.channels) / 2;
    if (!call->d_in[0]) return;
#pragma omp parallel for
    for (int image = 0; image < call->batch; image++) {
        size_t image_size = gf_shape_count(in);
        if (!call->d_in_add[0])
            memset(call->d_in[0] + (size_t)image * image_size, 0, image_size * sizeof(gf_real));
        for (size_t pixel = 0; pixel < pixels; pixel++) {
            const gf_real *from =
                call->d_out + ((size_t)image * pixels + pixel) * (size_t)out.channels + before;
            gf_real *to = call->d_in[0] + source(call, (size_t)image, pixel);
            for (int c = 0; c < in.channels; c++) to[c] += from[c];
        }
    }
}

static const gf_field fields[] = {
    GF_FIELD(gf_pad_shortcut_attributes, stride, NULL, "[1, 64]", "", ""),
    GF_FIELD(gf_pad_shortcut_attributes, channels, NULL, "[1, 65536]", "", "of the output"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_pad_shortcut = {
    .schema = { .name = "pad_shortcut",
                .summary = "strided identity, padded with zero channels",
                .paper = "He et al. 2016, arXiv 1512.03385, section 3.3, option A",
                .fields = fields },
    .attributes_size = sizeof(gf_pad_shortcut_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .channels = GF_CHANNELS_NEW,
};
