/* data: mixup and CutMix on small batches, against naive loops. */
#include "../test.h"

#include <gridfront/data.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6, H = 8, W = 10, C = 3, SIZE = H * W * C, CLASSES = N };

/* Images of random values, the i-th of class i. */
typedef struct batch {
    gf_real images[N][SIZE], target[N][CLASSES];
} batch;

static batch fresh(void)
{
    const gf_random random = { .seed = 2, .purpose = GF_PURPOSE_TEST };
    batch b;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < SIZE; k++)
            b.images[i][k] = (gf_real)gf_random_normal(&random, (uint32_t)i, (uint32_t)k);
        for (int k = 0; k < CLASSES; k++) b.target[i][k] = k == i;
    }
    return b;
}

static gf_augment_chain *chain_of(const char *text)
{
    gf_options *options = NULL;
    gf_augment_chain *chain = NULL;
    EXPECT_STATUS(gf_options_parse(&options, text), GF_OK);
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_OK);
    gf_options_destroy(options);
    return chain;
}

static void mix(batch *b, const gf_augment_chain *chain, uint32_t step, double share)
{
    const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_MIX, .epoch = 4 };
    const gf_mix_call call = { .images = b->images[0],
                               .target = b->target[0],
                               .count = N,
                               .height = H,
                               .width = W,
                               .channels = C,
                               .classes = CLASSES,
                               .random = &random,
                               .index = step,
                               .share = share };
    gf_data_mix(&call, chain);
}

/* Every row of the target says the same weight: of the image's own class, the rest of the next's.
 */
static double weight_of(const batch *b)
{
    double own = (double)b->target[0][0];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < CLASSES; k++)
            EXPECT_NEAR(b->target[i][k], k == i ? own : k == (i + 1) % N ? 1 - own : 0, 1e-6);
    return own;
}

TEST("data: mix", "mixup blends every image and its label with the next, all by one weight")
{
    gf_augment_chain *chain = chain_of("augment.0 = mixup\n");
    for (uint32_t step = 0; step < 20; step++) {
        batch before = fresh(), after = before;
        mix(&after, chain, step, 0);
        double own = weight_of(&after);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < SIZE; k++)
                EXPECT_NEAR(after.images[i][k],
                            own * (double)before.images[i][k] +
                                (1 - own) * (double)before.images[(i + 1) % N][k],
                            1e-5);
    }
    gf_augment_chain_destroy(chain);
}

/* The smallest box that holds every pixel in which two images differ; false: there is none. */
static bool changed_box(int box[4], const gf_real *a, const gf_real *b)
{
    box[0] = H, box[1] = 0, box[2] = W, box[3] = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            if (a[(y * W + x) * C] == b[(y * W + x) * C]) continue;
            box[0] = y < box[0] ? y : box[0];
            box[1] = y + 1;
            box[2] = x < box[2] ? x : box[2];
            box[3] = x >= box[3] ? x + 1 : box[3];
        }
    return box[0] < box[1];
}

TEST("data: mix",
     "CutMix pastes one box of the next image, and the label has the area that is left")
{
    gf_augment_chain *chain = chain_of("augment.0 = cutmix\n");
    int boxes = 0;
    for (uint32_t step = 0; step < 60; step++) {
        batch before = fresh(), after = before;
        int box[4] = { 0 };
        mix(&after, chain, step, 0);
        bool cut = changed_box(box, before.images[0], after.images[0]);
        double area = cut ? (double)(box[1] - box[0]) * (box[3] - box[2]) : 0;
        EXPECT_NEAR(weight_of(&after), 1 - area / (H * W), 1e-6);
        for (int i = 0; i < N; i++)
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    bool inside = y >= box[0] && y < box[1] && x >= box[2] && x < box[3];
                    const gf_real *want = before.images[cut && inside ? (i + 1) % N : i];
                    EXPECT(after.images[i][(y * W + x) * C + 2] == want[(y * W + x) * C + 2]);
                }
        boxes += cut;
    }
    EXPECT(boxes > 30);
    gf_augment_chain_destroy(chain);
}

TEST("data: mix", "CutMix's boxes have the drawn share of each side, less what lies outside")
{
    gf_augment_chain *chain = chain_of("augment.0 = cutmix\n");
    const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_MIX, .epoch = 4 };
    int whole = 0, partial = 0;
    for (uint32_t step = 0; step < 200; step++) {
        batch before = fresh(), after = before;
        int box[4] = { 0 };
        double side = sqrt(1 - gf_random_beta(&random, step * 16, 1, 1, 1));
        mix(&after, chain, step, 0);
        if (!changed_box(box, before.images[0], after.images[0])) continue;
        int height = (int)(side * H) / 2 * 2, width = (int)(side * W) / 2 * 2;
        EXPECT(box[1] - box[0] == height || box[0] == 0 || box[1] == H);
        EXPECT(box[3] - box[2] == width || box[2] == 0 || box[3] == W);
        EXPECT(box[1] - box[0] <= height && box[3] - box[2] <= width);
        whole += box[1] - box[0] == height && box[3] - box[2] == width;
        partial += box[1] - box[0] < height || box[3] - box[2] < width;
    }
    EXPECT(whole > 20 && partial > 20);
    gf_augment_chain_destroy(chain);
}

