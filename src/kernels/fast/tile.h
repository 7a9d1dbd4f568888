/* The register tile of forward convolutions, input gradients and Winograd products: TILE pixels by
 * up to PANEL_VECTORS vectors of output channels. */
#ifndef GRIDFRONT_KERNELS_TILE_H
#define GRIDFRONT_KERNELS_TILE_H

#include "fast.h"

/* What a tile sums over: rows x columns runs of `length` values, at these steps in the source. */
typedef struct runs {
    int rows, columns, length;
    size_t row_step, column_step;
} runs;

GF_INLINE void run_tile(vec sum[TILE][PANEL_VECTORS], const int vectors, const bool depthwise,
                        const float *source, const int *from, const float *panel, const runs *r)
{
    ptrdiff_t offset[TILE];
    EACH(int p = 0; p < TILE; p++) offset[p] = from[p];
    for (int a = 0; a < r->rows; a++) {
        for (int b = 0; b < r->columns; b++) {
            const float *x = source + a * r->row_step + b * r->column_step;
            const float *end = x + r->length;
            for (; x < end; x++, panel += vectors * LANES) {
                vec w[PANEL_VECTORS];
                EACH(int v = 0; v < vectors; v++) w[v] = load(panel + v * LANES);
                EACH(int p = 0; p < TILE; p++)
                {
                    const float *value = x + offset[p];
                    EACH(int v = 0; v < vectors; v++)
                    sum[p][v] += (depthwise ? load(value + v * LANES) : splat(*value)) * w[v];
                }
            }
        }
    }
}

/* Where a tile's sums go: `lanes` output channels of `pixels` pixels; and what is done with them.
 */
typedef struct target {
    float *out;
    const int *to;
    int pixels, lanes;
    const float *bias, *residual; /* residual: placed like out, or out itself; NULL: none */
    bool relu;
} target;

GF_INLINE vec cut(vec value, bool relu)
{
    return relu ? blend(value < splat(0), splat(0), value) : value; /* NaN stays NaN */
}

/* Every lane of every pixel: no question asked in between. */
GF_INLINE void store_whole(vec sum[TILE][PANEL_VECTORS], const int vectors, const target *t,
                           const bool residual)
{
    EACH(int p = 0; p < TILE; p++)
    EACH(int v = 0; v < vectors; v++)
    {
        size_t at = t->to[p] + v * LANES;
        vec value = residual ? load(t->residual + at) + sum[p][v] : sum[p][v];
        store(t->out + at, cut(value, t->relu));
    }
}

GF_INLINE void store_some(vec sum[TILE][PANEL_VECTORS], const int vectors, const target *t)
{
    for (int p = 0; p < t->pixels; p++) {
        for (int v = 0; v < vectors; v++) {
            size_t at = t->to[p] + v * LANES;
            int left = t->lanes - v * LANES, lanes = left < LANES ? left : LANES;
            if (lanes <= 0) break;
            vec value = sum[p][v];
            if (t->residual) value = load_part(t->residual + at, lanes) + value;
            store_part(t->out + at, cut(value, t->relu), lanes);
        }
    }
}

GF_INLINE void store_tile(vec sum[TILE][PANEL_VECTORS], const int vectors, const target *t)
{
    if (t->pixels < TILE || t->lanes < vectors * LANES)
        store_some(sum, vectors, t);
    else if (t->residual)
        store_whole(sum, vectors, t, true);
    else
        store_whole(sum, vectors, t, false);
}

GF_INLINE void tile(const int vectors, const bool depthwise, const float *source, const int *from,
                    const float *panel, const runs *r, const target *t)
{
    vec sum[TILE][PANEL_VECTORS];
    EACH(int p = 0; p < TILE; p++)
    EACH(int v = 0; v < vectors; v++)
    sum[p][v] = t->bias ? load(t->bias + v * LANES) : splat(0);
    run_tile(sum, vectors, depthwise, source, from, panel, r);
    store_tile(sum, vectors, t);
}

#endif
