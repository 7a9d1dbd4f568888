/* compress, shared weights: k-means against the plain algorithm and all partitions, the codebook's
 * gradient against finite differences, one step replayed by hand, what is masked, folded, cut and
 * packed. */
#include "compress_shared.h"

/* ---- k-means ---- */

static double objective(const gf_real *centroids, int entries, const gf_real *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        double best = INFINITY;
        for (int c = 0; c < entries; c++)
            best = fmin(best, pow((double)values[i] - (double)centroids[c], 2));
        sum += best;
    }
    return sum;
}

static int nearest(const double *centroids, int entries, gf_real value)
{
    int best = 0;
    for (int c = 1; c < entries; c++)
        if (fabs((double)value - centroids[c]) < fabs((double)value - centroids[best])) best = c;
    return best;
}

/* Lloyd's algorithm as it is written down: no sorting, every distance. owner [count] */
static void plain_lloyd(double *centroids, int entries, int *owner, const gf_real *values,
                        int count, int rounds)
{
    for (int round = 0; round <= rounds; round++) {
        for (int i = 0; i < count; i++) owner[i] = nearest(centroids, entries, values[i]);
        for (int c = 0; round < rounds && c < entries; c++) {
            double sum = 0, members = 0;
            for (int i = 0; i < count; i++) sum += owner[i] == c ? (double)values[i] : 0;
            for (int i = 0; i < count; i++) members += owner[i] == c;
            if (members > 0) centroids[c] = sum / members;
        }
    }
}

static int plain_drop(double *centroids, int entries, int *owner, int count)
{
    int kept = 0;
    for (int c = 0; c < entries; c++) {
        int members = 0;
        for (int i = 0; i < count; i++) members += owner[i] == c;
        for (int i = 0; i < count; i++) owner[i] = owner[i] == c && members ? kept : owner[i];
        if (members) centroids[kept++] = centroids[c];
    }
    return kept;
}

/* The new cluster takes what lies above the mean of the worst one, and comes last. */
static void plain_halve(double *centroids, int entries, int *owner, const gf_real *values,
                        int count)
{
    double worst = -1, mean = 0;
    int which = 0;
    for (int c = 0; c < entries; c++) {
        double sum = 0, members = 0, error = 0;
        for (int i = 0; i < count; i++) sum += owner[i] == c ? (double)values[i] : 0;
        for (int i = 0; i < count; i++) members += owner[i] == c;
        for (int i = 0; i < count; i++)
            error += owner[i] == c ? pow((double)values[i] - sum / members, 2) : 0;
        if (error > worst) which = c;
        if (error > worst) mean = sum / members;
        worst = fmax(worst, error);
    }
    double sums[2] = { 0 }, members[2] = { 0 };
    for (int i = 0; i < count; i++) {
        if (owner[i] != which) continue;
        bool above = (double)values[i] > mean;
        sums[above] += (double)values[i];
        members[above]++;
        if (above) owner[i] = entries;
    }
    centroids[which] = sums[0] / members[0];
    centroids[entries] = sums[1] / members[1];
}

