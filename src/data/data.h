/* What the files of data share. */
#ifndef GRIDFRONT_DATA_DATA_H
#define GRIDFRONT_DATA_DATA_H

#include <gridfront/data.h>

enum { GF_DATASET_CIFAR10, GF_DATASET_SAMPLE };
enum { GF_IMAGE_SIDE = 32, GF_IMAGE_CHANNELS = 3, GF_CLASSES = 10 };
enum { GF_IMAGE_SIZE = GF_IMAGE_SIDE * GF_IMAGE_SIDE * GF_IMAGE_CHANNELS };

/* Images as bytes [count, height, width, channels] with their labels. */
typedef struct gf_images {
    unsigned char *pixels, *labels; /* owned */
    int count;
} gf_images;
void gf_images_release(gf_images *images);

/* cifar.c: the official binary files in `folder`. */
gf_status gf_cifar_load(gf_images *train, gf_images *test, const char *folder);
bool gf_cifar_is_there(const char *folder);
/* sample.c: the embedded HDF5 file. */
gf_status gf_sample_load(gf_images *train, gf_images *test, const char *path);
#define GF_SAMPLE_TRAIN 5000
#define GF_CIFAR_TRAIN  50000

struct gf_data {
    gf_images train, test; /* train: TRAIN and VALIDATION together */
    int *order; /* [train + validation count]: the permutation that splits; TRAIN first */
    int train_count, labelled_count, validation_count; /* train: labelled ones and others */
};

#endif
