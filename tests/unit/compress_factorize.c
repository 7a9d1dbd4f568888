/* compress, factorization: factors multiplied out by loops against the weights they replace,
 * singular values by Jacobi's rotations, ranks and budgets counted again. */
#include "compress_nets.h"

/* ---- singular values, independently ---- */

typedef struct matrix {
    int rows, columns;
    double *at; /* [rows, columns] */
} matrix;

static matrix matrix_make(int rows, int columns)
{
    return (matrix){ rows, columns, gf_alloc((size_t)rows * (size_t)columns, sizeof(double)) };
}

/* Columns of the smaller side are made orthogonal in pairs until they are (one-sided Jacobi,
 * Hestenes 1958); their squared lengths come out, largest first. The caller frees. */
static double *squared_singular_values(const matrix *m)
{
    bool wide = m->columns > m->rows;
    int n = wide ? m->rows : m->columns, length = wide ? m->columns : m->rows;
    double *a = gf_alloc((size_t)n * (size_t)length, sizeof *a), *out = gf_alloc((size_t)n, 8);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < length; k++)
            a[i * length + k] = wide ? m->at[i * m->columns + k] : m->at[k * m->columns + i];
    for (int sweep = 0; sweep < 30; sweep++)
        for (int i = 0; i < n; i++)
            for (int j = i + 1; j < n; j++) {
                double *x = a + i * length, *y = a + j * length, xx = 0, yy = 0, xy = 0;
                for (int k = 0; k < length; k++) {
                    xx += x[k] * x[k];
                    yy += y[k] * y[k];
                    xy += x[k] * y[k];
                }
                if (fabs(xy) < 1e-15 * sqrt(xx * yy)) continue;
                double angle = 0.5 * atan2(2 * xy, xx - yy), c = cos(angle), s = sin(angle);
                for (int k = 0; k < length; k++) {
                    double kept = x[k];
                    x[k] = c * kept + s * y[k];
                    y[k] = c * y[k] - s * kept;
                }
            }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < length; k++) out[i] += a[i * length + k] * a[i * length + k];
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            if (out[j] > out[i]) {
                double kept = out[i];
                out[i] = out[j];
                out[j] = kept;
            }
    free(a);
    return out;
}

/* The weight [f, kh, kw, c] as each method sees it. */
static matrix matrix_of(const gf_param *w, bool spatial)
{
    int f = w->dims[0], h = w->dims[1], x = w->dims[2], c = w->dims[3];
    matrix m = spatial ? matrix_make(f * x, h * c) : matrix_make(f, h * x * c);
    for (int i = 0; i < f; i++)
        for (int p = 0; p < h; p++)
            for (int q = 0; q < x; q++)
                for (int k = 0; k < c; k++) {
                    int row = spatial ? i * x + q : i;
                    int column = spatial ? p * c + k : (p * x + q) * c + k;
                    m.at[row * m.columns + column] =
                        (double)w->value[((i * h + p) * x + q) * c + k];
                }
    return m;
}

/* ---- one layer before and after ---- */

typedef struct layer {
    int rank;
    double *squares; /* of its singular values before */
    double energy;   /* their sum */
    double error;    /* squared distance of the product of the factors from the weight */
} layer;

static gf_param *weight_of(const gf_net *net, const char *node)
{
    char name[3 * GF_NAME];
    snprintf(name, sizeof name, "%s.weight", node);
    int index = gf_net_find_param(net, name);
    return index < 0 ? NULL : &net->params[index];
}

/* W[f, p, q, c] = sum over r of second[f, 0, q or 0, r] first[r, p, 0 or q, c] */
static double distance(const gf_param *w, const gf_param *first, const gf_param *second)
{
    double sum = 0;
    int h = w->dims[1], x = w->dims[2], channels = w->dims[3], rank = first->dims[0];
    for (int f = 0; f < w->dims[0]; f++)
        for (int p = 0; p < h; p++)
            for (int q = 0; q < x; q++)
                for (int c = 0; c < channels; c++) {
                    int in = first->dims[2] > 1 ? q : 0, out = second->dims[2] > 1 ? q : 0;
                    double d = (double)w->value[((f * h + p) * x + q) * channels + c];
                    for (int r = 0; r < rank; r++)
                        d -= (double)
                                 second->value[(f * second->dims[2] + out) * second->dims[3] + r] *
                             (double)first->value[((r * first->dims[1] + p) * first->dims[2] + in) *
                                                      channels +
                                                  c];
                    sum += d * d;
                }
    return sum;
}

