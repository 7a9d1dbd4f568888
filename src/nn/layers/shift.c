/* A convolution whose kernels have one weight each: a shift of each input channel for each filter,
 * and a 1x1 convolution (Hacene et al. 2019, 1905.12300, section 3.2). x [batch, h, w, c], weight
 * [filters, 1, 1, c], position [filters, 1, 1, c] as row * kernel_width + column of a kernel of the
 * size that the attributes name, optional bias [filters]. Forward is the shift itself; backward is
 * that of the convolution with whole kernels, which is faster where all filters want gradients. */
#include "affine.h"

#include <string.h>

enum { WEIGHT, POSITION, BIAS };

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    const gf_conv_attributes *a = attributes;
    (void)inputs;
    if (a->groups != 1) return gf_fail(GF_INVALID, "%d groups; shifts have one", a->groups);
    return gf_conv_out(out, in, a);
}

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    const gf_conv_attributes *a = attributes;
    specs[WEIGHT] = (gf_param_spec){ .suffix = "weight",
                                     .role = GF_ROLE_WEIGHT,
                                     .rank = 4,
                                     .dims = { a->filters, 1, 1, in->channels } };
    specs[POSITION] = specs[WEIGHT];
    specs[POSITION].suffix = "position";
    specs[POSITION].role = GF_ROLE_STATE;
    specs[BIAS] = (gf_param_spec){
        .suffix = "bias", .role = GF_ROLE_BIAS, .rank = 1, .dims = { a->filters }
    };
    return 2 + a->bias;
}

/* Where a weight stands; the first place for what is none, in a file from elsewhere. */
static int position_of(gf_real value, const gf_conv_shape *s)
{
    int places = s->kernel_height * s->kernel_width;
    return value >= 0 && value < (gf_real)places ? (int)value : 0;
}

static size_t slices_of(const gf_conv_shape *s)
{
    return (size_t)s->filters * (size_t)s->channels;
}

/* Index of a slice's weight among those of whole kernels. */
static size_t place_of(const gf_conv_shape *s, const gf_real *position, size_t slice)
{
    size_t places = (size_t)s->kernel_height * (size_t)s->kernel_width;
    size_t filter = slice / (size_t)s->channels, channel = slice % (size_t)s->channels;
    size_t place = (size_t)position_of(position[slice], s);
    return (filter * places + place) * (size_t)s->channels + channel;
}

/* Without memory for scratch: see kernels.h. */
static void poison(gf_real *out, size_t count)
{
    gf_log(GF_ERROR, "layers", "out of scratch memory: the result is set to NaN");
    for (size_t i = 0; i < count; i++) out[i] = (gf_real)__builtin_nan("");
}

static void forward(const gf_layer_call *call)
{
    const gf_conv_attributes *a = call->attributes;
    gf_conv_shape s = gf_conv_shape_on(call->batch, call->in_shape[0], a);
    const gf_conv_end end = { .bias = a->bias ? call->weight[BIAS] : NULL,
                              .residual = call->residual,
                              .epilogue = call->epilogue };
    int32_t *position = gf_scratch_get(call->scratch, slices_of(&s) * sizeof *position);
    gf_scratch *inner = gf_scratch_inner(call->scratch);
    if (!position || !inner) {
        poison(call->out, (size_t)call->batch * gf_shape_count(call->out_shape));
        return;
    }
    for (size_t k = 0; k < slices_of(&s); k++)
        position[k] = position_of(call->weight[POSITION][k], &s);
    call->kernels->shift_forward(call->out, call->in[0], call->weight[WEIGHT], position, &end, &s,
                                 inner);
}

static void weight_gradient(const gf_layer_call *call, const gf_conv_shape *s, gf_real *whole,
                            gf_scratch *inner)
{
    const gf_conv_attributes *a = call->attributes;
    call->kernels->conv_backward_weight(whole, a->bias ? call->d_weight[BIAS] : NULL, call->d_out,
                                        call->in[0], s, inner);
    for (size_t k = 0; call->d_weight[WEIGHT] && k < slices_of(s); k++)
        call->d_weight[WEIGHT][k] = whole[place_of(s, call->weight[POSITION], k)];
}

static void input_gradient(const gf_layer_call *call, const gf_conv_shape *s, gf_real *whole,
                           size_t count, gf_scratch *inner)
{
    memset(whole, 0, count * sizeof *whole);
    for (size_t k = 0; k < slices_of(s); k++)
        whole[place_of(s, call->weight[POSITION], k)] = call->weight[WEIGHT][k];
    call->kernels->conv_backward_input(call->d_in[0], call->d_out, whole, s, call->d_in_add[0],
                                       inner);
}

static void backward(const gf_layer_call *call)
{
    gf_conv_shape s = gf_conv_shape_on(call->batch, call->in_shape[0], call->attributes);
    size_t count = slices_of(&s) * (size_t)s.kernel_height * (size_t)s.kernel_width;
    gf_real *whole = gf_scratch_get(call->scratch, count * sizeof *whole);
    gf_scratch *inner = gf_scratch_inner(call->scratch);
    if (!whole || !inner) {
        if (call->d_weight[WEIGHT]) poison(call->d_weight[WEIGHT], slices_of(&s));
        if (call->d_in[0])
            poison(call->d_in[0], (size_t)call->batch * gf_shape_count(call->in_shape[0]));
        return;
    }
    if (call->d_weight[WEIGHT] || call->d_weight[BIAS]) weight_gradient(call, &s, whole, inner);
    if (call->d_in[0]) input_gradient(call, &s, whole, count, inner);
}

static int64_t macs(const gf_shape *in, gf_shape out, const void *attributes)
{
    (void)attributes;
    return (int64_t)in->channels * out.channels * out.height * out.width;
}

static const gf_field fields[] = {
    GF_FIELD(gf_conv_attributes, filters, NULL, "[1, 65536]", "", "output channels"),
    GF_FIELD(gf_conv_attributes, kernel_height, NULL, "[1, 64]", "", "rows that it may shift by"),
    GF_FIELD(gf_conv_attributes, kernel_width, NULL, "[1, 64]", "", "columns"),
    GF_FIELD(gf_conv_attributes, stride, NULL, "[1, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, pad_height, NULL, "[0, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, pad_width, NULL, "[0, 64]", "", ""),
    GF_FIELD(gf_conv_attributes, groups, NULL, "[1, 1]", "", ""),
    GF_FIELD(gf_conv_attributes, bias, NULL, NULL, "", ""),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_shift = {
    .schema = { .name = "shift",
                .summary = "shifts and a 1x1 convolution: kernels of one weight",
                .paper = "Hacene et al. 2019, arXiv 1905.12300",
                .fields = fields },
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
