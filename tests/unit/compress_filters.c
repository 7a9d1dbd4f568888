/* compress, removing filters and masking by chance: norms by loops, ThiNet's greedy choice by brute
 * force over the samples and its factors by elimination, on real images. */
#include "compress_nets.h"

static const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 100, .images = 400
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

/* ---- by norm and by chance ---- */

static double norm2_of(const gf_param *weight, int filter)
{
    size_t size = gf_param_count(weight) / (size_t)weight->dims[0];
    double sum = 0;
    for (size_t k = 0; k < size; k++) sum += pow(weight->value[(size_t)filter * size + k], 2);
    return sqrt(sum);
}

TEST("compress: filter-l2", "the filters that stay are those of largest Euclidean norm")
{
    gf_net *net = small_net(SMALL, 16), *dense = small_net(SMALL, 16);
    REQUIRE(net && dense);
    int index = gf_net_find_param(net, "layer2.0.conv1.weight"), kept = 0;
    gf_param *before = &dense->params[index];
    before->value[3 * 72] = net->params[index].value[3 * 72] = 9; /* by the other norm not first */
    REQUIRE_OK(apply_method(net, "filter-l2", "amount = 0.5\n", NULL, NULL, 0));
    const gf_param *after = &net->params[index];
    REQUIRE(before->dims[0] == 16 && after->dims[0] == 8);
    for (int f = 0; f < 16; f++) {
        int larger = 0;
        for (int g = 0; g < 16; g++) larger += norm2_of(before, g) > norm2_of(before, f);
        if (larger < 8) EXPECT_NEAR(norm2_of(after, kept++), norm2_of(before, f), 0);
    }
    EXPECT_EQ(kept, 8);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

/* Which filters of layer2.0.conv1 stay, as bits. */
static unsigned kept_by_chance(uint64_t seed)
{
    gf_net *net = small_net(SMALL, 16), *dense = small_net(SMALL, 16);
    const struct {
        double amount;
        int scope, min_channels;
    } options = { .amount = 0.5, .min_channels = 1 }; /* as its fields fill it */
    const gf_method_call call = { .net = net, .kernels = test_kernels(), .seed = seed };
    unsigned kept = 0;
    EXPECT_STATUS(method_named("filter-random")->apply(&call, &options), GF_OK);
    int index = gf_net_find_param(net, "layer2.0.conv1.weight");
    const gf_param *after = &net->params[index], *before = &dense->params[index];
    size_t size = 9 * 8;
    EXPECT_EQ(after->dims[0], 8);
    for (int k = 0; k < after->dims[0]; k++)
        for (int f = 0; f < 16; f++)
            if (!memcmp(after->value + (size_t)k * size, before->value + (size_t)f * size,
                        size * sizeof(gf_real)))
                kept |= 1u << f;
    gf_net_destroy(net);
    gf_net_destroy(dense);
    return kept;
}

TEST("compress: filter-random", "chance depends on the seed alone and spares no filter for good")
{
    unsigned all = 0, different = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        unsigned kept = kept_by_chance(seed);
        EXPECT_EQ(__builtin_popcount(kept), 8);
        EXPECT_EQ(kept_by_chance(seed), kept);
        different += kept != kept_by_chance(seed + 1);
        all |= kept;
    }
    EXPECT_EQ(all, 0xffff);
    EXPECT(different >= 11);
}

static const uint8_t *mask_of(const gf_param *p)
{
    return p->view_count ? p->views[0].states[0].data : NULL;
}

TEST("compress: random", "masks exactly the amount, whatever the weights, and keeps earlier masks")
{
    gf_net *net = small_net(SMALL, 16), *earlier = NULL;
    int64_t masked = 0, lost = 0, weights = cost_of(net).weights;
    double kept = 0, gone = 0;
    REQUIRE_OK(apply_method(net, "random", "amount = 0.3\n", NULL, NULL, 0));
    REQUIRE_OK(gf_net_copy(&earlier, net));
    REQUIRE_OK(apply_method(net, "random", "amount = 0.5\n", NULL, NULL, 0));
    for (int i = 0; i < net->param_count; i++) {
        const uint8_t *mask = mask_of(&net->params[i]), *before = mask_of(&earlier->params[i]);
        for (size_t k = 0; mask && k < gf_param_count(&net->params[i]); k++) {
            double scale = sqrt((double)gf_param_count(&net->params[i]) / net->params[i].dims[0]);
            masked += !mask[k];
            lost += mask[k] && before && !before[k];
            *(mask[k] ? &kept : &gone) += fabs((double)net->params[i].value[k]) * scale;
        }
    }
    EXPECT_EQ(masked, llround(0.5 * (double)weights));
    EXPECT_EQ(lost, 0);
    EXPECT_NEAR(gone / (double)masked, kept / (double)(weights - masked), 0.03);
    gf_net_destroy(net);
    gf_net_destroy(earlier);
}

