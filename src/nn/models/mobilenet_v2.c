/* MobileNetV2 for 32 x 32 images: inverted residuals with linear bottlenecks (Sandler et al. 2018,
 * 1801.04381, sections 3 and 4, table 2). A block widens its input `expansion`-fold, filters each
 * channel, and projects without an activation; where shapes agree its input is added. As usual for
 * CIFAR the stem and the first widening stage keep the size. 2,236,682 parameters (3,504,872 for a
 * thousand classes). */
#include "parts.h"

enum { HEAD = 1280 };

typedef struct mobilenet_options {
    double width;
    int activation;
} mobilenet_options;

static const struct {
    int expansion, filters, blocks, stride;
} stages[] = { { 1, 16, 1, 1 }, { 6, 24, 2, 1 },  { 6, 32, 3, 2 }, { 6, 64, 4, 2 },
               { 6, 96, 3, 1 }, { 6, 160, 3, 2 }, { 6, 320, 1, 1 } };

static gf_status add_unit(gf_net *net, int *node, const char *block, const char *part, int filters,
                          int kernel, int stride, int groups, const char *activation)
{
    char prefix[GF_NAME];
    snprintf(prefix, sizeof prefix, "%s%s", block, part);
    return gf_part_unit(net, node, prefix, filters, kernel, stride, groups, activation, *node);
}

static gf_status add_block(gf_net *net, int *node, int index, int expansion, int filters,
                           int stride, const char *activation)
{
    gf_status status;
    char block[24], name[GF_NAME];
    int at = *node, channels = net->nodes[at].shape.channels, wide = channels * expansion;
    snprintf(block, sizeof block, "block%d.", index);
    if (expansion > 1) GF_TRY(add_unit(net, &at, block, "expand.", wide, 1, 1, 1, activation));
    GF_TRY(add_unit(net, &at, block, "depthwise.", wide, 3, stride, wide, activation));
    GF_TRY(add_unit(net, &at, block, "project.", filters, 1, 1, 1, NULL));
    if (stride == 1 && channels == filters) {
        snprintf(name, sizeof name, "%sadd", block);
        GF_TRY(gf_net_add(net, &at, "add", name, NULL, (int[]){ at, *node }, 2));
    }
    *node = at;
out:
    return status;
}

static gf_status add_stages(gf_net *net, int *node, double width, const char *activation)
{
    gf_status status = GF_OK;
    int index = 1;
    for (size_t s = 0; s < GF_COUNT(stages); s++)
        for (int b = 0; b < stages[s].blocks; b++)
            GF_TRY(add_block(net, node, index++, stages[s].expansion,
                             gf_scaled_channels(stages[s].filters, width),
                             b == 0 ? stages[s].stride : 1, activation));
out:
    return status;
}

static gf_status build(gf_net **net, const void *options, gf_shape input, int classes)
{
    gf_status status;
    const mobilenet_options *o = options;
    const char *activation = o->activation == 0 ? "relu6" : "relu";
    gf_net *made = NULL;
    int node, head = o->width > 1 ? gf_scaled_channels(HEAD, o->width) : HEAD;
    GF_TRY(gf_net_create(&made, input));
    GF_TRY(gf_part_unit(made, &node, "stem.", gf_scaled_channels(32, o->width), 3, 1, 1, activation,
                        0));
    GF_TRY(add_stages(made, &node, o->width, activation));
    GF_TRY(gf_part_unit(made, &node, "head.", head, 1, 1, 1, activation, node));
    GF_TRY(gf_part_classifier(made, &node, classes, node));
    *net = made;
    made = NULL;
out:
    gf_net_destroy(made);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(mobilenet_options, width, "1", "(0, 4]", "",
             "multiplier of all channels; below 1 the last convolution keeps its 1280"),
    GF_FIELD_WORD(mobilenet_options, activation, "relu6", "relu6|relu", "activation"),
    GF_FIELD_END,
};

const gf_model_kind gf_model_mobilenet_v2 = {
    .schema = { .name = "mobilenet-v2",
                .summary = "MobileNetV2 for 32 x 32 images: inverted residuals, linear bottlenecks",
                .paper = "Sandler et al. 2018, arXiv 1801.04381",
                .fields = fields },
    .options_size = sizeof(mobilenet_options),
    .build = build,
};
