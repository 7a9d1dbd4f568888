/* compress, product quantization: vectors by k-means, the activations' root against covariances,
 * kernels as entries of the book, what is learned back. */
#include "compress_shared.h"

#include "../../src/compress/share/unfolded.h"

TEST("share: product", "every round of vectors lowers the objective; two groups are found")
{
    enum { COUNT = 120, SIZE = 3 };
    gf_real points[COUNT * SIZE], means[8 * SIZE];
    uint8_t owner[COUNT];
    const gf_random random = { .seed = 2, .purpose = GF_PURPOSE_METHOD };
    double before = INFINITY, sum = 0;
    fill_normal(points, COUNT * SIZE, 3);
    for (int rounds = 0; rounds < 12; rounds++) {
        REQUIRE_OK(gf_kmeans_vectors(owner, points, COUNT, SIZE, 8, rounds, &random));
        gf_kmeans_means(means, owner, points, COUNT, SIZE, 8);
        sum = 0;
        for (int i = 0; i < COUNT * SIZE; i++)
            sum += pow((double)(points[i] - means[owner[i / SIZE] * SIZE + i % SIZE]), 2);
        EXPECT(sum <= before * (1 + 1e-6));
        before = sum;
    }
    for (int i = 0; i < COUNT * SIZE; i++) points[i] += (gf_real)(100 * (i / SIZE % 2));
    REQUIRE_OK(gf_kmeans_vectors(owner, points, COUNT, SIZE, 2, 50, &random));
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < i; k++) EXPECT((owner[i] == owner[k]) == (i % 2 == k % 2));
}

/* ---- activations ---- */

/* conv 3x3, stride 2, padding 1, of 5 x 6 x 2 to 3 x 3 x 4 */
static gf_net *conv_net(void)
{
    gf_net *net = NULL;
    int node;
    const gf_conv_attributes a = { .filters = 4,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .stride = 2,
                                   .pad_height = 1,
                                   .pad_width = 1,
                                   .groups = 1 };
    EXPECT_STATUS(gf_net_create(&net, (gf_shape){ 5, 6, 2 }), GF_OK);
    EXPECT_STATUS(gf_net_add(net, &node, "conv", "conv", &a, (int[]){ 0 }, 1), GF_OK);
    return net;
}

enum { PLACES = 9, LOOKS = 4 * PLACES };

/* What filter tap (ky, kx) of channel c meets at each output place of each of four images. */
static void taps_of(double out[LOOKS], const gf_real *images, int ky, int kx, int c)
{
    for (int i = 0; i < LOOKS; i++) {
        int y = i % PLACES / 3 * 2 + ky - 1, x = i % 3 * 2 + kx - 1;
        bool inside = y >= 0 && y < 5 && x >= 0 && x < 6;
        out[i] = inside ? (double)images[i / PLACES * 60 + (y * 6 + x) * 2 + c] : 0;
    }
}

static double covariance(const double *a, const double *b)
{
    double mean_a = 0, mean_b = 0, sum = 0;
    for (int i = 0; i < LOOKS; i++) mean_a += a[i] / LOOKS;
    for (int i = 0; i < LOOKS; i++) mean_b += b[i] / LOOKS;
    for (int i = 0; i < LOOKS; i++) sum += (a[i] - mean_a) * (b[i] - mean_b);
    return sum;
}

TEST("share: product",
     "the root's square is the sum of the channels' covariances of what taps meet")
{
    gf_net *net = conv_net();
    gf_unfolded u = { 0 };
    gf_real images[4 * 60], root[81];
    double want[81] = { 0 }, a[LOOKS], b[LOOKS], trace = 0, root_trace = 0;
    fill_normal(images, 4 * 60, 5);
    for (int i = 0; i < 4 * 60; i++) images[i] = (gf_real)(i % 2 ? 3 : 7) + images[i]; /* means */
    REQUIRE_OK(gf_unfolded_init(&u, net, &net->nodes[1]));
    for (int i = 0; i < LOOKS; i++)
        gf_unfolded_add(&u, images + i / PLACES * 60, i % PLACES / 3, i % 3);
    REQUIRE_OK(gf_unfolded_root(root, &u));
    for (int i = 0; i < 81; i++)
        for (int c = 0; c < 2; c++) {
            taps_of(a, images, i / 9 / 3, i / 9 % 3, c);
            taps_of(b, images, i % 9 / 3, i % 3, c);
            want[i] += covariance(a, b);
        }
    for (int i = 0; i < 9; i++) trace += want[i * 10];
    for (int i = 0; i < 81; i++) root_trace += pow((double)root[i], 2);
    for (int i = 0; i < 81; i++) {
        double square = 0;
        for (int k = 0; k < 9; k++)
            square += (double)root[k * 9 + i / 9] * (double)root[k * 9 + i % 9];
        EXPECT_NEAR(square / root_trace, want[i] / trace, 1e-5);
    }
    gf_unfolded_release(&u);
    gf_net_destroy(net);
}

