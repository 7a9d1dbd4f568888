/* Images of bytes, and the operations on them that augmentations are defined by. Each gives the
 * very bytes that Pillow 9.4 gives (tests/golden/augment.c). */
#ifndef GRIDFRONT_DATA_PIXELS_H
#define GRIDFRONT_DATA_PIXELS_H

#include "data.h"

typedef struct gf_pixels {
    unsigned char at[GF_IMAGE_SIDE][GF_IMAGE_SIDE][GF_IMAGE_CHANNELS];
} gf_pixels;

/* Cut off, not rounded. */
static inline unsigned char gf_pixels_byte(double value)
{
    return (unsigned char)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

/* From the image of a call, rounded, and back. */
void gf_pixels_take(gf_pixels *pixels, const gf_augment_call *call);
void gf_pixels_give(const gf_pixels *pixels, const gf_augment_call *call);

/* ---- geometry ---- */

typedef enum gf_filter { GF_FILTER_NEAREST, GF_FILTER_BILINEAR, GF_FILTER_BICUBIC } gf_filter;
#define GF_FILTER_WORDS "nearest|bilinear|bicubic"

typedef struct gf_warp {
    gf_filter filter;
    unsigned char fill[GF_IMAGE_CHANNELS]; /* of what comes from outside the image */
} gf_warp;
/* word: index into GF_FILL_WORDS. */
gf_warp gf_warp_of(const gf_augment_call *call, gf_filter filter, int word);

/* The pixel at (x, y) comes from (m0 x + m1 y + m2, m3 x + m4 y + m5), both of pixels' centres, in
 * pixels from the upper left corner. */
void gf_pixels_affine(gf_pixels *pixels, const double matrix[6], const gf_warp *warp);
void gf_pixels_rotate(gf_pixels *pixels, double degrees,
                      const gf_warp *warp); /* counterclockwise */

/* ---- colour ---- */

void gf_pixels_invert(gf_pixels *pixels);
void gf_pixels_posterize(gf_pixels *pixels, int bits);
void gf_pixels_solarize(gf_pixels *pixels, double threshold); /* inverts from there on */
void gf_pixels_autocontrast(gf_pixels *pixels);
void gf_pixels_equalize(gf_pixels *pixels);
void gf_pixels_grayscale(gf_pixels *pixels);
void gf_pixels_hue(gf_pixels *pixels, int shift); /* in 1/255 of the circle */
/* Away from (factor > 1) or towards grey, the mean grey, black, a smoothed image; 1: nothing. */
void gf_pixels_color(gf_pixels *pixels, double factor);
void gf_pixels_contrast(gf_pixels *pixels, double factor);
void gf_pixels_brightness(gf_pixels *pixels, double factor);
void gf_pixels_sharpness(gf_pixels *pixels, double factor);

#endif
