/* nn: layers that move values, against loops over every index. */
#include "../test.h"

#include <gridfront/nn.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, MOST = 4096 };

static gf_real value_at(size_t i)
{
    return (gf_real)((double)((i * 7919) % 1009) / 100 - 5);
}

static void fill(gf_real *out, size_t count, size_t from)
{
    for (size_t i = 0; i < count; i++) out[i] = value_at(from + i);
}

typedef struct bench {
    gf_real in[3][MOST], d_in[3][MOST], out[MOST], d_out[MOST];
    gf_layer_call call;
} bench;

/* One forward and backward; gradients are added to ones where `add`. The caller frees. */
static bench *run(const char *name, const void *attributes, const gf_shape *in, int inputs,
                  bool add)
{
    const gf_layer_kind *kind = gf_layer_kind_find(name);
    const gf_kernels *kernels;
    bench *b = gf_alloc(1, sizeof *b);
    if (!kind || !b || gf_kernels_get(&kernels) != GF_OK) return NULL;
    b->call = (gf_layer_call){ .kernels = kernels,
                               .attributes = attributes,
                               .batch = BATCH,
                               .input_count = inputs,
                               .out = b->out,
                               .d_out = b->d_out };
    if (kind->shape(&b->call.out_shape, in, inputs, attributes) != GF_OK) return NULL;
    fill(b->d_out, MOST, 5000);
    for (int i = 0; i < inputs; i++) {
        fill(b->in[i], MOST, 100 * (size_t)i);
        for (size_t k = 0; k < MOST; k++) b->d_in[i][k] = add ? 1 : 99;
        b->call.in_shape[i] = in[i];
        b->call.in[i] = b->in[i];
        b->call.d_in[i] = b->d_in[i];
        b->call.d_in_add[i] = add;
    }
    kind->forward(&b->call);
    kind->backward(&b->call);
    return b;
}

static size_t at(gf_shape s, int image, int y, int x, int c)
{
    return (((size_t)image * (size_t)s.height + (size_t)y) * (size_t)s.width + (size_t)x) *
               (size_t)s.channels +
           (size_t)c;
}

/* ---- concatenation ---- */

TEST("nn: concat", "channels of three inputs lie behind each other, and so do their gradients")
{
    const gf_shape in[] = { { 3, 5, 4 }, { 3, 5, 1 }, { 3, 5, 6 } };
    for (int add = 0; add < 2; add++) {
        bench *b = run("concat", NULL, in, 3, add);
        REQUIRE(b && b->call.out_shape.channels == 11);
        for (int n = 0; n < BATCH; n++)
            for (int y = 0; y < 3; y++)
                for (int x = 0; x < 5; x++)
                    for (int c = 0; c < 11; c++) {
                        int i = c < 4 ? 0 : c < 5 ? 1 : 2, own = c - (int[]){ 0, 4, 5 }[i];
                        size_t out = at(b->call.out_shape, n, y, x, c);
                        size_t from = at(in[i], n, y, x, own);
                        EXPECT(b->out[out] == b->in[i][from]);
                        EXPECT(b->d_in[i][from] == b->d_out[out] + (gf_real)add);
                    }
        free(b);
    }
}

TEST("nn: concat", "inputs of different sizes are refused")
{
    const gf_shape in[] = { { 3, 5, 4 }, { 3, 4, 4 } };
    gf_shape out;
    EXPECT_STATUS(gf_layer_kind_find("concat")->shape(&out, in, 2, NULL), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "3 x 5 and 3 x 4");
}

/* ---- poolings; 7 x 5 pixels hold 2 x 1 windows of three ---- */

static const gf_shape odd = { 7, 5, 3 };
static const gf_pool_attributes three = { .size = 3 };

/* Of the window's pixels in reading order: their mean, and the place of the largest. */
static double window_of(const gf_real *in, int n, int y, int x, int c, size_t *largest)
{
    double sum = 0;
    *largest = at(odd, n, 3 * y, 3 * x, c);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            size_t place = at(odd, n, 3 * y + i, 3 * x + j, c);
            sum += (double)in[place] / 9;
            if (in[place] > in[*largest]) *largest = place;
        }
    return sum;
}

TEST("nn: pooling", "means and largest values of windows, with pixels left over")
{
    bench *mean = run("average_pool", &three, &odd, 1, false);
    bench *most = run("max_pool", &three, &odd, 1, false);
    REQUIRE(mean && most && mean->call.out_shape.height == 2 && most->call.out_shape.width == 1);
    for (int n = 0; n < BATCH; n++)
        for (int y = 0; y < 2; y++)
            for (int c = 0; c < 3; c++) {
                size_t largest, out = at(mean->call.out_shape, n, y, 0, c);
                EXPECT_NEAR(mean->out[out], window_of(mean->in[0], n, y, 0, c, &largest), 1e-5);
                EXPECT(most->out[out] == most->in[0][largest]);
                EXPECT_NEAR(mean->d_in[0][largest], (double)mean->d_out[out] / 9, 1e-6);
                EXPECT(most->d_in[0][largest] == most->d_out[out]);
            }
    free(mean);
    free(most);
}

/* Sums of gradients before and after: nothing is lost, and pixels outside get nothing. */
static void expect_all_given(const char *kind, bool add)
{
    bench *b = run(kind, &three, &odd, 1, add);
    double given = 0, got = 0;
    REQUIRE(b);
    for (size_t i = 0; i < BATCH * gf_shape_count(b->call.out_shape); i++)
        given += (double)b->d_out[i];
    for (size_t i = 0; i < BATCH * gf_shape_count(odd); i++) got += (double)b->d_in[0][i] - add;
    EXPECT_NEAR(got, given, 1e-4);
    EXPECT(b->d_in[0][at(odd, 1, 6, 2, 0)] == (gf_real)add);
    EXPECT(b->d_in[0][at(odd, 1, 2, 4, 0)] == (gf_real)add);
    free(b);
}

TEST("nn: pooling", "all of the gradient goes to the windows, and none beside them")
{
    for (int add = 0; add < 2; add++) {
        expect_all_given("average_pool", add);
        expect_all_given("max_pool", add);
    }
}

TEST("nn: pooling", "of equal values the first takes the gradient, and a NaN is seen")
{
    const gf_layer_kind *kind = gf_layer_kind_find("max_pool");
    const gf_shape in = { 2, 2, 1 };
    const gf_pool_attributes two = { .size = 2 };
    gf_real x[4] = { 1, 3, 3, 3 }, d_x[4], y, d_y = 5;
    gf_layer_call call = { .attributes = &two,
                           .batch = 1,
                           .input_count = 1,
                           .in_shape = { in },
                           .out_shape = { 1, 1, 1 },
                           .out = &y,
                           .in = { x },
                           .d_out = &d_y,
                           .d_in = { d_x } };
    kind->forward(&call);
    kind->backward(&call);
    EXPECT(y == 3 && d_x[0] == 0 && d_x[1] == 5 && d_x[2] == 0 && d_x[3] == 0);
    x[1] = NAN;
    kind->forward(&call);
    EXPECT(isnan(y));
}
