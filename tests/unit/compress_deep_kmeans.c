/* compress, deep k-means: the term against the paper's traces with the matrix F written out and
 * against finite differences, what it does to the rows of a network that trains, what is shared in
 * the end. That a training resumed at any step ends with the same bits, on any threads, is checked
 * of every method in tests/conform/methods.c. */
#include "compress_shared.h"

enum { ROW = 3, CLUSTERS = 5 };

static const gf_loss_kind *term_kind(void)
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, "deep-kmeans") == 0) return *kind;
    return NULL;
}

/* ---- k-means ---- */

TEST("share: deep-kmeans", "k-means that goes on ends where it ends without a break")
{
    enum { COUNT = 300 };
    gf_real points[COUNT * ROW];
    uint8_t whole[COUNT], halves[COUNT];
    const gf_random random = { .seed = 4, .purpose = GF_PURPOSE_METHOD };
    fill_normal(points, COUNT * ROW, 8);
    REQUIRE_OK(gf_kmeans_vectors(halves, points, COUNT, ROW, 16, 2, &random));
    REQUIRE_OK(gf_kmeans_vectors(whole, points, COUNT, ROW, 16, 5, &random));
    EXPECT(memcmp(halves, whole, COUNT) != 0);
    REQUIRE_OK(gf_kmeans_go_on(halves, points, COUNT, ROW, 16, 3));
    EXPECT(memcmp(halves, whole, COUNT) == 0);
    memset(halves, 7, COUNT); /* all in one cluster: the others begin at the farthest points */
    REQUIRE_OK(gf_kmeans_go_on(halves, points, COUNT, ROW, 16, 100));
    bool used[16] = { false };
    for (int i = 0; i < COUNT; i++) used[halves[i]] = true;
    for (int c = 0; c < 16; c++) EXPECT(used[c]);
}

/* ---- the term ---- */

/* A network of whose parameters two are drawn, to clusters by chance. */
typedef struct drawn {
    gf_net *net;
    gf_run *run;
    void *state;
} drawn;

static const char *const drawn_names[] = { "layer2.0.conv1.weight",
                                           "layer2.0.shortcut.conv.weight" };

static void drawn_init(drawn *d)
{
    *d = (drawn){ .net = small_net(SMALL, 16) };
    for (int i = 0; i < 2; i++) {
        gf_param *p = param_of(d->net, drawn_names[i]);
        uint8_t codes[4096];
        size_t count = gf_rows_count(p);
        for (size_t b = 0; b < count; b++)
            codes[b] = (uint8_t)(b < CLUSTERS ? b : (b * b + b / 7) % CLUSTERS);
        EXPECT_STATUS(gf_draw(p, 3, codes), GF_OK);
    }
    EXPECT_STATUS(gf_run_create(&d->run, d->net, test_kernels(), IMAGES, true), GF_OK);
    EXPECT_STATUS(term_kind()->create(&d->state, NULL, d->run, NULL, 0), GF_OK);
}

static void drawn_release(drawn *d)
{
    term_kind()->destroy(d->state);
    gf_run_destroy(d->run);
    gf_net_destroy(d->net);
}

static double term_of(drawn *d, double lambda)
{
    double loss = 0;
    const gf_loss_call call = { .student = d->run, .batch = IMAGES, .classes = 10 };
    EXPECT_STATUS(term_kind()->apply(d->state, &lambda, &call, &loss), GF_OK);
    return loss;
}

/* The gradient that the term adds to what is there: 3. */
static gf_real *gradient_of(drawn *d, double lambda, const char *name)
{
    gf_real *gradient = gf_run_param_gradient(d->run, gf_net_find_param(d->net, name));
    for (size_t k = 0; k < gf_param_count(param_of(d->net, name)); k++) gradient[k] = 3;
    term_of(d, lambda);
    term_kind()->add_gradients(d->state, &lambda, d->run);
    return gradient;
}

/* Where weight x of the row of filter f, line y and channel c is; a column of W is such a row. */
static size_t place_of(const gf_param *p, int column, int x)
{
    int c = column % p->dims[3], y = column / p->dims[3] % p->dims[1];
    int f = column / p->dims[3] / p->dims[1];
    return (size_t)(((f * p->dims[1] + y) * p->dims[2] + x) * p->dims[3] + c);
}

