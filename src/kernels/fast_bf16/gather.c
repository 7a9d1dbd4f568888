/* Native bf16 forward and input gradient, direct and register-blocked like fast/conv_gather.c: TILE
 * output pixels by up to two vectors of output channels stay in registers while taps and source
 * channels go by, two channels an instruction. Each image is rounded once, into a zero-padded copy
 * whose channels are made even; the weights once per call, into panels [tap][channel pair][output
 * channel]. Every output is one sum in the order of taps and channels (with one vector: two sums,
 * of even and odd pairs), whatever the threads. Leaves out groups. */
#include "vector.h"

#include <omp.h>
#include <string.h>

enum { TILE = 8, PANEL_VECTORS = 2, PANEL = PANEL_VECTORS * LANES };

typedef struct gather {
    const gf_plan *plan;
    int pairs;                              /* of source channels */
    int thin;                               /* only every thin-th row and column is ever read */
    int height, width;                      /* of the padded, thinned copy */
    uint32_t *packed;                       /* panels of all phases */
    size_t phase_start[GF_PLAN_PHASES_MAX]; /* of a phase in packed */
    int *from, *to;                         /* per phase and pixel of an item: source, output */
    size_t list_start[GF_PLAN_PHASES_MAX];  /* of a phase in from and to */
    float *bias;                            /* padded like the panels; NULL: none */
    uint32_t *buffers;                      /* one padded item per thread */
    size_t buffer_size;
    const float *source, *residual; /* residual: added; may be out; NULL: none */
    float *out;
    bool relu;
} gather;

/* ---- register tiles ------------------------------------------------------------------------ */

/* What a tile sums over: rows of `length` pairs, `step` apart. */
typedef struct rows {
    int count, length;
    size_t step;
} rows;

/* Where its sums go: `lanes` output channels of `pixels` pixels. */
typedef struct target {
    float *out;
    const int *to;
    int pixels, lanes;
    const float *bias, *residual; /* residual: placed like out, or out itself; NULL: none */
    bool relu;
} target;

GF_INLINE __m512i source_pair(const uint32_t *x)
{
    return _mm512_set1_epi32((int)*x);
}

GF_INLINE void step_wide(__m512 sum[TILE][PANEL_VECTORS], const uint32_t *x,
                         const ptrdiff_t *offset, const uint32_t *panel)
{
    __m512i w[PANEL_VECTORS];
    EACH(int v = 0; v < PANEL_VECTORS; v++) w[v] = _mm512_loadu_si512(panel + v * LANES);
    EACH(int p = 0; p < TILE; p++)
    {
        __m512i value = source_pair(x + offset[p]);
        EACH(int v = 0; v < PANEL_VECTORS; v++) sum[p][v] = add_products(sum[p][v], w[v], value);
    }
}

/* One vector of outputs: pairs take turns between two sums, or each would wait for the last. */
GF_INLINE void step_narrow(__m512 sum[TILE][PANEL_VECTORS], const uint32_t *x,
                           const ptrdiff_t *offset, const uint32_t *panel, const int turn)
{
    __m512i w = _mm512_loadu_si512(panel);
    EACH(int p = 0; p < TILE; p++)
    sum[p][turn] = add_products(sum[p][turn], w, source_pair(x + offset[p]));
}

GF_INLINE void run_row(__m512 sum[TILE][PANEL_VECTORS], const bool wide, const uint32_t *x,
                       const ptrdiff_t *offset, const uint32_t *panel, int length)
{
    const uint32_t *end = x + length;
    if (wide) {
        for (; x < end; x++, panel += PANEL) step_wide(sum, x, offset, panel);
        return;
    }
    for (; x + 1 < end; x += 2, panel += 2 * LANES) {
        step_narrow(sum, x, offset, panel, 0);
        step_narrow(sum, x + 1, offset, panel + LANES, 1);
    }
    if (x < end) step_narrow(sum, x, offset, panel, 0);
}

GF_INLINE void end_lanes(const target *t, size_t at, __m512 sum, int lanes)
{
    __mmask16 mask = lanes_mask(lanes);
    if (t->residual) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, t->residual + at));
    if (t->relu) /* NaN stays NaN */
        sum = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_NLT_UQ), sum);
    _mm512_mask_storeu_ps(t->out + at, mask, sum);
}

