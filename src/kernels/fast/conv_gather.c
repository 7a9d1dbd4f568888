/* Convolution forward and input gradient by direct, register-blocked loops (in the spirit of
 * Georganas et al. 2018, 1808.05567, section II, for NHWC): TILE output pixels by one panel of
 * output channels stay in registers while the taps and source channels go by; a source value is
 * broadcast, a vector of weights is used TILE times. Weights are packed once per call into panels
 * [tap][source channel][output channel]. Border pixels read a zero-padded copy of their image, so
 * that the inner loop asks nothing. */
#include "gather.h"
#include "tile.h"

#include <omp.h>

typedef struct gather {
    const gf_plan *plan;
    const float *packed;                    /* panels of all phases */
    size_t phase_start[GF_PLAN_PHASES_MAX]; /* of a phase in packed */
    int *from, *to;                         /* per phase and pixel of an item: source, output */
    size_t list_start[GF_PLAN_PHASES_MAX];  /* of a phase in from and to */
    const float *bias;                      /* padded like the panels; NULL: none */
    float *buffers;                         /* one padded item per thread */
    size_t buffer_size;
    const float *source, *residual; /* residual: added; may be out; NULL: none */
    float *out;
    bool copies, relu;
} gather;

/* Taps of one kernel row and all their channels are contiguous in the source when there is one
 * group: then a row is one run. */
static runs runs_of(const gf_plan *plan, const gf_phase *phase)
{
    runs r = { .rows = phase->taps_y,
               .columns = phase->taps_x,
               .length = plan->inner,
               .row_step = (size_t)plan->padded_width * plan->channels,
               .column_step = plan->channels };
    if (plan->groups == 1 && !plan->depthwise) {
        r.length *= r.columns;
        r.columns = r.columns > 0;
    }
    return r;
}

typedef void tile_kernel(const float *source, const int *from, const float *panel, const runs *r,
                         const target *t);

static void tile_wide(const float *source, const int *from, const float *panel, const runs *r,
                      const target *t)
{
    tile(PANEL_VECTORS, false, source, from, panel, r, t);
}

static void tile_narrow(const float *source, const int *from, const float *panel, const runs *r,
                        const target *t)
{
    tile(1, false, source, from, panel, r, t);
}

static void tile_wide_depthwise(const float *source, const int *from, const float *panel,
                                const runs *r, const target *t)
{
    tile(PANEL_VECTORS, true, source, from, panel, r, t);
}

static void tile_narrow_depthwise(const float *source, const int *from, const float *panel,
                                  const runs *r, const target *t)
{
    tile(1, true, source, from, panel, r, t);
}

static tile_kernel *kernel_for(const gf_plan *plan, int lanes)
{
    if (plan->depthwise) return lanes > LANES ? tile_wide_depthwise : tile_narrow_depthwise;
    return lanes > LANES ? tile_wide : tile_narrow;
}

/* All pixels of an item through one panel; the last tile repeats its last pixel. */
static void sweep_pixels(const gather *g, int phase, int pixels, const float *source, float *out,
                         const float *panel, const float *bias, int lanes)
{
    const int *from = g->from + g->list_start[phase], *to = g->to + g->list_start[phase];
    runs r = runs_of(g->plan, &g->plan->phases[phase]);
    tile_kernel *run = kernel_for(g->plan, lanes);
    const float *residual = g->residual ? g->residual + (out - g->out) : NULL;
    int last[TILE];
    for (int p = 0; p < pixels; p += TILE) {
        const int *where = from + p;
        target t = { out, to + p, TILE, lanes, bias, residual, g->relu };
        if (pixels - p < TILE) {
            t.pixels = pixels - p;
            for (int i = 0; i < TILE; i++) last[i] = from[i < t.pixels ? p + i : pixels - 1];
            where = last;
        }
        run(source, where, panel, &r, &t);
    }
}

/* ---- packing ------------------------------------------------------------------------------- */

static int padded_outer(const gf_plan *plan)
{
    return (plan->outer + LANES - 1) / LANES * LANES;
}

static size_t phase_taps(const gf_plan *plan, int phase)
{
    return (size_t)plan->phases[phase].taps_y * plan->phases[phase].taps_x * plan->inner;
}

/* One panel [tap][source channel][width], zero beyond `lanes`. */
static void pack_panel(float *to, const float *weight, const gf_plan *plan, const gf_phase *phase,
                       int lanes, int width)
{
    for (int a = 0; a < phase->taps_y; a++) {
        for (int b = 0; b < phase->taps_x; b++) {
            int element = (phase->ky + a * phase->k_step) * plan->kernel_width + phase->kx +
                          b * phase->k_step;
            const float *from = weight + element * plan->weight_kernel;
            for (int c = 0; c < plan->inner; c++, from += plan->weight_in, to += width) {
                for (int i = 0; i < lanes; i++) to[i] = from[i * plan->weight_out];
                for (int i = lanes; i < width; i++) to[i] = 0;
            }
        }
    }
}

static void pack_weights(float *packed, const float *weight, const gather *g)
{
    const gf_plan *plan = g->plan;
    int panels = (plan->outer + PANEL - 1) / PANEL, per_phase = plan->groups * panels;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < plan->phase_count * per_phase; i++) {
        int phase = i / per_phase, group = i % per_phase / panels, first = i % panels * PANEL;
        int lanes = plan->outer - first < PANEL ? plan->outer - first : PANEL;
        float *to = packed + g->phase_start[phase] +
                    ((size_t)group * padded_outer(plan) + first) * phase_taps(plan, phase);
        pack_panel(to, weight + group * plan->weight_group + first * plan->weight_out, plan,
                   &plan->phases[phase], lanes, lanes > LANES ? PANEL : LANES);
    }
}