/* Column k of F: over the root of their number the members of cluster k. F^T F = 1. */
static double indicator(const uint8_t *codes, int columns, int column, int k)
{
    int members = 0;
    for (int i = 0; i < columns; i++) members += codes[i] == k;
    return codes[column] == k ? 1 / sqrt(members) : 0;
}

/* wf [dims[2], CLUSTERS] = W F */
static void multiply_by_f(double *wf, const gf_param *p, const uint8_t *codes)
{
    int columns = (int)gf_param_count(p) / p->dims[2];
    for (int k = 0; k < CLUSTERS; k++)
        for (int x = 0; x < p->dims[2]; x++) wf[x * CLUSTERS + k] = 0;
    for (int k = 0; k < CLUSTERS; k++)
        for (int i = 0; i < columns; i++) {
            double f = indicator(codes, columns, i, k);
            for (int x = 0; x < p->dims[2]; x++)
                wf[x * CLUSTERS + k] += (double)p->value[place_of(p, i, x)] * f;
        }
}

/* Tr W^T W - Tr F^T W^T W F */
static double traces(const gf_param *p, const double *wf)
{
    double whole = 0, kept = 0;
    for (size_t i = 0; i < gf_param_count(p); i++) whole += pow((double)p->value[i], 2);
    for (int i = 0; i < p->dims[2] * CLUSTERS; i++) kept += wf[i] * wf[i];
    return whole - kept;
}

TEST("share: deep-kmeans", "the term and its gradient are the paper's traces, with clusters for F")
{
    drawn d;
    double sum = 0, wf[2][ROW * CLUSTERS];
    drawn_init(&d);
    for (int n = 0; n < 2; n++) {
        gf_param *p = param_of(d.net, drawn_names[n]);
        const uint8_t *codes = gf_drawn_codes(gf_param_find_view(p, "drawn"));
        int columns = (int)gf_param_count(p) / p->dims[2];
        EXPECT_EQ(p->dims[2], n == 0 ? 3 : 1);
        multiply_by_f(wf[n], p, codes);
        sum += traces(p, wf[n]);
        const gf_real *gradient = gradient_of(&d, 0.5, drawn_names[n]);
        for (int i = 0; i < columns; i += 3)
            for (int x = 0; x < p->dims[2]; x++) {
                double apart = (double)p->value[place_of(p, i, x)];
                for (int k = 0; k < CLUSTERS; k++)
                    apart -= wf[n][x * CLUSTERS + k] * indicator(codes, columns, i, k);
                EXPECT_NEAR(gradient[place_of(p, i, x)], 3 + 0.5 * apart, 1e-6);
            }
    }
    EXPECT(sum > 0.1);
    EXPECT_NEAR(term_of(&d, 0.5), 0.25 * sum, 1e-5 * sum);
    drawn_release(&d);
}

TEST("share: deep-kmeans", "its gradient is that of differences, means moving with the weights")
{
    drawn d;
    drawn_init(&d);
    for (int n = 0; n < 2; n++) {
        gf_param *p = param_of(d.net, drawn_names[n]);
        const gf_real *gradient = gradient_of(&d, 0.5, drawn_names[n]);
        for (size_t k = 0; k < gf_param_count(p); k += 37) {
            gf_real kept = p->value[k];
            p->value[k] = kept + 0.25f;
            double above = term_of(&d, 0.5);
            p->value[k] = kept - 0.25f;
            double slope = (above - term_of(&d, 0.5)) / 0.5;
            p->value[k] = kept;
            EXPECT_NEAR(gradient[k], 3 + slope, 1e-5);
        }
    }
    drawn_release(&d);
}

TEST("share: deep-kmeans", "rows that are equal within their clusters cost nothing")
{
    drawn d;
    drawn_init(&d);
    for (int n = 0; n < 2; n++) {
        gf_param *p = param_of(d.net, drawn_names[n]);
        const uint8_t *codes = gf_drawn_codes(gf_param_find_view(p, "drawn"));
        for (int i = 0; i < (int)gf_param_count(p) / p->dims[2]; i++)
            for (int x = 0; x < p->dims[2]; x++)
                p->value[place_of(p, i, x)] = (gf_real)(0.25 * codes[i] - 0.5 * x);
    }
    EXPECT(term_of(&d, 1) < 1e-9);
    const gf_real *gradient = gradient_of(&d, 1, drawn_names[0]);
    for (size_t k = 0; k < gf_param_count(param_of(d.net, drawn_names[0])); k++)
        EXPECT_NEAR(gradient[k], 3, 1e-6);
    param_of(d.net, drawn_names[0])->value[4] += 0.5f;
    EXPECT(term_of(&d, 1) > 0.1);
    drawn_release(&d);
}

