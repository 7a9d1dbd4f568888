/* Weight and bias of convolutions and fully connected layers, each of which may be frozen. */
#include "affine.h"

gf_conv_shape gf_conv_shape_on(int batch, gf_shape in, const gf_conv_attributes *a)
{
    gf_conv_shape shape = { .batch = batch,
                            .height = in.height,
                            .width = in.width,
                            .channels = in.channels,
                            .filters = a->filters,
                            .kernel_height = a->kernel_height,
                            .kernel_width = a->kernel_width,
                            .stride = a->stride,
                            .pad_height = a->pad_height,
                            .pad_width = a->pad_width,
                            .groups = a->groups };
    gf_conv_shape_finish(&shape);
    return shape;
}

gf_status gf_conv_out(gf_shape *out, const gf_shape *in, const gf_conv_attributes *a)
{
    if (in->height + 2 * a->pad_height < a->kernel_height ||
        in->width + 2 * a->pad_width < a->kernel_width)
        return gf_fail(GF_INVALID, "an image of %d x %d is smaller than the kernel of %d x %d",
                       in->height, in->width, a->kernel_height, a->kernel_width);
    gf_conv_shape s = gf_conv_shape_on(1, *in, a);
    *out = (gf_shape){ .height = s.out_height, .width = s.out_width, .channels = a->filters };
    return GF_OK;
}

int gf_affine_params(gf_param_spec *specs, const gf_conv_shape *s, bool bias)
{
    specs[0] = (gf_param_spec){ .suffix = "weight",
                                .role = GF_ROLE_WEIGHT,
                                .rank = 4,
                                .dims = { s->filters, s->kernel_height, s->kernel_width,
                                          s->channels / s->groups } };
    specs[1] = (gf_param_spec){
        .suffix = "bias", .role = GF_ROLE_BIAS, .rank = 1, .dims = { s->filters }
    };
    return 1 + bias;
}

void gf_affine_forward(const gf_layer_call *call, const gf_conv_shape *s, bool bias)
{
    const gf_conv_end end = { .bias = bias ? call->weight[1] : NULL,
                              .residual = call->residual,
                              .epilogue = call->epilogue };
    call->kernels->conv_forward(call->out, call->in[0], call->weight[0], &end, s, call->scratch);
}

/* Where the weight is frozen and the kernel that sums both is not called. */
static void bias_gradient(const gf_layer_call *call, const gf_conv_shape *s)
{
    size_t rows = (size_t)s->batch * (size_t)s->out_height * (size_t)s->out_width;
#pragma omp parallel for
    for (int f = 0; f < s->filters; f++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++)
            sum += (double)call->d_out[r * (size_t)s->filters + (size_t)f];
        call->d_weight[1][f] = (gf_real)sum;
    }
}

void gf_affine_backward(const gf_layer_call *call, const gf_conv_shape *s, bool bias)
{
    if (call->d_weight[0])
        call->kernels->conv_backward_weight(call->d_weight[0], bias ? call->d_weight[1] : NULL,
                                            call->d_out, call->in[0], s, call->scratch);
    else if (bias && call->d_weight[1])
        bias_gradient(call, s);
    if (call->d_in[0])
        call->kernels->conv_backward_input(call->d_in[0], call->d_out, call->weight[0], s,
                                           call->d_in_add[0], call->scratch);
}
