/* The measured plan: no grain changes a bit, and its file may be anything without doing harm. */
#include "../../src/kernels/tune.h"

#include "../test.h"
#include <gridfront/kernels.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FLOATS = 1 << 19 };

static gf_conv_shape shape_of(int batch, int size, int channels, int filters, int kernel,
                              int stride, int groups)
{
    gf_conv_shape s = { .batch = batch,
                        .height = size,
                        .width = size,
                        .channels = channels,
                        .filters = filters,
                        .kernel_height = kernel,
                        .kernel_width = kernel,
                        .stride = stride,
                        .pad_height = kernel / 2,
                        .pad_width = kernel / 2,
                        .groups = groups };
    gf_conv_shape_finish(&s);
    return s;
}

static gf_knob knob_of(gf_pass pass, gf_conv_shape shape)
{
    return (gf_knob){ (int)pass, gf_kernels_threads(), shape };
}

/* A cache folder of its own for each test; the path of the plan in it. */
static const char *fresh_cache(const char *name)
{
    static char path[PATH_MAX], folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/%s", test_folder(), name);
    setenv("XDG_CACHE_HOME", folder, 1);
    unsetenv("GRIDFRONT_TUNE");
    gf_tune_plan()->count = 0;
    return gf_tune_path(path) == GF_OK ? path : "";
}

static void write_plan(const char *path, const char *text)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    REQUIRE_OK(gf_folder_make(folder));
    REQUIRE_OK(gf_file_write(path, text, strlen(text)));
}

/* ---- bits ---- */

/* Values that round in every sum, so that another order of additions would show. */
static float x[FLOATS], d_y[FLOATS], weight[FLOATS];
static void fill_once(void)
{
    gf_random random = { .seed = 1, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < FLOATS; i++) {
        uint32_t bits[4];
        gf_random_block(&random, 0, (uint32_t)i, bits);
        x[i] = (float)bits[0] * 0x1p-32f - 0.5f;
        d_y[i] = (float)bits[1] * 0x1p-32f - 0.5f;
        weight[i] = (float)bits[2] * 0x1p-32f - 0.5f;
    }
}

typedef struct passes {
    float y[FLOATS], d_x[FLOATS], d_weight[FLOATS], d_bias[FLOATS], d_weight_alone[FLOATS];
} passes;

static void run_passes(passes *to, const gf_kernels *k, const gf_conv_shape *s)
{
    gf_scratch scratch = { 0 };
    memset(to, 0, sizeof *to);
    k->conv_forward(to->y, x, weight, NULL, s, &scratch);
    k->conv_backward_input(to->d_x, d_y, weight, s, false, &scratch);
    k->conv_backward_weight(to->d_weight, to->d_bias, d_y, x, s, &scratch);
    k->conv_backward_weight(to->d_weight_alone, NULL, d_y, x, s, &scratch);
    gf_scratch_release(&scratch);
}

static void expect_same_bits(const gf_kernels *k, gf_conv_shape s)
{
    static passes usual, other;
    gf_tune_plan()->count = 0;
    run_passes(&usual, k, &s);
    for (int i = 1; i < GF_TUNE_GRAINS; i++) {
        for (int pass = 0; pass < GF_PASS_COUNT; pass++) {
            gf_knob knob = knob_of((gf_pass)pass, s);
            gf_tuning_put(gf_tune_plan(), &knob, gf_tune_grains[i]);
        }
        run_passes(&other, k, &s);
        EXPECT(memcmp(&usual, &other, sizeof usual) == 0);
    }
    gf_tune_plan()->count = 0;
}