TEST("share: product", "where nothing was looked at the root is the identity")
{
    gf_net *net = conv_net();
    gf_unfolded u = { 0 };
    gf_real root[81];
    REQUIRE_OK(gf_unfolded_init(&u, net, &net->nodes[1]));
    REQUIRE_OK(gf_unfolded_root(root, &u));
    for (int i = 0; i < 81; i++) {
        double square = 0;
        for (int k = 0; k < 9; k++)
            square += (double)root[k * 9 + i / 9] * (double)root[k * 9 + i % 9];
        EXPECT_NEAR(square, i % 10 == 0, 1e-5);
    }
    gf_unfolded_release(&u);
    gf_net_destroy(net);
}

/* ---- the method ---- */

static gf_net *product_net(const char *text)
{
    gf_net *net = trained_net(), *teacher = trained_net();
    EXPECT_STATUS(apply_method(net, "product", text, images_of(), &teacher, 1), GF_OK);
    gf_net_destroy(teacher);
    return net;
}

#define STILL "epochs = 1\nbatch = 50\nlr = 1e-30\nweight_decay = 0\n"

TEST("share: product", "kernels are entries of the book, the first layer is left, bytes are few")
{
    gf_net *net = product_net(STILL "bits = 4\n"), *dense = trained_net();
    const gf_param *p = param_of(net, "layer2.0.conv2.weight");
    const gf_view *view = cluster_of(net, "layer2.0.conv2.weight");
    REQUIRE(view && view->states[BOOK].dims[0] == 16 && view->states[BOOK].dims[1] == 9);
    gf_real *values = gf_alloc(gf_param_count(p), sizeof *values);
    gf_param_effective(p, test_kernels(), values);
    const gf_real *book = view->states[BOOK].data;
    const uint8_t *theirs = view->states[CODES].data;
    for (int f = 0; f < p->dims[0]; f++)
        for (int tap = 0; tap < 9; tap++)
            for (int c = 0; c < p->dims[3]; c++)
                EXPECT(values[(f * 9 + tap) * p->dims[3] + c] ==
                       book[theirs[f * p->dims[3] + c] * 9 + tap]);
    EXPECT(!gf_param_find_view(param_of(net, "conv1.weight"), "cluster"));
    size_t whole = packed(dense), few = packed(net);
    printf("packed: dense %zu, product %zu bytes\n", whole, few);
    EXPECT(few < whole / 3);
    free(values);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

TEST("share: product", "by weights or by activations: the teacher's outputs are learned back")
{
    gf_net *dense = trained_net();
    gf_net *plain = product_net(STILL "bits = 2\nweighted = false\n");
    gf_net *weighted = product_net(STILL "bits = 2\n");
    gf_net *trained = product_net("epochs = 4\nbatch = 50\nlr = 0.05\nbits = 2\n");
    printf("dense %.3f, by weights %.3f, by outputs %.3f, trained %.3f\n", accuracy(dense),
           accuracy(plain), accuracy(weighted), accuracy(trained));
    EXPECT(accuracy(trained) > accuracy(weighted) - 0.01);
    gf_net_destroy(dense);
    gf_net_destroy(plain);
    gf_net_destroy(weighted);
    gf_net_destroy(trained);
}

TEST("share: product", "single weights cannot be pruned before or after, filters can")
{
    unsigned facts = GF_FACT_TRAINED | GF_FACT_SPARSE;
    EXPECT_STATUS(gf_method_follow(method_named("product"), &facts), GF_INVALID);
    facts = GF_FACT_TRAINED;
    REQUIRE_OK(gf_method_follow(method_named("product"), &facts));
    EXPECT_STATUS(gf_method_follow(method_named("magnitude"), &facts), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "cannot lose single weights");
    EXPECT_STATUS(gf_method_follow(method_named("filter-l1"), &facts), GF_OK);
}
