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

#endif
