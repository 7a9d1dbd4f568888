/* Every kernel of every backend that this CPU runs, against the reference in random shapes, and
 * against itself on other numbers of threads. One replay runs them all and writes what came out
 * into one long record, beside the tolerance of each value; a convolution's is a fraction of the
 * sum of its absolute products, which the reference computes from absolute inputs. */
#include "../test.h"
#include <gridfront/kernels.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 60 };
static const float ROUNDING = 3e-6f; /* of a sum of absolute values, or of a value itself */

typedef struct record {
    float *values;
    size_t count, capacity;
    char marks[4096]; /* "conv_forward@0 ...": which kernel wrote from where on */
} record;

static void record_mark(record *r, const char *kernel)
{
    size_t used = strlen(r->marks);
    snprintf(r->marks + used, sizeof r->marks - used, "%s@%zu ", kernel, r->count);
}

/* Space for the next `count` values, holding `start` everywhere ("add" must find something). */
static float *record_take(record *r, size_t count, float start)
{
    if (r->count + count > r->capacity) {
        fprintf(stderr, "the record is too small\n");
        abort();
    }
    float *values = r->values + r->count;
    for (size_t i = 0; i < count; i++) values[i] = start;
    r->count += count;
    return values;
}

static record record_create(void)
{
    size_t capacity = 1 << 21;
    return (record){ .values = gf_alloc(capacity, sizeof(float)), .capacity = capacity };
}

/* One random case: its shape, and one pool of inputs in [-1, 1]. */
typedef struct kernel_case {
    gf_conv_shape shape;
    bool add, bias;
    int round;
    float *pool;
    size_t pool_size;
} kernel_case;

static int pick(int round, int which, int count)
{
    gf_random random = { .seed = 7, .purpose = GF_PURPOSE_TEST };
    return (int)gf_random_below(&random, (uint32_t)round, (uint32_t)which, (uint32_t)count);
}

static void pick_shape(gf_conv_shape *s, int round)
{
    static const int channels[] = { 3, 5, 8, 16, 24, 64 }, batches[] = { 1, 2, 5, 8, 11, 17 };
    static const int kernels[] = { 1, 3, 3, 3, 5, 2 };
    *s = (gf_conv_shape){
        .batch = batches[pick(round, 0, 6)],
        .height = 4 + pick(round, 1, 6),
        .width = 4 + pick(round, 2, 9),
        .channels = channels[pick(round, 3, 6)],
        .filters = channels[pick(round, 4, 6)] + pick(round, 5, 2),
        .kernel_height = kernels[pick(round, 6, 6)],
        .stride = 1 + pick(round, 7, 2) + (round % 13 == 0 ? 4 : 0),
        .groups = 1,
    };
    s->kernel_width = round % 7 == 0 ? 3 : s->kernel_height;
    s->pad_height = pick(round, 8, 3) < 2 ? s->kernel_height / 2 : 0;
    s->pad_width = pick(round, 9, 3) < 2 ? s->kernel_width / 2 : s->pad_height;
    if (round % 4 == 1) { /* grouped */
        s->groups = 4;
        s->channels = 4 * (1 + pick(round, 10, 8));
        s->filters = 4 * (1 + pick(round, 11, 8));
    }
    if (round % 4 == 2) s->groups = s->filters = s->channels; /* depthwise */
    if (round % 5 == 3) {                                     /* what Winograd takes */
        s->channels = 16 * (1 + pick(round, 12, 4)), s->filters = 16 * (1 + pick(round, 13, 4));
        s->kernel_height = s->kernel_width = 3, s->stride = 1, s->groups = 1;
        s->pad_height = pick(round, 14, 3), s->pad_width = pick(round, 15, 4);
    }
    if (round % 10 == 9) /* fully connected */
        *s = (gf_conv_shape){ s->batch, 1, 1, 64, 10, 1, 1, 1, 0, 0, 1, 0, 0 };
    gf_conv_shape_finish(s);
}

