/* data: augmentation while batches are made. */
#include "../test.h"

#include <gridfront/data.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE = 32 * 32 * 3 };

/* Opened once: unpacking the images takes longer than all tests. */
static const gf_data *sample(void)
{
    static gf_data *data;
    const gf_data_options options = { .dataset = 1, .path = "auto", .validation = 500 };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

static gf_real *augmented(const char *text, uint32_t epoch, int threads)
{
    gf_options *options = NULL;
    gf_augment_chain *chain = NULL;
    gf_random random = { .seed = 3, .purpose = GF_PURPOSE_AUGMENT, .epoch = epoch };
    gf_real *images = gf_alloc(64, IMAGE * sizeof(gf_real));
    int positions[64], labels[64];
    for (int i = 0; i < 64; i++) positions[i] = i;
    EXPECT_STATUS(gf_options_parse(&options, text), GF_OK);
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_OK);
    omp_set_num_threads(threads);
    gf_data_batch(images, labels, sample(), GF_TRAIN, positions, 64, chain, &random);
    gf_augment_chain_destroy(chain);
    gf_options_destroy(options);
    return images;
}

#define ALL "augment.0 = crop\naugment.1 = flip\naugment.2 = cutout\naugment.2.size = 8\n"

TEST("data: augment", "one, two or seven threads give the same bits, another epoch others")
{
    gf_real *one = augmented(ALL, 0, 1), *two = augmented(ALL, 0, 2), *seven = augmented(ALL, 0, 7);
    gf_real *later = augmented(ALL, 1, 2);
    size_t size = 64 * IMAGE * sizeof(gf_real);
    EXPECT(memcmp(one, two, size) == 0);
    EXPECT(memcmp(one, seven, size) == 0);
    EXPECT(memcmp(one, later, size) != 0);
    free(one);
    free(two);
    free(seven);
    free(later);
}

TEST("data: augment", "a flip of probability one mirrors every row, and none at zero")
{
    gf_real *plain = augmented("", 0, 1);
    gf_real *flipped = augmented("augment.0 = flip\naugment.0.probability = 1\n", 0, 1);
    gf_real *kept = augmented("augment.0 = flip\naugment.0.probability = 0\n", 0, 1);
    EXPECT(memcmp(plain, kept, 64 * IMAGE * sizeof(gf_real)) == 0);
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++)
            for (int c = 0; c < 3; c++)
                REQUIRE(flipped[(y * 32 + x) * 3 + c] == plain[(y * 32 + 31 - x) * 3 + c]);
    free(plain);
    free(flipped);
    free(kept);
}

static bool mirrored(const gf_real *image, const gf_real *plain)
{
    for (int p = 0; p < IMAGE; p++)
        if (image[p] != plain[(p / 96 * 32 + 31 - p % 96 / 3) * 3 + p % 3]) return false;
    return true;
}

TEST("data: augment", "flips by turns: each image in one of any two epochs, about half at a time")
{
    gf_real *plain = augmented("", 0, 1), *epochs[4];
    int first = 0;
    for (uint32_t e = 0; e < 4; e++)
        epochs[e] = augmented("augment.0 = flip\naugment.0.alternate = true\n", e, 2);
    for (size_t i = 0; i < 64; i++) {
        bool was = mirrored(epochs[0] + i * IMAGE, plain + i * IMAGE);
        first += was;
        for (size_t e = 1; e < 4; e++)
            EXPECT(mirrored(epochs[e] + i * IMAGE, plain + i * IMAGE) == (was ^ (e % 2 == 1)));
    }
    EXPECT(first > 16 && first < 48);
    for (int e = 0; e < 4; e++) free(epochs[e]);
    free(plain);
}

