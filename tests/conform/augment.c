/* Every registered augmentation with its defaults: a new file in src/data/augment is tested by
 * being there. */
#include "../test.h"

#include <gridfront/data.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 64, IMAGE = 32 * 32 * 3, CLASSES = 10 };

typedef struct batch {
    gf_real images[COUNT * IMAGE], target[COUNT * CLASSES];
} batch;

static const gf_data *sample(void)
{
    static gf_data *data;
    const gf_data_options options = { .dataset = 1, .path = "auto", .validation = 500 };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

static void mix(batch *b, const gf_augment_chain *chain, uint32_t epoch)
{
    const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_MIX, .epoch = epoch };
    const gf_mix_call call = { .images = b->images,
                               .target = b->target,
                               .count = COUNT,
                               .height = 32,
                               .width = 32,
                               .channels = 3,
                               .classes = CLASSES,
                               .random = &random };
    gf_data_mix(&call, chain);
}

static batch *made(const gf_augment_kind *kind, uint32_t epoch, int threads)
{
    const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_AUGMENT, .epoch = epoch };
    gf_options *options = gf_options_create();
    gf_augment_chain *chain = NULL;
    batch *b = gf_alloc(1, sizeof *b);
    int positions[COUNT], labels[COUNT];
    for (int i = 0; i < COUNT; i++) positions[i] = i;
    if (kind) EXPECT_STATUS(gf_options_set(options, "augment.0", kind->schema.name), GF_OK);
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_OK);
    omp_set_num_threads(threads);
    gf_data_batch(b->images, labels, sample(), GF_TRAIN, positions, COUNT, chain, &random);
    for (int i = 0; i < COUNT; i++) b->target[i * CLASSES + labels[i]] = 1;
    mix(b, chain, epoch);
    omp_set_num_threads(2);
    gf_augment_chain_destroy(chain);
    gf_options_destroy(options);
    return b;
}

static bool same(batch *got, const batch *want)
{
    bool equal = memcmp(got, want, sizeof *got) == 0;
    free(got);
    return equal;
}

TEST("conform: augment",
     "each changes images, in each epoch otherwise, to the same bits by any threads")
{
    batch *plain = made(NULL, 0, 1);
    REQUIRE(sample());
    for (const gf_augment_kind *const *kind = gf_augment_kinds; *kind; kind++) {
        batch *one = made(*kind, 0, 1);
        bool good = same(made(*kind, 0, 2), one) && same(made(*kind, 0, 3), one) &&
                    same(made(*kind, 0, 7), one) && !same(made(*kind, 1, 2), one);
        gf_test_check(good && memcmp(one, plain, sizeof *one) != 0, __FILE__, __LINE__, "%s",
                      (*kind)->schema.name);
        free(one);
    }
    free(plain);
}

TEST("conform: augment",
     "what each leaves is an image of values from 0 to 255, and labels that sum to 1")
{
    static const double mean[] = { 0.4914, 0.4822, 0.4465 };
    static const double deviation[] = { 0.2023, 0.1994, 0.2010 };
    for (const gf_augment_kind *const *kind = gf_augment_kinds; *kind; kind++) {
        batch *b = made(*kind, 0, 2);
        int wrong = 0;
        for (int i = 0; i < COUNT * IMAGE; i++) {
            double value = ((double)b->images[i] * deviation[i % 3] + mean[i % 3]) * 255;
            wrong += !(value > -1e-3 && value < 255 + 1e-3);
        }
        for (int i = 0; i < COUNT; i++) {
            double sum = 0;
            for (int k = 0; k < CLASSES; k++) sum += (double)b->target[i * CLASSES + k];
            wrong += fabs(sum - 1) > 1e-6;
        }
        gf_test_check(wrong == 0, __FILE__, __LINE__, "%s: %d values", (*kind)->schema.name, wrong);
        free(b);
    }
}

TEST("conform: augment", "each says what it is, and does one of two things")
{
    int kinds = 0;
    for (const gf_augment_kind *const *kind = gf_augment_kinds; *kind; kind++, kinds++) {
        EXPECT((*kind)->schema.summary && (*kind)->schema.fields);
        EXPECT(!(*kind)->apply != !(*kind)->mix);
    }
    EXPECT(kinds >= 12);
}
