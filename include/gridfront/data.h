/* data (L2): CIFAR-10 in memory, its splits, augmentation while training runs.
 *
 * Images are kept as bytes, [height, width, channels] per image; a batch is float NHWC,
 * normalized per channel with the constants of the training set. Splits: the first
 * `count - validation` images of a permutation fixed by the data seed are TRAIN, the rest
 * VALIDATION; TEST is the official test file. Where only some training images count as labelled,
 * TRAIN is these, and UNLABELLED all of them, whose labels nobody may look at. All randomness is
 * addressed by image index. */
#ifndef GRIDFRONT_DATA_H
#define GRIDFRONT_DATA_H

#include <gridfront/base.h>
#include <gridfront/kernels.h>

typedef enum gf_split { GF_TRAIN, GF_VALIDATION, GF_TEST, GF_UNLABELLED } gf_split;

typedef struct gf_data_options {
    int dataset;    /* word: cifar10 | sample (the embedded 5,000 + 1,000 images) */
    char path[512]; /* a folder, else $GRIDFRONT_DATA; "auto": the user's cache, ./data, ... too */
    int validation; /* images taken out of the training set; -1: 10 % */
    int images;     /* use only the first so many training images; 0: all */
    int labelled;   /* training images with labels, the first so many; 0: all */
    int64_t seed;   /* of the split */
} gf_data_options;
extern const gf_schema gf_data_schema; /* fields of the `data` group */

/* Do the counts fit each other? For plan time: reads no file. INVALID. */
gf_status gf_data_check(const gf_data_options *options);

typedef struct gf_data gf_data;
/* NOTFOUND (saying where it looked), CORRUPT (file, size found and expected). */
gf_status gf_data_open(gf_data **data, const gf_data_options *options);
/* Random training images and labels instead of files, to time a training on. */
gf_status gf_data_create_noise(gf_data **data, int count);
void gf_data_close(gf_data *data);
int gf_data_count(const gf_data *data, gf_split split);
int gf_data_classes(const gf_data *data);
void gf_data_shape(const gf_data *data, int *height, int *width, int *channels);
/* Where "auto" finds the files; writes the folder. For messages and `plan`. */
gf_status gf_data_find(char *out, size_t size, const gf_data_options *options);
/* Number of training images without reading them all (for plan): from options and dataset. */
int gf_data_train_count(const gf_data_options *options);
int gf_data_unlabelled_count(const gf_data_options *options);
int gf_data_validation_count(const gf_data_options *options);

/* An augmentation works on one image of floats in [0, 255], [height, width, channels]. */
typedef struct gf_augment_call {
    gf_real *image; /* in place */
    gf_real *work;  /* of the same size */
    int height, width, channels;
    const gf_random *random; /* purpose AUGMENT, this epoch */
    uint32_t index;          /* of the image in the data set */
    uint32_t element;        /* first element of this augmentation's own range of 64 */
    const gf_real *fill;     /* per channel: the mean colour, which normalizes to 0 */
} gf_augment_call;
/* Or on a whole batch: images, as gf_data_batch made them, and their targets. */
typedef struct gf_mix_call {
    gf_real *images; /* [count, height, width, channels], normalized; in place */
    gf_real *target; /* [count, classes], rows that are blended as the images are; in place */
    int count, height, width, channels, classes;
    const gf_random *random; /* purpose MIX, this epoch */
    uint32_t index;          /* of the step in its epoch; in `mix`: of this augmentation in it */
    double share;            /* of the training that was over when the epoch began, [0, 1) */
} gf_mix_call;
typedef struct gf_augment_kind {
    gf_schema schema; /* first: the registry makes a schema list of it */
    size_t options_size;
    gf_status (*check)(const void *options); /* can they stand together? NULL: always */
    /* One of the two. What mixes stands behind all that does not. */
    void (*apply)(const gf_augment_call *call, const void *options);
    void (*mix)(const gf_mix_call *call, const void *options);
} gf_augment_kind;
extern const gf_augment_kind *const gf_augment_kinds[]; /* generated, NULL-terminated */
extern const gf_schema *const gf_augment_schemas[];

/* A chain read from options "augment.0 = crop", "augment.0.padding = 4", ... */
typedef struct gf_augment_chain gf_augment_chain;
gf_status gf_augment_chain_create(gf_augment_chain **chain, const gf_options *options,
                                  const char *prefix);
void gf_augment_chain_destroy(gf_augment_chain *chain);

/* [channels]: of values in [0, 1], what gf_data_batch takes off and then divides by. */
extern const gf_real gf_data_mean[], gf_data_deviation[];
/* images [count, h, w, c] and labels [count] of positions positions[0..count-1] in the split.
 * chain NULL: none. Same bits whatever the number of threads. */
void gf_data_batch(gf_real *images, int *labels, const gf_data *data, gf_split split,
                   const int *positions, int count, const gf_augment_chain *chain,
                   const gf_random *random);
/* What the chain (NULL: none) does to whole batches, after gf_data_batch. Same bits whatever the
 * number of threads. */
void gf_data_mix(const gf_mix_call *call, const gf_augment_chain *chain);

#endif