/* rank 0: it was not split. The caller frees squares. */
static layer look_at(const gf_net *before, const gf_net *after, const gf_node *node, bool spatial)
{
    char name[2 * GF_NAME];
    snprintf(name, sizeof name, "%s.factor1", node->name);
    const gf_param *w = weight_of(before, node->name), *first = weight_of(after, name);
    matrix m = matrix_of(w, spatial);
    layer l = { .squares = squared_singular_values(&m) };
    int full = m.rows < m.columns ? m.rows : m.columns;
    for (int k = 0; k < full; k++) l.energy += l.squares[k];
    if (first) {
        l.rank = first->dims[0];
        l.error = distance(w, first, weight_of(after, node->name));
    }
    free(m.at);
    return l;
}

/* sum of the squares from `from` on, as a fraction of all */
static double kept_by(const layer *l, int rank)
{
    double sum = 0;
    for (int k = 0; k < rank; k++) sum += l->squares[k];
    return sum / l->energy;
}

static bool is_conv(const gf_node *node, int kernel)
{
    const gf_conv_attributes *a = (const void *)node->attributes;
    return strcmp(node->kind->schema.name, "conv") == 0 && a->kernel_height >= kernel;
}

/* ---- the mathematics ---- */

static void expect_discarded(const char *method, bool spatial)
{
    gf_net *before = small_net(SMALL, 16), *after = small_net(SMALL, 16);
    int split = 0;
    REQUIRE(before && after);
    REQUIRE_OK(apply_method(after, method, "keep = 0.3\nof = rank\n", NULL, NULL, 0));
    for (int n = 1; n < before->node_count; n++) {
        if (!is_conv(&before->nodes[n], spatial ? 2 : 1)) continue;
        layer l = look_at(before, after, &before->nodes[n], spatial);
        if (l.rank) EXPECT_NEAR(l.error / l.energy, 1 - kept_by(&l, l.rank), 1e-6);
        split += l.rank > 0;
        free(l.squares);
    }
    EXPECT(split >= 4);
    gf_net_destroy(before);
    gf_net_destroy(after);
}

TEST("compress: svd", "factors differ from the weight by exactly the singular values left out")
{
    expect_discarded("svd", false);
}

TEST("compress: spatial", "factors differ from the weight by exactly the singular values left out")
{
    expect_discarded("spatial", true);
}

/* Every 3x3 weight becomes a sum of `rank` products, in the form that the method looks for. */
static void lower_ranks(gf_net *net, int rank, bool spatial)
{
    for (int i = 0; i < net->param_count; i++) {
        gf_param *w = &net->params[i];
        if (w->role != GF_ROLE_WEIGHT || w->dims[1] != 3) continue;
        uint32_t address = 1000 + 10 * (uint32_t)i;
        for (size_t k = 0; k < gf_param_count(w); k++) {
            uint32_t c = (uint32_t)(k % (size_t)w->dims[3]);
            uint32_t place = (uint32_t)(k / (size_t)w->dims[3]);
            uint32_t q = place % 3, p = place / 3 % 3, f = place / 9;
            double sum = 0;
            for (uint32_t r = 0; r < (uint32_t)rank; r++)
                sum += test_random(address + r, spatial ? 3 * f + q : f) *
                       test_random(address + 5 + r, spatial ? 3 * c + p : 9 * c + 3 * p + q);
            w->value[k] = (gf_real)(0.1 * sum);
        }
    }
}

static int count_ranks(const gf_net *net, int rank)
{
    int count = 0;
    for (int n = 0; n < net->node_count; n++)
        count += strstr(net->nodes[n].name, ".factor1") && net->nodes[n].shape.channels == rank;
    return count;
}

static void expect_exact(const char *method, bool spatial, bool fold)
{
    gf_net *net = small_net("arch = resnet18\nwidth = 8\nblocks = 1,2\n", 17);
    REQUIRE(net);
    lower_ranks(net, 2, spatial);
    if (fold) REQUIRE_OK(gf_net_fold_bn(net, test_kernels()));
    gf_cost dense = cost_of(net);
    gf_real *want = logits_of(net);
    REQUIRE_OK(apply_method(net, method, "keep = 0.99999\n", NULL, NULL, 0));
    gf_real *got = logits_of(net);
    EXPECT_EQ(count_ranks(net, 2), 7);
    EXPECT(difference(got, want) < 2e-5);
    EXPECT(cost_of(net).macs < dense.macs && cost_of(net).parameters < dense.parameters);
    free(want);
    free(got);
    gf_net_destroy(net);
}

TEST("compress: svd",
     "weights that have the rank are split without a change, biases and strides too")
{
    expect_exact("svd", false, false);
    expect_exact("svd", false, true);
}

