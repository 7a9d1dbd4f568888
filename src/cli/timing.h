/* Timing of real work on this machine, for `plan` and `bench`. Numbers never depend on it. */
#ifndef GRIDFRONT_CLI_TIMING_H
#define GRIDFRONT_CLI_TIMING_H

#include <gridfront/nn.h>

typedef struct gf_timing {
    const gf_options *model; /* "arch", "width", ...: borrowed */
    const gf_data *data;     /* borrowed */
    gf_numerics numerics;
    int batch;      /* at most the training images */
    int steps;      /* whole batches timed, after one that warms up */
    double seconds; /* but no more than fit here, of which at least three; 0: no limit */
} gf_timing;

/* s of the median step of gf_train on images that are cropped and flipped, and of its parts. */
typedef struct gf_training_time {
    double step;
    double mean; /* s of a step on average: what others do on these cores counts in */
    gf_step_times parts;
    int steps;
} gf_training_time;
gf_status gf_time_training(gf_training_time *time, const gf_timing *timing);

/* s of the median forward pass in evaluation mode, BN folded into the convolutions. */
gf_status gf_time_inference(double *seconds, const gf_timing *timing);

/* s of the median batch of training images under the augmentations that `augment` lists as
 * options ("augment.0 = crop\n..."), on the threads that are set. */
gf_status gf_time_batches(double *seconds, const gf_timing *timing, const char *augment);

#endif
