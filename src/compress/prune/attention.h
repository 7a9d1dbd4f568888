/* The attention module that pcas puts into a network for a while. */
#ifndef GRIDFRONT_COMPRESS_ATTENTION_H
#define GRIDFRONT_COMPRESS_ATTENTION_H

#include "../compress.h"

/* Attributes of the layer "attention". */
typedef struct gf_attention_attributes {
    int reduction; /* channels per hidden unit */
} gf_attention_attributes;

/* Its parameters, in order; the last one is state: mean gates [channels] over the images seen in
 * CALIBRATE mode, and behind them how many those were. */
enum {
    GF_ATTENTION_SQUEEZE,
    GF_ATTENTION_SQUEEZE_BIAS,
    GF_ATTENTION_EXCITE,
    GF_ATTENTION_EXCITE_BIAS,
    GF_ATTENTION_MEANS,
    GF_ATTENTION_PARAMS
};

#endif
