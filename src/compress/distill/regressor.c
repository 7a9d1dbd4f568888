/* Layers between student and teacher that exist while a method trains: nodes of the network, so
 * that optimizers and checkpoints know them. */
#include "distill.h"

/* Changes places with the logits: the node that was added last stands before them. */
static void put_before_logits(gf_net *net, int *node)
{
    gf_node logits = net->nodes[*node - 1];
    net->nodes[*node - 1] = net->nodes[*node];
    net->nodes[*node] = logits;
    --*node;
}

gf_status gf_regressor_add_conv(const gf_method_call *call, int *node, const char *name, int from,
                                int channels, bool bias)
{
    gf_status status;
    gf_net *net = call->net;
    int before = net->nodes[from].shape.channels;
    const gf_conv_attributes attributes = { .filters = channels,
                                            .kernel_height = 1,
                                            .kernel_width = 1,
                                            .stride = 1,
                                            .groups = 1,
                                            .bias = bias };
    GF_TRY(gf_net_add(net, node, "conv", name, &attributes, &from, 1));
    gf_params_draw(call, &net->nodes[*node], before);
    put_before_logits(net, node);
out:
    return status;
}

gf_status gf_regressor_add_bn(const gf_method_call *call, int *node, const char *name, int from)
{
    gf_status status;
    gf_net *net = call->net;
    const gf_bn_attributes attributes = { .eps = 1e-5, .momentum = 0.1 };
    GF_TRY(gf_net_add(net, node, "bn", name, &attributes, &from, 1));
    for (int i = 0; i < net->nodes[*node].param_count; i++) {
        gf_param *param = &net->params[net->nodes[*node].params[i]];
        bool one = param->role == GF_ROLE_GAMMA || param->role == GF_ROLE_VARIANCE;
        for (size_t k = 0; k < gf_param_count(param); k++) param->value[k] = one;
    }
    put_before_logits(net, node);
out:
    return status;
}