TEST("compress: magnitude", "zeros that are not masked do not crowd out masks that are there")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    gf_param *p = &net->params[gf_net_find_param(net, "layer2.0.conv1.weight")];
    size_t count = gf_param_count(p), half = count / 2, masked = 0;
    for (size_t k = 0; k < count; k++) p->value[k] = k < half ? 1 : 0.5f;
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.5\nscope = local\n", NULL, NULL, 0));
    for (size_t k = 0; k < half; k++) p->value[k] = 0;
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.5\nscope = local\n", NULL, NULL, 0));
    for (size_t k = 0; k < count; k++) masked += !mask_of(p)[k];
    EXPECT_EQ(masked, half);
    gf_net_destroy(net);
}

/* ---- thinet ---- */

enum { SAMPLED = 60, PER_IMAGE = 5, ROWS = SAMPLED * PER_IMAGE, MOST = 16 };
#define ONE_BLOCK  "arch = resnet18\nwidth = 16\nblocks = 1\n"
#define SAMPLING   "images = 60\nsamples = 5\n"
#define THE_READER "layer1.0.conv2"

/* What each of the 16 channels inside the block gives to each sampled output of the layer that
 * reads them, straight from the definition. */
typedef struct samples {
    double x[ROWS][MOST];
    int block[ROWS]; /* of the reader's groups */
    int width;       /* channels that one output sees */
} samples;

static double contribution(const gf_net *net, const gf_node *reader, const gf_real *image,
                           int filter, int y, int x, int channel, int within)
{
    const gf_param *w = &net->params[reader->params[0]];
    gf_shape in = net->nodes[reader->inputs[0]].shape;
    double sum = 0;
    for (int iy = y - 1; iy <= y + 1; iy++)
        for (int ix = x - 1; ix <= x + 1; ix++)
            if (iy >= 0 && iy < in.height && ix >= 0 && ix < in.width)
                sum +=
                    (double)image[(iy * in.width + ix) * in.channels + channel] *
                    (double)w
                        ->value[((filter * 3 + iy - y + 1) * 3 + ix - x + 1) * w->dims[3] + within];
    return sum;
}

static void sample_rows(samples *s, gf_net *net, int groups)
{
    gf_run *run = NULL;
    int labels[SAMPLED], positions[SAMPLED];
    const gf_node *reader = &net->nodes[gf_net_find_node(net, THE_READER)];
    const gf_random random = {
        .seed = 5, .ordinal = 1, .purpose = GF_PURPOSE_METHOD, .epoch = gf_hash32(THE_READER)
    };
    for (int i = 0; i < SAMPLED; i++) positions[i] = i;
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), SAMPLED, false));
    REQUIRE_OK(gf_run_want_value(run, reader->inputs[0]));
    gf_data_batch(gf_run_input(run), labels, images_of(), GF_TRAIN, positions, SAMPLED, NULL, NULL);
    gf_run_forward(run, SAMPLED, GF_MODE_EVALUATE, NULL);
    s->width = MOST / groups;
    for (int r = 0; r < ROWS; r++) {
        uint32_t at = (uint32_t)r;
        int per_block = MOST / groups, b = s->block[r] = r % groups;
        int filter = b * per_block + (int)gf_random_below(&random, at, 0, (uint32_t)per_block);
        int y = (int)gf_random_below(&random, at, 1, 32),
            x = (int)gf_random_below(&random, at, 2, 32);
        const gf_real *image =
            gf_run_value(run, reader->inputs[0]) + r / PER_IMAGE * 32 * 32 * MOST;
        for (int c = 0; c < s->width; c++)
            s->x[r][c] = contribution(net, reader, image, filter, y, x, b * s->width + c, c);
    }
    gf_run_destroy(run);
}

/* Algorithm 1 as it stands: every candidate, every sample. */
static void greedy(bool *removed, const samples *s, int count)
{
    for (; count > 0; count--) {
        int best = -1;
        double least = INFINITY;
        for (int c = 0; c < s->width; c++) {
            double value = 0;
            if (removed[c]) continue;
            removed[c] = true;
            for (int r = 0; r < ROWS; r++) {
                double sum = 0;
                for (int k = 0; k < s->width; k++) sum += removed[k] ? s->x[r][k] : 0;
                value += sum * sum;
            }
            removed[c] = false;
            if (value < least) best = c;
            if (value < least) least = value;
        }
        removed[best] = true;
    }
}

