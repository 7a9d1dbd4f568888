/* Where signs of activations go, and what has to go for them (binary.h). */
#include "binary.h"

#include <string.h>

static bool inner_only(void *attributes, const gf_net *net, int site, gf_quantize_place reader,
                       const void *options)
{
    *(gf_sign_attributes *)attributes = *(const gf_sign_attributes *)options;
    (void)net;
    (void)site;
    return reader == GF_QUANTIZE_INNER;
}

static bool is_rectifier(const gf_node *node)
{
    return strcmp(node->kind->schema.name, "relu") == 0 ||
           strcmp(node->kind->schema.name, "relu6") == 0 ||
           strcmp(node->kind->schema.name, "softplus") == 0;
}

static bool is_sign(const gf_node *node)
{
    return strcmp(node->kind->schema.name, "sign") == 0;
}

/* What adds, or pools, reads what stands before the sign. */
static gf_status leave_stream_real(gf_net *net)
{
    for (int n = 1; n < net->node_count; n++)
        for (int i = 0; i < net->nodes[n].input_count; i++) {
            const gf_node *input = &net->nodes[net->nodes[n].inputs[i]];
            if (is_sign(input) && !gf_node_has_weight(&net->nodes[n]))
                net->nodes[n].inputs[i] = input->inputs[0];
        }
    return gf_net_check(net);
}

static gf_status remove_rectifiers(gf_net *net)
{
    gf_status status = GF_OK;
    for (int n = net->node_count - 1; n > 0; n--) {
        int input = net->nodes[n].inputs[0];
        if (is_sign(&net->nodes[n]) && is_rectifier(&net->nodes[input]))
            GF_TRY(gf_net_remove(net, input));
    }
out:
    return status;
}

gf_status gf_binarize_inputs(gf_net *net, const gf_sign_attributes *attributes)
{
    gf_status status;
    GF_TRY(gf_quantize_each_input(net, "sign", inner_only, attributes));
    GF_TRY(leave_stream_real(net));
    GF_TRY(remove_rectifiers(net));
out:
    return status;
}
