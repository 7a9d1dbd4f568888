/* What both ways of rewinding share. */
#ifndef GRIDFRONT_COMPRESS_REWIND_H
#define GRIDFRONT_COMPRESS_REWIND_H

#include "../compress.h"

typedef struct gf_rewind_options {
    gf_train_options train;
    char teacher[256]; /* of weight rewinding */
} gf_rewind_options;

#define GF_REWIND_FIELDS(S)                                                                        \
    GF_TRAIN_FIELDS(S, "10", "0.1"),                                                               \
        GF_TRAIN_FIELD(S, after, "0", "[0, 100000]", "epochs",                                     \
                       "of the schedule that are over; it has so many and `epochs` more")

#endif
