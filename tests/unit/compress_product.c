/* compress, product quantization: vectors by k-means, the activations' root against the gram
 * matrix, kernels as entries of the book, what is learned back. */
#include "compress_shared.h"

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

TEST("share: product",
     "the root's square is the gram matrix, and the identity where nothing is shown")
{
    enum { SIZE = 9 };
    double gram[SIZE * SIZE] = { 0 }, trace = 0, root_trace = 0;
    gf_real root[SIZE * SIZE], rows[30 * SIZE];
    REQUIRE_OK(gf_product_root(root, gram, SIZE));
    for (int i = 0; i < SIZE * SIZE; i++) {
        double square = 0;
        for (int k = 0; k < SIZE; k++)
            square += (double)root[k * SIZE + i / SIZE] * (double)root[k * SIZE + i % SIZE];
        EXPECT_NEAR(square, i % (SIZE + 1) == 0, 1e-5);
    }
    fill_normal(rows, 30 * SIZE, 5);
    for (int r = 0; r < 30; r++)
        for (int i = 0; i < SIZE * SIZE; i++)
            gram[i] += (double)rows[r * SIZE + i / SIZE] * (double)rows[r * SIZE + i % SIZE];
    REQUIRE_OK(gf_product_root(root, gram, SIZE));
    for (int i = 0; i < SIZE; i++) trace += gram[i * (SIZE + 1)];
    for (int i = 0; i < SIZE * SIZE; i++) root_trace += pow((double)root[i], 2);
    for (int i = 0; i < SIZE * SIZE; i++) {
        double square = 0;
        for (int k = 0; k < SIZE; k++)
            square += (double)root[k * SIZE + i / SIZE] * (double)root[k * SIZE + i % SIZE];
        EXPECT_NEAR(square / root_trace, gram[i] / trace, 1e-5);
    }
}

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
