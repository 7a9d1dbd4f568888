/* MobileNet for 32 x 32 images: depthwise and pointwise convolutions in turns, each with batch
 * normalization and ReLU (Howard et al. 2017, 1704.04861, section 3, table 1). As usual for CIFAR
 * the stem keeps the size and one stride less is left, so that 2 x 2 pixels reach the classifier.
 * 3,217,226 parameters. */
#include "parts.h"

typedef struct mobilenet_options {
    double width;
} mobilenet_options;

static const struct {
    int filters, stride;
} pairs[] = { { 64, 1 },  { 128, 2 }, { 128, 1 }, { 256, 2 }, { 256, 1 },  { 512, 2 }, { 512, 1 },
              { 512, 1 }, { 512, 1 }, { 512, 1 }, { 512, 1 }, { 1024, 2 }, { 1024, 1 } };

static gf_status add_pair(gf_net *net, int *node, int index, double width)
{
    gf_status status;
    char prefix[GF_NAME];
    int channels = net->nodes[*node].shape.channels;
    int filters = gf_scaled_channels(pairs[index].filters, width);
    snprintf(prefix, sizeof prefix, "block%d.depthwise.", index + 1);
    GF_TRY(
        gf_part_unit(net, node, prefix, channels, 3, pairs[index].stride, channels, "relu", *node));
    snprintf(prefix, sizeof prefix, "block%d.pointwise.", index + 1);
    GF_TRY(gf_part_unit(net, node, prefix, filters, 1, 1, 1, "relu", *node));
out:
    return status;
}

static gf_status build(gf_net **net, const void *options, gf_shape input, int classes)
{
    gf_status status;
    const mobilenet_options *o = options;
    gf_net *made = NULL;
    int node;
    GF_TRY(gf_net_create(&made, input));
    GF_TRY(
        gf_part_unit(made, &node, "stem.", gf_scaled_channels(32, o->width), 3, 1, 1, "relu", 0));
    for (int i = 0; i < (int)GF_COUNT(pairs); i++) GF_TRY(add_pair(made, &node, i, o->width));
    GF_TRY(gf_part_classifier(made, &node, classes, node));
    *net = made;
    made = NULL;
out:
    gf_net_destroy(made);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(mobilenet_options, width, "1", "(0, 4]", "", "multiplier of all channels"),
    GF_FIELD_END,
};

const gf_model_kind gf_model_mobilenet_v1 = {
    .schema = { .name = "mobilenet-v1",
                .summary = "MobileNet for 32 x 32 images: depthwise and pointwise convolutions",
                .paper = "Howard et al. 2017, arXiv 1704.04861",
                .fields = fields },
    .options_size = sizeof(mobilenet_options),
    .build = build,
};
