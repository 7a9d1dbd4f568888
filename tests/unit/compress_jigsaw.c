/* compress, "jigsaw": the orders against a plain search, the tiles laid back into their places, and
 * a training that finds out the order. */
#include "compress_pretext.h"

/* ---- orders ---- */

static int hamming(const unsigned char *a, const unsigned char *b, int tiles)
{
    int distance = 0;
    for (int t = 0; t < tiles; t++) distance += a[t] != b[t];
    return distance;
}

static bool is_permutation(const unsigned char *order, int tiles)
{
    int seen = 0;
    for (int t = 0; t < tiles; t++) seen |= 1 << order[t];
    return seen == (1 << tiles) - 1;
}

static int least_distance(const unsigned char *orders, int count, int tiles)
{
    int least = tiles;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++) {
            int distance = hamming(orders + i * tiles, orders + j * tiles, tiles);
            least = distance < least ? distance : least;
        }
    return least;
}

/* How far an order is from `count` others: first the sum of the distances, then the least one; 0
 * when it is one of them. */
static int farness(const unsigned char *order, const unsigned char *orders, int count, int tiles)
{
    int sum = 0, least = tiles;
    for (int k = 0; k < count; k++) {
        int distance = hamming(order, orders + k * tiles, tiles);
        if (distance == 0) return 0;
        sum += distance;
        least = distance < least ? distance : least;
    }
    return sum * 10 + least;
}

/* The farthest of all permutations that begin with the first `fixed` entries of `order`. */
static int farthest(unsigned char *order, int fixed, const unsigned char *orders, int count,
                    int tiles)
{
    int best = 0;
    if (fixed == tiles) return farness(order, orders, count, tiles);
    for (int i = fixed; i < tiles; i++) {
        unsigned char kept = order[fixed];
        order[fixed] = order[i];
        order[i] = kept;
        int found = farthest(order, fixed + 1, orders, count, tiles);
        best = found > best ? found : best;
        order[i] = order[fixed];
        order[fixed] = kept;
    }
    return best;
}

TEST("pretext: orders", "four tiles have 24 orders, all of which are there, each once")
{
    unsigned char orders[24 * 4];
    EXPECT_EQ(gf_orders_count(4), 24);
    REQUIRE_OK(gf_orders_choose(orders, 24, 4));
    for (int k = 0; k < 24; k++) EXPECT(is_permutation(orders + k * 4, 4));
    EXPECT(least_distance(orders, 24, 4) > 0);
}

TEST("pretext: orders", "each is as far from those before it as any order can be")
{
    unsigned char orders[30 * 9], work[9] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    EXPECT_EQ(gf_orders_count(9), 362880);
    REQUIRE_OK(gf_orders_choose(orders, 30, 9));
    for (int k = 0; k < 30; k++) EXPECT(is_permutation(orders + k * 9, 9));
    for (int k = 1; k < 30; k += 7)
        EXPECT_EQ(farness(orders + k * 9, orders, k, 9), farthest(work, 0, orders, k, 9));
    EXPECT_EQ(least_distance(orders, 9, 9), 9); /* a Latin square */
    printf("orders: of 30, the nearest two differ in %d of 9 tiles\n",
           least_distance(orders, 30, 9));
    EXPECT(least_distance(orders, 30, 9) >= 3);
}

TEST("pretext: orders", "more orders begin with the same ones")
{
    unsigned char few[5 * 9], more[30 * 9];
    REQUIRE_OK(gf_orders_choose(few, 5, 9));
    REQUIRE_OK(gf_orders_choose(more, 30, 9));
    EXPECT(memcmp(few, more, sizeof few) == 0);
}

/* ---- questions ---- */

enum { SIDE = 32, CHANNELS = 3, SIZE = SIDE * SIDE * CHANNELS, COUNT = 60, CELLS_MOST = 9 };

typedef struct questions {
    gf_jigsaw jigsaw;
    gf_real *images, *inputs; /* [COUNT, SIZE] */
    int answers[COUNT], positions[COUNT];
} questions;

static void ask(questions *q, uint32_t epoch)
{
    const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_METHOD, .epoch = epoch };
    const gf_pretext_call call = { .inputs = q->inputs,
                                   .answers = q->answers,
                                   .images = q->images,
                                   .positions = q->positions,
                                   .count = COUNT,
                                   .height = SIDE,
                                   .width = SIDE,
                                   .channels = CHANNELS,
                                   .random = &random };
    q->jigsaw.task.make(&q->jigsaw.task, &call);
}

