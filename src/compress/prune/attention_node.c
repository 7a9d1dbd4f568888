/* Layer "attention": every channel of an image times a gate in (0, 1) that two small fully
 * connected layers compute from the means of all channels (squeeze and excitation, Hu et al. 2018,
 * 1709.01507, section 3):
 *
 *   gate = sigmoid(W2 relu(W1 mean(x) + b1) + b2),  y = x * gate
 *
 * In CALIBRATE mode it also averages its gates over the images, for pcas to read. */
#include "attention.h"

#include <math.h>

/* Of the cache, one behind the other: kept from forward, and room for their gradients. */
typedef struct attention {
    gf_conv_shape squeeze, excite;
    int pixels;
    gf_real *means, *hidden, *gates; /* [batch, channels], [batch, hidden], [batch, channels] */
    gf_real *d_means, *d_hidden, *d_gates;
} attention;

static int hidden_of(int channels, const gf_attention_attributes *a)
{
    return (channels + a->reduction - 1) / a->reduction;
}

static gf_conv_shape connected(int batch, int from, int to)
{
    gf_conv_shape shape = { .batch = batch,
                            .height = 1,
                            .width = 1,
                            .channels = from,
                            .filters = to,
                            .kernel_height = 1,
                            .kernel_width = 1,
                            .stride = 1,
                            .groups = 1 };
    gf_conv_shape_finish(&shape);
    return shape;
}

static attention parts_of(const gf_layer_call *call)
{
    int channels = call->out_shape.channels, hidden = hidden_of(channels, call->attributes);
    size_t outer = (size_t)call->batch * (size_t)channels;
    size_t inner = (size_t)call->batch * (size_t)hidden;
    attention a = { .squeeze = connected(call->batch, channels, hidden),
                    .excite = connected(call->batch, hidden, channels),
                    .pixels = call->out_shape.height * call->out_shape.width,
                    .means = call->cache };
    a.gates = a.means + outer;
    a.hidden = a.gates + outer;
    a.d_means = a.hidden + inner;
    a.d_gates = a.d_means + outer;
    a.d_hidden = a.d_gates + outer;
    return a;
}

static size_t cache(int batch, const gf_shape *in, gf_shape out, const void *attributes)
{
    (void)in;
    return 2 * (size_t)batch * (size_t)(2 * out.channels + hidden_of(out.channels, attributes));
}

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    int channels = in->channels, hidden = hidden_of(channels, attributes);
    specs[GF_ATTENTION_SQUEEZE] = (gf_param_spec){
        .suffix = "squeeze", .role = GF_ROLE_WEIGHT, .rank = 4, .dims = { hidden, 1, 1, channels }
    };
    specs[GF_ATTENTION_SQUEEZE_BIAS] = (gf_param_spec){
        .suffix = "squeeze_bias", .role = GF_ROLE_BIAS, .rank = 1, .dims = { hidden }
    };
    specs[GF_ATTENTION_EXCITE] = (gf_param_spec){
        .suffix = "excite", .role = GF_ROLE_WEIGHT, .rank = 4, .dims = { channels, 1, 1, hidden }
    };
    specs[GF_ATTENTION_EXCITE_BIAS] = (gf_param_spec){
        .suffix = "excite_bias", .role = GF_ROLE_BIAS, .rank = 1, .dims = { channels }
    };
    specs[GF_ATTENTION_MEANS] = (gf_param_spec){
        .suffix = "means", .role = GF_ROLE_STATE, .rank = 1, .dims = { channels + 1 }
    };
    return GF_ATTENTION_PARAMS;
}

/* ---- forward ---- */

static void average_gates(gf_real *means, const attention *a)
{
    int channels = a->excite.filters;
    for (int i = 0; i < a->excite.batch; i++) {
        gf_real images = means[channels] += 1;
        for (int c = 0; c < channels; c++)
            means[c] += (a->gates[i * channels + c] - means[c]) / images;
    }
}

static void fill_gates(const gf_layer_call *call, const attention *a)
{
    const gf_conv_end squeezed = { .bias = call->weight[GF_ATTENTION_SQUEEZE_BIAS],
                                   .epilogue = GF_EPILOGUE_RELU };
    const gf_conv_end excited = { .bias = call->weight[GF_ATTENTION_EXCITE_BIAS] };
    int channels = a->excite.filters;
    call->kernels->mean_pool_forward(a->means, call->in[0], call->batch, a->pixels, channels);
    call->kernels->conv_forward(a->hidden, a->means, call->weight[GF_ATTENTION_SQUEEZE], &squeezed,
                                &a->squeeze, call->scratch);
    call->kernels->conv_forward(a->gates, a->hidden, call->weight[GF_ATTENTION_EXCITE], &excited,
                                &a->excite, call->scratch);
    for (int i = 0; i < call->batch * channels; i++)
        a->gates[i] = (gf_real)(1 / (1 + exp(-(double)a->gates[i])));
}

