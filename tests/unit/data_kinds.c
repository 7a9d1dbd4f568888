/* data: what single augmentations draw and do, against naive loops; the operations behind them are
 * compared with Pillow in tests/golden/augment.c. */
#include "../../src/data/pixels.h"
#include "../test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, SIZE = SIDE * SIDE * 3, ELEMENT = 128, INDICES = 200 };

static const gf_random random_ = { .seed = 9, .purpose = GF_PURPOSE_AUGMENT, .epoch = 2 };
static const gf_real fill[] = { 125.3, 123, 113.9 };

/* A picture with structure everywhere, and its augmentation as image `index` of a data set. */
static gf_pixels picture(void)
{
    gf_pixels p;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                p.at[y][x][c] = (unsigned char)(20 + 3 * x + (c + 1) * y + (x * y * (c + 3)) % 41);
    return p;
}

static gf_pixels augmented(const char *name, const char *options, uint32_t index)
{
    gf_pixels p = picture();
    gf_real image[SIZE], work[SIZE];
    gf_options *parsed = NULL;
    const gf_augment_call call = { .image = image,
                                   .work = work,
                                   .height = SIDE,
                                   .width = SIDE,
                                   .channels = 3,
                                   .random = &random_,
                                   .index = index,
                                   .element = ELEMENT,
                                   .fill = fill };
    EXPECT_STATUS(gf_options_parse(&parsed, options), GF_OK);
    gf_pixels_give(&p, &call);
    for (const gf_augment_kind *const *kind = gf_augment_kinds; *kind; kind++) {
        if (strcmp((*kind)->schema.name, name) != 0) continue;
        void *record = gf_alloc(1, (*kind)->options_size);
        EXPECT_STATUS(gf_fields_read(record, (*kind)->schema.fields, parsed, ""), GF_OK);
        (*kind)->apply(&call, record);
        free(record);
    }
    gf_options_destroy(parsed);
    gf_pixels_take(&p, &call);
    return p;
}

static bool same(gf_pixels a, gf_pixels b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Uniform in [-1, 1). */
static double draw(uint32_t index, uint32_t element)
{
    return 2 * gf_random_uniform(&random_, index, ELEMENT + element) - 1;
}

TEST("data: kinds", "settings that change nothing leave every byte")
{
    for (uint32_t i = 0; i < 20; i++) {
        EXPECT(same(augmented("rotate", "degrees = 0\n", i), picture()));
        EXPECT(same(augmented("shear", "x = 0\ny = 0\n", i), picture()));
        EXPECT(same(augmented("translate", "x = 0\ny = 0\n", i), picture()));
        EXPECT(same(augmented("grayscale", "probability = 0\n", i), picture()));
        EXPECT(same(augmented("erase", "probability = 0\n", i), picture()));
        EXPECT(same(augmented("color-jitter",
                              "brightness = 0\ncontrast = 0\nsaturation = 0\n"
                              "hue = 0\n",
                              i),
                    picture()));
    }
}

TEST("data: kinds", "a rotation turns by its angle at most, either way, and fills with its colour")
{
    const gf_warp warp = { GF_FILTER_BILINEAR, { 125, 123, 114 } };
    int left = 0;
    for (uint32_t i = 0; i < 40; i++) {
        gf_pixels want = picture();
        gf_pixels_rotate(&want, 25 * draw(i, 0), &warp);
        left += draw(i, 0) > 0;
        EXPECT(same(augmented("rotate", "degrees = 25\nfill = mean\n", i), want));
    }
    EXPECT(left > 10 && left < 30);
}

TEST("data: kinds", "a shear slants around the centre, which stays where it is")
{
    int moved = 0;
    for (uint32_t i = 0; i < 40; i++) {
        gf_pixels in = picture(), got = augmented("shear", "x = 0.5\ny = 0\nfilter = nearest\n", i);
        double slant = 0.5 * draw(i, 0);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                double from = x + 0.5 + slant * (y + 0.5 - SIDE / 2.0);
                if (fabs(from - round(from)) < 1e-3) continue; /* between two pixels */
                bool inside = from > 0 && from < SIDE;
                EXPECT_EQ(got.at[y][x][1], inside ? in.at[y][(int)from][1] : 0);
            }
        moved += !same(got, in);
    }
    EXPECT(moved > 35);
}

