/* CIFAR-10 in its official binary files (Krizhevsky 2009): records of one label byte and 3,072
 * bytes, a plane of 32 x 32 per colour. Five files of 10,000 for training, one for test. */
#include "data.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD = 1 + GF_IMAGE_SIZE, PER_FILE = 10000, TRAIN_FILES = 5 };
enum { PLANE = GF_IMAGE_SIDE * GF_IMAGE_SIDE };

void gf_images_release(gf_images *images)
{
    free(images->pixels);
    free(images->labels);
    *images = (gf_images){ 0 };
}

static void file_name(char *out, size_t size, const char *folder, int file)
{
    if (file < TRAIN_FILES)
        snprintf(out, size, "%s/data_batch_%d.bin", folder, file + 1);
    else
        snprintf(out, size, "%s/test_batch.bin", folder);
}

bool gf_cifar_is_there(const char *folder)
{
    char path[1024];
    file_name(path, sizeof path, folder, 0);
    return gf_file_exists(path);
}

/* Planes to pixels: [3][32][32] -> [32][32][3]. */
static void interleave(unsigned char *pixels, const unsigned char *planes)
{
    for (int p = 0; p < PLANE; p++)
        for (int c = 0; c < GF_IMAGE_CHANNELS; c++)
            pixels[p * GF_IMAGE_CHANNELS + c] = planes[c * PLANE + p];
}

static gf_status read_file(gf_images *images, int first, const char *path)
{
    gf_status status;
    char *bytes = NULL;
    size_t size = 0, expected = (size_t)RECORD * PER_FILE;
    GF_TRY(gf_file_read(&bytes, &size, path, (size_t)1 << 30));
    if (size != expected) {
        status =
            gf_fail(GF_CORRUPT, "%s: %zu bytes, a CIFAR-10 file has %zu", path, size, expected);
        goto out;
    }
    for (int i = 0; i < PER_FILE; i++) {
        const unsigned char *record = (const unsigned char *)bytes + (size_t)i * RECORD;
        if (record[0] >= GF_CLASSES) {
            status = gf_fail(GF_CORRUPT, "%s: image %d has label %d; allowed 0 to %d", path, i,
                             record[0], GF_CLASSES - 1);
            goto out;
        }
        images->labels[first + i] = record[0];
        interleave(images->pixels + (size_t)(first + i) * GF_IMAGE_SIZE, record + 1);
    }
out:
    free(bytes);
    return status;
}

static gf_status load_files(gf_images *images, const char *folder, int first_file, int files)
{
    gf_status status = GF_OK;
    char path[1024];
    images->count = files * PER_FILE;
    images->pixels = gf_alloc((size_t)images->count, GF_IMAGE_SIZE);
    images->labels = gf_alloc((size_t)images->count, 1);
    GF_TRY_ALLOC(images->pixels && images->labels);
    for (int f = 0; f < files; f++) {
        file_name(path, sizeof path, folder, first_file + f);
        GF_TRY(read_file(images, f * PER_FILE, path));
    }
out:
    return status;
}

gf_status gf_cifar_load(gf_images *train, gf_images *test, const char *folder)
{
    gf_status status;
    GF_TRY(load_files(train, folder, 0, TRAIN_FILES));
    GF_TRY(load_files(test, folder, TRAIN_FILES, 1));
out:
    return status;
}
