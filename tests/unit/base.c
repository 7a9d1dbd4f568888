/* base: what every room stands on, against published or independently computed values. */
#include "../test.h"

#include <gridfront/base.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers: known answers of Random123's kat_vectors, philox4x32 10 ---- */

static void expect_words(const uint32_t got[4], const uint32_t want[4])
{
    for (int i = 0; i < 4; i++) EXPECT_EQ(got[i], want[i]);
}

TEST("base: random", "philox of zeros is the published vector")
{
    gf_random random = { 0 };
    uint32_t out[4];
    gf_random_block(&random, 0, 0, out);
    expect_words(out, (uint32_t[]){ 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u });
}

TEST("base: random", "philox of pi's digits is the published vector")
{
    gf_random random = { .seed = 0x299f31d0a4093822u,
                         .ordinal = 0x037073u,
                         .purpose = (gf_purpose)0x44,
                         .epoch = 0x13198a2eu };
    uint32_t out[4];
    gf_random_block(&random, 0x243f6a88u, 0x85a308d3u, out);
    expect_words(out, (uint32_t[]){ 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u });
}

/* Largest distance of the drawn distribution of Beta(a, a) from `cdf`. */
static double beta_distance(double a, double (*cdf)(double x))
{
    enum { COUNT = 20000, BINS = 50 };
    const gf_random random = { .seed = 5, .purpose = GF_PURPOSE_TEST };
    int drawn[BINS + 1] = { 0 }, below = 0; /* bin b: up to b / BINS */
    double worst = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        drawn[(int)ceil(gf_random_beta(&random, i, 7, a, a) * BINS)]++;
    for (int b = 0; b <= BINS; b++) {
        below += drawn[b];
        worst = fmax(worst, fabs((double)below / COUNT - cdf((double)b / BINS)));
    }
    return worst;
}

static double uniform_cdf(double x)
{
    return x;
}

static double arcsine_cdf(double x)
{
    return 2 / M_PI * asin(sqrt(x));
}

static double beta_two_cdf(double x)
{
    return x * x * (3 - 2 * x);
}

TEST("base: random", "Beta(a, a) is uniform at 1, the arcsine law at 1/2, a cubic at 2")
{
    EXPECT(beta_distance(1, uniform_cdf) < 0.01);
    EXPECT(beta_distance(0.5, arcsine_cdf) < 0.01);
    EXPECT(beta_distance(2, beta_two_cdf) < 0.01);
    EXPECT(beta_distance(1, arcsine_cdf) > 0.05);
}

TEST("base: random",
     "Beta has its mean and variance, also where one side is rare, and stays in [0, 1]")
{
    static const double pairs[][2] = {
        { 0.2, 0.2 }, { 0.01, 0.01 }, { 2, 5 }, { 100, 100 }, { 0.3, 3 }
    };
    enum { COUNT = 20000 };
    const gf_random random = { .seed = 6, .purpose = GF_PURPOSE_TEST };
    for (size_t p = 0; p < GF_COUNT(pairs); p++) {
        double a = pairs[p][0], b = pairs[p][1], sum = 0, squares = 0;
        int outside = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            double x = gf_random_beta(&random, i, (uint32_t)p << 17, a, b);
            sum += x;
            squares += x * x;
            outside += !(x >= 0 && x <= 1);
        }
        double mean = sum / COUNT, variance = squares / COUNT - mean * mean;
        EXPECT_EQ(outside, 0);
        EXPECT_NEAR(mean, a / (a + b), 0.012);
        EXPECT_NEAR(variance / (a * b / ((a + b) * (a + b) * (a + b + 1))), 1, 0.05);
    }
}

TEST("base: random", "uniform and normal numbers have their moments")
{
    gf_random random = { .seed = 7, .purpose = GF_PURPOSE_TEST };
    double sum = 0, normal_sum = 0, normal_squares = 0;
    enum { COUNT = 100000 };
    for (uint32_t i = 0; i < COUNT; i++) {
        double normal = gf_random_normal(&random, i, 1);
        sum += gf_random_uniform(&random, i, 0);
        normal_sum += normal;
        normal_squares += normal * normal;
    }
    EXPECT_NEAR(sum / COUNT, 0.5, 0.005);
    EXPECT_NEAR(normal_sum / COUNT, 0, 0.015);
    EXPECT_NEAR(normal_squares / COUNT, 1, 0.02);
}

