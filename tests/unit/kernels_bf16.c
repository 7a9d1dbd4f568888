/* bf16: rounding to the bit, and emulated convolutions as float32 ones on rounded operands. */
#include "../../src/kernels/bf16.h"
#include "../../src/kernels/plan.h"
#include "../test.h"

#include <gridfront/kernels.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The rule once more, by comparing distances: the nearer neighbour, the even one of equals. */
static uint16_t nearest(uint32_t bits)
{
    uint32_t below = bits >> 16, rest = bits & 0xffff;
    if (isnan(float_of(bits))) return (uint16_t)(below | 0x40);
    if ((bits & 0x7fffffff) < 0x00800000) return (uint16_t)(below & 0x8000);
    bool up = rest > 0x8000 || (rest == 0x8000 && below % 2 == 1);
    return (uint16_t)(below + up);
}

static int count_wrong(uint32_t rest)
{
    int wrong = 0;
    for (uint32_t high = 0; high <= 0xffff; high++)
        wrong += gf_bf16_bits(float_of(high << 16 | rest)) != nearest(high << 16 | rest);
    return wrong;
}

TEST("kernels: bf16", "every upper half rounds to nearest even, at, beside and between the halves")
{
    const uint32_t rests[] = { 0, 1, 0x4321, 0x7fff, 0x8000, 0x8001, 0xcdef, 0xffff };
    for (size_t i = 0; i < GF_COUNT(rests); i++) EXPECT_EQ(count_wrong(rests[i]), 0);
}

TEST("kernels: bf16", "NaN stays NaN, the largest float becomes infinity, subnormals become zeros")
{
    EXPECT(isnan(gf_bf16_round(float_of(0x7f800001))));
    EXPECT(isnan(gf_bf16_round(float_of(0xffffffff))));
    EXPECT(gf_bf16_round(float_of(0x7f7fffff)) == INFINITY);
    EXPECT(gf_bf16_round(-INFINITY) == -INFINITY);
    EXPECT_EQ(gf_bf16_bits(float_of(0x807fffff)), 0x8000);
    EXPECT_EQ(gf_bf16_bits(float_of(0x00800000)), 0x0080);
    EXPECT(gf_bf16_round(1.00390625f) == 1 && gf_bf16_round(1.01171875f) == 1.015625f);
}

/* ---- convolutions ---- */

enum { MOST = 40000 };

typedef struct operands {
    gf_conv_shape shape;
    float x[MOST], weight[MOST], d_y[MOST], bias[256];
} operands;

typedef struct results {
    float y[MOST], d_x[MOST], d_weight[MOST], d_bias[256];
} results;

static size_t x_count(const gf_conv_shape *s)
{
    return (size_t)s->batch * s->height * s->width * s->channels;
}

static size_t y_count(const gf_conv_shape *s)
{
    return (size_t)s->batch * s->out_height * s->out_width * s->filters;
}

static size_t weight_count(const gf_conv_shape *s)
{
    return (size_t)s->filters * s->kernel_height * s->kernel_width * s->channels / s->groups;
}

static void fill(float *to, size_t count, int seed)
{
    gf_random random = { .seed = (uint64_t)seed, .purpose = GF_PURPOSE_TEST };
    for (size_t i = 0; i < count; i++)
        to[i] = (float)gf_random_uniform(&random, 0, (uint32_t)i) - 0.5f;
}

static void fill_operands(operands *o, gf_conv_shape shape)
{
    gf_conv_shape_finish(&shape);
    o->shape = shape;
    fill(o->x, MOST, 1), fill(o->weight, MOST, 2), fill(o->d_y, MOST, 3), fill(o->bias, 256, 4);
}

static void round_all(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) values[i] = gf_bf16_round(values[i]);
}

static void compute(results *r, const gf_kernels *kernels, const operands *o)
{
    gf_scratch scratch = { 0 };
    const gf_conv_end end = { .bias = o->bias };
    kernels->conv_forward(r->y, o->x, o->weight, &end, &o->shape, &scratch);
    fill(r->d_x, MOST, 5);
    kernels->conv_backward_input(r->d_x, o->d_y, o->weight, &o->shape, true, &scratch);
    kernels->conv_backward_weight(r->d_weight, r->d_bias, o->d_y, o->x, &o->shape, &scratch);
    gf_scratch_release(&scratch);
}

