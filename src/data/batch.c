/* Batches: bytes to floats, augmentation on [0, 255], normalization with the constants of the
 * CIFAR-10 training set. Every image is its own work item, so threads change nothing. */
#include "data.h"

#include "augment.h"

const gf_real gf_data_mean[GF_IMAGE_CHANNELS] = { (gf_real)0.4914, (gf_real)0.4822,
                                                  (gf_real)0.4465 };
const gf_real gf_data_deviation[GF_IMAGE_CHANNELS] = { (gf_real)0.2023, (gf_real)0.1994,
                                                       (gf_real)0.2010 };

/* Where image `position` of a split stands among the loaded ones. */
static int image_index(const gf_data *data, gf_split split, int position)
{
    if (split == GF_TEST) return position;
    return data->order[split == GF_VALIDATION ? data->train_count + position : position];
}

static void augment(gf_real *image, int index, const gf_augment_chain *chain,
                    const gf_random *random)
{
    gf_real work[GF_IMAGE_SIZE], fill[GF_IMAGE_CHANNELS];
    for (int c = 0; c < GF_IMAGE_CHANNELS; c++) fill[c] = 255 * gf_data_mean[c];
    gf_augment_call call = { .image = image,
                             .work = work,
                             .height = GF_IMAGE_SIDE,
                             .width = GF_IMAGE_SIDE,
                             .channels = GF_IMAGE_CHANNELS,
                             .random = random,
                             .index = (uint32_t)index,
                             .fill = fill };
    gf_augment_chain_apply(chain, &call);
}

/* scale and shift of sixteen pixels: a multiple of any vector's length. */
enum { PATTERN = 16 * GF_IMAGE_CHANNELS };
typedef struct pattern {
    gf_real scale[PATTERN], shift[PATTERN];
} pattern;

static void fill_pattern(pattern *p)
{
    for (int i = 0; i < PATTERN; i++) {
        int c = i % GF_IMAGE_CHANNELS;
        p->scale[i] = 1 / (255 * gf_data_deviation[c]);
        p->shift[i] = gf_data_mean[c] / gf_data_deviation[c];
    }
}

static void normalize(gf_real *restrict image, const pattern *restrict p)
{
    for (int start = 0; start < GF_IMAGE_SIZE; start += PATTERN)
        for (int i = 0; i < PATTERN; i++)
            image[start + i] = image[start + i] * p->scale[i] - p->shift[i];
}

void gf_data_batch(gf_real *images, int *labels, const gf_data *data, gf_split split,
                   const int *positions, int count, const gf_augment_chain *chain,
                   const gf_random *random)
{
    const gf_images *source = split == GF_TEST ? &data->test : &data->train;
    pattern normal;
    fill_pattern(&normal);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count; i++) {
        int index = image_index(data, split, positions[i]);
        const unsigned char *pixels = source->pixels + (size_t)index * GF_IMAGE_SIZE;
        gf_real *image = images + (size_t)i * GF_IMAGE_SIZE;
        for (int p = 0; p < GF_IMAGE_SIZE; p++) image[p] = (gf_real)pixels[p];
        if (chain) augment(image, index, chain, random);
        normalize(image, &normal);
        labels[i] = source->labels[index];
    }
}