TEST("data: mix", "mixing moves no label away: each class keeps its share of the batch")
{
    gf_augment_chain *chain = chain_of("augment.0 = mixup\naugment.1 = cutmix\n");
    for (uint32_t step = 0; step < 20; step++) {
        batch b = fresh();
        mix(&b, chain, step, 0);
        for (int k = 0; k < CLASSES; k++) {
            double sum = 0, row = 0;
            for (int i = 0; i < N; i++) sum += (double)b.target[i][k];
            for (int i = 0; i < CLASSES; i++) row += (double)b.target[k][i];
            EXPECT_NEAR(sum, 1, 1e-6);
            EXPECT_NEAR(row, 1, 1e-6);
        }
    }
    gf_augment_chain_destroy(chain);
}

/* Mean and variance of the weight over the steps that were mixed; how many there were. */
static int weights(double *mean, double *variance, const char *text)
{
    enum { STEPS = 4000 };
    gf_augment_chain *chain = chain_of(text);
    double sum = 0, squares = 0;
    int mixed = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        batch b = { .target[0][0] = 1 };
        mix(&b, chain, step, 0);
        double own = (double)b.target[0][0];
        if (own == 1) continue;
        sum += own;
        squares += own * own;
        mixed++;
    }
    *mean = sum / mixed;
    *variance = squares / mixed - *mean * *mean;
    gf_augment_chain_destroy(chain);
    return mixed;
}

TEST("data: mix", "weights are symmetric, uniform at alpha 1, at the ends for small alpha")
{
    double mean, variance;
    EXPECT(weights(&mean, &variance, "augment.0 = mixup\n") > 3990);
    EXPECT_NEAR(mean, 0.5, 0.02);
    EXPECT_NEAR(variance, 1.0 / 12, 0.005);
    weights(&mean, &variance, "augment.0 = mixup\naugment.0.alpha = 0.2\n");
    EXPECT_NEAR(mean, 0.5, 0.03);
    EXPECT_NEAR(variance, 0.25 / 1.4, 0.01);
    int mixed = weights(&mean, &variance, "augment.0 = mixup\naugment.0.probability = 0.25\n");
    EXPECT(mixed > 900 && mixed < 1100);
}

TEST("data: mix", "each mixing of a chain draws a weight of its own, and each epoch another")
{
    gf_augment_chain *one = chain_of("augment.0 = mixup\n");
    gf_augment_chain *second = chain_of("augment.0 = flip\naugment.1 = mixup\n");
    batch a = fresh(), b = a, c = a;
    mix(&a, one, 0, 0);
    mix(&b, second, 0, 0);
    mix(&c, one, 1, 0);
    EXPECT(a.target[0][0] != b.target[0][0]);
    EXPECT(a.target[0][0] != c.target[0][0] && b.target[0][0] != c.target[0][0]);
    gf_augment_chain_destroy(one);
    gf_augment_chain_destroy(second);
}

static bool is_mixed(const char *text, double share)
{
    gf_augment_chain *chain = chain_of(text);
    batch before = fresh(), after = before;
    mix(&after, chain, 1, share);
    gf_augment_chain_destroy(chain);
    return memcmp(&before, &after, sizeof before) != 0;
}

TEST("data: mix", "it is switched on and off at shares of the training")
{
    const char *text = "augment.0 = mixup\naugment.0.from = 0.25\naugment.0.until = 0.7\n";
    EXPECT(!is_mixed(text, 0) && !is_mixed(text, 0.2));
    EXPECT(is_mixed(text, 0.25) && is_mixed(text, 0.6));
    EXPECT(!is_mixed(text, 7.0 / 10) && !is_mixed(text, 0.9));
    EXPECT(is_mixed("augment.0 = mixup\n", 0.99));
    EXPECT(!is_mixed("augment.0 = mixup\naugment.0.probability = 0\n", 0));
    EXPECT(!is_mixed("augment.0 = crop\n", 0) && !is_mixed("", 0));
}

TEST("data: mix", "any number of threads gives the same bits")
{
    gf_augment_chain *chain = chain_of("augment.0 = mixup\naugment.1 = cutmix\n");
    batch want = fresh();
    omp_set_num_threads(1);
    mix(&want, chain, 5, 0);
    for (int threads = 2; threads <= 7; threads++) {
        batch got = fresh();
        omp_set_num_threads(threads);
        mix(&got, chain, 5, 0);
        EXPECT(memcmp(&got, &want, sizeof got) == 0);
    }
    omp_set_num_threads(2);
    gf_augment_chain_destroy(chain);
}

static void refused(const char *text, const char *why)
{
    gf_options *options = NULL;
    gf_augment_chain *chain = NULL;
    REQUIRE_OK(gf_options_parse(&options, text));
    EXPECT_STATUS(gf_augment_chain_create(&chain, options, ""), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), why);
    gf_options_destroy(options);
}

TEST("data: mix", "what cannot be is refused: a crop of mixed images, an end before its beginning")
{
    refused("augment.0 = mixup\naugment.1 = crop\n", "crop works on single images and must stand "
                                                     "before mixup");
    refused("augment.0 = cutmix\naugment.0.from = 0.5\naugment.0.until = 0.5\n",
            "from = 0.5 is not before until = 0.5");
    refused("augment.0 = mixup\naugment.0.alpha = 0\n", "outside [0.01, 100]");
}
