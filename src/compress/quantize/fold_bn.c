/* Folding batch normalization into the layer before it (Krishnamoorthi 2018, 1806.08342, section
 * 3.2.2): W' = g W and b' = beta + g (b - mean) with g = gamma / sqrt(variance + eps) per filter.
 * A quantized weight keeps its codes: what is stored becomes the value that its code stands for,
 * and the scales take the factor, sign included. Left out: BN that does not directly follow a
 * convolution or a fully connected layer, or follows one that others read too; it stays. */
#include "../compress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GAMMA, BETA, MEAN, VARIANCE };

static int count_readers(const gf_net *net, int node)
{
    int readers = 0;
    for (int n = 0; n < net->node_count; n++)
        for (int i = 0; i < net->nodes[n].input_count; i++)
            readers += net->nodes[n].inputs[i] == node;
    return readers;
}

static bool is_foldable(const gf_net *net, int bn)
{
    const gf_node *node = &net->nodes[bn];
    if (strcmp(node->kind->schema.name, "bn") != 0) return false;
    int before = node->inputs[0];
    if (bn == net->node_count - 1 && before != bn - 1) return false;
    return gf_node_has_weight(&net->nodes[before]) && count_readers(net, before) == 1;
}

/* g and beta - g mean, from the statistics as they are used. */
static gf_status find_factors(gf_real *factor, gf_real *shift, const gf_net *net, const gf_node *bn,
                              const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    const gf_bn_attributes *a = (const void *)bn->attributes;
    size_t channels = gf_param_count(&net->params[bn->params[GAMMA]]);
    gf_real *used[4] = { 0 };
    for (int i = 0; i < 4; i++) {
        GF_TRY_ALLOC(used[i] = gf_alloc(channels, sizeof(gf_real)));
        gf_param_effective(&net->params[bn->params[i]], kernels, used[i]);
    }
    for (size_t c = 0; c < channels; c++) {
        double g = (double)used[GAMMA][c] / sqrt((double)used[VARIANCE][c] + a->eps);
        factor[c] = (gf_real)g;
        shift[c] = (gf_real)((double)used[BETA][c] - g * (double)used[MEAN][c]);
    }
out:
    for (int i = 0; i < 4; i++) free(used[i]);
    return status;
}

static bool changes_values(const gf_param *param)
{
    for (int v = 0; v < param->view_count; v++)
        if (param->views[v].kind->rescale) return true;
    return false;
}

/* The stored weight becomes what the views give: its code survives the rounding of the product. */
static gf_status store_effective(gf_param *param, const gf_kernels *kernels)
{
    gf_real *value = gf_alloc(gf_param_count(param), sizeof *value);
    if (!value) return gf_fail(GF_NOMEM, "out of memory");
    gf_param_effective(param, kernels, value);
    free(param->value);
    param->value = value;
    return GF_OK;
}

static gf_status scale_filters(gf_param *weight, const gf_real *factor, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    size_t size = gf_param_count(weight) / (size_t)weight->dims[0];
    if (changes_values(weight)) GF_TRY(store_effective(weight, kernels));
    for (int v = 0; v < weight->view_count; v++)
        if (weight->views[v].kind->rescale)
            GF_TRY(weight->views[v].kind->rescale(&weight->views[v], weight, factor));
    for (size_t i = 0; i < gf_param_count(weight); i++) weight->value[i] *= factor[i / size];
out:
    return status;
}

/* BN's beta becomes the bias where there is none: it is a number per filter and trained already. */
static gf_status make_bias(gf_net *net, gf_node *layer, const gf_node *bn)
{
    char name[2 * GF_NAME];
    gf_param *beta = &net->params[bn->params[BETA]];
    gf_conv_attributes *conv = (void *)layer->attributes;
    gf_linear_attributes *linear = (void *)layer->attributes;
    bool *bias = strcmp(layer->kind->schema.name, "linear") == 0 ? &linear->bias : &conv->bias;
    if (*bias) return GF_OK;
    snprintf(name, sizeof name, "%s.bias", layer->name);
    if (strlen(name) >= GF_NAME || gf_net_find_param(net, name) >= 0)
        return gf_fail(GF_UNSUPPORTED, "%s: the name of its bias is taken or too long",
                       layer->name);
    memcpy(beta->name, name, strlen(name) + 1);
    beta->role = GF_ROLE_BIAS;
    memset(beta->value, 0, gf_param_count(beta) * sizeof *beta->value);
    layer->params[layer->param_count++] = bn->params[BETA];
    *bias = true;
    return GF_OK;
}

static gf_status fold(gf_net *net, int bn, const gf_kernels *kernels)
{
    gf_status status;
    gf_node *node = &net->nodes[bn], *layer = &net->nodes[node->inputs[0]];
    size_t channels = gf_param_count(&net->params[node->params[GAMMA]]);
    gf_real *factor = gf_alloc(channels, sizeof *factor);
    gf_real *shift = gf_alloc(channels, sizeof *shift);
    GF_TRY_ALLOC(factor && shift);
    GF_TRY(find_factors(factor, shift, net, node, kernels));
    for (int i = 0; i < 4; i++) GF_TRY(gf_param_bake(&net->params[node->params[i]], kernels));
    GF_TRY(scale_filters(gf_node_weight(net, layer), factor, kernels));
    GF_TRY(make_bias(net, layer, node));
    gf_param *bias = &net->params[layer->params[layer->param_count - 1]];
    GF_TRY(gf_param_bake(bias, kernels));
    for (size_t c = 0; c < channels; c++) bias->value[c] = shift[c] + factor[c] * bias->value[c];
    GF_TRY(gf_net_remove(net, bn));
out:
    free(factor);
    free(shift);
    return status;
}

gf_status gf_net_fold_bn(gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    for (int n = net->node_count - 1; n > 0; n--)
        if (is_foldable(net, n)) GF_TRY(fold(net, n, kernels));
out:
    return status;
}