static int ascend(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int plain_kmeans(double *centroids, int entries, const gf_real *values, int count,
                        int rounds)
{
    double low = INFINITY, high = -INFINITY;
    int owner[400];
    for (int i = 0; i < count; i++) {
        low = fmin(low, (double)values[i]);
        high = fmax(high, (double)values[i]);
    }
    for (int c = 0; c < entries; c++) centroids[c] = low + (high - low) * c / (entries - 1);
    plain_lloyd(centroids, entries, owner, values, count, rounds);
    int kept = plain_drop(centroids, entries, owner, count);
    for (; kept < entries; kept++) plain_halve(centroids, kept, owner, values, count);
    qsort(centroids, (size_t)kept, sizeof *centroids, ascend);
    plain_lloyd(centroids, kept, owner, values, count, rounds);
    return plain_drop(centroids, kept, owner, count);
}

TEST("share: k-means", "centroids are those of the plain algorithm after any number of rounds")
{
    gf_real values[400], got[64];
    double want[64];
    for (uint32_t salt = 1; salt < 5; salt++)
        for (int rounds = 0; rounds < 30; rounds += 3) {
            int entries = 1 << (salt + 1);
            fill_normal(values, 400, salt);
            for (int i = 0; i < 400; i++) /* a gap around zero, as pruning leaves it */
                if (salt > 2) values[i] += values[i] < 0 ? -2 : 2;
            int kept = plain_kmeans(want, entries, values, 400, rounds);
            REQUIRE_OK(gf_kmeans(got, &entries, values, 400, rounds));
            EXPECT_EQ(entries, kept);
            for (int c = 0; c < entries && c < kept; c++)
                EXPECT_NEAR((double)got[c], want[c], 1e-6);
        }
}

TEST("share: k-means", "every round lowers the objective, and no order of the values matters")
{
    gf_real values[400], back[400], got[4], other[4];
    double before = INFINITY;
    fill_normal(values, 400, 9);
    for (int i = 0; i < 400; i++) back[i] = values[399 - i];
    for (int rounds = 0; rounds < 40; rounds++) {
        int entries = 4, same = 4;
        REQUIRE_OK(gf_kmeans(got, &entries, values, 400, rounds));
        REQUIRE_OK(gf_kmeans(other, &same, back, 400, rounds));
        EXPECT(entries == same && memcmp(got, other, (size_t)entries * sizeof *got) == 0);
        double now = objective(got, entries, values, 400);
        EXPECT(now <= before * (1 + 1e-6));
        before = now;
    }
}

/* The least objective over all ways to cut sorted values into `entries` runs. */
static double least_objective(const gf_real *sorted, int count, int entries)
{
    double best = INFINITY;
    for (int take = 1; take <= count - entries + 1; take++) {
        double mean = 0, own = 0;
        for (int i = 0; i < take; i++) mean += (double)sorted[i] / take;
        for (int i = 0; i < take; i++) own += pow((double)sorted[i] - mean, 2);
        double rest = entries > 1     ? least_objective(sorted + take, count - take, entries - 1)
                      : take == count ? 0
                                      : INFINITY;
        best = fmin(best, own + rest);
    }
    return best;
}

TEST("share: k-means", "groups that lie apart are found, as by trying all partitions")
{
    const gf_real apart[10] = { -3, -2.9f, -2.8f, 0, 0.1f, 0.2f, 0.25f, 5, 5.1f, 5.3f };
    gf_real got[3];
    int entries = 3;
    REQUIRE_OK(gf_kmeans(got, &entries, apart, 10, 100));
    EXPECT_EQ(entries, 3);
    EXPECT_NEAR(objective(got, 3, apart, 10), least_objective(apart, 10, 3), 1e-6);
    for (uint32_t salt = 0; salt < 20; salt++) {
        gf_real values[10], sorted[10];
        int four = 4;
        gf_real some[4];
        fill_normal(values, 10, salt);
        memcpy(sorted, values, sizeof sorted);
        for (int i = 0; i < 10; i++)
            for (int j = i + 1; j < 10; j++)
                if (sorted[j] < sorted[i]) {
                    gf_real kept = sorted[i];
                    sorted[i] = sorted[j];
                    sorted[j] = kept;
                }
        REQUIRE_OK(gf_kmeans(some, &four, values, 10, 100));
        EXPECT(objective(some, four, values, 10) >= least_objective(sorted, 10, 4) - 1e-6);
    }
}

TEST("share: k-means", "equal values are one cluster; of two centroids as near the smaller is it")
{
    const gf_real equal[5] = { 2, 2, 2, 2, 2 }, ends[3] = { -1, 1, 4 };
    gf_real got[8];
    int entries = 8;
    REQUIRE_OK(gf_kmeans(got, &entries, equal, 5, 10));
    EXPECT_EQ(entries, 1);
    EXPECT_NEAR((double)got[0], 2, 0);
    EXPECT_EQ(gf_kmeans_nearest(ends, 3, 0), 0);
    EXPECT_EQ(gf_kmeans_nearest(ends, 3, 0.01f), 1);
    EXPECT_EQ(gf_kmeans_nearest(ends, 3, 2.5f), 1);
    EXPECT_EQ(gf_kmeans_nearest(ends, 3, 100), 2);
    EXPECT_EQ(gf_kmeans_nearest(ends, 3, -100), 0);
}

/* ---- the view ---- */

/* A network whose parameter 0, [2, 1, 1, 4], has these codes and this book, some of it masked. */
static gf_net *net_of(const gf_cluster_options *o, const gf_real *book, int entries,
                      const uint8_t *codes, const uint8_t *mask)
{
    gf_net *net = NULL;
    gf_view *view;
    int node;
    const gf_linear_attributes a = { .features = 2 };
    if (gf_net_create(&net, (gf_shape){ 1, 1, 4 }) != GF_OK ||
        gf_net_add(net, &node, "linear", "fc", &a, (int[]){ 0 }, 1) != GF_OK)
        return NULL;
    if (mask) {
        EXPECT_STATUS(gf_param_add_first_view(&net->params[0], &view, "mask", NULL), GF_OK);
        EXPECT_STATUS(gf_view_add_state(view, "mask", GF_U8, 4, (int64_t[]){ 2, 1, 1, 4 }, mask),
                      GF_OK);
    }
    EXPECT_STATUS(gf_cluster(&net->params[0], o, book, entries, codes), GF_OK);
    return net;
}

static const gf_real three[3] = { -1, 0.5f, 2 };
static const uint8_t codes[8] = { 0, 1, 2, 1, 1, 1, 0, 2 };
static const uint8_t mask[8] = { 1, 0, 1, 1, 1, 1, 1, 0 };
static const gf_real d_out[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

TEST("share: view", "weights are entries of the book, masked ones zeros")
{
    gf_net *net = net_of(&(gf_cluster_options){ .bits = 2, .block = 1 }, three, 3, codes, mask);
    gf_real out[8];
    REQUIRE(net);
    gf_param_effective(&net->params[0], test_kernels(), out);
    EXPECT_FLOATS(out, ((gf_real[]){ -1, 0, 2, 0.5f, 0.5f, 0.5f, -1, 0 }), 8, 0);
    gf_net_destroy(net);
}

TEST("share: view", "blocks are neighbouring channels")
{
    const gf_real pairs[4] = { 1, 2, -3, 4 };
    gf_net *net = net_of(&(gf_cluster_options){ .bits = 1, .block = 2 }, pairs, 2,
                         (uint8_t[]){ 1, 0, 0, 1 }, NULL);
    gf_real out[8];
    REQUIRE(net);
    gf_param_effective(&net->params[0], test_kernels(), out);
    EXPECT_FLOATS(out, ((gf_real[]){ -3, 4, 1, 2, 1, 2, -3, 4 }), 8, 0);
    gf_net_destroy(net);
}

TEST("share: view", "members get the sum of their gradients, or its mean, without what is masked")
{
    const gf_real sums[3] = { 8, 15, 3 }, means[3] = { 4, 5, 3 };
    for (int average = 0; average < 2; average++) {
        gf_net *net = net_of(&(gf_cluster_options){ .bits = 2, .block = 1, .average = average },
                             three, 3, codes, mask);
        gf_real d_in[8];
        REQUIRE(net);
        const gf_view *view = &net->params[0].views[1];
        view->kind->backward(view, &net->params[0], test_kernels(), d_in, d_out, NULL);
        for (int i = 0; i < 8; i++)
            if (mask[i])
                EXPECT_NEAR((double)d_in[i], (double)(average ? means : sums)[codes[i]], 0);
        gf_net_destroy(net);
    }
}

TEST("share: view", "with scales the sum is the derivative, and the book survives its rounding")
{
    gf_net *net = net_of(&(gf_cluster_options){ .bits = 2, .block = 1 }, three, 3, codes, NULL);
    gf_real d_in[8], out[8];
    REQUIRE(net);
    gf_param *p = &net->params[0];
    gf_view *view = &p->views[0];
    const gf_real factor[2] = { 3, -0.1f };
    REQUIRE_OK(view->kind->rescale(view, p, factor));
    view->kind->backward(view, p, test_kernels(), d_in, d_out, NULL);
    /* Entry 1: scale 3 times (2 + 4), scale -0.1 times (5 + 6); then times each member's scale. */
    EXPECT_NEAR((double)d_in[1], 3 * (3 * 6 - 0.1 * 11), 1e-5);
    EXPECT_NEAR((double)d_in[4], -0.1 * (3 * 6 - 0.1 * 11), 1e-6);
    gf_param_effective(p, test_kernels(), p->value);
    view->kind->after_update(view, p, test_kernels(), &(gf_update){ .rate = 0 });
    EXPECT_FLOATS(view->states[BOOK].data, three, 3, 0);
    gf_param_effective(p, test_kernels(), out);
    EXPECT_FLOATS(out, p->value, 8, 0);
    gf_net_destroy(net);
}

/* ---- in networks ---- */

static gf_net *shared_net(const char *text)
{
    gf_net *net = small_net(SMALL, 32);
    EXPECT_STATUS(apply_method(net, "kmeans", text, images_of(), NULL, 0), GF_OK);
    return net;
}

#define ONE_EPOCH "epochs = 1\nbatch = 100\n"

static double loss_at(gf_run *run, gf_real *d_logits)
{
    gf_real target[IMAGES * 10] = { 0 }, losses[IMAGES];
    double sum = 0;
    for (size_t i = 0; i < IMAGES * gf_shape_count(gf_run_net(run)->nodes[0].shape); i++)
        gf_run_input(run)[i] = (gf_real)(2 * test_random(77, (uint32_t)i));
    for (int i = 0; i < IMAGES; i++) target[i * 10 + i] = 1;
    gf_run_forward(run, IMAGES, GF_MODE_EVALUATE, NULL);
    test_kernels()->softmax_cross_entropy(d_logits, losses, gf_run_logits(run), target, IMAGES, 10);
    for (int i = 0; i < IMAGES; i++) sum += (double)losses[i];
    return sum / IMAGES;
}

TEST("share: view", "the gradient of the book is that of finite differences through a network")
{
    const char *name = "fc.weight";
    gf_net *net = shared_net(ONE_EPOCH "gradient = sum\nlr = 1e-5\nbits = 3\nlinear_bits = 3\n");
    gf_run *run = NULL;
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), IMAGES, true));
    loss_at(run, gf_run_gradient(run, net->node_count - 1));
    gf_run_backward(run);
    const gf_view *view = cluster_of(net, name);
    const uint8_t *theirs = view->states[CODES].data;
    const gf_real *gradient = gf_run_param_gradient(run, gf_net_find_param(net, name));
    for (int c = 0; c < (int)view->states[BOOK].dims[0]; c++) {
        gf_real *entry = &book_of(net, name)[c], kept = *entry, scrap[IMAGES * 10];
        size_t member = 0;
        while (theirs[member] != c) member++;
        *entry = kept + 0.02f;
        double above = loss_at(run, scrap), x = (double)*entry;
        *entry = kept - 0.02f;
        double slope = (above - loss_at(run, scrap)) / (x - (double)*entry);
        *entry = kept;
        EXPECT_NEAR((double)gradient[member], slope, 2e-3 * (1 + fabs(slope)));
    }
    gf_run_destroy(run);
    gf_net_destroy(net);
}