static bool questions_open(questions *q, int tiles, int gap, bool normalized)
{
    *q = (questions){ .images = gf_alloc(COUNT * SIZE, sizeof(gf_real)),
                      .inputs = gf_alloc(COUNT * SIZE, sizeof(gf_real)) };
    bool good =
        q->images && q->inputs && gf_jigsaw_init(&q->jigsaw, tiles, gap, normalized, 20) == GF_OK;
    for (uint32_t i = 0; good && i < COUNT * SIZE; i++) q->images[i] = (gf_real)test_random(1, i);
    for (int i = 0; good && i < COUNT; i++) {
        q->positions[i] = 1000 - 7 * i;
        for (int p = 0; i == 0 && p < SIZE; p += CHANNELS) q->images[p + 1] = (gf_real)0.3;
    }
    if (good) ask(q, 1);
    return good;
}

static void questions_close(questions *q)
{
    gf_jigsaw_release(&q->jigsaw);
    free(q->images);
    free(q->inputs);
}

/* Channel c of the `tile` x `tile` pixels of an image from (y, x) on. */
static void cut(double *out, const gf_real *image, int y, int x, int c, int tile)
{
    for (int i = 0; i < tile * tile; i++)
        out[i] = (double)image[((y + i / tile) * SIDE + x + i % tile) * CHANNELS + c];
}

static void to_unit(double *values, int count)
{
    double mean = 0, square = 0;
    for (int i = 0; i < count; i++) mean += values[i] / count;
    for (int i = 0; i < count; i++) square += values[i] * values[i] / count;
    double deviation = sqrt(fmax(square - mean * mean, 0));
    for (int i = 0; i < count; i++)
        values[i] = deviation > 1e-3 ? (values[i] - mean) / deviation : 0;
}