static void pack_bias(float *packed, const float *bias, const gf_plan *plan)
{
    for (int group = 0; group < plan->groups; group++)
        for (int o = 0; o < padded_outer(plan); o++)
            *packed++ = o < plan->outer ? bias[group * plan->outer + o] : 0;
}

static void list_pixels(gather *g)
{
    const gf_plan *plan = g->plan;
    for (int k = 0; k < plan->phase_count; k++) {
        const gf_phase *f = &plan->phases[k];
        int *from = g->from + g->list_start[k], *to = g->to + g->list_start[k];
        for (int n = 0; n < plan->images; n++) {
            for (int i = 0; i < f->rows; i++) {
                for (int j = 0; j < f->columns; j++) {
                    int row = n * plan->padded_height + f->source_row + i * f->source_step;
                    int out_row = n * plan->out_height + f->row + i * f->step;
                    *from++ = (row * plan->padded_width + f->source_column + j * f->source_step) *
                              plan->channels;
                    *to++ =
                        (out_row * plan->out_width + f->column + j * f->step) * plan->out_channels;
                }
            }
        }
    }
}

/* ---- work items ---------------------------------------------------------------------------- */

/* The panels of a group that are this split's. */
static void run_group(const gather *g, int phase, int group, int split, int pixels,
                      const float *source, float *out)
{
    const gf_plan *plan = g->plan;
    int first = (split + group) % plan->splits * PANEL;
    for (; first < plan->outer; first += plan->splits * PANEL) {
        size_t lane = (size_t)group * padded_outer(plan) + first;
        int lanes = plan->outer - first < PANEL ? plan->outer - first : PANEL;
        size_t channel = plan->depthwise ? (size_t)first : (size_t)group * plan->inner;
        sweep_pixels(g, phase, pixels, source + channel, out + (size_t)group * plan->outer + first,
                     g->packed + g->phase_start[phase] + lane * phase_taps(plan, phase),
                     g->bias ? g->bias + lane : NULL, lanes);
    }
}

static void run_item(const gather *g, int item, int split)
{
    const gf_plan *plan = g->plan;
    int first = item * plan->images;
    int images = plan->batch - first < plan->images ? plan->batch - first : plan->images;
    const float *source = g->source + first * gf_plan_source_size(plan);
    float *out = g->out + (size_t)first * plan->out_height * plan->out_width * plan->out_channels;
    if (g->copies) {
        float *padded = g->buffers + (size_t)omp_get_thread_num() * g->buffer_size;
        gf_plan_pad(padded, source, plan, images);
        source = padded;
    }
    for (int phase = 0; phase < plan->phase_count; phase++) {
        int pixels = images * plan->phases[phase].rows * plan->phases[phase].columns;
        for (int group = 0; group < plan->groups; group++)
            run_group(g, phase, group, split, pixels, source, out);
    }
}

static size_t rounded(size_t count)
{
    return (count + 15) / 16 * 16;
}

/* Lays out the scratch memory; false when there is none. */
static bool allot(gather *g, float **packed, float **bias, gf_scratch *scratch)
{
    const gf_plan *plan = g->plan;
    size_t weights = 0, pixels = 0;
    for (int k = 0; k < plan->phase_count; k++) {
        g->phase_start[k] = weights;
        g->list_start[k] = pixels;
        weights += plan->groups * padded_outer(plan) * phase_taps(plan, k);
        pixels += (size_t)plan->images * plan->phases[k].rows * plan->phases[k].columns;
    }
    size_t biases = rounded((size_t)plan->groups * padded_outer(plan));
    /* Depthwise vectors may reach beyond the last channel of the last pixel: a copy has room. */
    g->copies = plan->copies || (plan->depthwise && plan->outer % LANES != 0);
    g->buffer_size = g->copies ? rounded(plan->images * gf_plan_padded_size(plan) + PANEL) : 0;
    size_t floats = rounded(weights) + biases + 2 * rounded(pixels) +
                    g->buffer_size * (size_t)omp_get_max_threads();
    float *memory = gf_scratch_get(scratch, floats * sizeof(float));
    if (!memory) return false;
    *packed = memory;
    *bias = *packed + rounded(weights);
    g->from = (int *)(*bias + biases);
    g->to = g->from + rounded(pixels);
    g->buffers = (float *)(g->to + rounded(pixels));
    return true;
}

void GF_FAST(gather)(float *out, const float *source, const float *weight, const gf_conv_end *end,
                     const gf_plan *plan, bool add, gf_scratch *scratch)
{
    gather g = { .plan = plan, .source = source, .out = out, .residual = add ? out : NULL };
    float *packed, *packed_bias;
    if (!allot(&g, &packed, &packed_bias, scratch)) {
        poison(out, (size_t)plan->batch * plan->out_height * plan->out_width * plan->out_channels);
        return;
    }
    g.packed = packed;
    pack_weights(packed, weight, &g);
    list_pixels(&g);
    if (end) {
        if (end->bias) pack_bias(packed_bias, end->bias, plan);
        if (end->bias) g.bias = packed_bias;
        if (end->residual) g.residual = end->residual;
        g.relu = end->epilogue == GF_EPILOGUE_RELU;
    }
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < plan->items * plan->splits; i++)
        run_item(&g, i / plan->splits, i % plan->splits);
}
