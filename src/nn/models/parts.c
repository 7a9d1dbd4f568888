/* Convolutions, normalizations and classifiers as most models have them. */
#include "parts.h"

gf_status gf_part_node(gf_net *net, int *node, const char *kind, const char *prefix,
                       const char *name, const void *attributes, int input)
{
    char full[2 * GF_NAME];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return gf_net_add(net, node, kind, full, attributes, &input, 1);
}

gf_status gf_part_conv(gf_net *net, int *node, const char *prefix, const char *name, int filters,
                       int kernel, int stride, int groups, int input)
{
    const gf_conv_attributes attributes = { .filters = filters,
                                            .kernel_height = kernel,
                                            .kernel_width = kernel,
                                            .stride = stride,
                                            .pad_height = kernel / 2,
                                            .pad_width = kernel / 2,
                                            .groups = groups };
    return gf_part_node(net, node, "conv", prefix, name, &attributes, input);
}

gf_status gf_part_bn(gf_net *net, int *node, const char *prefix, const char *name, int input)
{
    const gf_bn_attributes attributes = { .eps = 1e-5, .momentum = 0.1 };
    return gf_part_node(net, node, "bn", prefix, name, &attributes, input);
}

gf_status gf_part_unit(gf_net *net, int *node, const char *prefix, int filters, int kernel,
                       int stride, int groups, const char *activation, int input)
{
    gf_status status;
    GF_TRY(gf_part_conv(net, node, prefix, "conv", filters, kernel, stride, groups, input));
    GF_TRY(gf_part_bn(net, node, prefix, "bn", *node));
    if (activation) GF_TRY(gf_part_node(net, node, activation, prefix, "act", NULL, *node));
out:
    return status;
}

gf_status gf_part_classifier(gf_net *net, int *node, int classes, int input)
{
    gf_status status;
    const gf_linear_attributes attributes = { .features = classes, .bias = true };
    GF_TRY(gf_part_node(net, node, "mean_pool", "", "pool", NULL, input));
    GF_TRY(gf_part_node(net, node, "linear", "", "fc", &attributes, *node));
out:
    return status;
}

int gf_scaled_channels(int channels, double width)
{
    double wanted = channels * width;
    int scaled = (int)(wanted + 4) / 8 * 8;
    if (scaled < 8) scaled = 8;
    return scaled < 0.9 * wanted ? scaled + 8 : scaled;
}
