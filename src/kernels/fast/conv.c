/* Which way a convolution goes, by its shape alone: never by threads or timings, so that the bits
 * of a result are decided before the work starts. */
#include "gather.h"

/* The remainders of larger strides are more phases than a plan holds; nothing trains with them. */
static bool is_planned(const gf_conv_shape *shape)
{
    return shape->stride <= GF_PLAN_STRIDE_MAX;
}

void GF_FAST(conv_forward)(float *y, const float *x, const float *weight, const gf_conv_end *end,
                           const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_plan plan;
    gf_plan_forward(&plan, shape);
    if (gf_plan_fits_winograd(shape))
        GF_FAST(winograd)(y, x, weight, end, &plan, false, scratch);
    else
        GF_FAST(gather)(y, x, weight, end, &plan, false, scratch);
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
    if (gf_plan_fits_winograd(shape))
        GF_FAST(winograd)(d_x, d_y, weight, NULL, &plan, add, scratch);
    else
        GF_FAST(gather)(d_x, d_y, weight, NULL, &plan, add, scratch);
}

void GF_FAST(conv_backward_weight)(float *d_weight, float *d_bias, const float *d_y, const float *x,
                                   const gf_conv_shape *shape, gf_scratch *scratch)
{
    if (gf_plan_fits_winograd(shape) && !d_bias)
        GF_FAST(winograd_weight)(d_weight, d_y, x, shape, scratch);
    else
        GF_FAST(weight_gradient)(d_weight, d_bias, d_y, x, shape, scratch);
}
