/* Weight view "mask": entries that are pruned are exact zeros in the forward pass and get no
 * gradient. The stored weight stays, so that masks may change while training goes on. */
#include "../compress.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t *mask_of(const gf_view *view)
{
    return view->states[0].data;
}

static void apply_mask(gf_real *out, const gf_real *in, const gf_view *view, const gf_param *param)
{
    const uint8_t *mask = mask_of(view);
    size_t count = gf_param_count(param);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) out[i] = mask[i] ? in[i] : 0;
}

static void forward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in)
{
    (void)kernels;
    apply_mask(out, in, view, param);
}

static void backward(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    (void)kernels;
    (void)in;
    apply_mask(d_in, d_out, view, param);
}

static void code(const gf_view *view, const gf_param *param, gf_code *code)
{
    (void)view;
    (void)param;
    code->sparse = true;
}

static gf_status select_entries(gf_view *view, const gf_param *param, int axis, const int *keep,
                                int count)
{
    (void)param;
    return gf_state_select(&view->states[0], axis, keep, count);
}

static bool check(const gf_view *view, const gf_param *param)
{
    const gf_tensor *state = &view->states[0];
    if (view->state_count != 1 || strcmp(state->name, "mask") != 0 || state->dtype != GF_U8 ||
        state->rank != param->rank)
        return false;
    for (int d = 0; d < param->rank; d++)
        if (state->dims[d] != param->dims[d]) return false;
    for (size_t i = 0; i < gf_param_count(param); i++)
        if (mask_of(view)[i] > 1) return false;
    return true;
}

const gf_view_kind gf_view_mask = {
    .schema = { .name = "mask", .summary = "pruned weights are zero" },
    .forward = forward,
    .backward = backward,
    .code = code,
    .select = select_entries,
    .check = check,
};