static void forward(const gf_layer_call *call)
{
    const attention a = parts_of(call);
    int channels = a.excite.filters;
    fill_gates(call, &a);
    if (call->mode == GF_MODE_CALIBRATE) average_gates(call->weight[GF_ATTENTION_MEANS], &a);
#pragma omp parallel for schedule(static)
    for (int row = 0; row < call->batch * a.pixels; row++) {
        const gf_real *gates = a.gates + (size_t)(row / a.pixels) * (size_t)channels;
        const gf_real *x = call->in[0] + (size_t)row * (size_t)channels;
        gf_real *y = call->out + (size_t)row * (size_t)channels;
        for (int c = 0; c < channels; c++) y[c] = x[c] * gates[c];
    }
}

/* ---- backward ---- */

/* Gradient before the sigmoid. */
static void fill_d_gates(const gf_layer_call *call, const attention *a)
{
    int channels = a->excite.filters;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < call->batch; i++) {
        size_t image = (size_t)i * (size_t)a->pixels * (size_t)channels;
        gf_real *d = a->d_gates + (size_t)i * (size_t)channels;
        const gf_real *gates = a->gates + (size_t)i * (size_t)channels;
        for (int c = 0; c < channels; c++) d[c] = 0;
        for (int p = 0; p < a->pixels; p++)
            for (int c = 0; c < channels; c++) {
                size_t at = image + (size_t)p * (size_t)channels + (size_t)c;
                d[c] += call->d_out[at] * call->in[0][at];
            }
        for (int c = 0; c < channels; c++) d[c] *= gates[c] * (1 - gates[c]);
    }
}

/* Weight and bias behind it are trained together or not at all. */
static void backward_connected(const gf_layer_call *call, int weight, gf_real *d_in,
                               const gf_real *d_out, const gf_real *in, const gf_conv_shape *shape)
{
    if (call->d_weight[weight])
        call->kernels->conv_backward_weight(call->d_weight[weight], call->d_weight[weight + 1],
                                            d_out, in, shape, call->scratch);
    call->kernels->conv_backward_input(d_in, d_out, call->weight[weight], shape, false,
                                       call->scratch);
}

static void fill_d_in(const gf_layer_call *call, const attention *a)
{
    int channels = a->excite.filters;
#pragma omp parallel for schedule(static)
    for (int row = 0; row < call->batch * a->pixels; row++) {
        size_t image = (size_t)(row / a->pixels) * (size_t)channels;
        size_t at = (size_t)row * (size_t)channels;
        for (int c = 0; c < channels; c++) {
            gf_real d = call->d_out[at + (size_t)c] * a->gates[image + (size_t)c] +
                        a->d_means[image + (size_t)c] / (gf_real)a->pixels;
            call->d_in[0][at + (size_t)c] =
                call->d_in_add[0] ? call->d_in[0][at + (size_t)c] + d : d;
        }
    }
}

static void backward(const gf_layer_call *call)
{
    const attention a = parts_of(call);
    size_t inner = (size_t)call->batch * (size_t)a.squeeze.filters;
    fill_d_gates(call, &a);
    backward_connected(call, GF_ATTENTION_EXCITE, a.d_hidden, a.d_gates, a.hidden, &a.excite);
    call->kernels->relu_backward(a.d_hidden, a.d_hidden, a.hidden, inner, false);
    backward_connected(call, GF_ATTENTION_SQUEEZE, a.d_means, a.d_hidden, a.means, &a.squeeze);
    if (call->d_in[0]) fill_d_in(call, &a);
}

static int64_t macs(const gf_shape *in, gf_shape out, const void *attributes)
{
    (void)in;
    return 2 * (int64_t)out.channels * hidden_of(out.channels, attributes);
}

static const gf_field fields[] = {
    GF_FIELD(gf_attention_attributes, reduction, "4", "[1, 1024]", "",
             "channels per hidden unit of a module"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_attention = {
    .schema = { .name = "attention",
                .summary = "channels times gates that are computed from all channels",
                .paper = "Hu et al. 2018, arXiv 1709.01507, section 3",
                .fields = fields },
    .attributes_size = sizeof(gf_attention_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .params = params,
    .forward = forward,
    .backward = backward,
    .cache = cache,
    .macs = macs,
    .reads_in = true,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = gf_layer_full_bits,
};
