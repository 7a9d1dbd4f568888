/* Self-supervised pretext tasks: a trunk learns from questions that are made of the images alone.
 *
 * The trunk is everything up to the classifier, the last layer with weights. While the task is
 * learned a head of its own stands behind the trunk and gives the logits; afterwards it is thrown
 * away, and the classifier, which has stayed as it was, waits for labels: a `finetune` or `train`
 * behind the task trains all, `transfer : { method = "linear-probe"; }` the classifier alone. */
#ifndef GRIDFRONT_COMPRESS_PRETEXT_H
#define GRIDFRONT_COMPRESS_PRETEXT_H

#include "../compress.h"

/* The last node with weights. */
int gf_classifier_find(const gf_net *net);

/* A head behind the trunk, from the trunk's maps of so many channels to the task's classes; its
 * first node is called "pretext...". Its last node becomes the network's. */
typedef gf_status gf_pretext_head(const gf_method_call *call, int trunk, const gf_pretext *task);
/* Mean over places, and a fully connected layer. */
gf_pretext_head gf_pretext_linear_head;

/* Trains trunk and head on the task. schema: the method's. */
gf_status gf_pretext_train(const gf_method_call *call, const gf_schema *schema,
                           const gf_pretext *task, gf_pretext_head *add_head);

/* The questions of "rotation": each image turned counter-clockwise by 0, 1, 2, 3 quarters. */
enum { GF_ROTATIONS = 4 };
extern const gf_pretext gf_pretext_rotation;

/* So many different orders of `tiles` tiles (2 to 9), far from each other; always the same ones.
 * orders [count, tiles]: at place t of order k stands tile orders[k, t]. count is at most
 * gf_orders_count(tiles), tiles!. */
gf_status gf_orders_choose(unsigned char *orders, int count, int tiles);
int gf_orders_count(int tiles);

/* The questions of "jigsaw": one of each image, its tiles laid out in one of the orders. */
typedef struct gf_jigsaw {
    gf_pretext task;       /* first: `make` is given this one */
    int tiles;             /* on a side: 2, 3 */
    int gap;               /* pixels by which a tile is smaller than its cell */
    bool normalize;        /* each tile and channel to mean 0 and deviation 1 */
    unsigned char *orders; /* [task.classes, tiles * tiles], owned */
} gf_jigsaw;
/* permutations: as many orders, or all there are. An image's side is at least tiles * (gap + 1). */
gf_status gf_jigsaw_init(gf_jigsaw *jigsaw, int tiles, int gap, bool normalized, int permutations);
void gf_jigsaw_release(gf_jigsaw *jigsaw); /* zeroed: nothing */

/* A colour in CIE 1976 L*a*b*, white D65: l in [0, 100], a and b in (-110, 110). */
typedef struct gf_lab {
    double l, a, b;
} gf_lab;
gf_lab gf_lab_of(double red, double green, double blue); /* of sRGB, each in [0, 1] */

/* The squares of the plane of a and b, `bin` on a side, in which colours of sRGB lie. */
typedef struct gf_bins {
    gf_lab *centres; /* [count], owned; l unused */
    int count;
    double bin;
} gf_bins;
gf_status gf_bins_init(gf_bins *bins, double bin); /* bin >= 5 */
void gf_bins_release(gf_bins *bins);
/* That with the nearest centre in a and b, the first of equal ones. */
int gf_bins_find(const gf_bins *bins, gf_lab color);
/* weights [count] of answers that came up counts [count] times, at least one: the inverse of their
 * smoothed share mixed with so much of the uniform one, in (0, 1]; 1 on average over the answers
 * (Zhang et al. 2016, equation 4). */
gf_status gf_bins_weigh(gf_real *weights, const gf_bins *bins, const double *counts,
                        double uniform);

/* The questions of "colorization": one of each image, its lightness, with the bin of the mean
 * colour under each place of maps of so many rows and columns. Images are RGB, as gf_data_batch
 * makes them. */
typedef struct gf_colorization {
    gf_pretext task;  /* first: `make` is given this one */
    gf_bins bins;     /* owned */
    gf_real *weights; /* [bins.count], owned; NULL before they are counted */
    int height, width;
} gf_colorization;
gf_status gf_colorization_init(gf_colorization *task, double bin, int height, int width);
/* Counts the answers of all training images, and gives the task its weights. */
gf_status gf_colorization_weigh(gf_colorization *task, const gf_data *data, double uniform);
void gf_colorization_release(gf_colorization *task); /* zeroed: nothing */

#endif
