/* Unfolded activations: what the kernels of a convolution see of training images. */
#ifndef GRIDFRONT_COMPRESS_UNFOLDED_H
#define GRIDFRONT_COMPRESS_UNFOLDED_H

#include "share.h"

/* The patches under a layer's kernels, of every input channel. */
typedef struct gf_unfolded {
    const gf_node *node; /* borrowed */
    gf_shape in;
    int size;        /* places of a kernel; 0: none that vectors could be made of (1x1, linear) */
    int places;      /* of images that were looked at: each gives a patch per channel */
    double *squares; /* [size, size]: sum of all patches' products */
    double *sums;    /* [channels, size]: of a channel's patches */
} gf_unfolded;

/* Of a node with weights. What was taken is gf_unfolded_release's, also after an error. */
gf_status gf_unfolded_init(gf_unfolded *u, const gf_net *net, const gf_node *node);
void gf_unfolded_release(gf_unfolded *u);
/* Adds what stands under the kernel at place (y, x) of the layer's output; zeros beyond the edge.
 * image [in.height, in.width, in.channels] */
void gf_unfolded_add(gf_unfolded *u, const gf_real *image, int y, int x);
/* Adds `samples` places, drawn by chance, of each of the first `images` of the training split, for
 * `count` layers at once. */
gf_status gf_unfolded_look(gf_unfolded *layers, int count, const gf_method_call *call, int images,
                           int samples);
/* root [size, size] with root^T root proportional to the patches' products about the means of their
 * channels, a little of the identity added; the identity where nothing was added. */
gf_status gf_unfolded_root(gf_real *root, const gf_unfolded *u);

#endif
