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

#endif