/* w of the kept channels of one block: (X^T X)^-1 X^T y by Gauss and Jordan. */
static void least_squares(double *w, const samples *s, const bool *removed, int block)
{
    double a[MOST][MOST + 1] = { { 0 } };
    int kept[MOST], n = 0;
    for (int c = 0; c < s->width; c++)
        if (!removed[c]) kept[n++] = c;
    for (int r = 0; r < ROWS; r++) {
        double y = 0;
        if (s->block[r] != block) continue;
        for (int c = 0; c < s->width; c++) y += s->x[r][c];
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= n; j++)
                a[i][j] += s->x[r][kept[i]] * (j < n ? s->x[r][kept[j]] : y);
    }
    for (int p = 0; p < n; p++) {
        int pivot = p;
        for (int i = p; i < n; i++)
            if (fabs(a[i][p]) > fabs(a[pivot][p])) pivot = i;
        for (int j = 0; j <= n; j++) {
            double kept_value = a[p][j];
            a[p][j] = a[pivot][j];
            a[pivot][j] = kept_value;
        }
        for (int i = 0; i < n; i++) {
            double factor = a[i][p] / a[p][p];
            for (int j = p; i != p && j <= n; j++) a[i][j] -= factor * a[p][j];
        }
    }
    for (int i = 0; i < n; i++) w[kept[i]] = a[i][n] / a[i][i];
}

/* The reader's weights after the method: those of kept channels, each times its factor. */
static void expect_factors(const gf_net *net, const gf_net *dense, const samples *s,
                           const bool *removed, int groups)
{
    int index = gf_net_find_param(net, THE_READER ".weight"), left = net->params[index].dims[3];
    const gf_param *after = &net->params[index], *before = &dense->params[index];
    double worst = 0, changed = 0;
    for (int f = 0; f < MOST; f++) {
        double w[MOST] = { 0 };
        least_squares(w, s, removed, f / (MOST / groups));
        for (int tap = 0; tap < 9; tap++)
            for (int c = 0, k = 0; c < s->width; c++) {
                if (removed[c]) continue;
                double old = before->value[(f * 9 + tap) * s->width + c];
                double new = after->value[(f * 9 + tap) * left + k++];
                worst = fmax(worst, fabs(new - w[c] * old) / (fabs(old) + 1e-3));
                changed = fmax(changed, fabs(w[c] - 1));
            }
    }
    EXPECT_NEAR(worst, 0, 1e-3);
    EXPECT(changed > 0.05);
}