static kernel_case case_create(int round)
{
    kernel_case c = { .round = round, .add = round % 2, .bias = round % 3 != 0 };
    pick_shape(&c.shape, round);
    c.pool_size = 1 << 19;
    c.pool = gf_alloc(c.pool_size, sizeof(float));
    gf_random random = { .seed = 11, .purpose = GF_PURPOSE_TEST };
    for (size_t i = 0; i < c.pool_size; i++)
        c.pool[i] = (float)(2 * gf_random_uniform(&random, (uint32_t)round, (uint32_t)i) - 1);
    return c;
}

static size_t in_count(const gf_conv_shape *s)
{
    return (size_t)s->batch * s->height * s->width * s->channels;
}

static size_t out_count(const gf_conv_shape *s)
{
    return (size_t)s->batch * s->out_height * s->out_width * s->filters;
}

static size_t weight_count(const gf_conv_shape *s)
{
    return (size_t)s->filters * s->kernel_height * s->kernel_width * (s->channels / s->groups);
}

/* ---- what is run ---------------------------------------------------------------------------- */

static void replay_convolution(record *r, const gf_kernels *k, const kernel_case *c)
{
    const gf_conv_shape *s = &c->shape;
    const float *x = c->pool, *d_y = x + in_count(s), *weight = d_y + out_count(s);
    const float *bias = weight + weight_count(s);
    gf_scratch scratch = { 0 };
    record_mark(r, "conv_forward");
    const gf_conv_end end = { .bias = c->bias ? bias : NULL,
                              .residual = c->round % 4 < 2 ? d_y : NULL,
                              .epilogue = c->round % 5 < 2 ? GF_EPILOGUE_RELU : GF_EPILOGUE_NONE };
    k->conv_forward(record_take(r, out_count(s), 9), x, weight, &end, s, &scratch);
    record_mark(r, "conv_backward_input");
    k->conv_backward_input(record_take(r, in_count(s), 1), d_y, weight, s, c->add, &scratch);
    record_mark(r, "conv_backward_weight");
    float *d_weight = record_take(r, weight_count(s), 9);
    float *d_bias = c->bias ? record_take(r, s->filters, 9) : NULL;
    k->conv_backward_weight(d_weight, d_bias, d_y, x, s, &scratch);
    gf_scratch_release(&scratch);
}

/* A weight for each kernel, anywhere in it. */
static void replay_shift(record *r, const gf_kernels *k, const kernel_case *c)
{
    gf_conv_shape s = c->shape;
    const float *x = c->pool, *residual = x + in_count(&s), *weight = residual + out_count(&s);
    size_t slices = (size_t)s.filters * s.channels;
    const float *bias = weight + slices;
    int32_t *position = gf_alloc(slices, sizeof *position);
    gf_scratch scratch = { 0 };
    s.groups = 1;
    for (size_t i = 0; i < slices; i++)
        position[i] = (int32_t)((i * 7 + c->round) % (s.kernel_height * s.kernel_width));
    record_mark(r, "shift_forward");
    const gf_conv_end end = { .bias = c->bias ? bias : NULL,
                              .residual = c->round % 4 < 2 ? residual : NULL,
                              .epilogue = c->round % 5 < 2 ? GF_EPILOGUE_RELU : GF_EPILOGUE_NONE };
    k->shift_forward(record_take(r, out_count(&s), 9), x, weight, position,
                     c->round % 7 ? &end : NULL, &s, &scratch);
    gf_scratch_release(&scratch);
    free(position);
}

