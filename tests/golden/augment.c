/* Operations on images of bytes against Pillow (augment.txt, which make_augment.py writes): photos
 * of the sample and patterns come out to the very byte. */
#include "../../src/data/pixels.h"
#include "../test.h"

#include <stdlib.h>
#include <string.h>

enum { PHOTOS = 40, PATTERNS = 6, IMAGES = PHOTOS + PATTERNS };

static const gf_pixels *images; /* [IMAGES], for all tests */

/* ---- the images of make_augment.py ---- */

static unsigned char pattern(int which, uint32_t at)
{
    switch (which) {
    case 0:
        return (unsigned char)((at * 2654435761u) >> 24);
    case 1:
        return (unsigned char)((at * at * 31 + at * 17) / 16 % 256);
    case 2:
        return (unsigned char)(at % 96 * 8 / 3);
    case 3:
        return 90;
    case 4:
        return (unsigned char)(at % 7 / 6 * 100);
    default:
        return (unsigned char)(at < 60 ? at * 4 : 255);
    }
}

/* The bytes back from a batch, which is normalized. */
static bool load_photos(gf_pixels *out)
{
    static const double mean[] = { 0.4914, 0.4822, 0.4465 };
    static const double deviation[] = { 0.2023, 0.1994, 0.2010 };
    const gf_data_options options = { .dataset = GF_DATASET_SAMPLE, .path = "auto" };
    gf_data *data = NULL;
    int positions[PHOTOS], labels[PHOTOS];
    gf_real *batch = gf_alloc(PHOTOS, GF_IMAGE_SIZE * sizeof *batch);
    for (int i = 0; i < PHOTOS; i++) positions[i] = i;
    if (!batch || gf_data_open(&data, &options) != GF_OK) return false;
    gf_data_batch(batch, labels, data, GF_TEST, positions, PHOTOS, NULL, NULL);
    unsigned char *bytes = &out->at[0][0][0];
    for (int i = 0; i < PHOTOS * GF_IMAGE_SIZE; i++)
        bytes[i] = (unsigned char)(((double)batch[i] * deviation[i % 3] + mean[i % 3]) * 255 + 0.5);
    gf_data_close(data);
    free(batch);
    return true;
}

static bool load_images(void)
{
    static gf_pixels loaded[IMAGES];
    if (images) return true;
    for (int p = 0; p < PATTERNS; p++)
        for (uint32_t at = 0; at < GF_IMAGE_SIZE; at++)
            (&loaded[PHOTOS + p].at[0][0][0])[at] = pattern(p, at);
    if (load_photos(loaded)) images = loaded;
    return images != NULL;
}

/* ---- its operations ---- */

static void move(gf_pixels *p, double b, double c, double d, double f, gf_filter filter)
{
    const gf_warp warp = { filter, { 128, 128, 128 } };
    gf_pixels_affine(p, (double[]){ 1, b, c, d, 1, f }, &warp);
}

static void shear_x(gf_pixels *p, int k)
{
    move(p, k * 0.3 / 9, 0, 0, 0, GF_FILTER_BICUBIC);
}

static void shear_y(gf_pixels *p, int k)
{
    move(p, 0, 0, k * 0.3 / 9, 0, GF_FILTER_BICUBIC);
}

static void translate_x(gf_pixels *p, int k)
{
    move(p, 0, k * 150 / 331.0 / 9 * 32, 0, 0, GF_FILTER_NEAREST);
}

static void translate_y(gf_pixels *p, int k)
{
    move(p, 0, 0, 0, k * 150 / 331.0 / 9 * 32, GF_FILTER_NEAREST);
}

static void rotate(gf_pixels *p, int degrees)
{
    gf_pixels_rotate(p, degrees, &(gf_warp){ GF_FILTER_NEAREST, { 128, 128, 128 } });
}

