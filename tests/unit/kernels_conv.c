/* The reference convolution, against numbers worked out by hand and a definition written here in
 * another way: by scattering each input into the outputs it reaches. */
#include "../test.h"
#include <gridfront/kernels.h>

#include <string.h>

static const gf_kernels *reference(void)
{
    const gf_kernels *kernels = NULL;
    return gf_kernels_find(&kernels, "ref") == GF_OK ? kernels : NULL;
}

static gf_conv_shape shape_of(int batch, int size, int channels, int filters, int kernel,
                              int stride, int pad, int groups)
{
    gf_conv_shape s = { batch,  size, size, channels, filters, kernel, kernel,
                        stride, pad,  pad,  groups,   0,       0 };
    gf_conv_shape_finish(&s);
    return s;
}

static void fill(float *to, int count, int seed)
{
    gf_random random = { .seed = (uint64_t)seed, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < count; i++)
        to[i] = (float)gf_random_uniform(&random, 0, (uint32_t)i) - 0.5f;
}

/* visit(y index, x index, weight index) for every product of the convolution. */
typedef void product_visit(void *context, int y, int x, int weight);
static void each_product(const gf_conv_shape *s, product_visit *visit, void *context)
{
    int inner = s->channels / s->groups, outer = s->filters / s->groups;
    for (int i = 0; i < s->batch * s->height * s->width * s->channels; i++) {
        int c = i % s->channels, ix = i / s->channels % s->width;
        int iy = i / s->channels / s->width % s->height;
        int n = i / s->channels / s->width / s->height;
        for (int k = 0; k < outer * s->kernel_height * s->kernel_width; k++) {
            int kx = k % s->kernel_width, ky = k / s->kernel_width % s->kernel_height;
            int f = k / s->kernel_width / s->kernel_height + c / inner * outer;
            int oy = iy + s->pad_height - ky, ox = ix + s->pad_width - kx;
            if (oy < 0 || ox < 0 || oy % s->stride || ox % s->stride) continue;
            oy /= s->stride, ox /= s->stride;
            if (oy >= s->out_height || ox >= s->out_width) continue;
            visit(context, ((n * s->out_height + oy) * s->out_width + ox) * s->filters + f, i,
                  ((f * s->kernel_height + ky) * s->kernel_width + kx) * inner + c % inner);
        }
    }
}

typedef struct naive {
    float x[4096], weight[4096], d_y[4096];
    float y[4096], d_x[4096], d_weight[4096];
} naive;

static void add_product(void *context, int y, int x, int weight)
{
    naive *n = context;
    n->y[y] += n->x[x] * n->weight[weight];
    n->d_x[x] += n->d_y[y] * n->weight[weight];
    n->d_weight[weight] += n->d_y[y] * n->x[x];
}

static void expect_naive(gf_conv_shape s)
{
    static naive n;
    static float got[4096];
    gf_scratch scratch = { 0 };
    memset(&n, 0, sizeof n);
    fill(n.x, 4096, 1), fill(n.weight, 4096, 2), fill(n.d_y, 4096, 3);
    each_product(&s, add_product, &n);
    const gf_kernels *k = reference();
    k->conv_forward(got, n.x, n.weight, NULL, &s, &scratch);
    EXPECT_FLOATS(got, n.y, (size_t)s.batch * s.out_height * s.out_width * s.filters, 1e-5);
    k->conv_backward_input(got, n.d_y, n.weight, &s, false, &scratch);
    EXPECT_FLOATS(got, n.d_x, (size_t)s.batch * s.height * s.width * s.channels, 1e-5);
    k->conv_backward_weight(got, NULL, n.d_y, n.x, &s, &scratch);
    EXPECT_FLOATS(got, n.d_weight,
                  (size_t)s.filters * s.kernel_height * s.kernel_width * s.channels / s.groups,
                  1e-5);
    gf_scratch_release(&scratch);
}

