/* Colours as CIE 1976 L*a*b*, and the grid of a and b that Zhang et al. 2016 (1603.08511, section
 * 2.1) cut into answers: squares around multiples of `bin`, those in which a colour of sRGB lies.
 */
#include "pretext.h"

#include <math.h>
#include <stdlib.h>

/* The curve of IEC 61966-2-1; dark values beyond the display's are as good as black. */
static double linear(double value)
{
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

static double root(double value)
{
    return value > 216.0 / 24389 ? cbrt(value) : (24389.0 / 27 * value + 16) / 116;
}

gf_lab gf_lab_of(double red, double green, double blue)
{
    double r = linear(red), g = linear(green), b = linear(blue);
    /* Each over that of white, D65. */
    double x = root((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
    double y = root(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
    double z = root((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883);
    return (gf_lab){ .l = 116 * y - 16, .a = 500 * (x - y), .b = 200 * (y - z) };
}

/* ---- bins ---- */

/* a and b of all colours are less than this from 0. */
enum { FARTHEST = 110, LEVEL_STEP = 5, LEVELS = 52 };

/* Which squares of the grid has a colour? Every fifth level of each channel is tried: neighbours
 * are closer than the smallest bin. */
static void mark_gamut(bool *inside, double bin, int side)
{
    int middle = side / 2;
    for (int i = 0; i < LEVELS * LEVELS * LEVELS; i++) {
        gf_lab color =
            gf_lab_of(i / (LEVELS * LEVELS) * LEVEL_STEP / 255.0,
                      i / LEVELS % LEVELS * LEVEL_STEP / 255.0, i % LEVELS * LEVEL_STEP / 255.0);
        int a = middle + (int)lround(color.a / bin), b = middle + (int)lround(color.b / bin);
        inside[a * side + b] = true;
    }
}

gf_status gf_bins_init(gf_bins *bins, double bin)
{
    gf_status status = GF_OK;
    int middle = (int)(FARTHEST / bin) + 1, side = 2 * middle + 1, count = 0;
    bool *inside = gf_alloc((size_t)(side * side), sizeof *inside);
    gf_lab *centres = gf_alloc((size_t)(side * side), sizeof *centres);
    GF_TRY_ALLOC(inside && centres);
    mark_gamut(inside, bin, side);
    for (int i = 0; i < side * side; i++)
        if (inside[i])
            centres[count++] =
                (gf_lab){ .a = (i / side - middle) * bin, .b = (i % side - middle) * bin };
    *bins = (gf_bins){ .centres = centres, .count = count, .bin = bin };
    centres = NULL;
out:
    free(inside);
    free(centres);
    return status;
}

void gf_bins_release(gf_bins *bins)
{
    free(bins->centres);
}

static double distance2(gf_lab x, gf_lab y)
{
    return (x.a - y.a) * (x.a - y.a) + (x.b - y.b) * (x.b - y.b);
}

int gf_bins_find(const gf_bins *bins, gf_lab color)
{
    int best = 0;
    for (int q = 1; q < bins->count; q++)
        if (distance2(color, bins->centres[q]) < distance2(color, bins->centres[best])) best = q;
    return best;
}

/* ---- their weights ---- */

/* Spreads what bin q has over the bins around it, by a Gaussian of deviation bin / 2. */
static void spread(double *smooth, const gf_bins *bins, int q, double share)
{
    double sum = 0, twice_variance = bins->bin * bins->bin / 2;
    for (int r = 0; r < bins->count; r++)
        sum += exp(-distance2(bins->centres[q], bins->centres[r]) / twice_variance);
    for (int r = 0; r < bins->count; r++)
        smooth[r] +=
            share * exp(-distance2(bins->centres[q], bins->centres[r]) / twice_variance) / sum;
}

gf_status gf_bins_weigh(gf_real *weights, const gf_bins *bins, const double *counts, double uniform)
{
    gf_status status = GF_OK;
    double all = 0, expected = 0;
    double *smooth = gf_alloc((size_t)bins->count, sizeof *smooth);
    GF_TRY_ALLOC(smooth);
    for (int q = 0; q < bins->count; q++) all += counts[q];
    for (int q = 0; q < bins->count; q++)
        if (counts[q] > 0) spread(smooth, bins, q, counts[q] / all);
    for (int q = 0; q < bins->count; q++)
        expected += smooth[q] / ((1 - uniform) * smooth[q] + uniform / bins->count);
    for (int q = 0; q < bins->count; q++)
        weights[q] = (gf_real)(1 / ((1 - uniform) * smooth[q] + uniform / bins->count) / expected);
out:
    free(smooth);
    return status;
}