TEST("share: kmeans", "members stay equal through training, and there are no more than asked for")
{
    gf_net *net = shared_net(ONE_EPOCH "bits = 4\nlinear_bits = 2\nlr = 0.05\n");
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        if (p->role != GF_ROLE_WEIGHT) continue;
        const gf_view *view = gf_param_find_view(p, "cluster");
        REQUIRE(view);
        const uint8_t *theirs = view->states[CODES].data;
        const gf_real *book = view->states[BOOK].data;
        EXPECT(view->states[BOOK].dims[0] <= (strcmp(p->name, "fc.weight") == 0 ? 4 : 16));
        for (size_t k = 0; k < gf_param_count(p); k++) EXPECT(p->value[k] == book[theirs[k]]);
    }
    gf_net_destroy(net);
}

TEST("share: kmeans", "a step moves every centroid by the rate times its gradient")
{
    const char *name = "layer1.0.conv1.weight";
    gf_real before[256];
    gf_net *net = small_net(SMALL, 32), *still = small_net(SMALL, 32);
    static const char common[] = "epochs = 1\nbatch = 1200\nmomentum = 0\nnesterov = false\n"
                                 "weight_decay = 0\nbits = 3\nschedule.policy = constant\n";
    char text[400];
    snprintf(text, sizeof text, "%slr = 1e-30\n", common);
    REQUIRE_OK(apply_method(still, "kmeans", text, images_of(), NULL, 0));
    memcpy(before, book_of(still, name), 8 * sizeof *before);
    snprintf(text, sizeof text, "%slr = 0.1\n", common);
    REQUIRE_OK(apply_method(net, "kmeans", text, images_of(), NULL, 0));
    int moved = 0;
    for (int c = 0; c < 8; c++) moved += book_of(net, name)[c] != before[c];
    EXPECT(moved >= 7);
    gf_net_destroy(net);
    gf_net_destroy(still);
}

