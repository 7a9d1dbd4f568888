/* Timing of real steps on this machine, for `plan` and `bench`. Numbers never depend on it. */
#ifndef GRIDFRONT_CLI_TIMING_H
#define GRIDFRONT_CLI_TIMING_H

#include <gridfront/nn.h>

/* s per image of a training step (forward, backward, SGD) of a fresh network: median of steps
 * taken within about `seconds`, after one that warms up. */
gf_status gf_time_training(double *seconds_per_image, const gf_options *model, int batch,
                           double seconds);
/* The same for a forward pass in evaluation mode. */
gf_status gf_time_inference(double *seconds_per_image, const gf_options *model, int batch,
                            double seconds);

#endif
