/* Which way a bf16 convolution goes, by its shape alone. Winograd saves more products than the bf16
 * instructions do, so it stays in float32 and rounds what it reads; other shapes go the direct way
 * here, those left take float32 kernels on rounded copies. */
#include "../fast/fast.h"
#include "native.h"

static bool suits_native(const gf_conv_shape *s)
{
    return s->groups == 1 && s->stride <= GF_PLAN_STRIDE_MAX;
}

void gf_native_forward(float *y, const float *x, const float *weight, const gf_conv_end *end,
                       const gf_conv_shape *shape, gf_scratch *scratch)
{
    gf_plan plan;
    gf_plan_forward(&plan, shape);
    if (gf_plan_fits_winograd(shape))
        gf_native_winograd(y, x, weight, end, &plan, false, scratch);
    else if (suits_native(shape))
        gf_native_gather(y, x, weight, end, &plan, false, scratch);
    else
        GF_FAST(bf16_forward)(y, x, weight, end, shape, scratch);
}

void gf_native_backward_input(float *d_x, const float *d_y, const float *weight,
                              const gf_conv_shape *shape, bool add, gf_scratch *scratch)
{
    if (!suits_native(shape)) {
        GF_FAST(bf16_backward_input)(d_x, d_y, weight, shape, add, scratch);
        return;
    }
    gf_plan plan;
    gf_plan_backward_input(&plan, shape);
    if (gf_plan_fits_winograd(shape))
        gf_native_winograd(d_x, d_y, weight, NULL, &plan, add, scratch);
    else
        gf_native_gather(d_x, d_y, weight, NULL, &plan, add, scratch);
}

void gf_native_backward_weight(float *d_weight, float *d_bias, const float *d_y, const float *x,
                               const gf_conv_shape *shape, gf_scratch *scratch)
{
    if (d_bias || !suits_native(shape))
        GF_FAST(bf16_backward_weight)(d_weight, d_bias, d_y, x, shape, scratch);
    else if (gf_plan_fits_winograd(shape))
        gf_native_winograd_weight(d_weight, d_y, x, shape, scratch);
    else
        gf_native_weight_gradient(d_weight, d_y, x, shape, scratch);
}