TEST("share: kmeans", "only what is not masked is clustered, and its zeros stay zeros")
{
    gf_net *net = small_net(SMALL, 32);
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.7\nscope = local\n", NULL, NULL, 0));
    int64_t nonzeros = cost_of(net).nonzeros;
    REQUIRE_OK(apply_method(net, "kmeans", ONE_EPOCH "bits = 4\n", images_of(), NULL, 0));
    EXPECT_EQ(cost_of(net).nonzeros, nonzeros);
    const gf_param *p = param_of(net, "layer1.0.conv1.weight");
    const gf_view *view = cluster_of(net, "layer1.0.conv1.weight");
    const gf_real *book = view->states[BOOK].data;
    REQUIRE(view->states[BOOK].dims[0] == 16);
    for (int c = 0; c < 16; c++) EXPECT(fabs((double)book[c]) > 0.01);
    EXPECT(p->views[0].kind != view->kind && p->view_count == 2);
    gf_net_destroy(net);
}

TEST("share: kmeans", "folding BN keeps codes and codebook")
{
    gf_net *net = shared_net(ONE_EPOCH "bits = 4\n"), *folded = NULL;
    const char *name = "layer1.0.conv1.weight";
    REQUIRE_OK(gf_net_copy(&folded, net));
    REQUIRE_OK(gf_net_fold_bn(folded, test_kernels()));
    gf_real *want = logits_of(net), *got = logits_of(folded);
    EXPECT(difference(got, want) < 1e-5);
    EXPECT_FLOATS(book_of(folded, name), book_of(net, name), 16, 0);
    EXPECT_EQ(cluster_of(folded, name)->states[SCALE].dims[0], 8);
    free(want);
    free(got);
    gf_net_destroy(net);
    gf_net_destroy(folded);
}

