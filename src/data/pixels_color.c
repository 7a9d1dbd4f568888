/* Colours as Pillow's ImageOps, ImageEnhance and conversions to L and HSV change them: tables of
 * 256 values, blends in float that are cut off to bytes, and colorsys in float. */
#include "pixels.h"

#include <string.h>

enum { SIDE = GF_IMAGE_SIDE, CHANNELS = GF_IMAGE_CHANNELS, PIXELS = SIDE * SIDE };

/* ---- tables ---- */

static void map(gf_pixels *pixels, int channel, const unsigned char table[256])
{
    unsigned char *byte = &pixels->at[0][0][channel];
    for (int i = 0; i < PIXELS; i++, byte += CHANNELS) *byte = table[*byte];
}

static void map_all(gf_pixels *pixels, const unsigned char table[256])
{
    for (int c = 0; c < CHANNELS; c++) map(pixels, c, table);
}

static void count_values(int histogram[256], const gf_pixels *pixels, int channel)
{
    const unsigned char *byte = &pixels->at[0][0][channel];
    memset(histogram, 0, 256 * sizeof *histogram);
    for (int i = 0; i < PIXELS; i++, byte += CHANNELS) histogram[*byte]++;
}

void gf_pixels_invert(gf_pixels *pixels)
{
    gf_pixels_solarize(pixels, 0);
}

void gf_pixels_posterize(gf_pixels *pixels, int bits)
{
    unsigned char table[256];
    for (int i = 0; i < 256; i++) table[i] = (unsigned char)(i & ~((1 << (8 - bits)) - 1));
    map_all(pixels, table);
}

void gf_pixels_solarize(gf_pixels *pixels, double threshold)
{
    unsigned char table[256];
    for (int i = 0; i < 256; i++) table[i] = (unsigned char)(i < threshold ? i : 255 - i);
    map_all(pixels, table);
}

/* From the darkest value to the lightest becomes from 0 to 255. */
void gf_pixels_autocontrast(gf_pixels *pixels)
{
    for (int c = 0; c < CHANNELS; c++) {
        int histogram[256], low = 0, high = 255;
        unsigned char table[256];
        count_values(histogram, pixels, c);
        while (low < 255 && !histogram[low]) low++;
        while (high > 0 && !histogram[high]) high--;
        if (high <= low) continue;
        double scale = 255.0 / (high - low), offset = -low * scale;
        for (int i = 0; i < 256; i++) table[i] = gf_pixels_byte(i * scale + offset);
        map(pixels, c, table);
    }
}

/* Pillow's step leaves out the lightest value, so that with few pixels many values reach 255. */
void gf_pixels_equalize(gf_pixels *pixels)
{
    for (int c = 0; c < CHANNELS; c++) {
        int histogram[256], lightest = 255;
        unsigned char table[256];
        count_values(histogram, pixels, c);
        while (!histogram[lightest]) lightest--;
        int step = (PIXELS - histogram[lightest]) / 255;
        if (step == 0) continue;
        int sum = step / 2;
        for (int i = 0; i < 256; i++) {
            table[i] = (unsigned char)(sum / step > 255 ? 255 : sum / step);
            sum += histogram[i];
        }
        map(pixels, c, table);
    }
}

/* ---- blends ---- */

/* Rec. 601 luma in 16.16 fixed point. */
static unsigned char luma(const unsigned char pixel[CHANNELS])
{
    return (unsigned char)((pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16);
}

void gf_pixels_grayscale(gf_pixels *pixels)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) memset(pixels->at[y][x], luma(pixels->at[y][x]), CHANNELS);
}

/* from + factor (pixels - from) */
static void blend(gf_pixels *pixels, const gf_pixels *from, double factor)
{
    unsigned char *to = &pixels->at[0][0][0];
    const unsigned char *base = &from->at[0][0][0];
    for (int i = 0; i < GF_IMAGE_SIZE; i++) {
        float value = (float)base[i] + (float)factor * (float)(to[i] - base[i]);
        to[i] = gf_pixels_byte((double)value);
    }
}

