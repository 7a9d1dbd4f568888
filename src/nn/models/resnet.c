/* Builds every ResNet of BasicBlocks; names are those of the usual PyTorch code. */
#include "resnet.h"

#include <stdlib.h>
#include <string.h>

enum { STAGES_MOST = 8 };

typedef struct builder {
    gf_net *net;
    const gf_resnet_options *options;
    bool separable; /* in this stage */
} builder;

static gf_status add_node(builder *b, int *node, const char *kind, const char *prefix,
                          const char *name, const void *attributes, int input)
{
    char full[2 * GF_NAME];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return gf_net_add(b->net, node, kind, full, attributes, &input, 1);
}

static gf_status add_conv(builder *b, int *node, const char *prefix, const char *name, int filters,
                          int kernel, int stride, int groups, int input)
{
    const gf_conv_attributes attributes = { .filters = filters,
                                            .kernel_height = kernel,
                                            .kernel_width = kernel,
                                            .stride = stride,
                                            .pad_height = kernel / 2,
                                            .pad_width = kernel / 2,
                                            .groups = groups };
    return add_node(b, node, "conv", prefix, name, &attributes, input);
}

static gf_status add_bn(builder *b, int *node, const char *prefix, const char *name, int input)
{
    const gf_bn_attributes attributes = { .eps = 1e-5, .momentum = 0.1 };
    return add_node(b, node, "bn", prefix, name, &attributes, input);
}

static gf_status add_activation(builder *b, int *node, const char *prefix, const char *name,
                                int input)
{
    const char *kind = b->options->activation == GF_ACTIVATION_RELU ? "relu" : "softplus";
    return add_node(b, node, kind, prefix, name, NULL, input);
}

/* A 3x3 convolution: plain, grouped, or depthwise followed by pointwise. */
static gf_status add_conv3x3(builder *b, int *node, const char *prefix, const char *name,
                             int filters, int stride, int input)
{
    gf_status status;
    char part[GF_NAME];
    int channels = b->net->nodes[input].shape.channels;
    if (!b->separable)
        return add_conv(b, node, prefix, name, filters, 3, stride, b->options->groups, input);
    snprintf(part, sizeof part, "%s.depthwise", name);
    GF_TRY(add_conv(b, node, prefix, part, channels, 3, stride, channels, input));
    snprintf(part, sizeof part, "%s.pointwise", name);
    GF_TRY(add_conv(b, node, prefix, part, filters, 1, 1, 1, *node));
out:
    return status;
}

static gf_status add_shortcut(builder *b, int *node, const char *prefix, int filters, int stride,
                              int input)
{
    gf_status status;
    if (b->options->shortcut == GF_SHORTCUT_PAD) {
        const gf_pad_shortcut_attributes attributes = { .stride = stride, .channels = filters };
        return add_node(b, node, "pad_shortcut", prefix, "shortcut", &attributes, input);
    }
    GF_TRY(add_conv(b, node, prefix, "shortcut.conv", filters, 1, stride, 1, input));
    GF_TRY(add_bn(b, node, prefix, "shortcut.bn", *node));
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
    GF_TRY(add_bn(b, &at, prefix, "bn1", at));
    GF_TRY(add_activation(b, &at, prefix, "act1", at));
    GF_TRY(add_conv3x3(b, &at, prefix, "conv2", filters, 1, at));
    GF_TRY(add_bn(b, &at, prefix, "bn2", at));
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
        int separable = b->options->separable;
        b->separable = separable == GF_SEPARABLE_ALL ||
                       (separable == GF_SEPARABLE_LATE && stage >= stages - 2);
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
    GF_TRY(parse_blocks(blocks, &stages, b.options->blocks));
    GF_TRY(gf_net_create(&b.net, input));
    GF_TRY(add_conv(&b, &node, "", "conv1", b.options->width, 3, 1, 1, 0));
    GF_TRY(add_bn(&b, &node, "", "bn1", node));
    GF_TRY(add_activation(&b, &node, "", "act1", node));
    GF_TRY(add_stages(&b, &node, blocks, stages));
    GF_TRY(add_node(&b, &node, "mean_pool", "", "pool", NULL, node));
    GF_TRY(add_node(&b, &node, "linear", "", "fc", &head, node));
    *net = b.net;
    b.net = NULL;
out:
    gf_net_destroy(b.net);
    return status;
}
