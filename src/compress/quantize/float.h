/* Small floating formats, as the method "float", its weight view and its layer share them. */
#ifndef GRIDFRONT_COMPRESS_FLOAT_H
#define GRIDFRONT_COMPRESS_FLOAT_H

#include "quantize.h"

/* What numbers are divided by before they are rounded, and multiplied by afterwards. */
typedef enum gf_float_scale {
    GF_FLOAT_SCALE_NONE,  /* 1 */
    GF_FLOAT_SCALE_POWER, /* the least power of two with which the largest number fits */
    GF_FLOAT_SCALE_REAL   /* what makes the largest number the format's largest */
} gf_float_scale;
#define GF_FLOAT_SCALE_WORDS "none|power|real"

/* Options of the weight view "float". */
typedef struct gf_float_weight_options {
    int format, scale; /* gf_minifloat, gf_float_scale */
    bool per_channel;
} gf_float_weight_options;

/* Attributes of the layer "float_quant". */
typedef struct gf_float_activation_attributes {
    int format, scale;
} gf_float_activation_attributes;

/* The scale for numbers up to this magnitude; 1 for zeros. */
gf_real gf_float_scale_of(gf_real magnitude, int format, int scale);
/* d_x = d_y where the number fits, else 0; with `add` added to what is there. */
void gf_float_pass(gf_real *d_x, const gf_real *d_y, const gf_real *x, size_t count, int format,
                   gf_real scale, bool add);

#endif
