/* Parameters and the views between the stored weight and the one that the forward pass uses. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

size_t gf_param_count(const gf_param *param)
{
    size_t count = 1;
    for (int d = 0; d < param->rank; d++) count *= (size_t)param->dims[d];
    return count;
}

static void view_release(gf_view *view)
{
    for (int s = 0; s < view->state_count; s++) free(view->states[s].data);
    *view = (gf_view){ 0 };
}

void gf_param_release(gf_param *param)
{
    for (int v = 0; v < param->view_count; v++) view_release(&param->views[v]);
    free(param->value);
    *param = (gf_param){ 0 };
}

static gf_status copy_views(gf_param *copy, const gf_param *param)
{
    gf_status status = GF_OK;
    for (int v = 0; v < param->view_count; v++) {
        gf_view *view;
        const gf_view *from = &param->views[v];
        GF_TRY(gf_param_add_view(copy, &view, from->kind->schema.name, from->options));
        for (int s = 0; s < from->state_count; s++)
            GF_TRY(gf_view_add_state(view, from->states[s].name, from->states[s].dtype,
                                     from->states[s].rank, from->states[s].dims,
                                     from->states[s].data));
    }
out:
    return status;
}

gf_status gf_param_copy(gf_param *copy, const gf_param *param)
{
    gf_status status;
    gf_param made = *param;
    size_t count = gf_param_count(param);
    made.view_count = 0;
    GF_TRY_ALLOC(made.value = gf_alloc(count, sizeof *made.value));
    memcpy(made.value, param->value, count * sizeof *made.value);
    GF_TRY(copy_views(&made, param));
    *copy = made;
    made = (gf_param){ 0 };
out:
    gf_param_release(&made);
    return status;
}

gf_status gf_param_add_view(gf_param *param, gf_view **view, const char *kind, const void *options)
{
    const gf_view_kind *found = gf_view_kind_find(kind);
    if (!found) return gf_fail(GF_INVALID, "%s: no weight view is called '%s'", param->name, kind);
    if (param->view_count == GF_PARAM_VIEWS)
        return gf_fail(GF_UNSUPPORTED, "%s: more than %d weight views", param->name,
                       GF_PARAM_VIEWS);
    gf_view *added = &param->views[param->view_count++];
    *added = (gf_view){ .kind = found };
    if (options) memcpy(added->options, options, found->options_size);
    *view = added;
    return GF_OK;
}

gf_status gf_view_add_state(gf_view *view, const char *name, gf_dtype dtype, int rank,
                            const int64_t *dims, const void *data)
{
    if (view->state_count == GF_VIEW_STATES || rank < 0 || rank > GF_TENSOR_RANK)
        return gf_fail(GF_UNSUPPORTED, "state '%s' of a weight view: too many, or rank %d", name,
                       rank);
    gf_tensor state = { .dtype = dtype, .rank = rank };
    snprintf(state.name, sizeof state.name, "%s", name);
    memcpy(state.dims, dims, (size_t)rank * sizeof *dims);
    size_t size = (size_t)gf_tensor_count(&state) * gf_dtype_size(dtype);
    state.data = gf_alloc(1, size);
    if (!state.data) return gf_fail(GF_NOMEM, "out of memory");
    if (data) memcpy(state.data, data, size);
    view->states[view->state_count++] = state;
    return GF_OK;
}

/* ---- selecting ---- */

/* Keeps entries of one axis: in is [outer, axis, inner]. */
static void select_axis(gf_real *out, const gf_real *in, size_t outer, size_t axis, size_t inner,
                        const int *keep, int count)
{
    for (size_t o = 0; o < outer; o++)
        for (int k = 0; k < count; k++)
            memcpy(out + (o * (size_t)count + (size_t)k) * inner,
                   in + (o * axis + (size_t)keep[k]) * inner, inner * sizeof *in);
}

static gf_status select_views(gf_param *param, int axis, const int *keep, int count)
{
    gf_status status = GF_OK;
    for (int v = 0; v < param->view_count; v++)
        if (param->views[v].kind->select)
            GF_TRY(param->views[v].kind->select(&param->views[v], param, axis, keep, count));
out:
    return status;
}

gf_status gf_param_select(gf_param *param, int axis, const int *keep, int count)
{
    gf_status status;
    gf_real *value = NULL;
    if (axis < 0 || axis >= param->rank || count < 1)
        return gf_fail(GF_INVALID, "%s: cannot keep %d entries of axis %d", param->name, count,
                       axis);
    for (int k = 0; k < count; k++)
        if (keep[k] < 0 || keep[k] >= param->dims[axis])
            return gf_fail(GF_INVALID, "%s: entry %d of axis %d is not there", param->name, keep[k],
                           axis);
    size_t outer = 1, inner = 1;
    for (int d = 0; d < axis; d++) outer *= (size_t)param->dims[d];
    for (int d = axis + 1; d < param->rank; d++) inner *= (size_t)param->dims[d];
    GF_TRY_ALLOC(value = gf_alloc(outer * (size_t)count * inner, sizeof *value));
    GF_TRY(select_views(param, axis, keep, count)); /* sees the old dims */
    select_axis(value, param->value, outer, (size_t)param->dims[axis], inner, keep, count);
    free(param->value);
    param->value = value;
    param->dims[axis] = count;
    value = NULL;
out:
    free(value);
    return status;
}

/* ---- what the forward pass uses ---- */

void gf_param_effective(const gf_param *param, const gf_kernels *kernels, gf_real *out)
{
    const gf_real *in = param->value;
    for (int v = 0; v < param->view_count; v++) {
        param->views[v].kind->forward(&param->views[v], param, kernels, out, in);
        in = out;
    }
    if (param->view_count == 0) memcpy(out, in, gf_param_count(param) * sizeof *out);
}

gf_status gf_param_bake(gf_param *param, const gf_kernels *kernels)
{
    if (param->view_count == 0) return GF_OK;
    gf_real *value = gf_alloc(gf_param_count(param), sizeof *value);
    if (!value) return gf_fail(GF_NOMEM, "out of memory");
    gf_param_effective(param, kernels, value);
    free(param->value);
    param->value = value;
    while (param->view_count > 0) view_release(&param->views[--param->view_count]);
    return GF_OK;
}

void gf_param_code(const gf_param *param, gf_code *code)
{
    *code = (gf_code){ 0 };
    for (int v = 0; v < param->view_count; v++)
        if (param->views[v].kind->code) param->views[v].kind->code(&param->views[v], param, code);
}

double gf_code_size(const gf_code *code, double values)
{
    return values * (code->bits > 0 ? code->bits : 32) + 32.0 * code->entries * code->blocks.size;
}