static double worst(const double *a, const double *b, int count)
{
    double most = 0;
    for (int i = 0; i < count; i++) most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

/* Which of the (gap + 1)^2 cuts of cell `from` lies in cell `to` of the question? -1: none. */
static int find_cut(const questions *q, int i, int from, int to)
{
    int tiles = q->jigsaw.tiles, gap = q->jigsaw.gap, cell = SIDE / tiles, tile = cell - gap;
    int margin = tiles == 3 ? 1 : 0;
    double got[SIDE * SIDE], want[SIDE * SIDE];
    for (int cuts = 0; cuts < (gap + 1) * (gap + 1); cuts++) {
        double most = 0;
        for (int c = 0; c < CHANNELS; c++) {
            cut(got, q->inputs + i * SIZE, margin + to / tiles * cell + gap / 2,
                margin + to % tiles * cell + gap / 2, c, tile);
            cut(want, q->images + i * SIZE, margin + from / tiles * cell + cuts / (gap + 1),
                margin + from % tiles * cell + cuts % (gap + 1), c, tile);
            if (q->jigsaw.normalize) to_unit(want, tile * tile);
            most = fmax(most, worst(got, want, tile * tile));
        }
        if (most < (q->jigsaw.normalize ? 1e-5 : 1e-30)) return cuts;
    }
    return -1;
}

/* Pixels of any channel that are not 0. */
static int count_filled(const gf_real *image)
{
    int filled = 0;
    for (int p = 0; p < SIZE; p += CHANNELS)
        filled += image[p] != 0 || image[p + 1] != 0 || image[p + 2] != 0;
    return filled;
}

/* Every tile is found where the answer says, and the rest is 0. Returns a set of the cuts seen. */
static unsigned expect_laid(const questions *q)
{
    int tiles = q->jigsaw.tiles, cells = tiles * tiles, tile = SIDE / tiles - q->jigsaw.gap;
    unsigned cuts = 0;
    for (int i = 0; i < COUNT; i++) {
        EXPECT(q->answers[i] >= 0 && q->answers[i] < q->jigsaw.task.classes);
        EXPECT_EQ(count_filled(q->inputs + i * SIZE), cells * tile * tile);
        for (int to = 0; to < cells; to++) {
            int found = find_cut(q, i, q->jigsaw.orders[q->answers[i] * cells + to], to);
            EXPECT(found >= 0);
            cuts |= 1u << (found + 1);
        }
    }
    return cuts;
}

TEST("pretext: jigsaw", "the answer says where each tile went, and what lies between is 0")
{
    for (int tiles = 2; tiles <= 3; tiles++)
        for (int gap = 0; gap <= 2; gap++) {
            questions q;
            REQUIRE(questions_open(&q, tiles, gap, false));
            /* bit 0: a tile that was not found; every cut is drawn */
            EXPECT_EQ(expect_laid(&q), (1u << ((gap + 1) * (gap + 1) + 1)) - 2);
            questions_close(&q);
        }
}

TEST("pretext: jigsaw", "normalized, each tile and channel has mean 0 and deviation 1, or is 0")
{
    for (int tiles = 2; tiles <= 3; tiles++) {
        questions q;
        REQUIRE(questions_open(&q, tiles, 1, true));
        EXPECT_EQ(expect_laid(&q), (1u << 5) - 2);
        for (int p = 0; p < SIZE; p += CHANNELS) EXPECT(q.inputs[p + 1] == 0);
        questions_close(&q);
    }
}

TEST("pretext: jigsaw", "another epoch asks other questions, the same one the same")
{
    questions q;
    int before[COUNT], same = 0, seen = 0;
    REQUIRE(questions_open(&q, 3, 2, true));
    gf_real *inputs = gf_alloc(COUNT * SIZE, sizeof *inputs);
    memcpy(before, q.answers, sizeof before);
    memcpy(inputs, q.inputs, COUNT * SIZE * sizeof *inputs);
    ask(&q, 2);
    for (int i = 0; i < COUNT; i++) same += q.answers[i] == before[i];
    for (int i = 0; i < COUNT; i++) seen |= 1 << q.answers[i];
    EXPECT(same < COUNT / 4);
    EXPECT(__builtin_popcount((unsigned)seen) > 15); /* of 20 orders */
    ask(&q, 1);
    EXPECT(memcmp(before, q.answers, sizeof before) == 0);
    EXPECT_FLOATS(q.inputs, inputs, COUNT * SIZE, 0);
    free(inputs);
    questions_close(&q);
}

TEST("pretext: jigsaw", "a question depends on the image's position, not on its place in the batch")
{
    questions q;
    REQUIRE(questions_open(&q, 3, 2, false));
    int answer = q.answers[5];
    gf_real *input = gf_alloc(SIZE, sizeof *input);
    memcpy(input, q.inputs + 5 * SIZE, SIZE * sizeof *input);
    memcpy(q.images, q.images + 5 * SIZE, SIZE * sizeof *input);
    q.positions[0] = q.positions[5];
    ask(&q, 1);
    EXPECT_EQ(q.answers[0], answer);
    EXPECT_FLOATS(q.inputs, input, SIZE, 0);
    free(input);
    questions_close(&q);
}

/* ---- the method ---- */

/* Mean cross-entropy and accuracy over the validation split, one image at a time. */
static gf_scores plain_scores(gf_net *net, const gf_data *data, const gf_jigsaw *jigsaw)
{
    gf_run *run = NULL;
    gf_real image[SIZE];
    gf_scores sums = { 0 };
    const gf_random random = { .purpose = GF_PURPOSE_METHOD };
    int answer, count = gf_data_count(data, GF_VALIDATION), classes = jigsaw->task.classes;
    EXPECT_STATUS(gf_run_create(&run, net, test_kernels(), 1, false), GF_OK);
    for (int i = 0; i < count; i++) {
        gf_data_batch(image, &answer, data, GF_VALIDATION, &i, 1, NULL, NULL);
        const gf_pretext_call call = { gf_run_input(run), &answer, image, &i, 1, SIDE, SIDE,
                                       CHANNELS,          &random };
        jigsaw->task.make(&jigsaw->task, &call);
        gf_run_forward(run, 1, GF_MODE_EVALUATE, NULL);
        const gf_real *logits = gf_run_logits(run);
        double sum = 0;
        int best = 0;
        for (int k = 0; k < classes; k++) sum += exp((double)logits[k]);
        for (int k = 1; k < classes; k++) best = logits[k] > logits[best] ? k : best;
        sums.loss += (log(sum) - (double)logits[answer]) / count;
        sums.accuracy += (double)(best == answer) / count;
    }
    gf_run_destroy(run);
    return sums;
}

TEST("pretext: jigsaw", "orders are learned, and validated as one by one")
{
    enum { ORDERS = 4 };
    fixture f = { 0 };
    gf_jigsaw jigsaw = { 0 };
    REQUIRE_OK(gf_jigsaw_init(&jigsaw, 2, 2, true, ORDERS));
    REQUIRE(fixture_open(&f, "epochs = 6\nbatch = 32\nlr = 0.05\n", 1000, 200));
    REQUIRE_OK(train_task(&f, &jigsaw.task, ORDERS));
    gf_scores want = plain_scores(f.net, f.data, &jigsaw);
    const gf_epoch_row *row = &f.rows[f.row_count - 1];
    printf("jigsaw: validation %.3f, chance 0.25\n", row->validation_accuracy);
    EXPECT_NEAR(row->validation_accuracy, want.accuracy, 1e-9);
    EXPECT_NEAR(row->validation_loss, want.loss, 1e-5);
    EXPECT(want.accuracy > 0.35);
    gf_jigsaw_release(&jigsaw);
    fixture_release(&f);
}

TEST("pretext: jigsaw", "the trunk learns, the classifier waits, and no head is left behind")
{
    expect_only_trunk_learns("jigsaw");
}

TEST("pretext: jigsaw", "images too small for their tiles are refused")
{
    gf_net *net = small_net(SMALL, 8);
    EXPECT_STATUS(apply_method(net, "jigsaw", ONE_EPOCH, data_of(300, 100), NULL, 0),
                  GF_UNSUPPORTED);
    EXPECT_CONTAINS(gf_error_message(), "8 x 8 pixels, 3 x 3 tiles with a gap of 2");
    gf_net_destroy(net);
}