TEST("kernels: conv", "a 3x3 kernel of ones sums the neighbourhood, less at the border")
{
    float x[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, ones[9], y[9];
    for (int i = 0; i < 9; i++) ones[i] = 1;
    gf_conv_shape s = shape_of(1, 3, 1, 1, 3, 1, 1, 1);
    reference()->conv_forward(y, x, ones, NULL, &s, NULL);
    float want[9] = { 12, 21, 16, 27, 45, 33, 24, 39, 28 };
    EXPECT_FLOATS(y, want, 9, 0);
}

TEST("kernels: conv", "a kernel is not flipped, and the bias is added once")
{
    float x[9] = { 0, 0, 0, 0, 1, 0, 0, 0, 0 }, weight[9], y[9], bias = 10;
    for (int i = 0; i < 9; i++) weight[i] = (float)(i + 1);
    gf_conv_shape s = shape_of(1, 3, 1, 1, 3, 1, 1, 1);
    reference()->conv_forward(y, x, weight, &(gf_conv_end){ .bias = &bias }, &s, NULL);
    float want[9] = { 19, 18, 17, 16, 15, 14, 13, 12, 11 };
    EXPECT_FLOATS(y, want, 9, 0);
}

TEST("kernels: conv", "a 1x1 kernel of a 1x1 image is a matrix product")
{
    float x[4] = { 1, 2, 3, 4 }, weight[6] = { 1, 0, 0, 1, 2, -1 }, y[6];
    gf_conv_shape s = shape_of(2, 1, 2, 3, 1, 1, 0, 1);
    reference()->conv_forward(y, x, weight, NULL, &s, NULL);
    float want[6] = { 1, 2, 0, 3, 4, 2 };
    EXPECT_FLOATS(y, want, 6, 0);
}

TEST("kernels: conv", "all three passes agree with the scattered definition")
{
    expect_naive(shape_of(2, 6, 3, 5, 3, 1, 1, 1));
    expect_naive(shape_of(2, 7, 4, 6, 3, 2, 1, 1));
    expect_naive(shape_of(1, 6, 4, 6, 3, 2, 1, 2));
    expect_naive(shape_of(1, 9, 5, 5, 5, 1, 2, 5));
    expect_naive(shape_of(3, 8, 3, 4, 1, 2, 0, 1));
    expect_naive(shape_of(1, 8, 3, 2, 2, 3, 0, 1));
}

TEST("kernels: conv", "the gradient of the bias sums d_y, and an input gradient can be added")
{
    float d_y[4] = { 1, 2, 3, 4 }, x[2] = { 1, 1 }, weight[2] = { 2, 3 };
    float d_weight[2], d_bias[2], d_x[2] = { 100, 200 };
    gf_conv_shape s = shape_of(2, 1, 1, 2, 1, 1, 0, 1);
    reference()->conv_backward_weight(d_weight, d_bias, d_y, x, &s, NULL);
    reference()->conv_backward_input(d_x, d_y, weight, &s, true, NULL);
    EXPECT_FLOATS(d_bias, ((float[]){ 4, 6 }), 2, 0);
    EXPECT_FLOATS(d_x, ((float[]){ 108, 218 }), 2, 0);
}

/* The three passes of one backend, one after the other. */
static void run_passes(float *y, float *d_x, float *d_weight, const gf_kernels *k, const float *x,
                       const float *weight, const float *d_y, const gf_conv_shape *s)
{
    gf_scratch scratch = { 0 };
    k->conv_forward(y, x, weight, NULL, s, &scratch);
    k->conv_backward_input(d_x, d_y, weight, s, false, &scratch);
    k->conv_backward_weight(d_weight, NULL, d_y, x, s, &scratch);
    gf_scratch_release(&scratch);
}

TEST("kernels: conv", "many channels of few pixels: every backend agrees with the reference")
{
    enum { VALUES = 50 * 16 * 128, WEIGHTS = 128 * 9 * 128 };
    static float x[VALUES], d_y[VALUES], weight[WEIGHTS];
    static float y[2][VALUES], d_x[2][VALUES], d_weight[2][WEIGHTS];
    gf_conv_shape s = shape_of(50, 4, 128, 128, 3, 1, 1, 1);
    fill(x, VALUES, 1), fill(weight, WEIGHTS, 2), fill(d_y, VALUES, 3);
    run_passes(y[0], d_x[0], d_weight[0], reference(), x, weight, d_y, &s);
    for (const char *const *name = gf_kernels_names(); *name; name++) {
        const gf_kernels *k = NULL;
        REQUIRE_OK(gf_kernels_find(&k, *name));
        run_passes(y[1], d_x[1], d_weight[1], k, x, weight, d_y, &s);
        EXPECT_FLOATS(y[1], y[0], VALUES, 1e-4);
        EXPECT_FLOATS(d_x[1], d_x[0], VALUES, 1e-4);
        EXPECT_FLOATS(d_weight[1], d_weight[0], WEIGHTS, 1e-4);
    }
}

TEST("kernels: conv", "sizes and multiplications are those of ResNet18's layers")
{
    gf_conv_shape s = { 1, 32, 32, 64, 128, 3, 3, 2, 1, 1, 1, 0, 0 };
    gf_conv_shape_finish(&s);
    EXPECT_EQ(s.out_height, 16);
    EXPECT_EQ(s.out_width, 16);
    EXPECT_EQ(gf_conv_macs(&s), 16 * 16 * 128 * 9 * 64);
}

TEST("kernels: scratch", "memory is aligned, grows, and is kept when less is asked for")
{
    gf_scratch scratch = { 0 };
    void *large = gf_scratch_get(&scratch, 1000);
    EXPECT_EQ((uintptr_t)large % 64, 0);
    EXPECT(gf_scratch_get(&scratch, 10) == large);
    EXPECT(gf_scratch_get(&scratch, 5000) != NULL);
    EXPECT(scratch.size >= 5000);
    gf_scratch_release(&scratch);
    EXPECT(scratch.data == NULL);
}
