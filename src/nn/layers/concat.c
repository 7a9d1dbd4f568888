/* Channels of several inputs behind each other: [h, w, a], [h, w, b] -> [h, w, a + b]. */
#include <gridfront/nn.h>

#include <string.h>

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)attributes;
    *out = in[0];
    for (int i = 1; i < inputs; i++) {
        if (in[i].height != in[0].height || in[i].width != in[0].width)
            return gf_fail(GF_INVALID, "%d x %d and %d x %d cannot be laid behind each other",
                           in[0].height, in[0].width, in[i].height, in[i].width);
        out->channels += in[i].channels;
    }
    return GF_OK;
}

static size_t rows_of(const gf_layer_call *call)
{
    return (size_t)call->batch * (size_t)call->out_shape.height * (size_t)call->out_shape.width;
}

static void forward(const gf_layer_call *call)
{
    size_t rows = rows_of(call), total = (size_t)call->out_shape.channels;
#pragma omp parallel for schedule(static)
    for (size_t row = 0; row < rows; row++) {
        gf_real *to = call->out + row * total;
        for (int i = 0; i < call->input_count; i++) {
            size_t channels = (size_t)call->in_shape[i].channels;
            memcpy(to, call->in[i] + row * channels, channels * sizeof *to);
            to += channels;
        }
    }
}

static void backward(const gf_layer_call *call)
{
    size_t rows = rows_of(call), total = (size_t)call->out_shape.channels, first = 0;
    for (int i = 0; i < call->input_count; i++) {
        size_t channels = (size_t)call->in_shape[i].channels;
        const gf_real *d_out = call->d_out + first;
        gf_real *d_in = call->d_in[i];
        bool add = call->d_in_add[i];
        first += channels;
        if (!d_in) continue;
#pragma omp parallel for schedule(static)
        for (size_t row = 0; row < rows; row++)
            for (size_t c = 0; c < channels; c++) {
                gf_real before = add ? d_in[row * channels + c] : 0;
                d_in[row * channels + c] = before + d_out[row * total + c];
            }
    }
}

const gf_layer_kind gf_layer_concat = {
    .schema = { .name = "concat", .summary = "channels of several inputs behind each other" },
    .inputs_least = 2,
    .inputs_most = GF_NODE_INPUTS,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .channels = GF_CHANNELS_CONCAT,
};
