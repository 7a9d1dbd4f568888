/* Builds every ResNet of BasicBlocks; names are those of the usual PyTorch code. */
#include "parts.h"
#include "resnet.h"

#include <stdlib.h>
#include <string.h>

enum { STAGES_MOST = 8 };

typedef struct builder {
    gf_net *net;
    const gf_resnet_options *options;
    int separable; /* in this stage */
} builder;

static gf_status add_activation(builder *b, int *node, const char *prefix, const char *name,
                                int input)
{
    const char *kind = b->options->activation == GF_ACTIVATION_RELU ? "relu" : "softplus";
    return gf_part_node(b->net, node, kind, prefix, name, NULL, input);
}

/* One behind the other, called name.first and name.second. */
static gf_status add_two(builder *b, int *node, const char *prefix, const char *name,
                         const char *first, const gf_conv_attributes *one, const char *second,
                         const gf_conv_attributes *other, int input)
{
    gf_status status;
    char part[GF_NAME];
    snprintf(part, sizeof part, "%s.%s", name, first);
    GF_TRY(gf_part_node(b->net, node, "conv", prefix, part, one, input));
    snprintf(part, sizeof part, "%s.%s", name, second);
    GF_TRY(gf_part_node(b->net, node, "conv", prefix, part, other, *node));
out:
    return status;
}

static gf_conv_attributes conv_of(int filters, int height, int width, int stride, int groups)
{
    return (gf_conv_attributes){ .filters = filters,
                                 .kernel_height = height,
                                 .kernel_width = width,
                                 .stride = stride,
                                 .pad_height = height / 2,
                                 .pad_width = width / 2,
                                 .groups = groups };
}

/* A 3x3 convolution, whole or in two. A strided one is not split by rows and columns: its first
 * part would have to work at the full size. */
static gf_status add_conv3x3(builder *b, int *node, const char *prefix, const char *name,
                             int filters, int stride, int input)
{
    int channels = b->net->nodes[input].shape.channels, rank = filters < 4 ? 1 : filters / 4;
    const gf_conv_attributes depthwise = conv_of(channels, 3, 3, stride, channels);
    const gf_conv_attributes pointwise = conv_of(filters, 1, 1, 1, 1);
    const gf_conv_attributes rows = conv_of(filters, 3, 1, 1, 1);
    const gf_conv_attributes columns = conv_of(filters, 1, 3, 1, 1);
    const gf_conv_attributes basis = conv_of(rank, 3, 3, stride, 1);
    if (b->separable == GF_SEPARABLE_ALL)
        return add_two(b, node, prefix, name, "depthwise", &depthwise, "pointwise", &pointwise,
                       input);
    if (b->separable == GF_SEPARABLE_SPATIAL && stride == 1)
        return add_two(b, node, prefix, name, "rows", &rows, "columns", &columns, input);
    if (b->separable == GF_SEPARABLE_LOW_RANK)
        return add_two(b, node, prefix, name, "basis", &basis, "pointwise", &pointwise, input);
    return gf_part_conv(b->net, node, prefix, name, filters, 3, stride, b->options->groups, input);
}

static gf_status add_shortcut(builder *b, int *node, const char *prefix, int filters, int stride,
                              int input)
{
    gf_status status;
    if (b->options->shortcut == GF_SHORTCUT_PAD) {
        const gf_pad_shortcut_attributes attributes = { .stride = stride, .channels = filters };
        return gf_part_node(b->net, node, "pad_shortcut", prefix, "shortcut", &attributes, input);
    }
    GF_TRY(gf_part_conv(b->net, node, prefix, "shortcut.conv", filters, 1, stride, 1, input));
    GF_TRY(gf_part_bn(b->net, node, prefix, "shortcut.bn", *node));
out:
    return status;
}

static gf_status add_block(builder *b, int *node, int stage, int block, int filters, int stride)
{
    gf_status status;
    char prefix[GF_NAME], name[2 * GF_NAME];
    int at, shortcut = *node;
    snprintf(prefix, sizeof prefix, "layer%d.%d.", stage + 1, block);
    GF_TRY(add_conv3x3(b, &at, prefix, "conv1", filters, stride, *node));
    GF_TRY(gf_part_bn(b->net, &at, prefix, "bn1", at));
    GF_TRY(add_activation(b, &at, prefix, "act1", at));
    GF_TRY(add_conv3x3(b, &at, prefix, "conv2", filters, 1, at));
    GF_TRY(gf_part_bn(b->net, &at, prefix, "bn2", at));
    if (stride != 1 || b->net->nodes[*node].shape.channels != filters)
        GF_TRY(add_shortcut(b, &shortcut, prefix, filters, stride, *node));
    snprintf(name, sizeof name, "%sadd", prefix);
    GF_TRY(gf_net_add(b->net, &at, "add", name, NULL, (int[]){ at, shortcut }, 2));
    GF_TRY(add_activation(b, node, prefix, "act2", at));
out:
    return status;
}

/* "2,2,2,2" -> {2, 2, 2, 2} */
static gf_status parse_blocks(int *blocks, int *stages, const char *text)
{
    *stages = 0;
    for (const char *at = text;; at++) {
        char *end;
        long count = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || count < 1 || count > 100 ||
            *stages == STAGES_MOST)
            return gf_fail(GF_INVALID,
                           "blocks = \"%s\": 1 to %d numbers from 1 to 100, such as \"2,2,2,2\"",
                           text, STAGES_MOST);
        blocks[(*stages)++] = (int)count;
        if (!*end) return GF_OK;
        at = end;
    }
}

static gf_status add_stages(builder *b, int *node, const int *blocks, int stages)
{
    gf_status status = GF_OK;
    for (int stage = 0; stage < stages; stage++) {
        b->separable = b->options->separable;
        if (b->separable == GF_SEPARABLE_LATE)
            b->separable = stage >= stages - 2 ? GF_SEPARABLE_ALL : GF_SEPARABLE_NONE;
        for (int block = 0; block < blocks[stage]; block++)
            GF_TRY(add_block(b, node, stage, block, b->options->width << stage,
                             stage > 0 && block == 0 ? 2 : 1));
    }
out:
    return status;
}

gf_status gf_resnet_build(gf_net **net, const void *options, gf_shape input, int classes)
{
    gf_status status;
    builder b = { .options = options };
    int blocks[STAGES_MOST], stages, node;
    const gf_linear_attributes head = { .features = classes, .bias = true };
    const gf_dropout_attributes dropout = { .rate = b.options->dropout };
    GF_TRY(parse_blocks(blocks, &stages, b.options->blocks));
    GF_TRY(gf_net_create(&b.net, input));
    GF_TRY(gf_part_conv(b.net, &node, "", "conv1", b.options->width, 3, 1, 1, 0));
    GF_TRY(gf_part_bn(b.net, &node, "", "bn1", node));
    GF_TRY(add_activation(&b, &node, "", "act1", node));
    GF_TRY(add_stages(&b, &node, blocks, stages));
    GF_TRY(gf_part_node(b.net, &node, "mean_pool", "", "pool", NULL, node));
    if (dropout.rate > 0)
        GF_TRY(gf_part_node(b.net, &node, "dropout", "", "dropout", &dropout, node));
    GF_TRY(gf_part_node(b.net, &node, "linear", "", "fc", &head, node));
    *net = b.net;
    b.net = NULL;
out:
    gf_net_destroy(b.net);
    return status;
}
