/* The embedded images: the first 1,000 of each official file, 5,000 for training and 1,000 for
 * test, in one compressed HDF5 file (made by sweeps/data/make_sample.py). */
#include "data.h"

#include <gridfront/store.h>

#include <stdlib.h>
#include <string.h>

static gf_status take_images(gf_images *images, const char *path, const char *split)
{
    gf_status status;
    gf_tensor pixels = { 0 }, labels = { 0 };
    char name[64];
    snprintf(name, sizeof name, "%s_images", split);
    GF_TRY(gf_store_read_dataset(&pixels, path, name));
    snprintf(name, sizeof name, "%s_labels", split);
    GF_TRY(gf_store_read_dataset(&labels, path, name));
    if (pixels.dtype != GF_U8 || labels.dtype != GF_U8 || pixels.rank != 4 || labels.rank != 1 ||
        pixels.dims[0] != labels.dims[0] || pixels.dims[0] < 1 || pixels.dims[0] > GF_CIFAR_TRAIN ||
        gf_tensor_count(&pixels) != pixels.dims[0] * GF_IMAGE_SIZE) {
        status =
            gf_fail(GF_CORRUPT, "%s: %s images do not have the shape [N, 32, 32, 3]", path, split);
        goto out;
    }
    for (int64_t i = 0; i < labels.dims[0]; i++)
        if (((const unsigned char *)labels.data)[i] >= GF_CLASSES) {
            status = gf_fail(GF_CORRUPT, "%s: %s image %lld has a label above %d", path, split,
                             (long long)i, GF_CLASSES - 1);
            goto out;
        }
    *images =
        (gf_images){ .pixels = pixels.data, .labels = labels.data, .count = (int)labels.dims[0] };
    pixels.data = labels.data = NULL;
out:
    free(pixels.data);
    free(labels.data);
    return status;
}

gf_status gf_sample_load(gf_images *train, gf_images *test, const char *path)
{
    gf_status status;
    GF_TRY(take_images(train, path, "train"));
    GF_TRY(take_images(test, path, "test"));
out:
    return status;
}