GF_INLINE void tile(const bool wide, const uint32_t *source, const int *from, const uint32_t *panel,
                    const rows *r, const target *t)
{
    __m512 sum[TILE][PANEL_VECTORS];
    ptrdiff_t offset[TILE];
    EACH(int p = 0; p < TILE; p++)
    {
        offset[p] = from[p];
        EACH(int v = 0; v < PANEL_VECTORS; v++)
        sum[p][v] = t->bias && (wide || v == 0) ? _mm512_loadu_ps(t->bias + v * LANES)
                                                : _mm512_setzero_ps();
    }
    int width = wide ? PANEL : LANES;
    for (int a = 0; a < r->count; a++)
        run_row(sum, wide, source + a * r->step, offset, panel + (size_t)a * r->length * width,
                r->length);
    EACH(int p = 0; p < TILE; p++)
    {
        if (p >= t->pixels) break;
        size_t at = t->to[p];
        if (wide) {
            end_lanes(t, at, sum[p][0], LANES);
            end_lanes(t, at + LANES, sum[p][1], t->lanes - LANES);
        } else {
            end_lanes(t, at, _mm512_add_ps(sum[p][0], sum[p][1]), t->lanes);
        }
    }
}

static void tile_wide(const uint32_t *source, const int *from, const uint32_t *panel, const rows *r,
                      const target *t)
{
    tile(true, source, from, panel, r, t);
}

static void tile_narrow(const uint32_t *source, const int *from, const uint32_t *panel,
                        const rows *r, const target *t)
{
    tile(false, source, from, panel, r, t);
}

/* ---- the source ---------------------------------------------------------------------------- */

/* `count` neighbouring values to bf16. */
static void round_line(uint16_t *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        __mmask16 mask = lanes_mask(count - i < LANES ? (int)(count - i) : LANES);
        __m512 values = _mm512_maskz_loadu_ps(mask, from + i);
        _mm256_mask_storeu_epi16(to + i, mask, (__m256i)_mm512_cvtneps_pbh(values));
    }
}

/* One row of pixels, every thin-th of them; odd channels get a zero beside the last. */
static void round_row(uint16_t *to, const float *from, const gather *g, int pixels)
{
    int channels = g->plan->channels, even = 2 * g->pairs;
    if (g->thin == 1 && channels == even) {
        round_line(to, from, (size_t)pixels * channels);
        return;
    }
    for (int p = 0; p < pixels; p++, to += even, from += (size_t)g->thin * channels) {
        round_line(to, from, channels);
        if (channels < even) to[channels] = 0;
    }
}

static int thinned(int count, int thin)
{
    return (count + thin - 1) / thin;
}

/* Images of an item, rounded into the zero-padded copy. */
static void round_images(uint32_t *padded, const gather *g, const float *source, int images)
{
    const gf_plan *plan = g->plan;
    size_t line = (size_t)g->width * g->pairs, row = (size_t)g->thin * plan->width * plan->channels;
    int columns = thinned(plan->width, g->thin), rows_in = thinned(plan->height, g->thin);
    size_t left = (size_t)plan->pad_left * g->pairs, inside = (size_t)columns * g->pairs;
    for (int n = 0; n < images; n++, source += gf_plan_source_size(plan)) {
        for (int y = 0; y < g->height; y++, padded += line) {
            int from = y - plan->pad_top;
            if (from < 0 || from >= rows_in) {
                memset(padded, 0, line * sizeof *padded);
                continue;
            }
            memset(padded, 0, left * sizeof *padded);
            round_row((uint16_t *)(padded + left), source + from * row, g, columns);
            memset(padded + left + inside, 0, (line - left - inside) * sizeof *padded);
        }
    }
}

/* ---- packing ------------------------------------------------------------------------------- */

static int padded_outer(const gf_plan *plan)
{
    return (plan->outer + LANES - 1) / LANES * LANES;
}