TEST("data: kinds", "a translation moves by whole pixels within its share of each side")
{
    int reached[2][2] = { { 0 } };
    for (uint32_t i = 0; i < INDICES; i++) {
        gf_pixels in = picture(), got = augmented("translate", "x = 0.125\ny = 0.25\n", i);
        int dx = (int)floor(4 * draw(i, 0) + 0.5), dy = (int)floor(8 * draw(i, 1) + 0.5);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                bool inside = y + dy >= 0 && y + dy < SIDE && x + dx >= 0 && x + dx < SIDE;
                EXPECT_EQ(got.at[y][x][2], inside ? in.at[y + dy][x + dx][2] : 0);
            }
        reached[0][dx > 0] += abs(dx) >= 3;
        reached[1][dy > 0] += abs(dy) >= 6;
    }
    EXPECT(reached[0][0] > 10 && reached[0][1] > 10 && reached[1][0] > 10 && reached[1][1] > 10);
}

TEST("data: kinds", "grayscale leaves the luma, as often as it is told")
{
    int grey = 0;
    for (uint32_t i = 0; i < INDICES; i++) {
        gf_pixels in = picture(), got = augmented("grayscale", "probability = 0.3\n", i);
        if (same(got, in)) continue;
        grey++;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const unsigned char *rgb = in.at[y][x];
                for (int c = 0; c < 3; c++)
                    EXPECT_NEAR(got.at[y][x][c], 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2],
                                0.51);
            }
    }
    EXPECT(grey > 0.2 * INDICES && grey < 0.4 * INDICES);
}

TEST("data: kinds", "colour jitter changes one thing at a time by its factor")
{
    for (uint32_t i = 0; i < 40; i++) {
        gf_pixels in = picture();
        gf_pixels got = augmented("color-jitter",
                                  "brightness = 0.4\ncontrast = 0\nsaturation = 0\n"
                                  "hue = 0\n",
                                  i);
        for (int k = 0; k < SIZE; k++) { /* in float, cut off */
            double want = fmin((1 + 0.4 * draw(i, 0)) * (&in.at[0][0][0])[k], 255);
            EXPECT_NEAR((&got.at[0][0][0])[k], want - 0.5, 0.501);
        }
    }
}

TEST("data: kinds", "colour jitter takes its four changes in every order")
{
    static const char *const all =
        "brightness = 0.9\ncontrast = 0.9\nsaturation = 0.9\nhue = 0.4\n";
    int seen[256] = { 0 }, orders = 0, matched = 0;
    for (uint32_t i = 0; i < INDICES; i++) {
        gf_pixels got = augmented("color-jitter", all, i);
        for (int order = 0; order < 256; order++) { /* four digits of base 4 */
            gf_pixels want = picture();
            int used = 0;
            for (int k = 0; k < 4; k++) {
                int change = order >> (2 * k) & 3;
                double by = draw(i, (uint32_t)change);
                used |= 1 << change;
                if (change == 0) gf_pixels_brightness(&want, 1 + 0.9 * by);
                if (change == 1) gf_pixels_contrast(&want, 1 + 0.9 * by);
                if (change == 2) gf_pixels_color(&want, 1 + 0.9 * by);
                if (change == 3) gf_pixels_hue(&want, (int)(255 * 0.4 * by));
            }
            if (used != 15 || !same(want, got)) continue;
            matched++;
            orders += !seen[order]++;
            break;
        }
    }
    EXPECT_EQ(matched, INDICES);
    EXPECT_EQ(orders, 24);
}

/* ---- random erasing ---- */