static void expect_thinet(const char *model, int groups, const char *amount, int count)
{
    static samples s;
    char text[128];
    bool removed[MOST] = { false };
    gf_net *net = small_net(model, 32), *dense = small_net(model, 32);
    REQUIRE(net && dense && images_of());
    snprintf(text, sizeof text, "%s" SAMPLING, amount);
    sample_rows(&s, dense, groups);
    greedy(removed, &s, count);
    REQUIRE_OK(apply_method(net, "thinet", text, images_of(), NULL, 0));
    int index = gf_net_find_param(net, "layer1.0.conv1.weight");
    const gf_param *after = &net->params[index], *before = &dense->params[index];
    size_t size = gf_param_count(before) / MOST;
    REQUIRE(after->dims[0] == MOST - count * groups);
    for (int c = 0, k = 0; c < MOST; c++)
        if (!removed[c % s.width])
            EXPECT_FLOATS(after->value + (size_t)k++ * size, before->value + (size_t)c * size, size,
                          0);
    expect_factors(net, dense, &s, removed, groups);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

TEST("compress: thinet", "removes what greedy search over the samples removes, rescales by least "
                         "squares")
{
    expect_thinet(ONE_BLOCK, 1, "amount = 0.25\n", 4);
    expect_thinet(ONE_BLOCK, 1, "amount = 0.5\n", 8);
    expect_thinet(ONE_BLOCK, 1, "amount = 0.75\n", 12);
}

TEST("compress: thinet", "a grouped convolution loses the same positions, rescaled block by block")
{
    expect_thinet(ONE_BLOCK "groups = 2\n", 2, "amount = 0.25\n", 2);
    expect_thinet(ONE_BLOCK "groups = 4\n", 4, "amount = 0.5\n", 2);
}

TEST("compress: thinet", "a channel that gives nothing goes first, and nothing else changes")
{
    gf_net *net = small_net(ONE_BLOCK, 32), *dense = small_net(ONE_BLOCK, 32);
    REQUIRE(net && dense);
    gf_net *const both[] = { net, dense };
    for (int i = 0; i < 2; i++) {
        both[i]->params[gf_net_find_param(net, "layer1.0.bn1.gamma")].value[5] = 0;
        both[i]->params[gf_net_find_param(net, "layer1.0.bn1.beta")].value[5] = 0;
    }
    REQUIRE_OK(apply_method(net, "thinet", "amount = 0.06\n" SAMPLING, images_of(), NULL, 0));
    gf_real *pruned = logits_of(net), *whole = logits_of(dense);
    EXPECT_EQ(net->params[gf_net_find_param(net, "layer1.0.conv1.weight")].dims[0], 15);
    EXPECT(difference(pruned, whole) < 1e-5);
    free(pruned);
    free(whole);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

/* Outputs of the layer behind the pruned one, on images that nothing was sampled from; the caller
 * frees. */
static gf_real *outputs_of(gf_net *net, size_t *count)
{
    gf_run *run = NULL;
    int labels[100], positions[100], reader = gf_net_find_node(net, THE_READER);
    for (int i = 0; i < 100; i++) positions[i] = i;
    EXPECT_STATUS(gf_run_create(&run, net, test_kernels(), 100, false), GF_OK);
    EXPECT_STATUS(gf_run_want_value(run, reader), GF_OK);
    gf_data_batch(gf_run_input(run), labels, images_of(), GF_VALIDATION, positions, 100, NULL,
                  NULL);
    gf_run_forward(run, 100, GF_MODE_EVALUATE, NULL);
    *count = 100 * gf_shape_count(net->nodes[reader].shape);
    gf_real *out = gf_alloc(*count, sizeof *out);
    memcpy(out, gf_run_value(run, reader), *count * sizeof *out);
    gf_run_destroy(run);
    return out;
}

/* Relative squared error of these outputs after pruning half of the filters. */
static double error_after(const char *method, const char *options)
{
    gf_net *net = small_net(ONE_BLOCK, 32);
    size_t count = 0;
    double error = 0, size = 0;
    gf_real *want = outputs_of(net, &count);
    EXPECT_STATUS(apply_method(net, method, options, images_of(), NULL, 0), GF_OK);
    gf_real *got = outputs_of(net, &count);
    for (size_t i = 0; i < count; i++) {
        error += pow((double)got[i] - (double)want[i], 2);
        size += pow((double)want[i], 2);
    }
    free(want);
    free(got);
    gf_net_destroy(net);
    return error / size;
}

TEST("compress: thinet", "the next layer's outputs stay closer than after L1, and rescaling helps")
{
    double rescaled = error_after("thinet", "amount = 0.5\nimages = 200\n");
    double plain = error_after("thinet", "amount = 0.5\nimages = 200\nrescale = false\n");
    double l1 = error_after("filter-l1", "amount = 0.5\n");
    printf("squared error: thinet %.3f, without rescaling %.3f, filter-l1 %.3f\n", rescaled, plain,
           l1);
    EXPECT(rescaled < plain && plain < l1);
}

/* ---- depthwise convolutions ---- */

static void shrink_scales(gf_net *net, const char *name)
{
    int index = gf_net_find_param(net, name);
    for (size_t c = 0; index >= 0 && c < gf_param_count(&net->params[index]); c++)
        net->params[index].value[c] *= (gf_real)1e-6;
}

TEST("compress: filter-bn", "one threshold for all may leave a depthwise convolution one channel")
{
    gf_net *net = small_net("arch = mobilenet-v2\nwidth = 0.25\n", 32);
    REQUIRE(net);
    shrink_scales(net, "block3.expand.bn.gamma");
    shrink_scales(net, "block3.depthwise.bn.gamma");
    REQUIRE_OK(apply_method(net, "filter-bn", "amount = 0.3\n", NULL, NULL, 0));
    int narrow = gf_net_find_node(net, "block3.depthwise.conv");
    int later = gf_net_find_node(net, "block17.depthwise.conv");
    EXPECT_EQ(net->nodes[narrow].shape.channels, 1);
    EXPECT(net->nodes[later].shape.channels > 1);
    gf_real *logits = logits_of(net);
    EXPECT(isfinite(logits[0]));
    free(logits);
    gf_net_destroy(net);
}
