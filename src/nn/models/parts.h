/* What models are built of. Each function adds nodes whose names are prefix + name, the first of
 * which reads node `input`; *node is the last one. */
#ifndef GRIDFRONT_NN_MODELS_PARTS_H
#define GRIDFRONT_NN_MODELS_PARTS_H

#include <gridfront/nn.h>

gf_status gf_part_node(gf_net *net, int *node, const char *kind, const char *prefix,
                       const char *name, const void *attributes, int input);
/* kernel x kernel, padded so that stride 1 keeps the size of an odd one; no bias. */
gf_status gf_part_conv(gf_net *net, int *node, const char *prefix, const char *name, int filters,
                       int kernel, int stride, int groups, int input);
gf_status gf_part_bn(gf_net *net, int *node, const char *prefix, const char *name, int input);
/* A convolution "conv", its "bn", and the activation "act" of this kind (NULL: none). */
gf_status gf_part_unit(gf_net *net, int *node, const char *prefix, int filters, int kernel,
                       int stride, int groups, const char *activation, int input);
/* Mean over the pixels "pool" and fully connected layer "fc". */
gf_status gf_part_classifier(gf_net *net, int *node, int classes, int input);

/* channels * width to the nearest multiple of 8, at least 8 and never 10 % less: how MobileNets
 * (Sandler et al. 2018, 1801.04381, the published code) apply their width multiplier. */
int gf_scaled_channels(int channels, double width);

#endif
