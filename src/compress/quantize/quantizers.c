/* Where quantizers go. Weights: every convolution and fully connected layer. Activations: what
 * these layers read, so behind each ReLU, the pooling and the network's input; the addition in a
 * residual block gets the quantized stream and a full-precision branch, as an integer accumulator
 * would give it (Krishnamoorthi 2018, 1806.08342, section 3). First and last layer are sensitive
 * and small: they get at least `edge_bits`. */
#include "quantize.h"

#include <stdlib.h>
#include <string.h>

/* The first and the last node with weights. */
static void find_edges(int *first, int *last, const gf_net *net)
{
    *first = *last = -1;
    for (int n = 0; n < net->node_count; n++) {
        if (!gf_node_has_weight(&net->nodes[n])) continue;
        if (*first < 0) *first = n;
        *last = n;
    }
}

static int at_least(int bits, int least)
{
    return bits < least ? least : bits;
}

/* ---- weights ---- */

static gf_status refresh_view(gf_param *param, int index, const gf_kernels *kernels)
{
    gf_view *view = &param->views[index];
    gf_real *in = gf_alloc(gf_param_count(param), sizeof *in);
    if (!in) return gf_fail(GF_NOMEM, "out of memory");
    int views = param->view_count;
    param->view_count = index;
    gf_param_effective(param, kernels, in);
    param->view_count = views;
    view->kind->refresh(view, param, kernels, in);
    free(in);
    return GF_OK;
}

static gf_status add_weight_view(gf_param *param, int bits, const gf_quantize_options *options,
                                 const gf_kernels *kernels)
{
    gf_status status;
    gf_view *view;
    const gf_weight_quant_options o = { .bits = bits,
                                        .per_channel = options->per_channel,
                                        .affine = options->scheme == GF_SCHEME_AFFINE };
    int64_t count = o.per_channel ? param->dims[0] : 1;
    if (gf_param_find_view(param, "fake-quant"))
        return gf_fail(GF_CONFLICT, "%s is quantized already", param->name);
    GF_TRY(gf_param_add_view(param, &view, "fake-quant", &o));
    GF_TRY(gf_view_add_state(view, "scale", GF_REAL_DTYPE, 1, &count, NULL));
    GF_TRY(gf_view_add_state(view, "zero", GF_REAL_DTYPE, 1, &count, NULL));
    GF_TRY(refresh_view(param, param->view_count - 1, kernels));
out:
    return status;
}

gf_status gf_quantize_weights(gf_net *net, const gf_quantize_options *options,
                              const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    int first, last;
    find_edges(&first, &last, net);
    for (int n = 0; n < net->node_count; n++) {
        if (!gf_node_has_weight(&net->nodes[n])) continue;
        int bits = options->weight_bits;
        if (n == first || n == last) bits = at_least(bits, options->edge_bits);
        GF_TRY(add_weight_view(gf_node_weight(net, &net->nodes[n]), bits, options, kernels));
    }
out:
    return status;
}

gf_status gf_quantize_refresh(gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    for (int i = 0; i < net->param_count; i++)
        for (int v = 0; v < net->params[i].view_count; v++)
            if (strcmp(net->params[i].views[v].kind->schema.name, "fake-quant") == 0)
                GF_TRY(refresh_view(&net->params[i], v, kernels));
out:
    return status;
}

/* ---- activations ---- */

/* Puts a quantizer behind the node that `reader` reads, unless there is one. */
static gf_status quantize_input(gf_net *net, int *reader, int bits)
{
    gf_status status;
    char name[2 * GF_NAME];
    int site = net->nodes[*reader].inputs[0], made;
    const gf_activation_quant_attributes attributes = { .bits = bits, .momentum = 0.01 };
    if (strcmp(net->nodes[site].kind->schema.name, "fake_quant") == 0) return GF_OK;
    snprintf(name, sizeof name, "%s.quant", net->nodes[site].name);
    GF_TRY(gf_net_insert(net, &made, "fake_quant", name, &attributes, site));
    ++*reader;
out:
    return status;
}

gf_status gf_quantize_activations(gf_net *net, const gf_quantize_options *options)
{
    gf_status status = GF_OK;
    int first, last;
    if (options->activation_bits == GF_BITS_FULL) return GF_OK;
    find_edges(&first, &last, net);
    for (int n = first; n >= 0 && n < net->node_count; n++) {
        if (!gf_node_has_weight(&net->nodes[n])) continue;
        bool edge = n == first || n == last;
        int before = net->node_count, bits = options->activation_bits;
        GF_TRY(quantize_input(net, &n, edge ? at_least(bits, options->edge_bits) : bits));
        last += net->node_count - before;
    }
out:
    return status;
}