TEST("data: augment",
     "a reflecting crop shows, at one of its places, the image mirrored at its edges")
{
    enum { PAD = 3, WIDE = 32 + 2 * PAD };
    gf_real *plain = augmented("", 0, 1), wide[WIDE][WIDE][3];
    gf_real *cut =
        augmented("augment.0 = crop\naugment.0.padding = 3\naugment.0.fill = reflect\n", 0, 2);
    bool seen[49] = { false };
    int places = 0;
    for (size_t i = 0; i < 64; i++) {
        int found = 0;
        for (int y = 0; y < WIDE; y++) /* outwards from the edge: 3 2 1 0 1 2 3 ... 31 30 29 28 */
            for (int x = 0; x < WIDE; x++)
                for (int c = 0; c < 3; c++) {
                    int sy = abs(y - PAD), sx = abs(x - PAD);
                    if (sy > 31) sy = 62 - sy;
                    if (sx > 31) sx = 62 - sx;
                    wide[y][x][c] = plain[i * IMAGE + (size_t)((sy * 32 + sx) * 3 + c)];
                }
        for (int at = 0; at < 49; at++) {
            bool same = true;
            for (int y = 0; y < 32 && same; y++)
                same = memcmp(cut + i * IMAGE + (size_t)y * 96, wide[y + at / 7][at % 7],
                              96 * sizeof(gf_real)) == 0;
            found += same;
            if (same) seen[at] = true;
        }
        EXPECT(found == 1);
    }
    for (int at = 0; at < 49; at++) places += seen[at];
    EXPECT(places > 20);
    free(plain);
    free(cut);
}

TEST("data: augment", "cutout blanks at most its square, to the normalized zero")
{
    gf_real *plain = augmented("", 0, 1);
    gf_real *cut = augmented("augment.0 = cutout\naugment.0.size = 8\n", 0, 1);
    for (int i = 0; i < 64; i++) {
        int changed = 0;
        for (int p = 0; p < 1024; p++) {
            const gf_real *pixel = cut + ((size_t)i * 1024 + (size_t)p) * 3;
            if (memcmp(pixel, plain + ((size_t)i * 1024 + (size_t)p) * 3, 3 * sizeof *pixel) == 0)
                continue;
            changed++;
            EXPECT_NEAR(pixel[0], 0, 1e-6);
        }
        EXPECT(changed <= 64 && changed >= 12);
    }
    free(plain);
    free(cut);
}

TEST("data: augment", "a crop shifts the image by at most its padding")
{
    gf_real *plain = augmented("", 0, 1), *moved = augmented("augment.0 = crop\n", 0, 1);
    for (int i = 0; i < 64; i++) {
        const gf_real *a = plain + (size_t)i * IMAGE, *b = moved + (size_t)i * IMAGE;
        bool found = false;
        for (int dy = -4; dy <= 4; dy++)
            for (int dx = -4; dx <= 4; dx++) {
                bool same = true;
                for (int y = 4; same && y < 28; y++)
                    same = memcmp(b + (y * 32 + 4) * 3, a + ((y + dy) * 32 + 4 + dx) * 3,
                                  24 * 3 * sizeof *a) == 0;
                found |= same;
            }
        EXPECT(found);
    }
    free(plain);
    free(moved);
}

TEST("data: augment", "what a crop leaves open is black, or the mean colour on demand")
{
    gf_real *black = augmented("augment.0 = crop\n", 0, 1);
    gf_real *mean = augmented("augment.0 = crop\naugment.0.fill = mean\n", 0, 1);
    int open = 0, wrong = 0;
    for (int p = 0; p < 64 * 1024; p++) {
        if (black[p * 3] == mean[p * 3]) continue; /* inside the image */
        open++;
        wrong += fabs(black[p * 3] + 0.4914 / 0.2023) > 1e-5 || fabs(mean[p * 3]) > 1e-5;
    }
    EXPECT(open > 64 * 32 && wrong == 0);
    free(black);
    free(mean);
}

TEST("data: augment", "a further augmentation leaves those before it as they were")
{
    gf_real *two = augmented("augment.0 = crop\naugment.1 = flip\n", 0, 1);
    gf_real *three = augmented(ALL, 0, 1);
    int different = 0;
    for (int p = 0; p < 64 * 1024; p++) {
        const gf_real *pixel = three + (size_t)p * 3;
        bool cut = fabs(pixel[0]) < 1e-5 && fabs(pixel[1]) < 1e-5 && fabs(pixel[2]) < 1e-5;
        different += !cut && memcmp(pixel, two + (size_t)p * 3, 3 * sizeof *pixel) != 0;
    }
    EXPECT_EQ(different, 0);
    free(two);
    free(three);
}

TEST("data: augment", "an unknown augmentation and an option outside its range are refused")
{
    gf_options *options = NULL;
    gf_augment_chain *chain = NULL;
    REQUIRE_OK(gf_options_parse(&options, "augment.0 = twirl\n"));
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "no augmentation is called 'twirl'");
    REQUIRE_OK(gf_options_set(options, "augment.0", "cutout"));
    REQUIRE_OK(gf_options_set(options, "augment.0.size", "99"));
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "outside [1, 32]");
    gf_options_destroy(options);
}