TEST("compress: spatial",
     "weights that have the rank are split without a change, biases and strides too")
{
    expect_exact("spatial", true, false);
    expect_exact("spatial", true, true);
}

/* ---- ranks ---- */

TEST("compress: svd", "the rank is the least that keeps the energy, where that saves")
{
    gf_net *before = small_net(SMALL, 16), *after = small_net(SMALL, 16);
    int split = 0;
    REQUIRE(before && after);
    REQUIRE_OK(apply_method(after, "svd", "keep = 0.6\n", NULL, NULL, 0));
    for (int n = 1; n < before->node_count; n++) {
        if (!is_conv(&before->nodes[n], 1)) continue;
        layer l = look_at(before, after, &before->nodes[n], false);
        const gf_param *w = weight_of(before, before->nodes[n].name);
        int rank = 1, rows = w->dims[0], columns = (int)gf_param_count(w) / rows;
        while (kept_by(&l, rank) < 0.6) rank++;
        EXPECT_EQ(l.rank, rank * (rows + columns) < rows * columns ? rank : 0);
        split += l.rank > 0;
        free(l.squares);
    }
    EXPECT(split >= 4);
    gf_net_destroy(before);
    gf_net_destroy(after);
}

/* All split layers keep the same energy: what one keeps, no other keeps with a rank less. */
static void expect_same_energy(const gf_net *before, const gf_net *after, bool spatial)
{
    double least = 1, most_with_less = 0;
    for (int n = 1; n < before->node_count; n++) {
        if (!is_conv(&before->nodes[n], spatial ? 2 : 1)) continue;
        layer l = look_at(before, after, &before->nodes[n], spatial);
        if (l.rank) least = fmin(least, kept_by(&l, l.rank));
        if (l.rank) most_with_less = fmax(most_with_less, kept_by(&l, l.rank - 1));
        free(l.squares);
    }
    EXPECT(most_with_less < least + 1e-9);
    EXPECT(least < 1);
}

static void expect_budget(const char *method, const char *of, double keep)
{
    gf_net *before = small_net(SMALL, 16), *after = small_net(SMALL, 16);
    char text[64];
    REQUIRE(before && after);
    snprintf(text, sizeof text, "keep = %g\nof = %s\n", keep, of);
    REQUIRE_OK(apply_method(after, method, text, NULL, NULL, 0));
    gf_cost dense = cost_of(before), cost = cost_of(after);
    double left = strcmp(of, "macs") == 0 ? (double)cost.macs / (double)dense.macs
                                          : (double)cost.parameters / (double)dense.parameters;
    EXPECT(left <= keep && left > keep - 0.08);
    expect_same_energy(before, after, strcmp(method, "spatial") == 0);
    gf_net_destroy(before);
    gf_net_destroy(after);
}

TEST("compress: svd", "a budget is kept and used, with the same energy in every layer")
{
    expect_budget("svd", "macs", 0.6);
    expect_budget("svd", "macs", 0.35);
    expect_budget("svd", "parameters", 0.4);
    expect_budget("spatial", "macs", 0.5);
    expect_budget("spatial", "parameters", 0.35);
}

TEST("compress: svd", "a budget below rank 1 everywhere fails and says what is left")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    EXPECT_STATUS(apply_method(net, "svd", "keep = 0.001\nof = macs\n", NULL, NULL, 0), GF_FAILED);
    EXPECT_CONTAINS(gf_error_message(), "keep = 0.001 of the MACs");
    gf_net_destroy(net);
}

TEST("compress: svd", "grouped and depthwise convolutions stay; pointwise ones are split")
{
    gf_net *net = small_net("arch = resnet18\nwidth = 16\nblocks = 1,1\nseparable = all\n", 16);
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "svd", "keep = 0.25\nof = rank\n", NULL, NULL, 0));
    EXPECT(gf_net_find_node(net, "layer1.0.conv1.pointwise.factor1") > 0);
    EXPECT(gf_net_find_node(net, "layer1.0.conv1.depthwise.factor1") < 0);
    gf_net_destroy(net);
}

TEST("compress: svd", "what is split already can be split again, under names of its own")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "svd", "keep = 0.5\nof = rank\n", NULL, NULL, 0));
    int64_t once = cost_of(net).macs;
    REQUIRE_OK(apply_method(net, "svd", "keep = 0.3\nof = rank\n", NULL, NULL, 0));
    EXPECT(cost_of(net).macs < once);
    EXPECT(gf_net_find_node(net, "layer2.0.conv1.factor2") > 0);
    EXPECT_STATUS(gf_net_check(net), GF_OK);
    gf_net_destroy(net);
}