static size_t phase_pairs(const gather *g, int phase)
{
    const gf_phase *f = &g->plan->phases[phase];
    return (size_t)f->taps_y * f->taps_x * g->pairs;
}

/* Weights of up to 16 output channels for one source channel. */
GF_INLINE __m512 weight_lanes(const float *from, size_t step, int lanes)
{
    __mmask16 mask = lanes_mask(lanes);
    if (step == 1) return _mm512_maskz_loadu_ps(mask, from);
    const __m512i count = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i index = _mm512_mullo_epi32(count, _mm512_set1_epi32((int)step));
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, index, from, sizeof(float));
}

/* One vector of outputs of a panel of `width`: [tap][pair][lane], zero beyond `lanes`. */
static void pack_vector(uint32_t *to, const float *weight, const gather *g, const gf_phase *phase,
                        int lanes, int width)
{
    const gf_plan *plan = g->plan;
    for (int tap = 0; tap < phase->taps_y * phase->taps_x; tap++) {
        int a = tap / phase->taps_x, b = tap % phase->taps_x;
        int element =
            (phase->ky + a * phase->k_step) * plan->kernel_width + phase->kx + b * phase->k_step;
        const float *from = weight + element * plan->weight_kernel;
        for (int pair = 0; pair < g->pairs; pair++, from += 2 * plan->weight_in, to += width) {
            __m512 odd = _mm512_setzero_ps(), even = weight_lanes(from, plan->weight_out, lanes);
            if (2 * pair + 1 < plan->inner)
                odd = weight_lanes(from + plan->weight_in, plan->weight_out, lanes);
            _mm512_storeu_si512(to, pair_up(even, odd));
        }
    }
}

static void pack_weights(const gather *g, const float *weight)
{
    const gf_plan *plan = g->plan;
    int vectors = padded_outer(plan) / LANES;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < plan->phase_count * vectors; i++) {
        int phase = i / vectors, first = i % vectors * LANES, panel = first / PANEL * PANEL;
        int width = plan->outer - panel > LANES ? PANEL : LANES;
        uint32_t *to =
            g->packed + g->phase_start[phase] + panel * phase_pairs(g, phase) + (first - panel);
        pack_vector(to, weight + first * plan->weight_out, g, &plan->phases[phase],
                    plan->outer - first, width);
    }
}

static void pack_bias(const gather *g, const float *bias)
{
    for (int o = 0; o < padded_outer(g->plan); o++) g->bias[o] = o < g->plan->outer ? bias[o] : 0;
}

static void list_pixels(const gather *g)
{
    const gf_plan *plan = g->plan;
    for (int k = 0; k < plan->phase_count; k++) {
        const gf_phase *f = &plan->phases[k];
        int *from = g->from + g->list_start[k], *to = g->to + g->list_start[k];
        int step = f->source_step / g->thin, columns = f->columns;
        for (int i = 0; i < plan->images * f->rows * columns; i++) {
            int n = i / columns / f->rows, y = i / columns % f->rows, x = i % columns;
            int row = n * g->height + f->source_row + y * step;
            int out_row = n * plan->out_height + f->row + y * f->step;
            from[i] = (row * g->width + f->source_column + x * step) * g->pairs;
            to[i] = (out_row * plan->out_width + f->column + x * f->step) * plan->out_channels;
        }
    }
}

/* ---- work items ---------------------------------------------------------------------------- */

/* All pixels of an item through one panel; the last tile repeats its last pixel. */
static void sweep_pixels(const gather *g, int phase, int pixels, const uint32_t *source, float *out,
                         int panel)
{
    const gf_plan *plan = g->plan;
    const gf_phase *f = &plan->phases[phase];
    const int *from = g->from + g->list_start[phase], *to = g->to + g->list_start[phase];
    const uint32_t *weights = g->packed + g->phase_start[phase] + panel * phase_pairs(g, phase);
    const rows r = { f->taps_y, f->taps_x * g->pairs, (size_t)g->width * g->pairs };
    const float *residual = g->residual ? g->residual + (out - g->out) + panel : NULL;
    int lanes = plan->outer - panel, last[TILE];
    for (int p = 0; p < pixels; p += TILE) {
        const int *where = from + p;
        const float *bias = g->bias ? g->bias + panel : NULL;
        target t = { out + panel, to + p, TILE, lanes, bias, residual, g->relu };
        if (pixels - p < TILE) {
            t.pixels = pixels - p;
            for (int i = 0; i < TILE; i++) last[i] = from[i < t.pixels ? p + i : pixels - 1];
            where = last;
        }
        (lanes > LANES ? tile_wide : tile_narrow)(source, where, weights, &r, &t);
    }
}