TEST("share: kmeans", "bits are those of the codes, and the codebook counts at 32")
{
    gf_net *net = shared_net(ONE_EPOCH "bits = 4\nlinear_bits = 3\n");
    gf_cost cost = cost_of(net);
    double want = 0;
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *p = &net->params[i];
        double count = (double)gf_param_count(p);
        bool last = strcmp(p->name, "fc.weight") == 0;
        if (p->role == GF_ROLE_WEIGHT)
            want += (last ? 3 : 4) * count +
                    32.0 * (double)cluster_of(net, p->name)->states[BOOK].dims[0];
        else if (gf_role_is_learned(p->role))
            want += 32 * count;
    }
    EXPECT_NEAR(cost.weight_bits, want, 1e-6);
    gf_net_destroy(net);
}

/* ---- packed ---- */

TEST("share: packed", "codes take their entropy, whatever is masked, and come back bit for bit")
{
    gf_net *dense = small_net(SMALL, 32), *shared = shared_net(ONE_EPOCH "bits = 4\n");
    gf_net *both = small_net(SMALL, 32);
    REQUIRE_OK(apply_method(both, "magnitude", "amount = 0.9\n", NULL, NULL, 0));
    REQUIRE_OK(apply_method(both, "kmeans", ONE_EPOCH "bits = 4\n", images_of(), NULL, 0));
    size_t whole = packed(dense), codes_only = packed(shared), deep = packed(both);
    printf("packed: dense %zu, shared %zu, masked and shared %zu bytes\n", whole, codes_only, deep);
    double weights = (double)cost_of(dense).weights;
    EXPECT((double)codes_only < (double)whole - 4 * weights + weights / 2 + 1500);
    EXPECT((double)deep < (double)whole - 4 * weights + weights * (0.47 + 0.1 * 4) / 8 + 1500);
    gf_net_destroy(dense);
    gf_net_destroy(shared);
    gf_net_destroy(both);
}

