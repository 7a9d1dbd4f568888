/* Warping images as Pillow's Image.transform and Image.rotate do (libImaging/Geometry.c): nearest
 * pixels in 16.16 fixed point, bilinear and bicubic (a = -1) in double, cut off to bytes. */
#include "pixels.h"

#include "fill.h"

#include <math.h>

enum { SIDE = GF_IMAGE_SIDE, CHANNELS = GF_IMAGE_CHANNELS };

void gf_pixels_take(gf_pixels *pixels, const gf_augment_call *call)
{
    unsigned char *bytes = &pixels->at[0][0][0];
    for (int i = 0; i < GF_IMAGE_SIZE; i++)
        bytes[i] = (unsigned char)(call->image[i] + (gf_real)0.5);
}

void gf_pixels_give(const gf_pixels *pixels, const gf_augment_call *call)
{
    const unsigned char *bytes = &pixels->at[0][0][0];
    for (int i = 0; i < GF_IMAGE_SIZE; i++) call->image[i] = (gf_real)bytes[i];
}

gf_warp gf_warp_of(const gf_augment_call *call, gf_filter filter, int word)
{
    gf_warp warp = { .filter = filter };
    for (int c = 0; c < CHANNELS; c++)
        warp.fill[c] = (unsigned char)(gf_fill_value(call, word, c) + (gf_real)0.5);
    return warp;
}

static bool is_inside(int place)
{
    return place >= 0 && place < SIDE;
}

static int clip(int place)
{
    return place < 0 ? 0 : place < SIDE ? place : SIDE - 1;
}

static void set_pixel(unsigned char *pixel, const unsigned char *value)
{
    for (int c = 0; c < CHANNELS; c++) pixel[c] = value[c];
}

static int fixed(double value)
{
    return (int)floor(value * 65536 + 0.5);
}

static void warp_nearest(gf_pixels *out, const gf_pixels *in, const double m[6],
                         const gf_warp *warp)
{
    int first_x = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5);
    int first_y = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
    int x_by_x = fixed(m[0]), x_by_y = fixed(m[1]), y_by_x = fixed(m[3]), y_by_y = fixed(m[4]);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int from_x = (first_x + x * x_by_x + y * x_by_y) >> 16;
            int from_y = (first_y + x * y_by_x + y * y_by_y) >> 16;
            bool inside = is_inside(from_x) && is_inside(from_y);
            set_pixel(out->at[y][x], inside ? in->at[from_y][from_x] : warp->fill);
        }
}

static inline double linear(const double v[2], double t)
{
    return v[0] + (v[1] - v[0]) * t;
}

static inline double cubic(const double v[4], double t)
{
    double p1 = -v[0] + v[2], p2 = 2 * (v[0] - v[1]) + v[2] - v[3];
    double p3 = -v[0] + v[1] - v[2] + v[3];
    return v[1] + t * (p1 + t * (p2 + t * p3));
}

/* As floor(), which is a call where the instruction set is the oldest. */
static inline int whole(double value)
{
    int cut = (int)value;
    return cut - (cut > value);
}

/* At (x, y) from the centre of the first pixel; pixels at the border go on for ever. */
static inline void sample(unsigned char out[CHANNELS], const gf_pixels *in, double x, double y,
                          int taps)
{
    int left = whole(x), top = whole(y), before = taps / 2 - 1, columns[4];
    for (int i = 0; i < taps; i++) columns[i] = clip(left - before + i);
    for (int c = 0; c < CHANNELS; c++) {
        double rows[4], row[4];
        for (int j = 0; j < taps; j++) {
            const unsigned char(*line)[CHANNELS] = in->at[clip(top - before + j)];
            for (int i = 0; i < taps; i++) row[i] = line[columns[i]][c];
            rows[j] = taps == 4 ? cubic(row, x - left) : linear(row, x - left);
        }
        out[c] = gf_pixels_byte(taps == 4 ? cubic(rows, y - top) : linear(rows, y - top));
    }
}

/* Inlined for a constant number of taps in each direction. */
static inline void warp_smooth(gf_pixels *out, const gf_pixels *in, const double m[6],
                               const gf_warp *warp, int taps)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double from_x = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2];
            double from_y = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5];
            if (from_x >= 0 && from_x < SIDE && from_y >= 0 && from_y < SIDE)
                sample(out->at[y][x], in, from_x - 0.5, from_y - 0.5, taps);
            else
                set_pixel(out->at[y][x], warp->fill);
        }
}

void gf_pixels_affine(gf_pixels *pixels, const double matrix[6], const gf_warp *warp)
{
    const gf_pixels in = *pixels;
    if (warp->filter == GF_FILTER_NEAREST)
        warp_nearest(pixels, &in, matrix, warp);
    else if (warp->filter == GF_FILTER_BILINEAR)
        warp_smooth(pixels, &in, matrix, warp, 2);
    else
        warp_smooth(pixels, &in, matrix, warp, 4);
}

/* So that right angles are exact. */
static double rounded(double value)
{
    return round(value * 1e15) / 1e15;
}

void gf_pixels_rotate(gf_pixels *pixels, double degrees, const gf_warp *warp)
{
    double turn = degrees - 360 * floor(degrees / 360);
    double angle = -turn * (M_PI / 180), centre = SIDE / 2.0;
    double c = rounded(cos(angle)), s = rounded(sin(angle));
    double m[6] = { c, s, 0, -s, c, 0 };
    m[2] = centre - (m[0] + m[1]) * centre;
    m[5] = centre - (m[3] + m[4]) * centre;
    gf_pixels_affine(pixels, m, warp);
}
