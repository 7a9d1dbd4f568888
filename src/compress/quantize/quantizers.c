/* Where quantizers go. Weights: every convolution and fully connected layer. Activations: what
 * these layers read, so behind each ReLU, the pooling and the network's input; the addition in a
 * residual block gets the quantized stream and a full-precision branch, as an integer accumulator
 * would give it (Krishnamoorthi 2018, 1806.08342, section 3). First and last layer are sensitive
 * and small: they get at least `edge_bits`. */
#include "quantize.h"

#include <stdlib.h>
#include <string.h>

static gf_quantize_place place_of(int node, int first, int last)
{
    if (node == last) return GF_QUANTIZE_LAST;
    return node == first ? GF_QUANTIZE_FIRST : GF_QUANTIZE_INNER;
}

gf_status gf_quantize_each_weight(gf_net *net, gf_quantize_one *one, const void *options,
                                  const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    int first, last;
    gf_net_weight_edges(&first, &last, net);
    for (int n = 0; n < net->node_count; n++)
        if (gf_node_has_weight(&net->nodes[n]))
            GF_TRY(one(gf_node_weight(net, &net->nodes[n]), place_of(n, first, last), options,
                       kernels));
out:
    return status;
}

/* Puts a quantizer behind the node that `reader` reads, unless there is one. */
static gf_status quantize_input(gf_net *net, int *reader, const char *kind, const void *attributes)
{
    gf_status status;
    char name[2 * GF_NAME];
    int site = net->nodes[*reader].inputs[0], made;
    if (strcmp(net->nodes[site].kind->schema.name, kind) == 0) return GF_OK;
    snprintf(name, sizeof name, "%s.quant", net->nodes[site].name);
    GF_TRY(gf_net_insert(net, &made, kind, name, attributes, site));
    ++*reader;
out:
    return status;
}

gf_status gf_quantize_each_input(gf_net *net, const char *kind, gf_quantize_fill *fill,
                                 const void *options)
{
    gf_status status = GF_OK;
    int first, last;
    gf_net_weight_edges(&first, &last, net);
    for (int n = first; n >= 0 && n < net->node_count; n++) {
        _Alignas(8) unsigned char attributes[GF_ATTRIBUTES] = { 0 };
        int before = net->node_count;
        if (!gf_node_has_weight(&net->nodes[n])) continue;
        if (!fill(attributes, net, net->nodes[n].inputs[0], place_of(n, first, last), options))
            continue;
        GF_TRY(quantize_input(net, &n, kind, attributes));
        last += net->node_count - before;
    }
out:
    return status;
}

/* ---- uniform quantizers ---- */

static int at_least(int bits, int least)
{
    return bits < least ? least : bits;
}

gf_status gf_quantize_refresh_view(gf_param *param, int index, const gf_kernels *kernels)
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

gf_status gf_quantize_refresh(gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    for (int i = 0; i < net->param_count; i++)
        for (int v = 0; v < net->params[i].view_count; v++)
            if (net->params[i].views[v].kind->refresh)
                GF_TRY(gf_quantize_refresh_view(&net->params[i], v, kernels));
out:
    return status;
}

gf_status gf_quantize_weight(gf_param *weight, const gf_weight_quant_options *options,
                             const gf_kernels *kernels)
{
    gf_status status;
    gf_view *view;
    int64_t count = options->per_channel ? weight->dims[0] : 1;
    if (gf_param_find_view(weight, "fake-quant"))
        return gf_fail(GF_CONFLICT, "%s is quantized already", weight->name);
    GF_TRY(gf_param_add_view(weight, &view, "fake-quant", options));
    GF_TRY(gf_view_add_state(view, "scale", GF_REAL_DTYPE, 1, &count, NULL));
    GF_TRY(gf_view_add_state(view, "zero", GF_REAL_DTYPE, 1, &count, NULL));
    GF_TRY(gf_quantize_refresh_view(weight, weight->view_count - 1, kernels));
out:
    return status;
}

static gf_status quantize_weight(gf_param *weight, gf_quantize_place place, const void *options,
                                 const gf_kernels *kernels)
{
    const gf_quantize_options *o = options;
    const gf_weight_quant_options made = {
        .bits =
            place == GF_QUANTIZE_INNER ? o->weight_bits : at_least(o->weight_bits, o->edge_bits),
        .per_channel = o->per_channel,
        .affine = o->scheme == GF_SCHEME_AFFINE,
        .fit = o->fit,
    };
    return gf_quantize_weight(weight, &made, kernels);
}

gf_status gf_quantize_weights(gf_net *net, const gf_quantize_options *options,
                              const gf_kernels *kernels)
{
    return gf_quantize_each_weight(net, quantize_weight, options, kernels);
}

static bool quantize_site(void *attributes, const gf_net *net, int site, gf_quantize_place reader,
                          const void *options)
{
    const gf_quantize_options *o = options;
    gf_activation_quant_attributes *a = attributes;
    (void)net;
    (void)site;
    *a = (gf_activation_quant_attributes){
        .bits = o->activation_bits,
        .momentum = 0.01,
        .symmetric = o->activation_scheme == GF_ACTIVATIONS_SYMMETRIC,
    };
    if (reader != GF_QUANTIZE_INNER) a->bits = at_least(a->bits, o->edge_bits);
    return o->activation_bits != GF_BITS_FULL;
}

gf_status gf_quantize_activations(gf_net *net, const gf_quantize_options *options)
{
    return gf_quantize_each_input(net, "fake_quant", quantize_site, options);
}
