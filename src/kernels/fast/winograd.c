/* 3x3 stride-1 convolution and its input gradient by Winograd's F(4x4, 3x3) (Lavin & Gray 2015,
 * 1509.09308, sections 4 and 5): a 6x6 patch of the source becomes 36 values per channel, 36
 * products over the channels take the place of 16 x 9, and a 4x4 tile of the output comes back.
 * A block of tiles stays in L2 through all three steps; where all blocks' readings of the
 * transformed weights would be more than the transformed images, as with many channels of few
 * pixels, all tiles are one block and the threads share out each step. Tiles may hang over the
 * border: what they read outside is zero, what they would write there is dropped. Which tiles share
 * a block changes no bit. Leaves out: groups, and channels that do not fill vectors (conv.c asks
 * first). */
#include "../tune.h"
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
    int block, blocks;            /* tiles in a block (a multiple of TILE) */
    float *weights;               /* [POINTS][panel][source channel][lane], planes apart */
    const float *bias, *residual; /* NULL: none; residual: may be out */
    bool relu;
    float *buffers; /* per thread: transformed source, then products */
    size_t buffer_size, product_plane, weight_plane;
    float *out;
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

/* Rows and columns of LANES x LANES values change places: blocks of 1, 2, 4, ... in turn. */
GF_INLINE void transpose(vec row[LANES])
{
    EACH(int step = 1; step < LANES; step *= 2)
    {
        vec_mask odd = (lane_numbers & step) != 0;
        vec_mask low = lane_numbers + (odd & (LANES - step)), high = low + step;
        EACH(int i = 0; i < LANES; i++)
        {
            if (i & step) continue;
            vec first = row[i], second = row[i + step];
            row[i] = __builtin_shuffle(first, second, low);
            row[i + step] = __builtin_shuffle(first, second, high);
        }
    }
}

/* One kernel element of LANES output channels (the lanes) and LANES source channels. */
GF_INLINE void load_kernel(vec kernel[LANES], const float *from, const gf_plan *plan)
{
    bool outputs_lie_together = plan->weight_out == 1;
    size_t step = outputs_lie_together ? plan->weight_in : plan->weight_out;
    EACH(int i = 0; i < LANES; i++) kernel[i] = load_operand(from + i * step);
    if (!outputs_lie_together) transpose(kernel);
}

/* The weights of LANES output channels from `first` on and LANES source channels from c on, at all
 * 36 points. */
static void transform_weight_block(float *to, const winograd *w, const float *weight, int first,
                                   int c, int lanes)
{
    const gf_plan *plan = w->plan;
    const gf_phase *f = &plan->phases[0];
    vec kernel[9][LANES];
    for (int k = 0; k < 9; k++) {
        int element = (f->ky + k / 3 * f->k_step) * 3 + f->kx + k % 3 * f->k_step;
        load_kernel(kernel[k],
                    weight + (size_t)first * plan->weight_out + (size_t)c * plan->weight_in +
                        element * plan->weight_kernel,
                    plan);
    }
    for (int i = 0; i < LANES; i++, to += lanes) {
        vec half[PATCH * 3], point[POINTS];
        EACH(int x = 0; x < 3; x++) weight_axis(half + x, 3, &kernel[x][i], 3 * LANES);
        EACH(int y = 0; y < PATCH; y++) weight_axis(point + y * PATCH, 1, half + y * 3, 1);
        EACH(int p = 0; p < POINTS; p++) store(to + p * w->weight_plane, point[p]);
    }
}

static int panel_lanes(const gf_plan *plan, int first)
{
    return plan->outer - first < PANEL ? plan->outer - first : PANEL;
}

static void transform_weights(const winograd *w, const float *weight)
{
    const gf_plan *plan = w->plan;
#pragma omp parallel for schedule(static)
    for (int first = 0; first < plan->outer; first += LANES) {
        int panel = first / PANEL * PANEL, lanes = panel_lanes(plan, panel);
        float *to = w->weights + (size_t)panel * plan->inner + first - panel;
        for (int c = 0; c < plan->inner; c += LANES)
            transform_weight_block(to + (size_t)c * lanes, w, weight, first, c, lanes);
    }
}

/* ---- one block of tiles ---- */

/* One vector of output channels of a tile, 4x4 values PATCH apart, whose first belongs at `at`. */
GF_INLINE void write_tile(const vec m[POINTS], const winograd *w, size_t at, int f, int rows,
                          int columns)
{
    size_t line = (size_t)w->plan->out_width * w->plan->outer;
    vec bias = w->bias ? load(w->bias + f) : splat(0);
    EACH(int i = 0; i < OUT * OUT; i++)
    {
        int y = i / OUT, x = i % OUT;
        if (y >= rows || x >= columns) continue;
        size_t to = at + y * line + (size_t)x * w->plan->outer + f;
        vec value = m[y * PATCH + x] + bias;
        if (w->residual) value = load(w->residual + to) + value;
        store(w->out + to, cut(value, w->relu));
    }
}