TEST("base: random", "a permutation holds every number once and depends on its address")
{
    gf_random random = { .seed = 3, .purpose = GF_PURPOSE_SHUFFLE };
    int first[1000], second[1000], seen[1000] = { 0 };
    gf_random_permutation(&random, 0, first, 1000);
    random.epoch = 1;
    gf_random_permutation(&random, 0, second, 1000);
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        seen[first[i]]++;
        equal += first[i] == second[i];
    }
    for (int i = 0; i < 1000; i++) EXPECT_EQ(seen[i], 1);
    EXPECT(equal < 20);
}

TEST("base: random", "numbers below a bound stay below it and reach every value")
{
    gf_random random = { .seed = 11, .purpose = GF_PURPOSE_TEST };
    int counts[7] = { 0 };
    for (uint32_t i = 0; i < 7000; i++) {
        uint32_t value = gf_random_below(&random, i, 0, 7);
        REQUIRE(value < 7);
        counts[value]++;
    }
    for (int i = 0; i < 7; i++) EXPECT(counts[i] > 850 && counts[i] < 1150);
}

/* ---- hashes ---- */

TEST("base: hash", "keys are XXH3-128 and CRCs are zlib's")
{
    EXPECT_TEXT(gf_hash("", 0).hex, "99aa06d3014798d86001c324468d497f");
    EXPECT_EQ(gf_crc32("123456789", 9), 0xcbf43926u);
}

/* ---- typed fields ---- */

typedef struct record {
    int count;
    double amount;
    bool fast;
    char name[8];
    int policy;
    int64_t seed;
} record;

static const gf_field fields[] = {
    GF_FIELD(record, count, "3", "[1, 8]", "", "how many"),
    GF_FIELD(record, amount, "0.5", "[0, 1)", "fraction", "how much"),
    GF_FIELD(record, fast, "false", NULL, "", "hurry"),
    GF_FIELD(record, name, "abc", NULL, "", "who"),
    GF_FIELD_WORD(record, policy, "step", "constant|step|cosine", "which"),
    GF_FIELD(record, seed, NULL, NULL, "", "required"),
    GF_FIELD_END,
};

static gf_status read_record(record *out, const char *text)
{
    gf_options *options = NULL;
    gf_status status = gf_options_parse(&options, text);
    if (status == GF_OK) status = gf_fields_read(out, fields, options, "g.");
    gf_options_destroy(options);
    return status;
}

TEST("base: fields", "given values are read and absent ones take their defaults")
{
    record got;
    REQUIRE_OK(read_record(&got, "g.amount = 0.25\ng.seed = -4000000000\ng.policy = cosine\n"));
    EXPECT_EQ(got.count, 3);
    EXPECT_NEAR(got.amount, 0.25, 0);
    EXPECT(!got.fast);
    EXPECT_TEXT(got.name, "abc");
    EXPECT_EQ(got.policy, 2);
    EXPECT_EQ(got.seed, -4000000000);
}

TEST("base: fields", "a required field that is absent is named")
{
    record got;
    EXPECT_EQ(read_record(&got, "g.count = 2\n"), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "g.seed is missing");
}

static const struct {
    const char *field, *text, *message;
} wrong[] = {
    { "amount", "1", "= 1 is outside [0, 1)" },
    { "amount", "-0.1", "= -0.1 is outside [0, 1)" },
    { "amount", "nan", "= nan is not a number in [0, 1)" },
    { "amount", "much", "= much is not a number in [0, 1)" },
    { "count", "0", "= 0 is outside [1, 8]" },
    { "count", "2.5", "= 2.5 is not a whole number in [1, 8]" },
    { "count", "3000000000", "= 3000000000 does not fit into 32 bits" },
    { "fast", "yes", "= yes is neither true nor false" },
    { "name", "abcdefgh", "is longer than 7 characters" },
    { "policy", "cos", "= \"cos\" is none of constant|step|cosine" },
    { "seed", "99999999999999999999", "does not fit into 64 bits" },
};

TEST("base: fields", "a wrong value is refused with its value and what is allowed")
{
    for (size_t i = 0; i < GF_COUNT(wrong); i++) {
        const gf_field *field = gf_field_find(fields, wrong[i].field);
        EXPECT_EQ(gf_field_check(field, wrong[i].text, NULL, 0), GF_INVALID);
        EXPECT_CONTAINS(gf_error_message(), wrong[i].message);
    }
}

TEST("base: fields", "equal values have one canonical text")
{
    char text[64];
    REQUIRE_OK(gf_field_check(gf_field_find(fields, "amount"), "5.0e-1", text, sizeof text));
    EXPECT_TEXT(text, "0.5");
    REQUIRE_OK(gf_field_check(gf_field_find(fields, "count"), "+07", text, sizeof text));
    EXPECT_TEXT(text, "7");
    REQUIRE_OK(gf_field_check(gf_field_find(fields, "fast"), "True", text, sizeof text));
    EXPECT_TEXT(text, "true");
}

