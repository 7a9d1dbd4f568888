/* Opening a data set and splitting it. The split is a permutation fixed by the data seed alone. */
#include "data.h"

#include <stdlib.h>
#include <string.h>

static const gf_field fields[] = {
    GF_FIELD_WORD(gf_data_options, dataset, "cifar10", "cifar10|sample",
                  "all of CIFAR-10, or the embedded 5,000 + 1,000 images of it"),
    GF_FIELD(
        gf_data_options, path, "auto", NULL, "path",
        "folder of the binary files, or $GRIDFRONT_DATA; auto: the user's cache and ./data too"),
    GF_FIELD(gf_data_options, validation, "-1", "[-1, 49999]", "images",
             "taken out of the training images; -1: 10 %"),
    GF_FIELD(gf_data_options, images, "0", "[0, 50000]", "images",
             "use only the first so many for training and validation; 0: all"),
    GF_FIELD(gf_data_options, labelled, "0", "[2, 50000] or 0", "images",
             "of the training images, the first so many, have labels; pretext tasks learn from the "
             "others too; 0: all have"),
    GF_FIELD(gf_data_options, seed, "0", "[0, 9223372036854775807]", "", "of the split"),
    GF_FIELD_END,
};
const gf_schema gf_data_schema = {
    .name = "data",
    .summary = "the images and how they are split",
    .fields = fields,
};

static int image_count(const gf_data_options *options, int there)
{
    return options->images > 0 && options->images < there ? options->images : there;
}

static int validation_count(const gf_data_options *options, int images)
{
    return options->validation >= 0 ? options->validation : images / 10;
}

/* Of the data set as it is published. */
static int published_count(const gf_data_options *options)
{
    bool sample = options->dataset == GF_DATASET_SAMPLE;
    return image_count(options, sample ? GF_SAMPLE_TRAIN : GF_CIFAR_TRAIN);
}

int gf_data_unlabelled_count(const gf_data_options *options)
{
    int images = published_count(options);
    return images - validation_count(options, images);
}

int gf_data_train_count(const gf_data_options *options)
{
    return options->labelled > 0 ? options->labelled : gf_data_unlabelled_count(options);
}

int gf_data_validation_count(const gf_data_options *options)
{
    return validation_count(options, published_count(options));
}

/* Batch normalization needs two images. */
static gf_status check_counts(const gf_data_options *options, int images)
{
    int validation = validation_count(options, images);
    if (images < 2)
        return gf_fail(GF_INVALID, "data.images = %d: training takes at least 2", images);
    if (images - validation < 2)
        return gf_fail(
            GF_INVALID, "data.validation = %d leaves %d of %d images to train on; allowed 0 to %d",
            validation, images > validation ? images - validation : 0, images, images - 2);
    if (options->labelled > images - validation)
        return gf_fail(GF_INVALID, "data.labelled = %d: there are %d training images",
                       options->labelled, images - validation);
    return GF_OK;
}

gf_status gf_data_check(const gf_data_options *options)
{
    return check_counts(options, published_count(options));
}

static gf_status make_split(gf_data *data, const gf_data_options *options)
{
    gf_status status = GF_OK;
    const gf_random random = { .seed = (uint64_t)options->seed, .purpose = GF_PURPOSE_SPLIT };
    int images = image_count(options, data->train.count);
    GF_TRY(check_counts(options, images));
    data->validation_count = validation_count(options, images);
    data->train_count = images - data->validation_count;
    data->labelled_count = options->labelled > 0 ? options->labelled : data->train_count;
    GF_TRY_ALLOC(data->order = gf_alloc((size_t)images, sizeof *data->order));
    gf_random_permutation(&random, 0, data->order, images);
out:
    return status;
}

gf_status gf_data_open(gf_data **data, const gf_data_options *options)
{
    gf_status status;
    char path[1024];
    gf_data *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    GF_TRY(gf_data_find(path, sizeof path, options));
    GF_TRY((options->dataset == GF_DATASET_SAMPLE ? gf_sample_load : gf_cifar_load)(
        &made->train, &made->test, path));
    GF_TRY(make_split(made, options));
    *data = made;
    made = NULL;
out:
    gf_data_close(made);
    return status;
}

static void fill_noise(gf_images *images)
{
    const gf_random random = { .seed = 1, .purpose = GF_PURPOSE_SAMPLE };
    for (int i = 0; i < images->count; i++) {
        unsigned char *pixels = images->pixels + (size_t)i * GF_IMAGE_SIZE;
        for (uint32_t p = 0; p < GF_IMAGE_SIZE; p += 16) {
            uint32_t words[4];
            gf_random_block(&random, (uint32_t)i, p, words);
            memcpy(pixels + p, words, sizeof words);
        }
        images->labels[i] = (unsigned char)(i % GF_CLASSES);
    }
}

gf_status gf_data_create_noise(gf_data **data, int count)
{
    gf_status status;
    const gf_data_options options = { .validation = 0 };
    gf_data *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    made->train.count = count;
    GF_TRY_ALLOC(made->train.pixels = gf_alloc((size_t)count, GF_IMAGE_SIZE));
    GF_TRY_ALLOC(made->train.labels = gf_alloc((size_t)count, 1));
    fill_noise(&made->train);
    GF_TRY(make_split(made, &options));
    *data = made;
    made = NULL;
out:
    gf_data_close(made);
    return status;
}

void gf_data_close(gf_data *data)
{
    if (!data) return;
    gf_images_release(&data->train);
    gf_images_release(&data->test);
    free(data->order);
    free(data);
}

int gf_data_count(const gf_data *data, gf_split split)
{
    switch (split) {
    case GF_TRAIN:
        return data->labelled_count;
    case GF_VALIDATION:
        return data->validation_count;
    case GF_UNLABELLED:
        return data->train_count;
    default:
        return data->test.count;
    }
}

int gf_data_classes(const gf_data *data)
{
    (void)data;
    return GF_CLASSES;
}

void gf_data_shape(const gf_data *data, int *height, int *width, int *channels)
{
    (void)data;
    *height = *width = GF_IMAGE_SIDE;
    *channels = GF_IMAGE_CHANNELS;
}
