/* data: readers, where files are looked for, the embedded sample, splits, batches. */
#include "../test.h"

#include <gridfront/data.h>

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

/* Runs with an environment of its own, in which nothing is found but what is said. */
static void forget_places(const char *home)
{
    unsetenv("GRIDFRONT_DATA");
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", home, 1);
}

/* A folder with a file of the right name; enough to be found. */
static const char *place(const char *name)
{
    static char folder[600];
    char path[700];
    snprintf(folder, sizeof folder, "%s/%s", test_folder(), name);
    snprintf(path, sizeof path, "%s/data_batch_1.bin", folder);
    EXPECT_STATUS(gf_folder_make(folder), GF_OK);
    EXPECT_STATUS(gf_file_write(path, "x", 1), GF_OK);
    return folder;
}

static void expect_found(const char *path, const char *folder)
{
    char found[1024] = "";
    gf_data_options options = { 0 };
    snprintf(options.path, sizeof options.path, "%s", path);
    EXPECT_STATUS(gf_data_find(found, sizeof found, &options), GF_OK);
    EXPECT_TEXT(found, folder);
}

TEST("data: find", "auto takes $GRIDFRONT_DATA, then the user's cache")
{
    char home[600], *kept = gf_strdup(getenv("HOME") ? getenv("HOME") : "/");
    snprintf(home, sizeof home, "%s/home", test_folder());
    forget_places(home);
    expect_found("auto", place("home/.cache/cifar-10-batches-bin"));
    const char *cached = place("cache/cifar-10-batches-bin");
    setenv("XDG_CACHE_HOME", (snprintf(home, sizeof home, "%s/cache", test_folder()), home), 1);
    expect_found("auto", cached);
    const char *named = place("named");
    setenv("GRIDFRONT_DATA", named, 1);
    expect_found("auto", named);
    forget_places(kept);
    free(kept);
}

TEST("data: find", "a folder that has gone is looked for where the environment says")
{
    char *kept = gf_strdup(getenv("HOME") ? getenv("HOME") : "/");
    const char *moved = place("moved/cifar-10-batches-bin");
    char parent[600];
    snprintf(parent, sizeof parent, "%s/moved", test_folder());
    setenv("GRIDFRONT_DATA", parent, 1);
    expect_found("/nowhere/at/all", moved);
    expect_found(moved, moved);
    forget_places(kept);
    free(kept);
}

TEST("data: find", "the embedded images are found by their file and by its folder")
{
    char found[1024] = "";
    gf_data_options options = { .dataset = 1, .path = "sweeps/data" };
    REQUIRE_OK(gf_data_find(found, sizeof found, &options));
    EXPECT_TEXT(found, "sweeps/data/cifar10-sample.h5");
    snprintf(options.path, sizeof options.path, "%.500s", found);
    REQUIRE_OK(gf_data_find(found, sizeof found, &options));
    EXPECT_TEXT(found, "sweeps/data/cifar10-sample.h5");
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

TEST("data: split", "another data seed splits in another way")
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
    free(images);
}

/* All images of a split, in its order; the caller frees. */
static gf_real *images_of(const gf_data *data, gf_split split, int *labels)
{
    int count = gf_data_count(data, split), positions[1000];
    gf_real *images = gf_alloc((size_t)count, IMAGE * sizeof(gf_real));
    for (int i = 0; i < count; i++) positions[i] = i;
    gf_data_batch(images, labels, data, split, positions, count, NULL, NULL);
    return images;
}

static int times_among(const gf_real *image, const gf_real *images, int count)
{
    int times = 0;
    for (int i = 0; i < count; i++)
        times += memcmp(image, images + (size_t)i * IMAGE, IMAGE * sizeof *image) == 0;
    return times;
}

