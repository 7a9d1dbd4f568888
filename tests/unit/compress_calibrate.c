/* compress, calibration: thresholds against brute force on the values themselves, and against what
 * numpy finds for the same histogram; grids of weights that are fitted; ranges in a network. */
#include "compress_trained.h"

#include "../../src/compress/quantize/quantize.h"

enum { SAMPLES = 20000 };

/* Values like activations behind a ReLU: half zeros, then a long tail; or with both signs. */
static gf_real *samples(bool is_signed)
{
    gf_real *x = gf_alloc(SAMPLES, sizeof *x);
    const gf_random random = { .seed = 5, .purpose = GF_PURPOSE_TEST };
    for (uint32_t i = 0; i < SAMPLES; i++) {
        double n = gf_random_normal(&random, i, 0);
        double value = n * exp(0.7 * gf_random_normal(&random, i, 1));
        x[i] = (gf_real)(is_signed ? value : fmax(value, 0));
    }
    return x;
}

static double most_of(const gf_real *x)
{
    double most = 0;
    for (int i = 0; i < SAMPLES; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static gf_histogram histogram_of(const gf_real *x)
{
    gf_histogram h = { .most = (gf_real)most_of(x) };
    gf_histogram_add(&h, x, SAMPLES / 3);
    gf_histogram_add(&h, x + SAMPLES / 3, SAMPLES - SAMPLES / 3);
    return h;
}

static int by_magnitude(const void *a, const void *b)
{
    float x = fabsf(*(const float *)a), y = fabsf(*(const float *)b);
    return (x > y) - (x < y);
}

TEST("compress: calibration", "a percentile is that of the sorted magnitudes, to a bin")
{
    static const double shares[] = { 0.6, 0.9, 0.99, 0.999, 1 };
    for (int s = 0; s < 2; s++) {
        gf_real *x = samples(s);
        gf_histogram h = histogram_of(x);
        qsort(x, SAMPLES, sizeof *x, by_magnitude);
        for (size_t i = 0; i < GF_COUNT(shares); i++) {
            int at = (int)ceil(shares[i] * SAMPLES) - 1;
            double want = fabs((double)x[at]), bin = (double)h.most / GF_HISTOGRAM_BINS;
            EXPECT_NEAR(gf_histogram_percentile(&h, shares[i]), want, 1.001 * bin);
        }
        free(x);
    }
}

/* The error of a quantizer whose largest level is the threshold, over the values themselves. */
static double error_at(const gf_real *x, double threshold, int steps)
{
    double sum = 0, step = threshold / steps;
    for (int i = 0; i < SAMPLES; i++) {
        double level = rint((double)x[i] / step);
        double error = fmin(fmax(level, -steps), steps) * step - (double)x[i];
        sum += error * error;
    }
    return sum;
}

TEST("compress: calibration", "the squared error of its threshold is the least that there is")
{
    static const int bits[] = { 3, 4, 6, 8 };
    for (int s = 0; s < 2; s++) {
        gf_real *x = samples(s);
        gf_histogram h = histogram_of(x);
        for (size_t i = 0; i < GF_COUNT(bits); i++) {
            int steps = (1 << (bits[i] - s)) - 1;
            double least = INFINITY, most = (double)h.most;
            for (int t = 1; t <= 400; t++) least = fmin(least, error_at(x, most * t / 400, steps));
            double found = gf_histogram_mse(&h, bits[i], s);
            EXPECT(error_at(x, found, steps) < 1.02 * least);
            EXPECT(found < most);
        }
        free(x);
    }
}

TEST("compress: calibration", "the least divergence is where numpy finds it")
{
    static const struct {
        int bits;
        bool is_signed;
        int used;
    } cases[] = {
        /* tests/golden/make_calibration.py */
        { 3, false, 928 },  { 3, true, 744 },  { 4, false, 1104 }, { 4, true, 928 },
        { 6, false, 1472 }, { 6, true, 1280 }, { 8, false, 1700 }, { 8, true, 1664 },
    };
    gf_histogram h = { .most = GF_HISTOGRAM_BINS, .zeros = 12345 };
    for (int b = 0; b < GF_HISTOGRAM_BINS; b++)
        h.bins[b] = floor(1e6 * exp(-b / 150.0)) + (b * 7919 % 97 == 0 ? 3 : 0);
    for (int b = 1700; b < 1990; b++) h.bins[b] = 0;
    h.bins[2047] = 2;
    for (size_t i = 0; i < GF_COUNT(cases); i++)
        EXPECT_NEAR(gf_histogram_kl(&h, cases[i].bits, cases[i].is_signed), cases[i].used, 0);
}

TEST("compress: calibration", "zeros alone, or NaN, end with the range as it is")
{
    gf_histogram h = { 0 };
    gf_histogram_add(&h, (const gf_real[3]){ 0, 0, 0 }, 3);
    EXPECT_NEAR(h.zeros, 3, 0);
    EXPECT_NEAR(gf_histogram_mse(&h, 8, false), 0, 0);
    EXPECT_NEAR(gf_histogram_kl(&h, 8, false), 0, 0);
    EXPECT_NEAR(gf_histogram_percentile(&h, 0.9), 0, 0);
    h.most = NAN;
    gf_histogram_add(&h, (const gf_real[2]){ NAN, 1 }, 2);
    EXPECT(isnan(gf_histogram_mse(&h, 8, false)) && isnan(gf_histogram_kl(&h, 8, true)));
}

/* ---- weights ---- */

static double view_error(const gf_param *p, const gf_real *want)
{
    double sum = 0;
    gf_real *got = gf_alloc(gf_param_count(p), sizeof *got);
    gf_param_effective(p, test_kernels(), got);
    for (size_t i = 0; i < gf_param_count(p); i++)
        sum += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
    free(got);
    return sum;
}

/* The least error of filter f over shares of its range, one weight after the other. */
static double least_error(const gf_real *w, size_t count, int bits, bool affine)
{
    double low = INFINITY, high = -INFINITY, least = INFINITY;
    for (size_t i = 0; i < count; i++)
        low = fmin(low, (double)w[i]), high = fmax(high, (double)w[i]);
    for (int s = 0; s <= 80; s++) {
        double share = 1 - 0.01 * s, sum = 0;
        double to = affine ? fmax(high, 0) * share : fmax(-low, high) * share;
        double from = affine ? fmin(low, 0) * share : 0;
        int levels = affine ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
        double step = (to - from) / levels, zero = affine ? rint(-from / step) : 0;
        for (size_t i = 0; i < count; i++) {
            double level = rint((double)w[i] / step) + zero;
            level = fmin(fmax(level, affine ? 0 : -levels), levels);
            double error = (level - zero) * step - (double)w[i];
            sum += error * error;
        }
        least = fmin(least, sum);
    }
    return least;
}

TEST("compress: calibration", "fitted grids of weights have the least error, per filter or tensor")
{
    for (int which = 0; which < 4; which++) {
        bool per_channel = which & 1, affine = which & 2;
        gf_net *fitted = small_net(SMALL, 16), *plain = small_net(SMALL, 16),
               *folded = small_net(SMALL, 16);
        char text[256];
        snprintf(text, sizeof text,
                 "weight_bits = 3\nedge_bits = 3\nactivation_bits = 32\nper_channel = %s\n"
                 "scheme = %s\n",
                 per_channel ? "true" : "false", affine ? "affine" : "symmetric");
        REQUIRE_OK(gf_net_fold_bn(folded, test_kernels()));
        REQUIRE_OK(apply_method(plain, "ptq", text, NULL, NULL, 0));
        strcat(text, "weight_calibration = mse\n");
        REQUIRE_OK(apply_method(fitted, "ptq", text, NULL, NULL, 0));
        for (int i = 0; i < folded->param_count; i++) {
            const gf_param *p = &folded->params[i];
            if (p->role != GF_ROLE_WEIGHT) continue;
            size_t rows = per_channel ? (size_t)p->dims[0] : 1, row = gf_param_count(p) / rows;
            double want = 0;
            for (size_t f = 0; f < rows; f++)
                want += least_error(p->value + f * row, row, 3, affine);
            double got = view_error(&fitted->params[i], p->value);
            EXPECT_NEAR(got / want, 1, 1e-3);
            EXPECT(got <= view_error(&plain->params[i], p->value));
        }
        gf_net_destroy(fitted);
        gf_net_destroy(plain);
        gf_net_destroy(folded);
    }
}

/* ---- in a network ---- */

/* Root of the mean square by which the logits of real images move. */
static double moved(const char *options)
{
    gf_net *net = trained_net(), *dense = trained_net();
    gf_run *runs[2] = { NULL, NULL };
    int positions[50], labels[50];
    double sum = 0;
    if (!net || !dense) return NAN;
    EXPECT_STATUS(apply_method(net, "ptq", options, images_of(), NULL, 0), GF_OK);
    for (int i = 0; i < 50; i++) positions[i] = i;
    for (int i = 0; i < 2; i++) {
        if (gf_run_create(&runs[i], i ? dense : net, test_kernels(), 50, false) != GF_OK)
            return NAN;
        gf_data_batch(gf_run_input(runs[i]), labels, images_of(), GF_VALIDATION, positions, 50,
                      NULL, NULL);
        gf_run_forward(runs[i], 50, GF_MODE_EVALUATE, NULL);
    }
    for (int i = 0; i < 500; i++) {
        double d = (double)gf_run_logits(runs[0])[i] - (double)gf_run_logits(runs[1])[i];
        sum += d * d;
    }
    gf_run_destroy(runs[0]);
    gf_run_destroy(runs[1]);
    gf_net_destroy(net);
    gf_net_destroy(dense);
    return sqrt(sum / 500);
}

TEST("compress: calibration",
     "at few bits each calibration moves the logits less than min-max does")
{
    static const char *const names[] = { "percentile\npercentile = 0.99", "mse", "kl" };
    const char *base = "weight_bits = 8\nactivation_bits = 3\nedge_bits = 3\nimages = 200\n";
    double plain = moved(base);
    printf("minmax %.3f", plain);
    for (size_t i = 0; i < GF_COUNT(names); i++) {
        char text[256];
        snprintf(text, sizeof text, "%scalibration = %s\n", base, names[i]);
        double value = moved(text);
        printf(", %.4s %.3f", names[i], value);
        EXPECT(value < plain);
    }
    printf("\n");
}

TEST("compress: calibration", "ranges never pass what was seen, and a share of 1 is all of it")
{
    gf_net *all = trained_net(), *part = trained_net(), *whole = trained_net();
    const char *base = "images = 200\ncalibration = percentile\npercentile = ";
    char text[128];
    REQUIRE(all && part && whole);
    REQUIRE_OK(apply_method(all, "ptq", "images = 200\n", images_of(), NULL, 0));
    snprintf(text, sizeof text, "%s0.97\n", base);
    REQUIRE_OK(apply_method(part, "ptq", text, images_of(), NULL, 0));
    snprintf(text, sizeof text, "%s1\n", base);
    REQUIRE_OK(apply_method(whole, "ptq", text, images_of(), NULL, 0));
    int ranges = 0;
    for (int i = 0; i < all->param_count; i++) {
        const gf_real *a = all->params[i].value, *b = part->params[i].value;
        if (all->params[i].role != GF_ROLE_STATE) continue;
        EXPECT(b[0] >= a[0] && b[1] <= a[1] && (b[0] > a[0] || b[1] < a[1]));
        EXPECT_FLOATS(whole->params[i].value, a, 2, 1e-6);
        ranges++;
    }
    EXPECT(ranges > 4);
    gf_net_destroy(all);
    gf_net_destroy(part);
    gf_net_destroy(whole);
}

static bool is_of_activations(const gf_param *param)
{
    return param->role == GF_ROLE_STATE || strstr(param->name, ".quant.step");
}

TEST("compress: calibration", "training begins with ranges of the network as it came, not as its "
                              "quantized weights left it")
{
    static const struct {
        const char *method, *still; /* and so that what it began with is what it ends with */
    } cases[] = { { "qat", "freeze_bn = 0\n" }, { "lsq", "lr = 1e-12\nweight_decay = 0\n" } };
    for (size_t c = 0; c < GF_COUNT(cases); c++) {
        gf_net *fine = trained_net(), *coarse = trained_net();
        char text[160];
        int compared = 0;
        for (int bits = 2; bits <= 8; bits += 6) {
            snprintf(text, sizeof text, "weight_bits = %d\nactivation_bits = 4\nepochs = 1\n%s",
                     bits, cases[c].still);
            REQUIRE_OK(apply_method(bits == 2 ? coarse : fine, cases[c].method, text, images_of(),
                                    NULL, 0));
        }
        for (int i = 0; i < fine->param_count; i++) {
            const gf_param *a = &fine->params[i], *b = &coarse->params[i];
            if (!is_of_activations(a)) continue;
            EXPECT_FLOATS(a->value, b->value, gf_param_count(a), 1e-5);
            compared++;
        }
        EXPECT(compared > 4);
        gf_net_destroy(fine);
        gf_net_destroy(coarse);
    }
}
