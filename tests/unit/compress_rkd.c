/* compress: relational distillation against the formulas of its paper, straight from the vectors.
 * Its gradient is checked against finite differences in tests/gradcheck/terms.c. */
#include "compress_nets.h"

#include <omp.h>

typedef struct rkd_options {
    double distance, angle;
} rkd_options;

static const gf_loss_kind *rkd(void)
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, "rkd") == 0) return *kind;
    return NULL;
}

/* A student, a wider teacher, and the features that both make of the same images. */
typedef struct pair {
    gf_net *net[2];
    gf_run *run[2]; /* student, teacher */
    void *state;
    gf_real *gradient; /* of the student's features */
} pair;

/* The first `equal` images are black. */
static void forward(pair *p, size_t equal)
{
    for (int i = 0; i < 2; i++) {
        size_t image = gf_shape_count(p->net[i]->nodes[0].shape);
        for (size_t k = 0; k < IMAGES * image; k++)
            gf_run_input(p->run[i])[k] =
                k < equal * image ? 0 : (gf_real)(2 * test_random(77, (uint32_t)k));
        gf_run_forward(p->run[i], IMAGES, GF_MODE_EVALUATE, NULL);
    }
}

static bool pair_init(pair *p, const char *student)
{
    *p = (pair){ .net = { small_net(student, 8),
                          small_net("arch = resnet18\nwidth = 6\nblocks = 1,1,1\n", 8) } };
    bool good = p->net[0] && p->net[1];
    for (int i = 0; good && i < 2; i++)
        good = gf_run_create(&p->run[i], p->net[i], test_kernels(), IMAGES, i == 0) == GF_OK;
    good = good && rkd() && rkd()->create(&p->state, NULL, p->run[0], &p->run[1], 1) == GF_OK;
    if (good) forward(p, 0);
    return good;
}

static void pair_release(pair *p)
{
    if (p->state) rkd()->destroy(p->state);
    for (int i = 0; i < 2; i++) {
        gf_run_destroy(p->run[i]);
        gf_net_destroy(p->net[i]);
    }
}

static double loss_of(pair *p, double distance, double angle)
{
    const rkd_options options = { distance, angle };
    double loss = 0;
    const gf_loss_call call = { .student = p->run[0],
                                .teachers = &p->run[1],
                                .teacher_count = 1,
                                .batch = IMAGES,
                                .classes = 10 };
    EXPECT_STATUS(rkd()->apply(p->state, &options, &call, &loss), GF_OK);
    return loss;
}

/* ---- the paper's formulas ---- */

static double huber(double x)
{
    return fabs(x) <= 1 ? x * x / 2 : fabs(x) - 0.5;
}

static double apart(const gf_real *x, int size, int i, int j)
{
    double square = 0;
    for (int k = 0; k < size; k++)
        square += pow((double)x[i * size + k] - (double)x[j * size + k], 2);
    return sqrt(square);
}

static double relative_distance(const gf_real *x, int size, int i, int j)
{
    double sum = 0;
    for (int a = 0; a < IMAGES; a++)
        for (int b = 0; b < IMAGES; b++) sum += apart(x, size, a, b);
    return apart(x, size, i, j) / (sum / (IMAGES * (IMAGES - 1)));
}

static double cosine(const gf_real *x, int size, int i, int j, int k)
{
    double sum = 0;
    if (i == j || k == j) return 0;
    for (int f = 0; f < size; f++)
        sum += ((double)x[i * size + f] - (double)x[j * size + f]) *
               ((double)x[k * size + f] - (double)x[j * size + f]);
    return sum / (apart(x, size, i, j) * apart(x, size, k, j));
}

static const gf_real *features(const pair *p, int which, int *size)
{
    int node = gf_net_find_node(p->net[which], "pool");
    *size = p->net[which]->nodes[node].shape.channels;
    return gf_run_value(p->run[which], node);
}

static double by_hand(const pair *p, double distance, double angle)
{
    int s, t;
    const gf_real *x = features(p, 0, &s), *y = features(p, 1, &t);
    double distances = 0, angles = 0;
    for (int i = 0; i < IMAGES; i++)
        for (int j = 0; j < IMAGES; j++) {
            distances += huber(relative_distance(x, s, i, j) - relative_distance(y, t, i, j));
            for (int k = 0; k < IMAGES; k++)
                angles += huber(cosine(x, s, i, j, k) - cosine(y, t, i, j, k));
        }
    return distance * distances / pow(IMAGES, 2) + angle * angles / pow(IMAGES, 3);
}

TEST("compress: rkd", "the loss is Huber's of distances over their mean, and of angles")
{
    pair p;
    REQUIRE(pair_init(&p, SMALL));
    EXPECT(by_hand(&p, 1, 0) > 1e-4 && by_hand(&p, 0, 1) > 1e-4);
    EXPECT_NEAR(loss_of(&p, 1, 0), by_hand(&p, 1, 0), 1e-9);
    EXPECT_NEAR(loss_of(&p, 0, 1), by_hand(&p, 0, 1), 1e-9);
    EXPECT_NEAR(loss_of(&p, 25, 50), by_hand(&p, 25, 50), 1e-7);
    pair_release(&p);
}

TEST("compress: rkd", "dropout before the classifier is looked past")
{
    pair plain, with;
    REQUIRE(pair_init(&plain, SMALL));
    REQUIRE(pair_init(&with, SMALL "dropout = 0.5\n"));
    EXPECT(loss_of(&with, 25, 50) == loss_of(&plain, 25, 50));
    pair_release(&plain);
    pair_release(&with);
}

TEST("compress: rkd", "a batch with twice the same image has finite gradients")
{
    pair p;
    int size, node;
    REQUIRE(pair_init(&p, SMALL));
    node = gf_net_find_node(p.net[0], "pool");
    features(&p, 0, &size);
    forward(&p, 2);
    EXPECT(isfinite(loss_of(&p, 25, 50)));
    for (int k = 0; k < IMAGES * size; k++)
        EXPECT(isfinite((double)gf_run_gradient(p.run[0], node)[k]));
    pair_release(&p);
}

static gf_key learned_key(int threads)
{
    static gf_data *data;
    gf_artifact artifact = { 0 };
    gf_key key = { "" };
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 20, .images = 120
    };
    gf_net *student = small_net(SMALL, 32), *teacher = small_net(SMALL, 32);
    if (!data) EXPECT_STATUS(gf_data_open(&data, &options), GF_OK);
    omp_set_num_threads(threads);
    EXPECT_STATUS(apply_method(student, "rkd", "epochs = 1\nbatch = 50\n", data, &teacher, 1),
                  GF_OK);
    EXPECT_STATUS(gf_net_save(student, &artifact), GF_OK);
    key = gf_artifact_hash(&artifact);
    gf_artifact_release(&artifact);
    gf_net_destroy(student);
    gf_net_destroy(teacher);
    omp_set_num_threads(2);
    return key;
}

TEST("compress: rkd", "any number of threads gives the same bits, and no teacher is refused")
{
    gf_net *student = small_net(SMALL, 8);
    gf_key one = learned_key(1);
    EXPECT_TEXT(learned_key(2).hex, one.hex);
    EXPECT_TEXT(learned_key(7).hex, one.hex);
    EXPECT_STATUS(apply_method(student, "rkd", "epochs = 1\n", NULL, NULL, 0), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "there is no teacher");
    gf_net_destroy(student);
}
