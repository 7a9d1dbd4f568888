/* ResNets of BasicBlocks for CIFAR images (He et al. 2016, 1512.03385): a 3x3 stem without
 * pooling, stages of `width * 2^stage` channels, each but the first halving the image. */
#ifndef GRIDFRONT_NN_MODELS_RESNET_H
#define GRIDFRONT_NN_MODELS_RESNET_H

#include <gridfront/nn.h>

enum { GF_SHORTCUT_CONV, GF_SHORTCUT_PAD };
enum {
    GF_SEPARABLE_NONE,
    GF_SEPARABLE_LATE,
    GF_SEPARABLE_ALL,
    GF_SEPARABLE_SPATIAL,
    GF_SEPARABLE_LOW_RANK
};
enum { GF_ACTIVATION_RELU, GF_ACTIVATION_SOFTPLUS };

typedef struct gf_resnet_options {
    int width;
    char blocks[32]; /* "2,2,2,2": blocks of each stage */
    int groups, separable, shortcut, activation;
    double dropout;
} gf_resnet_options;

gf_status gf_resnet_build(gf_net **net, const void *options, gf_shape input, int classes);

/* The fields, with the width and blocks that this ResNet has when nothing is said. */
#define GF_RESNET_FIELDS(width_, blocks_)                                                          \
    GF_FIELD(gf_resnet_options, width, width_, "[1, 1024]", "channels", "of the first stage"),     \
        GF_FIELD(gf_resnet_options, blocks, blocks_, NULL, "", "residual blocks of each stage"),   \
        GF_FIELD(gf_resnet_options, groups, "1", "[1, 1024]", "",                                  \
                 "of every 3x3 convolution but the first"),                                        \
        GF_FIELD_WORD(gf_resnet_options, separable, "none", "none|late|all|spatial|low-rank",      \
                      "3x3 convolutions in two: depthwise and 1x1 in the last two stages (late) "  \
                      "or in all; 3x1 and 1x3 where the stride is 1; or a quarter of the filters " \
                      "and 1x1"),                                                                  \
        GF_FIELD_WORD(gf_resnet_options, shortcut, "conv", "conv|pad",                             \
                      "where shapes change: 1x1 convolution, or padded identity (option A)"),      \
        GF_FIELD_WORD(gf_resnet_options, activation, "relu", "relu|softplus", "activation"),       \
        GF_FIELD(gf_resnet_options, dropout, "0", "[0, 1)", "fraction",                            \
                 "of the features before the fully connected layer, zeroed while training"),       \
        GF_FIELD_END

#endif
