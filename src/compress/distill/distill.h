/* What the methods of distillation share. */
#ifndef GRIDFRONT_COMPRESS_DISTILL_H
#define GRIDFRONT_COMPRESS_DISTILL_H

#include "../compress.h"

/* Adds alpha T^2 KL(softmax(t / T) || softmax(s / T)), the mean over the batch, to *loss and its
 * gradient to the logits'; t: the mean of the teachers' probabilities. */
gf_status gf_soft_targets_add(const gf_loss_call *call, double temperature, double alpha,
                              double *loss);
/* There is a teacher, and each has the student's classes; else INVALID, `name` in front. */
gf_status gf_teachers_check(const gf_method_call *call, const char *name);

/* A layer that turns node `from` into what a teacher has: 1x1 convolution, initialized as
 * gf_net_initialize does, or batch normalization (channels: of its input), put before the logits,
 * which stay last. *node is where it stands. */
gf_status gf_regressor_add_conv(const gf_method_call *call, int *node, const char *name, int from,
                                int channels, bool bias);
gf_status gf_regressor_add_bn(const gf_method_call *call, int *node, const char *name, int from);

/* The last node of each height at which a network may be cut, from the images on. */
enum { GF_ENDS_MOST = 16 };
typedef struct gf_stage_ends {
    int count, nodes[GF_ENDS_MOST];
} gf_stage_ends;
/* Nodes of which the rest of the network sees nothing else: ends of blocks. */
void gf_stage_ends_cut(gf_stage_ends *ends, const gf_net *net);
/* What the last activation function of each height is given. */
void gf_stage_ends_before_activation(gf_stage_ends *ends, const gf_net *net);

#endif