/* ---- training with it ---- */

static gf_status draw_row_clusters(gf_param *p)
{
    gf_status status;
    gf_real rows[4096];
    uint8_t codes[4096];
    size_t count = gf_rows_count(p);
    const gf_random random = { .seed = 1, .purpose = GF_PURPOSE_METHOD };
    gf_blocks_gather(rows, p->value, count, gf_rows_of(p));
    GF_TRY(gf_kmeans_vectors(codes, rows, count, ROW, 16, 100, &random));
    GF_TRY(gf_draw(p, 4, codes));
out:
    return status;
}

/* Of the rows' squares the part that hard k-means of 16 clusters would lose. */
static double residual_of(const gf_param *p)
{
    gf_real rows[4096], means[16 * ROW];
    uint8_t codes[4096];
    size_t count = gf_rows_count(p);
    double lost = 0, whole = 0;
    const gf_random random = { .seed = 2, .purpose = GF_PURPOSE_METHOD };
    gf_blocks_gather(rows, p->value, count, gf_rows_of(p));
    EXPECT_STATUS(gf_kmeans_vectors(codes, rows, count, ROW, 16, 100, &random), GF_OK);
    gf_kmeans_means(means, codes, rows, count, ROW, 16);
    for (size_t i = 0; i < count * ROW; i++) {
        lost += pow((double)(rows[i] - means[codes[i / ROW] * ROW + i % ROW]), 2);
        whole += pow((double)rows[i], 2);
    }
    return lost / whole;
}

/* After the same steps with the term. */
static double residual_after(double lambda)
{
    gf_options *options = NULL;
    gf_net *net = trained_net();
    gf_param *p = param_of(net, drawn_names[0]);
    const gf_loss_term term = { .kind = term_kind(), .options = &lambda };
    EXPECT_STATUS(gf_options_parse(&options, "epochs = 2\nbatch = 50\nlr = 0.02\n"), GF_OK);
    EXPECT_STATUS(draw_row_clusters(p), GF_OK);
    const gf_train_job job = { .net = net,
                               .data = images_of(),
                               .kernels = test_kernels(),
                               .options = options,
                               .prefix = "",
                               .schema = &gf_train_schema,
                               .terms = &term,
                               .term_count = 1,
                               .seed = 1 };
    EXPECT_STATUS(gf_train(&job), GF_OK);
    double residual = residual_of(p);
    gf_options_destroy(options);
    gf_net_destroy(net);
    return residual;
}

TEST("share: deep-kmeans", "training with the term leaves k-means much less to lose than without")
{
    double without = residual_after(0), with = residual_after(1);
    printf("lost to k-means: %.4f without, %.4f with the term\n", without, with);
    EXPECT(with < without / 3);
}

static gf_net *shared_net(const char *text)
{
    gf_net *net = trained_net();
    EXPECT_STATUS(apply_method(net, "deep-kmeans", text, images_of(), NULL, 0), GF_OK);
    return net;
}

#define STILL "batch = 50\nlr = 1e-30\nweight_decay = 0\n"

static bool same_codes(gf_net *a, gf_net *b)
{
    const gf_tensor *codes = &cluster_of(a, "layer2.0.conv2.weight")->states[CODES];
    return memcmp(codes->data, cluster_of(b, "layer2.0.conv2.weight")->states[CODES].data,
                  (size_t)gf_tensor_count(codes)) == 0;
}

TEST("share: deep-kmeans", "in every refresh-th epoch k-means goes on from where it was")
{
    gf_net *each = shared_net(STILL "bits = 4\nepochs = 3\nrounds = 1\n"); /* 1 + 1 + 1 + 1 */
    gf_net *once = shared_net(STILL "bits = 4\nepochs = 1\nrounds = 2\n"); /* 2 + 2 */
    gf_net *rare = shared_net(STILL "bits = 4\nepochs = 3\nrounds = 1\nrefresh = 2\n"); /* 3 */
    EXPECT(same_codes(each, once));
    EXPECT(!same_codes(each, rare));
    gf_net_destroy(each);
    gf_net_destroy(once);
    gf_net_destroy(rare);
}

