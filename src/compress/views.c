/* Helpers on nodes with weights and on chains of views. */
#include "compress.h"

#include <stdlib.h>
#include <string.h>

gf_status gf_param_add_first_view(gf_param *param, gf_view **view, const char *kind,
                                  const void *options)
{
    gf_status status;
    GF_TRY(gf_param_add_view(param, view, kind, options));
    gf_view added = **view;
    memmove(&param->views[1], &param->views[0],
            (size_t)(param->view_count - 1) * sizeof *param->views);
    param->views[0] = added;
    *view = &param->views[0];
out:
    return status;
}

gf_view *gf_param_find_view(gf_param *param, const char *kind)
{
    for (int v = 0; v < param->view_count; v++)
        if (strcmp(param->views[v].kind->schema.name, kind) == 0) return &param->views[v];
    return NULL;
}

void gf_param_remove_view(gf_param *param, gf_view *view)
{
    int index = (int)(view - param->views);
    for (int s = 0; s < view->state_count; s++) free(view->states[s].data);
    memmove(view, view + 1, (size_t)(--param->view_count - index) * sizeof *view);
    param->views[param->view_count] = (gf_view){ 0 };
}

void gf_view_pass(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                  gf_real *out, const gf_real *in)
{
    (void)view;
    if (out != in) kernels->copy(out, in, gf_param_count(param));
}

void gf_view_pass_back(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                       gf_real *d_in, const gf_real *d_out, const gf_real *in)
{
    (void)in;
    gf_view_pass(view, param, kernels, d_in, d_out);
}

const uint8_t *gf_param_mask(const gf_param *param)
{
    for (int v = 0; v < param->view_count; v++)
        if (strcmp(param->views[v].kind->schema.name, "mask") == 0)
            return param->views[v].states[0].data;
    return NULL;
}

/* The state is [outer, axis, inner]. */
gf_status gf_state_select(gf_tensor *state, int axis, const int *keep, int count)
{
    size_t outer = 1, inner = 1, entries = (size_t)state->dims[axis];
    for (int d = 0; d < axis; d++) outer *= (size_t)state->dims[d];
    for (int d = axis + 1; d < state->rank; d++) inner *= (size_t)state->dims[d];
    uint8_t *kept = gf_alloc(outer * (size_t)count * inner, 1);
    if (!kept) return gf_fail(GF_NOMEM, "out of memory");
    for (size_t o = 0; o < outer; o++)
        for (int k = 0; k < count; k++)
            memcpy(kept + (o * (size_t)count + (size_t)k) * inner,
                   (uint8_t *)state->data + (o * entries + (size_t)keep[k]) * inner, inner);
    free(state->data);
    state->data = kept;
    state->dims[axis] = count;
    return GF_OK;
}

bool gf_node_has_weight(const gf_node *node)
{
    static const char *const kinds[] = { "conv", "linear", "shift" };
    for (size_t i = 0; i < GF_COUNT(kinds); i++)
        if (strcmp(node->kind->schema.name, kinds[i]) == 0) return true;
    return false;
}

gf_param *gf_node_weight(const gf_net *net, const gf_node *node)
{
    return &net->params[node->params[0]];
}

void gf_net_weight_edges(int *first, int *last, const gf_net *net)
{
    *first = *last = -1;
    for (int n = 0; n < net->node_count; n++) {
        if (!gf_node_has_weight(&net->nodes[n])) continue;
        if (*first < 0) *first = n;
        *last = n;
    }
}