static void transform_product(const float *from, const winograd *w, int tile)
{
    const gf_plan *plan = w->plan;
    place at = place_of(&w->grid, tile);
    int rows = plan->out_height - at.row, columns = plan->out_width - at.column;
    size_t pixel = ((size_t)at.image * plan->out_height + at.row) * plan->out_width + at.column;
    for (int f = 0; f < plan->outer; f += LANES) {
        vec m[POINTS];
        EACH(int i = 0; i < POINTS; i++) m[i] = load(from + i * w->product_plane + f);
        EACH(int x = 0; x < PATCH; x++) output_axis(m + x, PATCH);
        EACH(int y = 0; y < OUT; y++) output_axis(m + y * PATCH, 1);
        write_tile(m, w, pixel * plan->outer, f, rows, columns);
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

/* products[point][tile][output channel] of a block: one point, output channels of one panel */
static void multiply_panel(float *products, const float *sources, const winograd *w, int point,
                           int first, int tiles)
{
    const gf_plan *plan = w->plan;
    runs r = { .rows = 1, .columns = 1, .length = plan->inner };
    int lanes = panel_lanes(plan, first);
    const float *panel = w->weights + point * w->weight_plane + (size_t)first * plan->inner;
    for (int t = 0; t < tiles; t += TILE) {
        int from[TILE], to[TILE];
        EACH(int i = 0; i < TILE; i++)
        {
            from[i] = (t + i) * plan->inner;
            to[i] = (t + i) * plan->outer;
        }
        target where = {
            products + point * w->product_plane + first, to, TILE, lanes, NULL, NULL, false
        };
        (lanes > LANES ? multiply_wide : multiply_narrow)(sources + point * w->grid.plane, from,
                                                          panel, &r, &where);
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
    for (int lane = 0; lane < w->plan->outer; lane += PANEL)
        for (int p = 0; p < POINTS; p++) multiply_panel(products, sources, w, p, lane, tiles);
    for (int t = 0; t < tiles; t++)
        transform_product(products + (size_t)t * w->plan->outer, w, first + t);
}

static void run_blocks(const winograd *w)
{
#pragma omp parallel for schedule(dynamic)
    for (int block = 0; block < w->blocks; block++) run_block(w, block);
}

/* All tiles at once, each point's product as a whole. */
static void run_points(const winograd *w)
{
    float *sources = w->buffers, *products = sources + POINTS * w->grid.plane;
    int tiles = w->grid.tiles, panels = (w->plan->outer + PANEL - 1) / PANEL;
#pragma omp parallel for schedule(static)
    for (int t = 0; t < tiles; t++)
        transform_source(sources + (size_t)t * w->plan->inner, &w->grid, t);
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < POINTS * panels; i++)
        multiply_panel(products, sources, w, i / panels, i % panels * PANEL, tiles);
#pragma omp parallel for schedule(static)
    for (int t = 0; t < tiles; t++) transform_product(products + (size_t)t * w->plan->outer, w, t);
}

/* ---- layout ---- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Values read and written: the weights once a block, or the transformed tiles through memory. */
static bool is_few_tiles(const winograd *w)
{
    int64_t weights = (int64_t)w->plan->inner * w->plan->outer;
    int64_t images = (int64_t)w->grid.tiles * (w->plan->inner + w->plan->outer);
    return w->blocks * weights > 2 * images + 2 * weights;
}

static void choose_blocks(winograd *w)
{
    const gf_plan *plan = w->plan;
    int fit = BLOCK_FLOATS / (POINTS * (plan->inner + plan->outer));
    int share = (w->grid.tiles + BLOCKS_MIN - 1) / BLOCKS_MIN;
    int wanted = least(gf_tune_scale(fit > 2 * TILE ? fit : 2 * TILE, plan->grain), share);
    w->block = (wanted + TILE - 1) / TILE * TILE;
    w->blocks = (w->grid.tiles + w->block - 1) / w->block;
    if (plan->grain == GF_TUNE_DEFAULT && is_few_tiles(w)) /* measured blocks stay blocks */
        w->block = (w->grid.tiles + TILE - 1) / TILE * TILE, w->blocks = 1;
    w->grid.plane = (size_t)w->block * plan->inner + SKEW;
    w->product_plane = (size_t)w->block * plan->outer + SKEW;
    w->buffer_size = POINTS * (w->grid.plane + w->product_plane);
}

static bool allot(winograd *w, gf_scratch *scratch)
{
    const gf_plan *plan = w->plan;
    w->weight_plane = (size_t)plan->inner * plan->outer + SKEW;
    size_t weights = POINTS * w->weight_plane;
    size_t threads = w->blocks == 1 ? 1 : omp_get_max_threads();
    size_t floats = weights + plan->inner + w->buffer_size * threads;
    w->weights = gf_scratch_get(scratch, floats * sizeof(float));
    if (!w->weights) return false;
    float *zeros = w->weights + weights;
    memset(zeros, 0, plan->inner * sizeof(float));
    w->grid.zeros = zeros;
    w->buffers = zeros + plan->inner;
    return true;
}

void GF_WINOGRAD(winograd)(float *out, const float *source, const float *weight,
                           const gf_conv_end *end, const gf_plan *plan, bool add,
                           gf_scratch *scratch)
{
    winograd w = { .plan = plan, .out = out, .residual = add ? out : NULL };
    if (end) {
        w.bias = end->bias;
        w.residual = end->residual;
        w.relu = end->epilogue == GF_EPILOGUE_RELU;
    }
    w.grid = tiling_of(plan, source);
    choose_blocks(&w);
    if (!allot(&w, scratch)) {
        poison(out, (size_t)plan->batch * plan->out_height * plan->out_width * plan->out_channels);
        return;
    }
    transform_weights(&w, weight);
    if (w.blocks == 1)
        run_points(&w);
    else
        run_blocks(&w);
}