/* ---- options ---- */

TEST("base: options", "text goes in and comes out the same, in order")
{
    const char *text = "b = 2\na.x = hello world\nempty = \n";
    gf_options *options = NULL;
    REQUIRE_OK(gf_options_parse(&options, text));
    char *back = gf_options_text(options);
    EXPECT_TEXT(back, text);
    EXPECT_TEXT(gf_options_get(options, "a.x"), "hello world");
    EXPECT(gf_options_get(options, "c") == NULL);
    free(back);
    gf_options_destroy(options);
}

TEST("base: options", "a value with a line break is refused")
{
    gf_options *options = gf_options_create();
    EXPECT_EQ(gf_options_set(options, "a", "1\n2"), GF_INVALID);
    EXPECT_EQ(gf_options_count(options), 0);
    gf_options_destroy(options);
}

/* ---- text ---- */

TEST("base: text", "reals print as the shortest text that reads back")
{
    static const double values[] = { 0.1, 1e-05, 128, 1.0 / 3, 1e300, -0.25, 5e-324, 123456 };
    char text[32];
    for (size_t i = 0; i < GF_COUNT(values); i++) {
        gf_real_text(text, values[i]);
        EXPECT(strtod(text, NULL) == values[i]);
    }
    gf_real_text(text, 0.1);
    EXPECT_TEXT(text, "0.1");
    gf_real_text(text, 100000);
    EXPECT_TEXT(text, "100000");
}

TEST("base: text", "the edit distance counts insertions, deletions and changes")
{
    EXPECT_EQ(gf_text_distance("ammount", "amount"), 1);
    EXPECT_EQ(gf_text_distance("kitten", "sitting"), 3);
    EXPECT_EQ(gf_text_distance("", "abc"), 3);
}

TEST("base: text", "durations and sizes read as people say them")
{
    char text[32];
    gf_duration_text(text, 11400);
    EXPECT_TEXT(text, "3 h 10");
    gf_duration_text(text, 42.3);
    EXPECT_TEXT(text, "42 s");
    gf_bytes_text(text, 351234);
    EXPECT_TEXT(text, "351 kB");
    gf_bytes_text(text, 2805864);
    EXPECT_TEXT(text, "2.8 MB");
}

/* ---- errors, memory, files ---- */

static gf_status inner(void)
{
    return gf_fail(GF_CORRUPT, "row %d", 7);
}

static gf_status outer(void)
{
    gf_status status;
    GF_TRY(inner());
out:
    return status;
}

TEST("base: status", "a failure keeps its message and the way that it took")
{
    EXPECT_EQ(outer(), GF_CORRUPT);
    EXPECT_TEXT(gf_error_message(), "row 7");
    EXPECT_CONTAINS(gf_error_trail(), " < base.c:");
    EXPECT_EQ(gf_status_scope(GF_CORRUPT), GF_SCOPE_TRIAL);
    EXPECT_TEXT(gf_status_name(GF_NOMEM), "NOMEM");
}

TEST("base: memory", "arena blocks are aligned, zeroed and apart")
{
    gf_arena *arena = gf_arena_create();
    unsigned char *blocks[100];
    for (int i = 0; i < 100; i++) {
        blocks[i] = gf_arena_alloc(arena, (size_t)i * 100 + 1);
        REQUIRE(blocks[i] && (uintptr_t)blocks[i] % 64 == 0 && blocks[i][i * 100] == 0);
        memset(blocks[i], i, (size_t)i * 100 + 1);
    }
    for (int i = 0; i < 100; i++) EXPECT(blocks[i][0] == i && blocks[i][i * 100] == i);
    EXPECT(gf_alloc(SIZE_MAX / 2, 3) == NULL);
    gf_arena_destroy(arena);
}

TEST("base: files", "a file is written whole, read back, and refused above the limit")
{
    char path[512], folder[480], *data = NULL;
    size_t size = 0;
    snprintf(folder, sizeof folder, "%s/a/b", test_folder());
    snprintf(path, sizeof path, "%s/file", folder);
    REQUIRE_OK(gf_folder_make(folder));
    REQUIRE_OK(gf_file_write(path, "hello", 5));
    REQUIRE_OK(gf_file_read(&data, &size, path, 100));
    EXPECT_EQ(size, 5);
    EXPECT_TEXT(data, "hello");
    free(data);
    EXPECT_EQ(gf_file_read(&data, &size, path, 4), GF_INVALID);
    snprintf(path, sizeof path, "%s/none", folder);
    EXPECT_EQ(gf_file_read(&data, &size, path, 4), GF_NOTFOUND);
}