static void replay_bn(record *r, const gf_kernels *k, const kernel_case *c)
{
    const gf_conv_shape *s = &c->shape;
    int pixels = s->height * s->width, channels = s->channels;
    const float *x = c->pool, *d_y = x + in_count(s);
    const float *mean = d_y + in_count(s), *scale = mean + channels, *gamma = scale + channels;
    const float *beta = gamma + channels;
    gf_scratch scratch = { 0 };
    record_mark(r, "bn_statistics");
    float *batch_mean = record_take(r, channels, 9), *variance = record_take(r, channels, 9);
    k->bn_statistics(batch_mean, variance, x, s->batch, pixels, channels, &scratch);
    record_mark(r, "bn_forward");
    gf_bn bn = { s->batch, pixels, channels, mean, scale, gamma, beta, false };
    const float *residual = c->round % 2 ? x + 1 : NULL;
    k->bn_forward(record_take(r, in_count(s), 9), x, residual, &bn,
                  c->round % 3 ? GF_EPILOGUE_RELU : GF_EPILOGUE_NONE);
    for (int frozen = 0; frozen < 2; frozen++) {
        record_mark(r, frozen ? "bn_backward, frozen" : "bn_backward");
        bn.frozen = frozen;
        gf_bn_gradients out = { .d_x = record_take(r, in_count(s), 1), .add_x = c->add };
        if (residual) out.d_residual = record_take(r, in_count(s), 1);
        out.add_residual = !c->add;
        out.d_gamma = record_take(r, channels, 9), out.d_beta = record_take(r, channels, 9);
        k->bn_backward(&out, d_y, c->round % 3 ? x : NULL, x, &bn, &scratch);
    }
    gf_scratch_release(&scratch);
}

static void replay_elementwise(record *r, const gf_kernels *k, const kernel_case *c)
{
    size_t n = 40001 - 1000 * (size_t)(c->round % 40); /* more and fewer than a chunk */
    const float *a = c->pool, *b = a + n;
    record_mark(r, "relu");
    k->relu_forward(record_take(r, n, 9), a, n);
    k->relu_backward(record_take(r, n, 1), b, a, n, c->add);
    record_mark(r, "relu6");
    k->relu6_forward(record_take(r, n, 9), a, n);
    k->relu6_backward(record_take(r, n, 1), b, a, n, c->add);
    record_mark(r, "softplus");
    k->softplus_forward(record_take(r, n, 9), a, n);
    k->softplus_backward(record_take(r, n, 1), b, a, n, c->add);
    record_mark(r, "add_accumulate_copy_multiply");
    k->add(record_take(r, n, 9), a, b, n);
    k->accumulate(record_take(r, n, 1), a, n);
    k->copy(record_take(r, n, 9), a, n);
    k->multiply(record_take(r, n, 9), a, b, n);
    record_mark(r, "range");
    float *low = record_take(r, 1, 9), *high = record_take(r, 1, 9);
    k->range(low, high, a, n);
    record_mark(r, "ema_step");
    k->ema_step(record_take(r, n, 1), a, n, 0.9f);
    record_mark(r, "sgd_step");
    float *weight = record_take(r, n, 1), *velocity = record_take(r, n, 0.5f);
    k->sgd_step(weight, velocity, a, n, 0.1f, 0.9f, 1e-3f, 1e-2f, c->add);
    record_mark(r, "adam_step");
    const gf_adam adam = { 0.01f, 1.2f, 1e-3f, 0.9f, 0.1f, 0.99f, 0.01f, 1e-3f, 1e-2f };
    weight = record_take(r, n, 1);
    float *mean = record_take(r, n, 0.5f), *square = record_take(r, n, 0.25f);
    k->adam_step(weight, mean, square, a, n, &adam);
}