/* Of a weight with 3 x 3 kernels. */
static void expect_rows_of_book(gf_net *net, const char *name)
{
    const gf_param *p = param_of(net, name);
    const gf_view *view = cluster_of(net, name);
    REQUIRE(view && view->states[BOOK].dims[0] == 16 && view->states[BOOK].dims[1] == ROW);
    gf_real *values = gf_alloc(gf_param_count(p), sizeof *values);
    gf_param_effective(p, test_kernels(), values);
    const gf_real *book = view->states[BOOK].data;
    const uint8_t *codes = view->states[CODES].data;
    for (int i = 0; i < (int)gf_rows_count(p); i++)
        for (int x = 0; x < ROW; x++) EXPECT(values[place_of(p, i, x)] == book[codes[i] * ROW + x]);
    free(values);
}

TEST("share: deep-kmeans", "rows are entries of the book; first and last layer are left")
{
    gf_net *net = shared_net(STILL "epochs = 1\nbits = 4\nsingle_bits = 3\n"),
           *dense = trained_net();
    expect_rows_of_book(net, "layer1.0.conv1.weight");
    expect_rows_of_book(net, "layer2.0.conv2.weight");
    const gf_view *single = cluster_of(net, drawn_names[1]);
    REQUIRE(single && single->states[BOOK].dims[0] == 8 && single->states[BOOK].dims[1] == 1);
    for (int i = 0; i < net->param_count; i++) {
        bool left = gf_param_count(&net->params[i]) == gf_param_count(&dense->params[i]) &&
                    !memcmp(net->params[i].value, dense->params[i].value,
                            gf_param_count(&net->params[i]) * sizeof(gf_real));
        const char *name = net->params[i].name;
        bool ends = !strcmp(name, "conv1.weight") || !strcmp(name, "fc.weight");
        if (net->params[i].role == GF_ROLE_WEIGHT) EXPECT_EQ(left, ends);
        EXPECT(!gf_param_find_view(&net->params[i], "drawn"));
    }
    size_t whole = packed(dense), few = packed(net);
    printf("packed: dense %zu, shared %zu bytes\n", whole, few);
    EXPECT(few < whole / 2);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

TEST("share: deep-kmeans", "fully connected layers are shared where bits are given for them")
{
    gf_net *net = shared_net(STILL "epochs = 1\nbits = 4\nlinear_bits = 4\nrounds = 5\n");
    const gf_view *view = cluster_of(net, "fc.weight");
    REQUIRE(view != NULL);
    EXPECT_EQ(view->states[BOOK].dims[0], 16);
    EXPECT_EQ(view->states[BOOK].dims[1], 1);
    gf_net_destroy(net);
}

#define FEW_BITS "batch = 50\nbits = 3\nsingle_bits = 4\n"

TEST("share: deep-kmeans",
     "hard k-means of rows that were drawn together keeps more of what is learned")
{
    double hard = accuracy_after("deep-kmeans", FEW_BITS "epochs = 1\nlr = 1e-30\n");
    double without = accuracy_after("deep-kmeans", FEW_BITS "epochs = 4\nlr = 0.02\nlambda = 0\n");
    double with = accuracy_after("deep-kmeans", FEW_BITS "epochs = 4\nlr = 0.02\nlambda = 1\n");
    printf("after hard k-means: %.3f untrained, %.3f trained without, %.3f with the term\n", hard,
           without, with);
    EXPECT(with > hard + 0.05);
    EXPECT(with > without + 0.05);
}

TEST("share: deep-kmeans", "single weights cannot be pruned before or after, filters can")
{
    unsigned facts = GF_FACT_TRAINED | GF_FACT_SPARSE;
    EXPECT_STATUS(gf_method_follow(method_named("deep-kmeans"), &facts), GF_INVALID);
    facts = GF_FACT_TRAINED;
    REQUIRE_OK(gf_method_follow(method_named("deep-kmeans"), &facts));
    EXPECT_STATUS(gf_method_follow(method_named("magnitude"), &facts), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "cannot lose single weights");
    EXPECT_STATUS(gf_method_follow(method_named("filter-l1"), &facts), GF_OK);
}
