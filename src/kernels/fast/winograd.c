/* 3x3 stride-1 convolution and its input gradient by Winograd's F(4x4, 3x3) (Lavin & Gray 2015,
 * 1509.09308, sections 4 and 5): a 6x6 patch of the source becomes 36 values per channel, 36
 * products over the channels take the place of 16 x 9, and a 4x4 tile of the output comes back.
 * A block of tiles stays in L2 through all three steps. Tiles may hang over the border: what they
 * read outside is zero, what they would write there is dropped. Which tiles share a block changes
 * no bit. Leaves out: groups, and channels that do not fill vectors (conv.c asks first). */
#include "gather.h"
#include "tile.h"
#include "winograd.h"

#include <omp.h>
#include <string.h>

enum {
    BLOCK_FLOATS = 1 << 18, /* both transformed sides of a block together: half of a 2 MB L2 */
    BLOCKS_MIN = 8
};

typedef struct winograd {
    const gf_plan *plan;
    tiling grid;
    int block, blocks; /* tiles in a block (a multiple of TILE) */
    float *weights;    /* [POINTS][panel][source channel][lane] */
    const float *bias; /* NULL: none */
    float *buffers;    /* per thread: transformed source, then products */
    size_t buffer_size, product_plane;
    float *out;
    bool add;
} winograd;

/* ---- transforms, one axis at a time: 6 values `step` apart ---- */

GF_INLINE void output_axis(vec *m, const int step)
{
    vec sum_a = m[step] + m[2 * step], difference_a = m[step] - m[2 * step];
    vec sum_b = m[3 * step] + m[4 * step], difference_b = m[3 * step] - m[4 * step];
    vec last = m[5 * step];
    m[0] += sum_a + sum_b;
    m[step] = A * difference_a + B * difference_b;
    m[2 * step] = AA * sum_a + BB * sum_b;
    m[3 * step] = A * AA * difference_a + B * BB * difference_b + last;
}

/* 3 values in, 6 out. */
GF_INLINE void weight_axis(vec *to, const int to_step, const vec *g, const int step)
{
    vec g0 = g[0], g1 = g[step], g2 = g[2 * step];
    vec even_a = (g0 + AA * g2) * NORM_A, odd_a = A * NORM_A * g1;
    vec even_b = (g0 + BB * g2) * NORM_B, odd_b = B * NORM_B * g1;
    to[0] = g0 * (1 / (AA * BB));
    to[to_step] = even_a + odd_a;
    to[2 * to_step] = even_a - odd_a;
    to[3 * to_step] = even_b + odd_b;
    to[4 * to_step] = even_b - odd_b;
    to[5 * to_step] = g2;
}

/* ---- weights ---- */

/* One vector of output channels from `first` on, source channel c: all 36 points. */
static void weight_points(vec point[POINTS], const float *weight, const gf_plan *plan, int first,
                          int c)
{
    vec g[9], half[PATCH * 3];
    const gf_phase *f = &plan->phases[0];
    for (int k = 0; k < 9; k++) {
        int element = (f->ky + k / 3 * f->k_step) * 3 + f->kx + k % 3 * f->k_step;
        const float *from = weight + (size_t)first * plan->weight_out +
                            (size_t)c * plan->weight_in + element * plan->weight_kernel;
        for (int i = 0; i < LANES; i++) g[k][i] = from[i * plan->weight_out];
    }
    for (int x = 0; x < 3; x++) weight_axis(half + x, 3, g + x, 3);
    for (int y = 0; y < PATCH; y++) weight_axis(point + y * PATCH, 1, half + y * 3, 1);
}

static int panel_lanes(const gf_plan *plan, int first)
{
    return plan->outer - first < PANEL ? plan->outer - first : PANEL;
}

static void transform_weights(const winograd *w, const float *weight)
{
    const gf_plan *plan = w->plan;
    size_t plane = (size_t)plan->inner * plan->outer;
#pragma omp parallel for schedule(static)
    for (int first = 0; first < plan->outer; first += LANES) {
        int panel = first / PANEL * PANEL, lanes = panel_lanes(plan, panel);
        float *to = w->weights + (size_t)panel * plan->inner + first - panel;
        for (int c = 0; c < plan->inner; c++, to += lanes) {
            vec point[POINTS];
            weight_points(point, weight, plan, first, c);
            for (int p = 0; p < POINTS; p++) store(to + p * plane, point[p]);
        }
    }
}

/* ---- one block of tiles ---- */

