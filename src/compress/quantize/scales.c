/* States of quantizing views that hold one number for the tensor or one for each output filter:
 * they follow when filters are removed, and spread when filters get scales of their own. */
#include "quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

gf_status gf_scale_resize(gf_tensor *state, const int *source, int count)
{
    const gf_real *old = state->data;
    gf_real *fresh = gf_alloc((size_t)count, sizeof *fresh);
    if (!fresh) return gf_fail(GF_NOMEM, "out of memory");
    for (int i = 0; i < count; i++) fresh[i] = old[source ? source[i] : 0];
    free(state->data);
    state->data = fresh;
    state->dims[0] = count;
    return GF_OK;
}

gf_status gf_scales_select(gf_view *view, const gf_param *param, int axis, const int *keep,
                           int count)
{
    gf_status status = GF_OK;
    for (int s = 0; axis == 0 && s < view->state_count; s++)
        if (view->states[s].dims[0] == param->dims[0] && param->dims[0] > 1)
            GF_TRY(gf_scale_resize(&view->states[s], keep, count));
out:
    return status;
}

gf_status gf_scales_spread(gf_view *view, const gf_param *param)
{
    gf_status status = GF_OK;
    for (int s = 0; s < view->state_count; s++)
        if (view->states[s].dims[0] != param->dims[0])
            GF_TRY(gf_scale_resize(&view->states[s], NULL, param->dims[0]));
out:
    return status;
}

void gf_view_drop_states(gf_view *view, int kept)
{
    while (view->state_count > kept) {
        gf_tensor *state = &view->states[--view->state_count];
        free(state->data);
        *state = (gf_tensor){ 0 };
    }
}

bool gf_scales_check(const gf_view *view, int state, const char *name, const gf_param *param,
                     bool per_filter)
{
    const gf_tensor *tensor = &view->states[state];
    const gf_real *values = tensor->data;
    int count = per_filter ? param->dims[0] : 1;
    if (strcmp(tensor->name, name) != 0 || tensor->dtype != GF_REAL_DTYPE || tensor->rank != 1 ||
        tensor->dims[0] != count)
        return false;
    for (int c = 0; c < count; c++)
        if (!isfinite(values[c])) return false;
    return true;
}