static void replay_rest(record *r, const gf_kernels *k, const kernel_case *c)
{
    const gf_conv_shape *s = &c->shape;
    int pixels = s->height * s->width, channels = s->channels;
    const float *x = c->pool, *d_y = x + in_count(s);
    record_mark(r, "mean_pool");
    k->mean_pool_forward(record_take(r, (size_t)s->batch * channels, 9), x, s->batch, pixels,
                         channels);
    k->mean_pool_backward(record_take(r, in_count(s), 1), d_y, s->batch, pixels, channels, c->add);
    record_mark(r, "softmax_cross_entropy");
    float *losses = record_take(r, s->batch, 9);
    k->softmax_cross_entropy(record_take(r, (size_t)s->batch * channels, 9), losses, x, d_y,
                             s->batch, channels);
    float scale[128], zero[128];
    for (int i = 0; i < 128; i++) scale[i] = 0.01f + 0.001f * i, zero[i] = (float)(i % 5 - 2);
    size_t outer = s->filters, inner = weight_count(s) / outer;
    bool per_filter = c->round % 2;
    record_mark(r, "fake_quant");
    k->fake_quant_forward(record_take(r, outer * inner, 9), x, scale, zero, -8, 7, outer, inner,
                          per_filter);
    k->fake_quant_backward(record_take(r, outer * inner, 1), d_y, x, scale, zero, -8, 7, outer,
                           inner, per_filter, c->add);
    record_mark(r, "float_round");
    k->float_round(record_take(r, outer * inner, 9), x, scale, (gf_minifloat)(c->round % 4), outer,
                   inner, per_filter);
}

static void replay(record *r, const gf_kernels *k, const kernel_case *c)
{
    r->count = 0;
    r->marks[0] = '\0';
    replay_convolution(r, k, c);
    replay_shift(r, k, c);
    replay_bn(r, k, c);
    replay_elementwise(r, k, c);
    replay_rest(r, k, c);
}

/* ---- how it is compared ---------------------------------------------------------------------- */

/* Winograd's rounding is that of a whole tile: a small sum beside large ones has their error. */
static void lift_to_mean(float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    float mean = (float)(sum / (double)count);
    for (size_t i = 0; i < count; i++) values[i] = values[i] > mean ? values[i] : mean;
}

/* The tolerances: of convolutions, sums of absolute values; else 4 and 4 times the value (the sums
 * of BN gradients cancel: a thousand terms below 1 leave less than 1). */
static void replay_magnitudes(record *r, const record *reference, const kernel_case *c)
{
    const gf_kernels *ref = NULL;
    kernel_case absolute = *c;
    absolute.pool = gf_alloc(c->pool_size, sizeof(float));
    for (size_t i = 0; i < c->pool_size; i++) absolute.pool[i] = fabsf(c->pool[i]);
    REQUIRE_OK(gf_kernels_find(&ref, "ref"));
    r->count = 0;
    r->marks[0] = '\0';
    replay_convolution(r, ref, &absolute);
    size_t outputs = out_count(&c->shape), inputs = in_count(&c->shape);
    lift_to_mean(r->values, outputs);
    lift_to_mean(r->values + outputs, inputs);
    lift_to_mean(r->values + outputs + inputs, weight_count(&c->shape));
    for (; r->count < reference->count; r->count++)
        r->values[r->count] = 4 + 4 * fabsf(reference->values[r->count]);
    free(absolute.pool);
}

/* The kernel that wrote value `index`. */
static void writer_of(char out[64], const record *r, size_t index)
{
    const char *mark = r->marks;
    size_t from = 0;
    char name[64] = "";
    for (int used = 0; sscanf(mark, "%63[^@]@%zu %n", name, &from, &used) == 2; mark += used) {
        if (from > index) break;
        snprintf(out, 64, "%s", name);
    }
}

/* "" when every value is within `rounding` of its magnitude, else what the first one is. */
static void difference(char out[256], const char *backend, const record *got, const record *want,
                       const record *magnitude, const kernel_case *c)
{
    out[0] = '\0';
    for (size_t i = 0; i < want->count; i++) {
        float allowed = magnitude ? ROUNDING * magnitude->values[i] : 0;
        if (fabsf(got->values[i] - want->values[i]) <= allowed) continue;
        char kernel[64] = "";
        writer_of(kernel, want, i);
        snprintf(out, 256,
                 "%s %s, round %d, %dx%dx%dx%d k%dx%d f%d s%d p%d,%d g%d: %g instead of %g",
                 backend, kernel, c->round, c->shape.batch, c->shape.height, c->shape.width,
                 c->shape.channels, c->shape.kernel_height, c->shape.kernel_width, c->shape.filters,
                 c->shape.stride, c->shape.pad_height, c->shape.pad_width, c->shape.groups,
                 got->values[i], want->values[i]);
        return;
    }
}