static void transform_product(const float *from, const winograd *w, int tile)
{
    const gf_plan *plan = w->plan;
    place at = place_of(&w->grid, tile);
    int rows = plan->out_height - at.row < OUT ? plan->out_height - at.row : OUT;
    int columns = plan->out_width - at.column < OUT ? plan->out_width - at.column : OUT;
    size_t line = (size_t)plan->out_width * plan->outer;
    float *out = w->out + (size_t)at.image * plan->out_height * line + at.row * line +
                 (size_t)at.column * plan->outer;
    for (int f = 0; f < plan->outer; f += LANES) {
        vec m[POINTS], bias = w->bias ? load(w->bias + f) : splat(0);
        EACH(int i = 0; i < POINTS; i++) m[i] = load(from + i * w->product_plane + f);
        EACH(int x = 0; x < PATCH; x++) output_axis(m + x, PATCH);
        EACH(int y = 0; y < OUT; y++) output_axis(m + y * PATCH, 1);
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < columns; x++) {
                float *to = out + y * line + (size_t)x * plan->outer + f;
                vec value = m[y * PATCH + x] + bias;
                store(to, w->add ? load(to) + value : value);
            }
        }
    }
}

static void multiply_wide(const float *source, const int *from, const float *panel, const runs *r,
                          const target *t)
{
    tile(PANEL_VECTORS, false, source, from, panel, r, t);
}

static void multiply_narrow(const float *source, const int *from, const float *panel, const runs *r,
                            const target *t)
{
    tile(1, false, source, from, panel, r, t);
}

/* products[point][tile][output channel] of a block */
static void multiply(float *products, const float *sources, const winograd *w, int tiles)
{
    const gf_plan *plan = w->plan;
    runs r = { .rows = 1, .columns = 1, .length = plan->inner };
    for (int first = 0; first < plan->outer; first += PANEL) {
        int lanes = panel_lanes(plan, first);
        for (int p = 0; p < POINTS; p++) {
            const float *panel = w->weights + ((size_t)p * plan->outer + first) * plan->inner;
            for (int t = 0; t < tiles; t += TILE) {
                int from[TILE], to[TILE];
                EACH(int i = 0; i < TILE; i++)
                {
                    from[i] = (t + i) * plan->inner;
                    to[i] = (t + i) * plan->outer;
                }
                target where = {
                    products + p * w->product_plane + first, to, TILE, lanes, NULL, false
                };
                (lanes > LANES ? multiply_wide : multiply_narrow)(sources + p * w->grid.plane, from,
                                                                  panel, &r, &where);
            }
        }
    }
}

static void run_block(const winograd *w, int block)
{
    float *sources = w->buffers + (size_t)omp_get_thread_num() * w->buffer_size;
    float *products = sources + POINTS * w->grid.plane;
    int first = block * w->block;
    int tiles = w->grid.tiles - first < w->block ? w->grid.tiles - first : w->block;
    for (int t = 0; t < tiles; t++)
        transform_source(sources + (size_t)t * w->plan->inner, &w->grid, first + t);
    /* The last register tile may run over stale sources; nobody reads what comes of them. */
    multiply(products, sources, w, tiles);
    for (int t = 0; t < tiles; t++)
        transform_product(products + (size_t)t * w->plan->outer, w, first + t);
}

/* ---- layout ---- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void choose_blocks(winograd *w)
{
    const gf_plan *plan = w->plan;
    int fit = BLOCK_FLOATS / (POINTS * (plan->inner + plan->outer));
    int share = (w->grid.tiles + BLOCKS_MIN - 1) / BLOCKS_MIN;
    int wanted = least(fit > 2 * TILE ? fit : 2 * TILE, share);
    w->block = (wanted + TILE - 1) / TILE * TILE;
    w->blocks = (w->grid.tiles + w->block - 1) / w->block;
    w->grid.plane = (size_t)w->block * plan->inner + SKEW;
    w->product_plane = (size_t)w->block * plan->outer + SKEW;
    w->buffer_size = POINTS * (w->grid.plane + w->product_plane);
}

static bool allot(winograd *w, gf_scratch *scratch)
{
    const gf_plan *plan = w->plan;
    size_t weights = (size_t)POINTS * plan->inner * plan->outer, threads = omp_get_max_threads();
    size_t floats = weights + plan->inner + w->buffer_size * threads;
    w->weights = gf_scratch_get(scratch, floats * sizeof(float));
    if (!w->weights) return false;
    float *zeros = w->weights + weights;
    memset(zeros, 0, plan->inner * sizeof(float));
    w->grid.zeros = zeros;
    w->buffers = zeros + plan->inner;
    return true;
}

void GF_FAST(winograd)(float *out, const float *source, const float *weight, const float *bias,
                       const gf_plan *plan, bool add, gf_scratch *scratch)
{
    winograd w = { .plan = plan, .out = out, .bias = bias, .add = add };
    w.grid = tiling_of(plan, source);
    choose_blocks(&w);
    if (!allot(&w, scratch)) {
        poison(out, (size_t)plan->batch * plan->out_height * plan->out_width * plan->out_channels);
        return;
    }
    transform_weights(&w, weight);
#pragma omp parallel for schedule(dynamic)
    for (int block = 0; block < w.blocks; block++) run_block(&w, block);
}
