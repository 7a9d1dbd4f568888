/* Helpers on nodes with weights and on chains of views. */
#include "compress.h"

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

bool gf_node_has_weight(const gf_node *node)
{
    return strcmp(node->kind->schema.name, "conv") == 0 ||
           strcmp(node->kind->schema.name, "linear") == 0;
}

gf_param *gf_node_weight(const gf_net *net, const gf_node *node)
{
    return &net->params[node->params[0]];
}
