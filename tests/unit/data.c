/* data: readers, splits, augmentation, batches. */
#include "../test.h"

#include <gridfront/data.h>

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE = 32 * 32 * 3, RECORD = 1 + IMAGE, PER_FILE = 10000 };

static gf_data_options sample_options(void)
{
    return (gf_data_options){ .dataset = 1, .path = "auto", .validation = 500 };
}

/* ---- official files, written here by the format's definition ---- */

static void write_cifar_file(const char *folder, const char *name, int label, size_t size)
{
    char path[600];
    unsigned char *bytes = gf_alloc(PER_FILE, RECORD);
    for (int i = 0; i < PER_FILE; i++) {
        bytes[(size_t)i * RECORD] = (unsigned char)label;
        for (int p = 0; p < IMAGE; p++) /* plane * 50 + row: tells colours and rows apart */
            bytes[(size_t)i * RECORD + 1 + (size_t)p] =
                (unsigned char)(p / 1024 * 50 + p % 1024 / 32);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    EXPECT_STATUS(gf_file_write(path, bytes, size), GF_OK);
    free(bytes);
}

static void write_cifar(const char *folder, int label, size_t last_size)
{
    char name[32];
    EXPECT_STATUS(gf_folder_make(folder), GF_OK);
    for (int f = 1; f <= 5; f++) {
        snprintf(name, sizeof name, "data_batch_%d.bin", f);
        write_cifar_file(folder, name, f % 10, (size_t)PER_FILE * RECORD);
    }
    write_cifar_file(folder, "test_batch.bin", label, last_size);
}

static gf_data_options folder_options(const char *name, int label, size_t last_size)
{
    gf_data_options options = { .validation = 5000 };
    snprintf(options.path, sizeof options.path, "%s/%s", test_folder(), name);
    write_cifar(options.path, label, last_size);
    return options;
}

TEST("data: CIFAR-10", "planes become pixels and labels follow")
{
    gf_data *data = NULL;
    gf_data_options options = folder_options("good", 7, (size_t)PER_FILE * RECORD);
    gf_real image[IMAGE];
    int label, position = 3;
    REQUIRE_OK(gf_data_open(&data, &options));
    EXPECT_EQ(gf_data_count(data, GF_TRAIN), 45000);
    EXPECT_EQ(gf_data_count(data, GF_VALIDATION), 5000);
    EXPECT_EQ(gf_data_count(data, GF_TEST), 10000);
    gf_data_batch(image, &label, data, GF_TEST, &position, 1, NULL, NULL);
    EXPECT_EQ(label, 7);
    /* row 2, column 5: red 2, green 52, blue 102 */
    const gf_real *pixel = image + (2 * 32 + 5) * 3;
    EXPECT_NEAR(pixel[0], (2 / 255.0 - 0.4914) / 0.2023, 1e-5);
    EXPECT_NEAR(pixel[1], (52 / 255.0 - 0.4822) / 0.1994, 1e-5);
    EXPECT_NEAR(pixel[2], (102 / 255.0 - 0.4465) / 0.2010, 1e-5);
    gf_data_close(data);
}

TEST("data: CIFAR-10", "a truncated file is refused with both sizes")
{
    gf_data *data = NULL;
    gf_data_options options = folder_options("short", 7, 1000);
    EXPECT_STATUS(gf_data_open(&data, &options), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "test_batch.bin: 1000 bytes, a CIFAR-10 file has 30730000");
}

TEST("data: CIFAR-10", "a label above nine is refused with its image")
{
    gf_data *data = NULL;
    gf_data_options options = folder_options("label", 11, (size_t)PER_FILE * RECORD);
    EXPECT_STATUS(gf_data_open(&data, &options), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "image 0 has label 11");
}

TEST("data: find", "a folder without the files says where it looked and what to do")
{
    gf_data *data = NULL;
    gf_data_options options = { .path = "/nowhere/at/all" };
    EXPECT_STATUS(gf_data_open(&data, &options), GF_NOTFOUND);
    EXPECT_CONTAINS(gf_error_message(), "/nowhere/at/all/cifar-10-batches-bin");
    EXPECT_CONTAINS(gf_error_message(), "make data");
}

/* ---- the embedded sample and its splits ---- */

TEST("data: sample", "it holds 5,000 and 1,000 images, 500 and 100 of ten classes at about")
{
    gf_data *data = NULL;
    gf_data_options options = sample_options();
    int counts[10] = { 0 }, labels[1000], positions[1000];
    gf_real *images = gf_alloc(1000, IMAGE * sizeof(gf_real));
    REQUIRE_OK(gf_data_open(&data, &options));
    EXPECT_EQ(gf_data_count(data, GF_TRAIN), 4500);
    EXPECT_EQ(gf_data_count(data, GF_TEST), 1000);
    for (int i = 0; i < 1000; i++) positions[i] = i;
    gf_data_batch(images, labels, data, GF_TEST, positions, 1000, NULL, NULL);
    for (int i = 0; i < 1000; i++) counts[labels[i]]++;
    for (int k = 0; k < 10; k++) EXPECT(counts[k] > 70 && counts[k] < 130);
    free(images);
    gf_data_close(data);
}

TEST("data: split", "it depends on the data seed alone, and a validation set that leaves nothing "
                    "is refused")
{
    gf_data *a = NULL, *b = NULL;
    gf_data_options options = sample_options();
    int positions[64], first[64], second[64], different = 0;
    gf_real *images = gf_alloc(64, IMAGE * sizeof(gf_real));
    for (int i = 0; i < 64; i++) positions[i] = i;
    REQUIRE_OK(gf_data_open(&a, &options));
    options.seed = 9;
    REQUIRE_OK(gf_data_open(&b, &options));
    gf_data_batch(images, first, a, GF_VALIDATION, positions, 64, NULL, NULL);
    gf_data_batch(images, second, b, GF_VALIDATION, positions, 64, NULL, NULL);
    for (int i = 0; i < 64; i++) different += first[i] != second[i];
    EXPECT(different > 30);
    gf_data_close(a);
    gf_data_close(b);
    options.validation = 5000;
    EXPECT_STATUS(gf_data_open(&a, &options), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "allowed 0 to 4999");
    free(images);
}

/* ---- augmentation ---- */

static gf_real *augmented(const char *text, uint32_t epoch, int threads)
{
    gf_data *data = NULL;
    gf_options *options = NULL;
    gf_augment_chain *chain = NULL;
    gf_data_options data_options = sample_options();
    gf_random random = { .seed = 3, .purpose = GF_PURPOSE_AUGMENT, .epoch = epoch };
    gf_real *images = gf_alloc(64, IMAGE * sizeof(gf_real));
    int positions[64], labels[64];
    for (int i = 0; i < 64; i++) positions[i] = i;
    EXPECT_STATUS(gf_options_parse(&options, text), GF_OK);
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_OK);
    EXPECT_STATUS(gf_data_open(&data, &data_options), GF_OK);
    omp_set_num_threads(threads);
    gf_data_batch(images, labels, data, GF_TRAIN, positions, 64, chain, &random);
    gf_augment_chain_destroy(chain);
    gf_options_destroy(options);
    gf_data_close(data);
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
