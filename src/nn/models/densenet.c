/* DenseNet-BC for CIFAR images (Huang et al. 2017, 1608.06993, section 3): in a block each layer
 * reads the channels of all before it, through batch normalization, ReLU and a 1x1 convolution to
 * four times what it adds, and lays its own behind them; between three blocks a 1x1 convolution
 * keeps a part of the channels and an average pooling halves the size. The paper's smallest one,
 * 100 layers deep, has layers = 16, growth = 12: 769,162 parameters. The default is 40 deep. */
#include "parts.h"

enum { BLOCKS = 3, BOTTLENECK = 4 };

typedef struct densenet_options {
    int growth, layers;
    double compression;
} densenet_options;

/* BN, ReLU, convolution, in this order; names are prefix + part + "bn", ... */
static gf_status add_preactivated(gf_net *net, int *node, const char *prefix, const char *part,
                                  int filters, int kernel)
{
    gf_status status;
    char full[GF_NAME];
    snprintf(full, sizeof full, "%s%s", prefix, part);
    GF_TRY(gf_part_bn(net, node, full, "bn", *node));
    GF_TRY(gf_part_node(net, node, "relu", full, "act", NULL, *node));
    GF_TRY(gf_part_conv(net, node, full, "conv", filters, kernel, 1, 1, *node));
out:
    return status;
}

static gf_status add_layer(gf_net *net, int *node, int block, int layer, int growth)
{
    gf_status status;
    char prefix[32], name[GF_NAME];
    int at = *node;
    snprintf(prefix, sizeof prefix, "block%d.%d.", block + 1, layer);
    snprintf(name, sizeof name, "%sconcat", prefix);
    GF_TRY(add_preactivated(net, &at, prefix, "bottleneck.", BOTTLENECK * growth, 1));
    GF_TRY(add_preactivated(net, &at, prefix, "grow.", growth, 3));
    GF_TRY(gf_net_add(net, node, "concat", name, NULL, (int[]){ *node, at }, 2));
out:
    return status;
}

static gf_status add_transition(gf_net *net, int *node, int block, double compression)
{
    gf_status status;
    char prefix[GF_NAME];
    const gf_pool_attributes halves = { .size = 2 };
    int filters = (int)(net->nodes[*node].shape.channels * compression);
    snprintf(prefix, sizeof prefix, "transition%d.", block + 1);
    GF_TRY(add_preactivated(net, node, prefix, "", filters > 1 ? filters : 1, 1));
    GF_TRY(gf_part_node(net, node, "average_pool", prefix, "pool", &halves, *node));
out:
    return status;
}

static gf_status add_blocks(gf_net *net, int *node, const densenet_options *o)
{
    gf_status status = GF_OK;
    for (int block = 0; block < BLOCKS; block++) {
        for (int layer = 0; layer < o->layers; layer++)
            GF_TRY(add_layer(net, node, block, layer, o->growth));
        if (block < BLOCKS - 1) GF_TRY(add_transition(net, node, block, o->compression));
    }
    GF_TRY(gf_part_bn(net, node, "", "bn", *node));
    GF_TRY(gf_part_node(net, node, "relu", "", "act", NULL, *node));
out:
    return status;
}

static gf_status build(gf_net **net, const void *options, gf_shape input, int classes)
{
    gf_status status;
    const densenet_options *o = options;
    gf_net *made = NULL;
    int node;
    GF_TRY(gf_net_create(&made, input));
    GF_TRY(gf_part_conv(made, &node, "", "conv1", 2 * o->growth, 3, 1, 1, 0));
    GF_TRY(add_blocks(made, &node, o));
    GF_TRY(gf_part_classifier(made, &node, classes, node));
    *net = made;
    made = NULL;
out:
    gf_net_destroy(made);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(densenet_options, growth, "12", "[1, 128]", "channels", "that each layer adds"),
    GF_FIELD(densenet_options, layers, "6", "[1, 64]", "",
             "of each of the three blocks; two convolutions each"),
    GF_FIELD(densenet_options, compression, "0.5", "(0, 1]", "fraction",
             "of the channels that a transition keeps"),
    GF_FIELD_END,
};

const gf_model_kind gf_model_densenet = {
    .schema = { .name = "densenet",
                .summary = "DenseNet-BC for CIFAR: each layer reads the channels of all before it",
                .paper = "Huang et al. 2017, arXiv 1608.06993",
                .fields = fields },
    .options_size = sizeof(densenet_options),
    .build = build,
};