TEST("kernels: tune", "no grain changes a bit of any pass, on every backend and 1 and 3 threads")
{
    const gf_kernels *k = NULL;
    fresh_cache("bits");
    fill_once();
    for (const char *const *name = gf_kernels_names(); *name; name++) {
        if (strcmp(*name, "ref") == 0) continue; /* cuts nothing off */
        REQUIRE_OK(gf_kernels_find(&k, *name));
        for (int threads = 1; threads <= 3; threads += 2) {
            REQUIRE_OK(gf_kernels_start(threads));
            expect_same_bits(k, shape_of(31, 16, 64, 32, 3, 1, 1));  /* Winograd where there is */
            expect_same_bits(k, shape_of(9, 18, 64, 32, 3, 1, 1));   /* tiles over the border */
            expect_same_bits(k, shape_of(16, 8, 128, 128, 3, 1, 1)); /* point by point, or blocks */
            expect_same_bits(k, shape_of(37, 8, 16, 16, 3, 1, 1));   /* narrow */
            expect_same_bits(k, shape_of(67, 8, 16, 24, 3, 2, 1));   /* strided */
            expect_same_bits(k, shape_of(67, 4, 32, 64, 1, 2, 1));   /* pointwise */
            expect_same_bits(k, shape_of(67, 4, 3, 16, 3, 1, 1));    /* the stem */
            expect_same_bits(k, shape_of(67, 4, 24, 24, 3, 1, 24));  /* depthwise */
            expect_same_bits(k, shape_of(67, 4, 16, 24, 3, 1, 4));   /* grouped */
        }
    }
}

/* ---- the file ---- */

TEST("kernels: tune", "what is measured is kept, and the next start has it")
{
    const gf_conv_shape shape = shape_of(4, 8, 16, 16, 3, 1, 1);
    gf_tune_summary summary;
    const char *path = fresh_cache("kept");
    REQUIRE_OK(gf_kernels_start(1));
    REQUIRE_OK(gf_tune_shapes(&summary, &shape, 1, 60));
    int measured = summary.measured; /* fewer than 3 on a busy machine */
    EXPECT_EQ(measured + summary.disturbed, 3);
    EXPECT(summary.after <= summary.before);
    EXPECT_EQ(gf_file_exists(path), measured > 0);
    REQUIRE_OK(gf_kernels_start(1));
    EXPECT_EQ(gf_tune_plan()->count, measured);
    REQUIRE_OK(gf_tune_shapes(&summary, &shape, 1, 0));
    EXPECT_EQ(summary.known, measured);
    EXPECT_EQ(summary.left, 3 - measured);
}

TEST("kernels: tune", "a shape that a network has twice is measured once")
{
    const gf_conv_shape shape = shape_of(2, 4, 16, 16, 3, 1, 1), shapes[2] = { shape, shape };
    gf_tune_summary summary;
    fresh_cache("twice");
    REQUIRE_OK(gf_kernels_start(1));
    REQUIRE_OK(gf_tune_shapes(&summary, shapes, 2, 60));
    EXPECT_EQ(summary.known + summary.measured + summary.disturbed, 3);
}

TEST("kernels: tune", "a plan of one number of threads says nothing about another")
{
    const gf_conv_shape shape = shape_of(4, 8, 16, 16, 3, 1, 1);
    fresh_cache("threads");
    REQUIRE_OK(gf_kernels_start(2));
    gf_knob knob = knob_of(GF_PASS_FORWARD, shape);
    gf_tuning_put(gf_tune_plan(), &knob, 50);
    EXPECT_EQ(gf_tune_grain(GF_PASS_FORWARD, &shape), 50);
    EXPECT_EQ(gf_tune_grain(GF_PASS_BACKWARD_INPUT, &shape), GF_TUNE_DEFAULT);
    REQUIRE_OK(gf_kernels_start(1));
    EXPECT_EQ(gf_tune_grain(GF_PASS_FORWARD, &shape), GF_TUNE_DEFAULT);
}

TEST("kernels: tune", "without time nothing is measured and nothing is written")
{
    const gf_conv_shape shape = shape_of(4, 8, 16, 16, 3, 1, 1);
    gf_tune_summary summary;
    const char *path = fresh_cache("no-time");
    REQUIRE_OK(gf_kernels_start(1));
    REQUIRE_OK(gf_tune_shapes(&summary, &shape, 1, 0));
    EXPECT_EQ(summary.left, 3);
    EXPECT_EQ(gf_tune_plan()->count, 0);
    EXPECT(!gf_file_exists(path));
}