static void rotate_bilinear(gf_pixels *p, int degrees)
{
    gf_pixels_rotate(p, degrees, &(gf_warp){ GF_FILTER_BILINEAR, { 128, 128, 128 } });
}

static void rotate_bicubic(gf_pixels *p, int degrees)
{
    gf_pixels_rotate(p, degrees, &(gf_warp){ GF_FILTER_BICUBIC, { 128, 128, 128 } });
}

static void color(gf_pixels *p, int k)
{
    gf_pixels_color(p, 1 + k * 0.9 / 9);
}

static void contrast(gf_pixels *p, int k)
{
    gf_pixels_contrast(p, 1 + k * 0.9 / 9);
}

static void brightness(gf_pixels *p, int k)
{
    gf_pixels_brightness(p, 1 + k * 0.9 / 9);
}

static void sharpness(gf_pixels *p, int k)
{
    gf_pixels_sharpness(p, 1 + k * 0.9 / 9);
}

static void posterize(gf_pixels *p, int k)
{
    gf_pixels_posterize(p, (int[]){ 8, 8, 7, 7, 6, 6, 5, 5, 4, 4 }[k]);
}

static void solarize(gf_pixels *p, int k)
{
    gf_pixels_solarize(p, 256 - k * 256 / 9.0);
}

static void autocontrast(gf_pixels *p, int k)
{
    (void)k;
    gf_pixels_autocontrast(p);
}

static void equalize(gf_pixels *p, int k)
{
    (void)k;
    gf_pixels_equalize(p);
}

static void invert(gf_pixels *p, int k)
{
    (void)k;
    gf_pixels_invert(p);
}

static void grayscale(gf_pixels *p, int k)
{
    (void)k;
    gf_pixels_grayscale(p);
}

static const struct {
    const char *name;
    void (*apply)(gf_pixels *pixels, int argument);
} operations[] = {
    { "shear-x", shear_x },
    { "shear-y", shear_y },
    { "translate-x", translate_x },
    { "translate-y", translate_y },
    { "rotate", rotate },
    { "rotate-bilinear", rotate_bilinear },
    { "rotate-bicubic", rotate_bicubic },
    { "color", color },
    { "contrast", contrast },
    { "brightness", brightness },
    { "sharpness", sharpness },
    { "posterize", posterize },
    { "solarize", solarize },
    { "autocontrast", autocontrast },
    { "equalize", equalize },
    { "invert", invert },
    { "grayscale", grayscale },
    { "hue", gf_pixels_hue },
};

/* ---- the comparison ---- */

static uint32_t checksum(void (*apply)(gf_pixels *, int), int argument)
{
    static gf_pixels made[IMAGES];
    memcpy(made, images, sizeof made);
    for (int i = 0; i < IMAGES; i++) apply(&made[i], argument);
    return gf_crc32(made, sizeof made);
}

/* Lines of Pillow about one operation that agree; -1: one does not. */
static int check_operation(size_t which, const char *text)
{
    int agree = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        char name[32];
        int argument;
        unsigned want;
        if (sscanf(line, "%31s %d %x", name, &argument, &want) != 3 ||
            strcmp(name, operations[which].name) != 0)
            continue;
        uint32_t got = checksum(operations[which].apply, argument);
        if (!gf_test_check(got == want, __FILE__, __LINE__, "%s %d gives other bytes than Pillow",
                           name, argument))
            return -1;
        agree++;
    }
    return agree;
}

TEST("golden: augment", "every operation gives Pillow's bytes, whatever its argument")
{
    char *text = NULL;
    size_t size;
    int lines = 0;
    REQUIRE(load_images());
    REQUIRE_OK(gf_file_read(&text, &size, "tests/golden/augment.txt", 1 << 20));
    for (size_t i = 0; i < GF_COUNT(operations); i++) {
        int agree = check_operation(i, text);
        EXPECT(agree > 0);
        lines += agree;
    }
    EXPECT_EQ(lines, 226);
    free(text);
}