/* batch, height, width, channels, filters, kernel, kernel, stride, pad, pad, groups */
static const gf_conv_shape shapes[] = {
    { 2, 8, 8, 16, 32, 3, 3, 1, 1, 1, 1, 0, 0 }, { 3, 8, 8, 16, 32, 3, 3, 2, 1, 1, 1, 0, 0 },
    { 2, 8, 8, 32, 64, 1, 1, 2, 0, 0, 1, 0, 0 }, { 2, 9, 7, 3, 16, 3, 3, 1, 1, 1, 1, 0, 0 },
    { 1, 6, 6, 5, 7, 3, 3, 1, 1, 1, 1, 0, 0 },   { 3, 1, 1, 65, 10, 1, 1, 1, 0, 0, 1, 0, 0 },
    { 2, 6, 6, 8, 8, 3, 3, 1, 1, 1, 8, 0, 0 },   { 2, 6, 6, 8, 12, 3, 3, 2, 1, 1, 2, 0, 0 },
    { 2, 12, 12, 4, 4, 2, 3, 5, 0, 1, 1, 0, 0 },
};

static operands given, rounded;
static results got, expected;

static void expect_emulated(const char *name, gf_conv_shape shape)
{
    const gf_kernels *f32, *bf16;
    REQUIRE_OK(gf_kernels_find(&f32, name));
    REQUIRE_OK(gf_kernels_with(&bf16, f32, GF_NUMERICS_BF16));
    fill_operands(&given, shape);
    rounded = given;
    round_all(rounded.x, MOST), round_all(rounded.weight, MOST), round_all(rounded.d_y, MOST);
    compute(&got, bf16, &given);
    compute(&expected, f32, &rounded);
    EXPECT(memcmp(got.y, expected.y, y_count(&given.shape) * sizeof(float)) == 0);
    EXPECT(memcmp(got.d_x, expected.d_x, x_count(&given.shape) * sizeof(float)) == 0);
    EXPECT(memcmp(got.d_weight, expected.d_weight, weight_count(&given.shape) * sizeof(float)) ==
           0);
    EXPECT(memcmp(got.d_bias, expected.d_bias, (size_t)shape.filters * sizeof(float)) == 0);
}

TEST("kernels: bf16", "emulated convolutions are float32's on rounded operands, to the bit")
{
    setenv("GRIDFRONT_BF16", "emulated", 1);
    for (const char *const *name = gf_kernels_names(); *name; name++)
        for (size_t i = 0; i < GF_COUNT(shapes); i++) expect_emulated(*name, shapes[i]);
    unsetenv("GRIDFRONT_BF16");
}

/* The native table, NULL where the CPU has none. */
static const gf_kernels *native_table(void)
{
    const gf_kernels *f32 = NULL, *bf16 = NULL;
    if (gf_kernels_find(&f32, "avx512") != GF_OK) return NULL;
    setenv("GRIDFRONT_BF16", "native", 1);
    if (gf_kernels_with(&bf16, f32, GF_NUMERICS_BF16) != GF_OK) bf16 = NULL;
    unsetenv("GRIDFRONT_BF16");
    return bf16;
}

TEST("kernels: bf16", "native direct products are exact: small whole numbers come out to the bit")
{
    const gf_kernels *bf16 = native_table(), *ref;
    if (!bf16) SKIP("this CPU has no bf16 instructions");
    REQUIRE_OK(gf_kernels_find(&ref, "ref"));
    for (size_t i = 0; i < GF_COUNT(shapes); i++) {
        fill_operands(&given, shapes[i]);
        if (gf_plan_fits_winograd(&given.shape)) continue; /* its transforms round */
        for (int k = 0; k < MOST; k++) {
            given.x[k] = (float)(k * 7 % 11 - 5);
            given.weight[k] = (float)(k * 5 % 7 - 3);
            given.d_y[k] = (float)(k * 3 % 13 - 6);
        }
        memset(given.bias, 0, sizeof given.bias);
        compute(&got, bf16, &given);
        compute(&expected, ref, &given);
        EXPECT_FLOATS(got.y, expected.y, y_count(&given.shape), 0);
        EXPECT_FLOATS(got.d_weight, expected.d_weight, weight_count(&given.shape), 0);
    }
}

TEST("kernels: bf16", "where Winograd is taken, native results are float32's on rounded operands")
{
    const gf_kernels *bf16 = native_table(), *f32;
    if (!bf16) SKIP("this CPU has no bf16 instructions");
    REQUIRE_OK(gf_kernels_find(&f32, "avx512"));
    gf_scratch scratch = { 0 };
    fill_operands(&given, (gf_conv_shape){ 9, 10, 7, 32, 48, 3, 3, 1, 1, 1, 1, 0, 0 });
    REQUIRE(gf_plan_fits_winograd(&given.shape));
    rounded = given;
    round_all(rounded.x, MOST), round_all(rounded.weight, MOST), round_all(rounded.d_y, MOST);
    compute(&got, bf16, &given);
    compute(&expected, f32, &rounded);
    bf16->conv_backward_weight(got.d_weight, NULL, given.d_y, given.x, &given.shape, &scratch);
    f32->conv_backward_weight(expected.d_weight, NULL, rounded.d_y, rounded.x, &given.shape,
                              &scratch);
    EXPECT_FLOATS(got.y, expected.y, y_count(&given.shape), 0);
    EXPECT_FLOATS(got.d_x, expected.d_x, x_count(&given.shape), 0);
    EXPECT_FLOATS(got.d_weight, expected.d_weight, weight_count(&given.shape), 0);
    gf_scratch_release(&scratch);
}

