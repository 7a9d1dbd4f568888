/* SqueezeNet for 32 x 32 images (Iandola et al. 2016, 1602.07360, section 3): Fire modules squeeze
 * to few channels by 1x1 convolutions and expand to as many 1x1 as 3x3 filters, laid behind each
 * other; the size is halved late; a last 1x1 convolution and a mean give the logits. Channels are
 * those of version 1.1 (the published code), and every convolution but the last has batch
 * normalization in place of a bias, without which it hardly trains from scratch. */
#include "parts.h"

typedef struct squeezenet_options {
    double width;
} squeezenet_options;

enum { STEM = 64, FIRES = 8 };
/* A max pooling stands before the fires marked so. */
static const struct {
    int squeeze, expand;
    bool pool;
} fires[FIRES] = { { 16, 64, true },  { 16, 64, false },  { 32, 128, true },  { 32, 128, false },
                   { 48, 192, true }, { 48, 192, false }, { 64, 256, false }, { 64, 256, false } };

static gf_status add_fire(gf_net *net, int *node, int index, double width)
{
    gf_status status;
    char prefix[2 * GF_NAME], name[GF_NAME];
    int squeezed, small, large, expand = gf_scaled_channels(fires[index].expand, width);
    snprintf(name, sizeof name, "fire%d.", index + 2);
    snprintf(prefix, sizeof prefix, "%ssqueeze.", name);
    GF_TRY(gf_part_unit(net, &squeezed, prefix, gf_scaled_channels(fires[index].squeeze, width), 1,
                        1, 1, "relu", *node));
    snprintf(prefix, sizeof prefix, "%sexpand1.", name);
    GF_TRY(gf_part_unit(net, &small, prefix, expand, 1, 1, 1, "relu", squeezed));
    snprintf(prefix, sizeof prefix, "%sexpand3.", name);
    GF_TRY(gf_part_unit(net, &large, prefix, expand, 3, 1, 1, "relu", squeezed));
    snprintf(prefix, sizeof prefix, "%sconcat", name);
    GF_TRY(gf_net_add(net, node, "concat", prefix, NULL, (int[]){ small, large }, 2));
out:
    return status;
}

static gf_status add_fires(gf_net *net, int *node, double width)
{
    gf_status status = GF_OK;
    const gf_pool_attributes halves = { .size = 2 };
    for (int i = 0; i < FIRES; i++) {
        char name[GF_NAME];
        snprintf(name, sizeof name, "pool%d", i + 1);
        if (fires[i].pool) GF_TRY(gf_part_node(net, node, "max_pool", "", name, &halves, *node));
        GF_TRY(add_fire(net, node, i, width));
    }
out:
    return status;
}

static gf_status build(gf_net **net, const void *options, gf_shape input, int classes)
{
    gf_status status;
    const squeezenet_options *o = options;
    gf_net *made = NULL;
    int node;
    const gf_conv_attributes last = { .filters = classes,
                                      .kernel_height = 1,
                                      .kernel_width = 1,
                                      .stride = 1,
                                      .groups = 1,
                                      .bias = true };
    GF_TRY(gf_net_create(&made, input));
    GF_TRY(
        gf_part_unit(made, &node, "stem.", gf_scaled_channels(STEM, o->width), 3, 1, 1, "relu", 0));
    GF_TRY(add_fires(made, &node, o->width));
    GF_TRY(gf_part_node(made, &node, "conv", "", "classifier", &last, node));
    GF_TRY(gf_part_node(made, &node, "mean_pool", "", "pool", NULL, node));
    *net = made;
    made = NULL;
out:
    gf_net_destroy(made);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(squeezenet_options, width, "1", "(0, 4]", "", "multiplier of all channels"),
    GF_FIELD_END,
};

const gf_model_kind gf_model_squeezenet = {
    .schema = { .name = "squeezenet",
                .summary = "SqueezeNet for 32 x 32 images: Fire modules, no fully connected layer",
                .paper = "Iandola et al. 2016, arXiv 1602.07360",
                .fields = fields },
    .options_size = sizeof(squeezenet_options),
    .build = build,
};