TEST("share: packed", "Huffman's codes give the same network, and arithmetic coding is not larger")
{
    const char *model = "arch = resnet18\nwidth = 24\nblocks = 1,1\n";
    gf_net *nets[2] = { small_net(model, 32), small_net(model, 32) };
    const char *const texts[2] = { ONE_EPOCH "bits = 4\n",
                                   ONE_EPOCH "bits = 4\ncoder = huffman\n" };
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(apply_method(nets[i], "magnitude", "amount = 0.8\n", NULL, NULL, 0));
        REQUIRE_OK(apply_method(nets[i], "kmeans", texts[i], images_of(), NULL, 0));
        bytes[i] = packed(nets[i]);
    }
    printf("packed: arithmetic %zu, Huffman %zu bytes\n", bytes[0], bytes[1]);
    for (int i = 0; i < nets[0]->param_count; i++)
        EXPECT(memcmp(nets[0]->params[i].value, nets[1]->params[i].value,
                      gf_param_count(&nets[0]->params[i]) * sizeof(gf_real)) == 0);
    EXPECT(bytes[0] < bytes[1] && bytes[1] < 1.2 * (double)bytes[0]);
    gf_net_destroy(nets[0]);
    gf_net_destroy(nets[1]);
}

/* ---- on real images ---- */

TEST("share: kmeans", "training the centroids wins back what sharing two bits loses")
{
    gf_net *net = trained_net();
    double dense = accuracy(net), still, trained;
    still = accuracy_after("kmeans", "epochs = 1\nbatch = 50\nlr = 1e-30\nbits = 1\n"
                                     "linear_bits = 2\nweight_decay = 0\n");
    trained = accuracy_after("kmeans", "epochs = 3\nbatch = 50\nlr = 0.05\nbits = 1\n"
                                       "linear_bits = 2\n");
    double eight = accuracy_after("kmeans", "epochs = 1\nbatch = 50\nlr = 1e-30\n");
    printf("dense %.3f, 8 bits %.3f, 1 bit %.3f, trained %.3f\n", dense, eight, still, trained);
    EXPECT(fabs(eight - dense) < 0.03);
    EXPECT(trained > still + 0.02);
    gf_net_destroy(net);
}