TEST("kernels: bf16", "a NaN in an operand reaches native results, and only those that it enters")
{
    const gf_kernels *bf16 = native_table();
    if (!bf16) SKIP("this CPU has no bf16 instructions");
    fill_operands(&given, shapes[1]);
    given.x[0] = given.d_y[0] = NAN; /* corner pixel of the first image */
    compute(&got, bf16, &given);
    EXPECT(isnan(got.y[0]) && isnan(got.d_x[0]));
    EXPECT(!isnan(got.y[y_count(&given.shape) - 1]) && !isnan(got.d_x[x_count(&given.shape) - 1]));
    EXPECT(isnan(got.d_weight[4 * 16]) && !isnan(got.d_weight[weight_count(&given.shape) - 1]));
}

/* So large that the weight gradient takes its images in several chunks, in either of its ways. */
static void expect_chunks(gf_conv_shape shape)
{
    const gf_kernels *bf16 = native_table(), *f32;
    gf_scratch scratch = { 0 };
    gf_conv_shape_finish(&shape);
    size_t weights = weight_count(&shape);
    float *x = malloc(x_count(&shape) * sizeof *x), *d_y = malloc(y_count(&shape) * sizeof *d_y);
    float *sums = malloc(2 * weights * sizeof *sums);
    REQUIRE(x && d_y && sums);
    for (size_t i = 0; i < x_count(&shape); i++) x[i] = (float)(i * 7 % 11) - 5;
    for (size_t i = 0; i < y_count(&shape); i++) d_y[i] = (float)(i * 5 % 13) - 6;
    REQUIRE_OK(gf_kernels_find(&f32, "portable"));
    bf16->conv_backward_weight(sums, NULL, d_y, x, &shape, &scratch);
    f32->conv_backward_weight(sums + weights, NULL, d_y, x, &shape, &scratch);
    EXPECT_FLOATS(sums, sums + weights, weights, 0); /* whole numbers below 2^24 */
    gf_scratch_release(&scratch);
    free(x), free(d_y), free(sums);
}

TEST("kernels: bf16", "a native weight gradient in chunks forgets no image")
{
    if (!native_table()) SKIP("this CPU has no bf16 instructions");
    expect_chunks((gf_conv_shape){ 21, 40, 40, 8, 48, 1, 1, 1, 0, 0, 1, 0, 0 });
    expect_chunks((gf_conv_shape){ 11, 16, 16, 264, 256, 1, 1, 1, 0, 0, 1, 0, 0 });
}

/* ---- choosing ---- */

TEST("kernels: bf16", "float32 is the table itself, bf16 one of its own, a foreign table has none")
{
    const gf_kernels *f32, *same, *bf16;
    REQUIRE_OK(gf_kernels_get(&f32));
    REQUIRE_OK(gf_kernels_with(&same, f32, GF_NUMERICS_F32));
    REQUIRE_OK(gf_kernels_with(&bf16, f32, GF_NUMERICS_BF16));
    EXPECT(same == f32 && bf16 != f32);
    EXPECT(bf16->conv_forward != f32->conv_forward && bf16->bn_forward == f32->bn_forward);
    gf_kernels copy = *f32;
    EXPECT_STATUS(gf_kernels_with(&bf16, &copy, GF_NUMERICS_BF16), GF_UNSUPPORTED);
}

TEST("kernels: bf16", "GRIDFRONT_BF16 pins emulation and refuses an unknown word by name")
{
    const gf_kernels *f32, *bf16;
    REQUIRE_OK(gf_kernels_get(&f32));
    setenv("GRIDFRONT_BF16", "emulated", 1);
    EXPECT_TEXT(gf_kernels_bf16(), "emulated");
    setenv("GRIDFRONT_BF16", "exact", 1);
    EXPECT_STATUS(gf_kernels_with(&bf16, f32, GF_NUMERICS_BF16), GF_UNSUPPORTED);
    EXPECT(strstr(gf_error_message(), "exact") != NULL);
    setenv("GRIDFRONT_BF16", "native", 1);
    REQUIRE_OK(gf_kernels_find(&f32, "ref"));
    EXPECT_STATUS(gf_kernels_with(&bf16, f32, GF_NUMERICS_BF16), GF_UNSUPPORTED);
    unsetenv("GRIDFRONT_BF16");
}