TEST("kernels: tune", "choices of two writers that began from one file are both in it")
{
    static gf_tuning ours, theirs, both;
    const char *path = fresh_cache("writers");
    REQUIRE_OK(gf_kernels_start(1));
    gf_knob a = knob_of(GF_PASS_FORWARD, shape_of(4, 8, 16, 16, 3, 1, 1));
    gf_knob b = knob_of(GF_PASS_BACKWARD_WEIGHT, shape_of(4, 8, 32, 16, 3, 1, 1));
    gf_tuning_put(&ours, &a, 50), gf_tuning_put(&theirs, &b, 200);
    REQUIRE_OK(gf_tune_save(&ours, path));
    pid_t child = fork();
    if (child == 0) _exit(gf_tune_save(&theirs, path) == GF_OK ? 0 : 1);
    int result = -1;
    EXPECT_EQ(waitpid(child, &result, 0), child);
    EXPECT_EQ(result, 0);
    REQUIRE_OK(gf_tune_load(&both, path));
    EXPECT_EQ(both.count, 2);
    EXPECT_EQ(gf_tuning_find(&both, &a), 50);
    EXPECT_EQ(gf_tuning_find(&both, &b), 200);
}

TEST("kernels: tune", "writers at the same time leave a whole file")
{
    static gf_tuning fresh, after;
    enum { WRITERS = 4 };
    const char *path = fresh_cache("crowd");
    REQUIRE_OK(gf_kernels_start(1));
    for (int writer = 0; writer < WRITERS; writer++) {
        if (fork() != 0) continue;
        gf_knob knob = knob_of(GF_PASS_FORWARD, shape_of(4 + writer, 8, 16, 16, 3, 1, 1));
        gf_tuning_put(&fresh, &knob, 50);
        for (int i = 0; i < 10; i++)
            if (gf_tune_save(&fresh, path) != GF_OK) _exit(1);
        _exit(0);
    }
    for (int writer = 0, result; writer < WRITERS; writer++) {
        EXPECT(wait(&result) > 0);
        EXPECT_EQ(result, 0);
    }
    REQUIRE_OK(gf_tune_load(&after, path));
    EXPECT(after.count >= 1 && after.count <= WRITERS);
}

/* ---- what may lie there instead ---- */

static char *head_of_plan(const char *path)
{
    static char head[256];
    static const gf_tuning none;
    char *text = NULL;
    size_t size;
    head[0] = '\0';
    if (gf_tune_save(&none, path) == GF_OK && gf_file_read(&text, &size, path, 255) == GF_OK)
        memcpy(head, text, size + 1);
    free(text);
    return head;
}

TEST("kernels: tune", "lines that we would not have written are ignored, the others count")
{
    static const char good[] = "forward threads 1 batch 4 image 8x8x16 filters 16 kernel 3x3 "
                               "stride 1 pad 1x1 groups 1: grain 50%\n";
    static const char *const bad[] = {
        "",
        "forward",
        "%s%n%n%n\n",
        "forward threads 1 batch 4 image 8x8x16 filters 16 kernel 3x3 stride 1 pad 1x1 groups 1: "
        "grain 51%\n", /* not one of ours */
        "forward threads 1 batch 4 image 8x8x16 filters 16 kernel 3x3 stride 1 pad 1x1 groups 1: "
        "grain 50% \n",
        "forward threads 1 batch 4 image 8x8x16 filters 16 kernel 3x3 stride 0 pad 1x1 groups 1: "
        "grain 50%\n", /* sizes would be divided by it */
        "sideways threads 1 batch 4 image 8x8x16 filters 16 kernel 3x3 stride 1 pad 1x1 groups 1: "
        "grain 50%\n",
        "forward threads 1 batch 99999999999999999999 image 8x8x16 filters 16 kernel 3x3 stride 1 "
        "pad 1x1 groups 1: grain 50%\n",
        "forward threads +1 batch 04 image 8x8x16 filters 16 kernel 3x3 stride 1 pad 1x1 groups "
        "1: grain 50%\n",
    };
    const char *path = fresh_cache("malformed");
    REQUIRE_OK(gf_kernels_start(1));
    gf_text text = { 0 };
    gf_text_append(&text, "%s", head_of_plan(path));
    for (size_t i = 0; i < GF_COUNT(bad); i++) gf_text_append(&text, "%s", bad[i]);
    gf_text_append(&text, "%5000s\n%s", "x", good);
    write_plan(path, text.data);
    REQUIRE_OK(gf_kernels_start(1));
    EXPECT_EQ(gf_tune_plan()->count, 1);
    EXPECT_EQ(gf_tune_plan()->choices[0].grain, 50);
    gf_text_release(&text);
}