/* ---- the backends ---------------------------------------------------------------------------- */

/* The next table to be tried: every backend, in float32 or in bf16 by one way of computing it. */
static bool next_table(const gf_kernels **table, const char *const **names, const char *bf16)
{
    const char *name = **names;
    if (!name) return false;
    (*names)++;
    gf_test_status(gf_kernels_find(table, name), GF_OK, name, __FILE__, __LINE__);
    if (!bf16) return true;
    setenv("GRIDFRONT_BF16", bf16, 1);
    bool there = gf_kernels_with(table, *table, GF_NUMERICS_BF16) == GF_OK;
    unsetenv("GRIDFRONT_BF16");
    return there || next_table(table, names, bf16);
}

static int expect_agreement(const char *bf16)
{
    int tables = 0;
    const char *const *first = gf_kernels_names(); /* the reference: exact sums */
    const gf_kernels *ref = NULL, *backend = NULL;
    record want = record_create(), got = record_create(), magnitude = record_create();
    next_table(&ref, &first, bf16 ? "emulated" : NULL);
    for (int round = 0; round < ROUNDS; round++) {
        kernel_case c = case_create(round);
        replay(&want, ref, &c);
        replay_magnitudes(&magnitude, &want, &c);
        for (const char *const *name = gf_kernels_names(); next_table(&backend, &name, bf16);) {
            char text[256];
            replay(&got, backend, &c);
            difference(text, backend->name, &got, &want, &magnitude, &c);
            EXPECT_TEXT(text, "");
            tables++;
        }
        free(c.pool);
    }
    free(want.values), free(got.values), free(magnitude.values);
    return tables;
}

static void expect_same_bits(const char *bf16)
{
    static const int threads[] = { 2, 3, 7 };
    const gf_kernels *backend = NULL;
    record want = record_create(), got = record_create();
    for (int round = 0; round < ROUNDS / 3; round++) {
        kernel_case c = case_create(round);
        for (const char *const *name = gf_kernels_names(); next_table(&backend, &name, bf16);) {
            gf_test_status(gf_kernels_start(1), GF_OK, "start", __FILE__, __LINE__);
            replay(&want, backend, &c);
            for (size_t i = 0; i < GF_COUNT(threads); i++) {
                char text[256];
                gf_test_status(gf_kernels_start(threads[i]), GF_OK, "start", __FILE__, __LINE__);
                replay(&got, backend, &c);
                difference(text, backend->name, &got, &want, NULL, &c);
                EXPECT_TEXT(text, "");
                EXPECT(memcmp(got.values, want.values, want.count * sizeof(float)) == 0);
            }
        }
        free(c.pool);
    }
    free(want.values), free(got.values);
}

TEST("kernels: every backend", "agrees with the reference in random shapes")
{
    REQUIRE_OK(gf_kernels_start(2));
    EXPECT(expect_agreement(NULL) > 0);
}

TEST("kernels: every backend", "gives the same bits on 1, 2, 3 and 7 threads")
{
    expect_same_bits(NULL);
}

TEST("kernels: every backend", "emulates bf16 as the reference sums rounded operands")
{
    REQUIRE_OK(gf_kernels_start(2));
    EXPECT(expect_agreement("emulated") > 0);
    expect_same_bits("emulated");
}

TEST("kernels: native bf16", "sums rounded operands as the reference does, the same on any threads")
{
    REQUIRE_OK(gf_kernels_start(2));
    if (expect_agreement("native") == 0) SKIP("this CPU has no bf16 instructions");
    expect_same_bits("native");
}
