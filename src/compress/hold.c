/* Training a part of a network while the rest stays as it is. */
#include "compress.h"

#include <math.h>
#include <stdlib.h>

gf_status gf_nodes_before(bool **before, const gf_net *net, int node)
{
    gf_status status = GF_OK;
    bool *marked = gf_alloc((size_t)net->node_count, sizeof *marked);
    GF_TRY_ALLOC(marked);
    marked[node] = true;
    for (int n = node; n >= 0; n--)
        for (int i = 0; marked[n] && i < net->nodes[n].input_count; i++)
            marked[net->nodes[n].inputs[i]] = true;
    *before = marked;
out:
    return status;
}

gf_status gf_params_hold(bool **held, gf_net *net, const bool *learning)
{
    gf_status status = GF_OK;
    bool *marked = gf_alloc((size_t)net->param_count, sizeof *marked);
    GF_TRY_ALLOC(marked);
    for (int i = 0; i < net->param_count; i++) marked[i] = net->params[i].trainable;
    for (int n = 0; n < net->node_count; n++)
        for (int i = 0; learning[n] && i < net->nodes[n].param_count; i++)
            marked[net->nodes[n].params[i]] = false;
    for (int i = 0; i < net->param_count; i++)
        if (marked[i]) net->params[i].trainable = false;
    *held = marked;
out:
    return status;
}

void gf_params_let_go(gf_net *net, const bool *held)
{
    for (int i = 0; i < net->param_count; i++)
        if (held[i]) net->params[i].trainable = true;
}

void gf_params_draw(const gf_method_call *call, const gf_node *node, int fan_in)
{
    const gf_random random = { .seed = call->seed,
                               .ordinal = call->ordinal,
                               .purpose = GF_PURPOSE_INIT };
    for (int p = 0; p < node->param_count; p++) {
        gf_param *param = &call->net->params[node->params[p]];
        uint32_t name = gf_hash32(param->name);
        for (size_t i = 0; i < gf_param_count(param); i++)
            param->value[i] =
                (gf_real)((2 * gf_random_uniform(&random, name, (uint32_t)i) - 1) / sqrt(fan_in));
    }
}