static void expect_no_plan(void)
{
    REQUIRE_OK(gf_kernels_start(1));
    EXPECT_EQ(gf_tune_plan()->count, 0);
    EXPECT_TEXT(gf_error_message(), "");
}

TEST("kernels: tune", "a plan of another machine, a folder, a pipe or a huge file is no plan")
{
    const char *path = fresh_cache("foreign");
    REQUIRE_OK(gf_kernels_start(1));
    write_plan(path, "tuning-1-avx512-another-cpu\nforward threads 1 batch 4 image 8x8x16 filters "
                     "16 kernel 3x3 stride 1 pad 1x1 groups 1: grain 50%\n");
    expect_no_plan();
    write_plan(path, "");
    expect_no_plan();
    EXPECT_EQ(truncate(path, 1 << 30), 0);
    expect_no_plan();
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(mkdir(path, 0700), 0);
    expect_no_plan();
    EXPECT_EQ(rmdir(path), 0);
    EXPECT_EQ(mkfifo(path, 0600), 0);
    expect_no_plan();
}

TEST("kernels: tune", "more lines than a plan holds are left out")
{
    const char *path = fresh_cache("many");
    REQUIRE_OK(gf_kernels_start(1));
    gf_text text = { 0 };
    gf_text_append(&text, "%s", head_of_plan(path));
    for (int i = 0; i < GF_TUNE_MAX + 100; i++)
        gf_text_append(&text,
                       "input threads 1 batch %d image 8x8x16 filters 16 kernel 3x3 stride 1 pad "
                       "1x1 groups 1: grain 25%%\n",
                       i + 1);
    write_plan(path, text.data);
    REQUIRE_OK(gf_kernels_start(1));
    EXPECT_EQ(gf_tune_plan()->count, GF_TUNE_MAX);
    gf_text_release(&text);
}

TEST("kernels: tune", "where nothing can be kept a measurement counts for this process")
{
    const gf_conv_shape shape = shape_of(2, 4, 16, 16, 3, 1, 1);
    gf_tune_summary summary;
    setenv("XDG_CACHE_HOME", "/proc/no-such-folder", 1); /* not even root makes one there */
    REQUIRE_OK(gf_kernels_start(1));
    REQUIRE_OK(gf_tune_shapes(&summary, &shape, 1, 60));
    EXPECT_EQ(summary.measured + summary.disturbed, 3);
    EXPECT_EQ(gf_tune_plan()->count, 3);
    EXPECT_TEXT(gf_error_message(), "");
}

TEST("kernels: tune", "no home, a relative cache folder and GRIDFRONT_TUNE=off mean no plan")
{
    gf_tune_summary summary;
    char path[PATH_MAX], *home = gf_strdup(getenv("HOME") ? getenv("HOME") : "/");
    unsetenv("XDG_CACHE_HOME"), unsetenv("HOME"), unsetenv("GRIDFRONT_TUNE");
    EXPECT_STATUS(gf_tune_path(path), GF_NOTFOUND);
    expect_no_plan();
    setenv("XDG_CACHE_HOME", "relative", 1);
    EXPECT_STATUS(gf_tune_path(path), GF_NOTFOUND);
    setenv("HOME", "/home/me", 1);
    REQUIRE_OK(gf_tune_path(path));
    EXPECT_CONTAINS(path, "/home/me/.cache/gridfront/tuning-");
    setenv("GRIDFRONT_TUNE", "off", 1);
    EXPECT_STATUS(gf_tune_path(path), GF_UNSUPPORTED);
    EXPECT_STATUS(gf_tune_shapes(&summary, NULL, 0, 60), GF_UNSUPPORTED);
    setenv("HOME", home, 1), unsetenv("GRIDFRONT_TUNE");
    free(home);
}