/* The box in which two pictures differ; its area, 0: none. */
static int changed(int box[4], gf_pixels a, gf_pixels b)
{
    box[0] = box[2] = SIDE;
    box[1] = box[3] = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            if (memcmp(a.at[y][x], b.at[y][x], 3) == 0) continue;
            box[0] = y < box[0] ? y : box[0];
            box[1] = y + 1;
            box[2] = x < box[2] ? x : box[2];
            box[3] = x >= box[3] ? x + 1 : box[3];
        }
    return box[0] < box[1] ? (box[1] - box[0]) * (box[3] - box[2]) : 0;
}

TEST("data: erase", "a rectangle of its area and aspect goes, as often as it is told")
{
    int erased = 0, large = 0, wide = 0, high = 0;
    for (uint32_t i = 0; i < INDICES; i++) {
        int box[4], area = changed(box, picture(), augmented("erase", "fill = black\n", i));
        int height = box[1] - box[0], width = box[3] - box[2];
        if (!area) continue;
        erased++;
        large += area > 200;
        high += height > 2 * width;
        wide += width > height;
        /* sides are rounded to pixels */
        EXPECT((height + 0.5) * (width + 0.5) >= 0.02 * 1024);
        EXPECT((height - 0.5) * (width - 0.5) <= 0.4 * 1024);
        EXPECT((height + 0.5) / (width - 0.5) >= 0.3 && (height - 0.5) / (width + 0.5) <= 1 / 0.3);
        gf_pixels got = augmented("erase", "fill = black\n", i);
        for (int y = box[0]; y < box[1]; y++)
            for (int x = box[2]; x < box[3]; x++)
                EXPECT(got.at[y][x][0] + got.at[y][x][1] + got.at[y][x][2] == 0);
    }
    EXPECT(erased > 0.4 * INDICES && erased < 0.6 * INDICES);
    EXPECT(large > 15 && high > 10 && wide > 10);
}

TEST("data: erase", "the rectangle is filled with noise of all values, or with a colour")
{
    int values[256] = { 0 }, different = 0, total = 0, box[4];
    double sum = 0;
    for (uint32_t i = 0; i < INDICES; i++) {
        gf_pixels black = augmented("erase", "probability = 1\nfill = black\n", i);
        gf_pixels noise = augmented("erase", "probability = 1\n", i);
        gf_pixels mean = augmented("erase", "probability = 1\nfill = mean\n", i);
        if (!changed(box, picture(), black)) continue;
        for (int y = box[0]; y < box[1]; y++)
            for (int x = box[2]; x < box[3]; x++) {
                values[noise.at[y][x][1]]++;
                sum += noise.at[y][x][1];
                total++;
                EXPECT(mean.at[y][x][0] == 125 && mean.at[y][x][2] == 114);
            }
    }
    for (int v = 0; v < 256; v++) different += values[v] > 0;
    EXPECT_EQ(different, 256);
    EXPECT_NEAR(sum / total, 127.5, 1.5);
}

TEST("data: erase", "what can never fit leaves the image, and a wrong range is refused")
{
    gf_options *options = NULL;
    gf_augment_chain *chain = NULL;
    EXPECT(same(augmented("erase", "probability = 1\nleast = 1\nmost = 1\naspect = 0.5\n", 0),
                picture()));
    REQUIRE_OK(gf_options_parse(&options, "augment.0 = erase\naugment.0.least = 0.5\n"));
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "least = 0.5 is more than most = 0.4");
    gf_options_destroy(options);
}

/* ---- AutoAugment ---- */