void gf_pixels_color(gf_pixels *pixels, double factor)
{
    gf_pixels grey = *pixels;
    gf_pixels_grayscale(&grey);
    blend(pixels, &grey, factor);
}

void gf_pixels_contrast(gf_pixels *pixels, double factor)
{
    gf_pixels grey;
    int sum = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) sum += luma(pixels->at[y][x]);
    memset(&grey, (int)((double)sum / PIXELS + 0.5), sizeof grey);
    blend(pixels, &grey, factor);
}

void gf_pixels_brightness(gf_pixels *pixels, double factor)
{
    const gf_pixels black = { 0 };
    blend(pixels, &black, factor);
}

/* The mean of nine pixels, the middle one five times; the border stays as it is. */
static void smooth(gf_pixels *out, const gf_pixels *in)
{
    *out = *in;
    for (int y = 1; y < SIDE - 1; y++)
        for (int x = 1; x < SIDE - 1; x++)
            for (int c = 0; c < CHANNELS; c++) {
                int sum = 4 * in->at[y][x][c];
                for (int k = 0; k < 9; k++) sum += in->at[y - 1 + k / 3][x - 1 + k % 3][c];
                out->at[y][x][c] = (unsigned char)((2 * sum + 13) / 26); /* no ties: 13 is odd */
            }
}

void gf_pixels_sharpness(gf_pixels *pixels, double factor)
{
    gf_pixels soft;
    smooth(&soft, pixels);
    blend(pixels, &soft, factor);
}

/* ---- hue ---- */

typedef struct hsv {
    unsigned char hue, saturation, value;
} hsv;

static hsv to_hsv(const unsigned char rgb[CHANNELS])
{
    unsigned char r = rgb[0], g = rgb[1], b = rgb[2];
    unsigned char most = r > g ? (r > b ? r : b) : (g > b ? g : b);
    unsigned char least = r < g ? (r < b ? r : b) : (g < b ? g : b);
    if (least == most) return (hsv){ .value = most };
    float range = (float)(most - least), hue;
    float red = (float)(most - r) / range, green = (float)(most - g) / range;
    float blue = (float)(most - b) / range;
    if (r == most)
        hue = blue - green;
    else if (g == most)
        hue = (float)(2.0 + (double)red - (double)blue);
    else
        hue = (float)(4.0 + (double)green - (double)red);
    double turn = (double)hue / 6.0 + 1.0; /* from 5/6 on */
    hue = (float)(turn >= 1 ? turn - 1 : turn);
    float saturation = range / (float)most;
    return (hsv){ gf_pixels_byte((double)hue * 255.0), gf_pixels_byte((double)saturation * 255.0),
                  most };
}

/* As round() of a value from 0 to 255, which is a call. */
static unsigned char nearest(double value)
{
    int cut = (int)value;
    return (unsigned char)(cut + (value - cut >= 0.5));
}

static void from_hsv(unsigned char rgb[CHANNELS], hsv color)
{
    double turn = (double)((float)color.hue * 6.0) / 255.0, value = color.value;
    int sector = (int)turn;
    float rest = (float)(turn - sector), saturation = (float)(color.saturation / 255.0);
    unsigned char v = color.value, p = nearest(value * (1.0 - (double)saturation));
    unsigned char q = nearest(value * (1.0 - (double)(saturation * rest)));
    unsigned char t = nearest(value * (1.0 - (double)saturation * (1.0 - (double)rest)));
    const unsigned char table[6][CHANNELS] = { { v, t, p }, { q, v, p }, { p, v, t },
                                               { p, q, v }, { t, p, v }, { v, p, q } };
    for (int c = 0; c < CHANNELS; c++) rgb[c] = color.saturation ? table[sector % 6][c] : v;
}

void gf_pixels_hue(gf_pixels *pixels, int shift)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            hsv color = to_hsv(pixels->at[y][x]);
            color.hue = (unsigned char)(color.hue + shift);
            from_hsv(pixels->at[y][x], color);
        }
}
