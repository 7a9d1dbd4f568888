/* Which way a convolution goes, by its shape alone: never by threads or timings, so that the bits
 * of a result are decided before the work starts. */
#include "gather.h"

/* The remainders of larger strides are more phases than a plan holds; nothing trains with them. */
static bool is_planned(const gf_conv_shape *shape)
{
    return shape->stride <= GF_PLAN_STRIDE_MAX;
}

/* Winograd's three passes cost transforms per channel and save products per pair of channels. */
enum {
    WINOGRAD_CHANNELS = 32,           /* with 16 a pass gains next to nothing and loses digits */
    WINOGRAD_WEIGHTS_MAX = 256 * 256, /* above, the 36 sums per weight and shard fit no cache */
};

static bool can_winograd(const gf_conv_shape *s)
{
    return s->kernel_height == 3 && s->kernel_width == 3 && s->stride == 1 && s->groups == 1 &&
           s->channels % 16 == 0 && s->filters % 16 == 0 && s->out_height >= 4 && s->out_width >= 4;
}

static bool suits_winograd(const gf_conv_shape *s)
{
    return can_winograd(s) && s->channels >= WINOGRAD_CHANNELS && s->filters >= WINOGRAD_CHANNELS;
}

static bool suits_winograd_weight(const gf_conv_shape *s)
{
    return can_winograd(s) && s->channels * s->filters <= WINOGRAD_WEIGHTS_MAX;
}

void GF_FAST(conv_forward)(float *y, const float *x, const float *weight, const float *bias,
                           const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_plan plan;
    gf_plan_forward(&plan, shape);
    if (suits_winograd(shape))
        GF_FAST(winograd)(y, x, weight, bias, &plan, false, scratch);
    else
        GF_FAST(gather)(y, x, weight, bias, &plan, false, scratch);
}

void GF_FAST(conv_backward_input)(float *d_x, const float *d_y, const float *weight,
                                  const gf_conv_shape *shape, bool add, gf_scratch *scratch)
{
    if (!is_planned(shape)) {
        gf_ref_conv_backward_input(d_x, d_y, weight, shape, add, scratch);
        return;
    }
    gf_plan plan;
    gf_plan_backward_input(&plan, shape);
    if (suits_winograd(shape))
        GF_FAST(winograd)(d_x, d_y, weight, NULL, &plan, add, scratch);
    else
        GF_FAST(gather)(d_x, d_y, weight, NULL, &plan, add, scratch);
}

void GF_FAST(conv_backward_weight)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                                   const gf_conv_shape *shape, gf_scratch *scratch)
{
    if (suits_winograd_weight(shape) && !d_bias)
        GF_FAST(winograd_weight)(d_weight, d_y, x, shape, scratch);
    else
        GF_FAST(weight_gradient)(d_weight, d_bias, d_y, x, shape, scratch);
}