TEST("data: split", "every image is either for training or for validation, and none is lost")
{
    gf_data *whole = NULL, *split = NULL;
    gf_data_options options = { .dataset = 1, .path = "auto", .images = 200 };
    int labels[200];
    REQUIRE_OK(gf_data_open(&whole, &options));
    options.validation = 50;
    REQUIRE_OK(gf_data_open(&split, &options));
    gf_real *all = images_of(whole, GF_TRAIN, labels);
    gf_real *train = images_of(split, GF_TRAIN, labels);
    gf_real *validation = images_of(split, GF_VALIDATION, labels);
    EXPECT_EQ(gf_data_count(whole, GF_TRAIN), 200);
    EXPECT_EQ(gf_data_count(split, GF_TRAIN), 150);
    for (int i = 0; i < 200; i++) {
        const gf_real *image = all + (size_t)i * IMAGE;
        EXPECT_EQ(times_among(image, train, 150) + times_among(image, validation, 50), 1);
    }
    free(all);
    free(train);
    free(validation);
    gf_data_close(whole);
    gf_data_close(split);
}

TEST("data: split", "a tenth is for validation where nothing is said, also of fewer images")
{
    gf_data *data = NULL;
    gf_data_options options = { .dataset = 1, .path = "auto", .validation = -1, .images = 730 };
    REQUIRE_OK(gf_data_open(&data, &options));
    EXPECT_EQ(gf_data_count(data, GF_VALIDATION), 73);
    EXPECT_EQ(gf_data_count(data, GF_TRAIN), 657);
    EXPECT_EQ(gf_data_train_count(&options), 657);
    EXPECT_EQ(gf_data_validation_count(&options), 73);
    gf_data_close(data);
}

TEST("data: split", "counts that do not fit are known without a file")
{
    gf_data_options options = { .path = "/nowhere", .validation = 49998 };
    EXPECT_STATUS(gf_data_check(&options), GF_OK);
    options.validation = 49999;
    EXPECT_STATUS(gf_data_check(&options), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "leaves 1 of 50000 images to train on; allowed 0 to 49998");
    options.images = 1;
    EXPECT_STATUS(gf_data_check(&options), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "data.images = 1: training takes at least 2");
}

TEST("data: sample", "its test images are the first thousand of the official file")
{
    gf_data *sample = NULL, *official = NULL;
    gf_data_options options = { .path = "auto" };
    int labels[1000], positions[1000], official_labels[1000];
    if (gf_data_open(&official, &options) != GF_OK) SKIP("CIFAR-10 is not here");
    options.dataset = 1;
    REQUIRE_OK(gf_data_open(&sample, &options));
    gf_real *images = images_of(sample, GF_TEST, labels);
    gf_real *originals = gf_alloc(1000, IMAGE * sizeof(gf_real));
    for (int i = 0; i < 1000; i++) positions[i] = i;
    gf_data_batch(originals, official_labels, official, GF_TEST, positions, 1000, NULL, NULL);
    EXPECT(memcmp(images, originals, 1000 * IMAGE * sizeof(gf_real)) == 0);
    EXPECT(memcmp(labels, official_labels, sizeof labels) == 0);
    free(images);
    free(originals);
    gf_data_close(sample);
    gf_data_close(official);
}

TEST("data: noise", "has the images asked for, all for training, of every class")
{
    gf_data *data = NULL;
    int labels[64], positions[64], classes = 0;
    gf_real *images = gf_alloc(64, IMAGE * sizeof(gf_real));
    for (int i = 0; i < 64; i++) positions[i] = i;
    REQUIRE_OK(gf_data_create_noise(&data, 64));
    EXPECT_EQ(gf_data_count(data, GF_TRAIN), 64);
    EXPECT_EQ(gf_data_count(data, GF_VALIDATION), 0);
    gf_data_batch(images, labels, data, GF_TRAIN, positions, 64, NULL, NULL);
    for (int i = 0; i < 64; i++) classes |= 1 << labels[i];
    EXPECT_EQ(classes, (1 << 10) - 1);
    EXPECT(memcmp(images, images + IMAGE, IMAGE * sizeof *images) != 0);
    free(images);
    gf_data_close(data);
}