/* The policies as people write them: operation.probability level. */
static const char *const policies[25] = {
    "invert .1 7 contrast .2 6",         "rotate .7 2 translateX .3 9",
    "sharpness .8 1 sharpness .9 3",     "shearY .5 8 translateY .7 9",
    "autocontrast .5 0 equalize .9 0",   "shearY .2 7 posterize .3 7",
    "color .4 3 brightness .6 7",        "sharpness .3 9 brightness .7 9",
    "equalize .6 0 equalize .5 0",       "contrast .6 7 sharpness .6 5",
    "color .7 7 translateX .5 8",        "equalize .3 0 autocontrast .4 0",
    "translateY .4 3 sharpness .2 6",    "brightness .9 6 color .2 8",
    "solarize .5 2 invert 0 0",          "equalize .2 0 autocontrast .6 0",
    "equalize .2 0 equalize .6 0",       "color .9 9 equalize .6 0",
    "autocontrast .8 0 solarize .2 8",   "brightness .1 3 color .7 0",
    "solarize .4 5 autocontrast .9 0",   "translateY .9 9 translateY .7 9",
    "autocontrast .9 0 solarize .8 3",   "equalize .8 0 invert .1 0",
    "translateY .7 9 autocontrast .9 0",
};

static void operate(gf_pixels *p, const char *name, int level, double sign)
{
    const gf_warp bicubic = { GF_FILTER_BICUBIC, { 128, 128, 128 } };
    const gf_warp nearest = { GF_FILTER_NEAREST, { 128, 128, 128 } };
    double part = level / 9.0, factor = 1 + sign * 0.9 * part;
    double shear = sign * 0.3 * part, shift = sign * 32 * 150 / 331.0 * part;
    int bits[] = { 8, 8, 7, 7, 6, 6, 5, 5, 4, 4 };
    if (!strcmp(name, "invert")) gf_pixels_invert(p);
    if (!strcmp(name, "equalize")) gf_pixels_equalize(p);
    if (!strcmp(name, "autocontrast")) gf_pixels_autocontrast(p);
    if (!strcmp(name, "posterize")) gf_pixels_posterize(p, bits[level]);
    if (!strcmp(name, "solarize")) gf_pixels_solarize(p, 256 * (1 - part));
    if (!strcmp(name, "color")) gf_pixels_color(p, factor);
    if (!strcmp(name, "contrast")) gf_pixels_contrast(p, factor);
    if (!strcmp(name, "brightness")) gf_pixels_brightness(p, factor);
    if (!strcmp(name, "sharpness")) gf_pixels_sharpness(p, factor);
    if (!strcmp(name, "rotate")) gf_pixels_rotate(p, sign * 30 * part, &nearest);
    if (!strcmp(name, "shearX")) gf_pixels_affine(p, (double[]){ 1, shear, 0, 0, 1, 0 }, &bicubic);
    if (!strcmp(name, "shearY")) gf_pixels_affine(p, (double[]){ 1, 0, 0, shear, 1, 0 }, &bicubic);
    if (!strcmp(name, "translateX"))
        gf_pixels_affine(p, (double[]){ 1, 0, shift, 0, 1, 0 }, &nearest);
    if (!strcmp(name, "translateY"))
        gf_pixels_affine(p, (double[]){ 1, 0, 0, 0, 1, shift }, &nearest);
}

TEST("data: autoaugment", "each of the 25 policies comes, with its operations as often as it says")
{
    int seen[25] = { 0 }, kinds = 0;
    for (uint32_t i = 0; i < 4 * INDICES; i++) {
        gf_pixels want = picture();
        char name[2][16];
        double probability[2];
        int level[2];
        uint32_t policy = gf_random_below(&random_, i, ELEMENT, 25);
        REQUIRE(sscanf(policies[policy], "%15s %lf %d %15s %lf %d", name[0], &probability[0],
                       &level[0], name[1], &probability[1], &level[1]) == 6);
        for (uint32_t k = 0; k < 2; k++) {
            bool done = gf_random_uniform(&random_, i, ELEMENT + 1 + 2 * k) < probability[k];
            double sign = gf_random_below(&random_, i, ELEMENT + 2 + 2 * k, 2) ? 1 : -1;
            if (done) operate(&want, name[k], level[k], sign);
        }
        gf_test_check(same(augmented("autoaugment", "", i), want), __FILE__, __LINE__, "policy %s",
                      policies[policy]);
        kinds += !seen[policy]++;
    }
    EXPECT_EQ(kinds, 25);
}