/* The panels of an item that are this split's. */
static void run_item(const gather *g, int item, int split)
{
    const gf_plan *plan = g->plan;
    int first = item * plan->images;
    int images = plan->batch - first < plan->images ? plan->batch - first : plan->images;
    float *out = g->out + (size_t)first * plan->out_height * plan->out_width * plan->out_channels;
    uint32_t *source = g->buffers + (size_t)omp_get_thread_num() * g->buffer_size;
    round_images(source, g, g->source + first * gf_plan_source_size(plan), images);
    for (int phase = 0; phase < plan->phase_count; phase++) {
        int pixels = images * plan->phases[phase].rows * plan->phases[phase].columns;
        for (int panel = split * PANEL; panel < plan->outer; panel += plan->splits * PANEL)
            sweep_pixels(g, phase, pixels, source, out, panel);
    }
}

/* A 1x1 kernel with a stride reads few pixels: only those are rounded. */
static void choose_copy(gather *g)
{
    const gf_plan *plan = g->plan;
    const gf_phase *f = &plan->phases[0];
    bool sparse = plan->phase_count == 1 && f->taps_y == 1 && f->taps_x == 1 &&
                  plan->pad_top == 0 && plan->pad_left == 0 && !plan->copies;
    g->thin = sparse ? f->source_step : 1;
    g->height = thinned(plan->padded_height, g->thin);
    g->width = thinned(plan->padded_width, g->thin);
    g->pairs = (plan->inner + 1) / 2;
}

/* Lays out the scratch memory; false when there is none. */
static bool allot(gather *g, bool biased, gf_scratch *scratch)
{
    const gf_plan *plan = g->plan;
    size_t weights = 0, pixels = 0;
    for (int k = 0; k < plan->phase_count; k++) {
        g->phase_start[k] = weights;
        g->list_start[k] = pixels;
        weights += padded_outer(plan) * phase_pairs(g, k);
        pixels += (size_t)plan->images * plan->phases[k].rows * plan->phases[k].columns;
    }
    size_t biases = biased ? padded_outer(plan) : 0;
    g->buffer_size = whole_lines((size_t)plan->images * g->height * g->width * g->pairs);
    size_t words =
        weights + biases + 2 * whole_lines(pixels) + g->buffer_size * (size_t)omp_get_max_threads();
    g->packed = gf_scratch_get(scratch, words * sizeof(uint32_t));
    if (!g->packed) return false;
    g->from = (int *)(g->packed + weights);
    g->to = g->from + whole_lines(pixels);
    g->buffers = (uint32_t *)(g->to + whole_lines(pixels));
    g->bias =
        biased ? (float *)(g->buffers + g->buffer_size * (size_t)omp_get_max_threads()) : NULL;
    return true;
}

void gf_native_gather(float *out, const float *source, const float *weight, const gf_conv_end *end,
                      const gf_plan *plan, bool add, gf_scratch *scratch)
{
    gather g = { .plan = plan, .source = source, .out = out, .residual = add ? out : NULL };
    const float *bias = end ? end->bias : NULL;
    choose_copy(&g);
    if (!allot(&g, bias != NULL, scratch)) {
        poison(out, (size_t)plan->batch * plan->out_height * plan->out_width * plan->out_channels);
        return;
    }
    pack_weights(&g, weight);
    list_pixels(&g);
    if (bias) pack_bias(&g, bias);
    if (end && end->residual) g.residual = end->residual;
    g.relu = end && end->epilogue == GF_EPILOGUE_RELU;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < plan->items * plan->splits; i++)
        run_item(&g, i / plan->splits, i % plan->splits);
}
