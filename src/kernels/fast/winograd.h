/* What Winograd's passes share: tiles of 4x4 outputs, their 6x6 patches of the source, and the
 * transform of a patch (Lavin & Gray 2015, 1509.09308, section 4.3: F(4x4, 3x3)). */
#ifndef GRIDFRONT_KERNELS_WINOGRAD_H
#define GRIDFRONT_KERNELS_WINOGRAD_H

#include "../plan.h"
#include "fast.h"

enum {
    PATCH = 6,
    POINTS = PATCH * PATCH,
    OUT = 4,
    SKEW = 16 /* floats between the 36 planes, so that they do not fall into the same cache sets */
};

typedef struct tiling {
    const gf_plan *plan;
    const float *source, *zeros; /* zeros: one pixel of the padding */
    int tiles_y, tiles_x, tiles; /* of an image, of the batch */
    size_t plane;                /* floats from point to point of the transformed source */
} tiling;

static inline tiling tiling_of(const gf_plan *plan, const float *source)
{
    tiling g = { .plan = plan, .source = source };
    g.tiles_y = (plan->out_height + OUT - 1) / OUT;
    g.tiles_x = (plan->out_width + OUT - 1) / OUT;
    g.tiles = plan->batch * g.tiles_y * g.tiles_x;
    return g;
}

typedef struct place {
    int image, row, column; /* of the tile's first output pixel */
} place;

static inline place place_of(const tiling *g, int tile)
{
    int per_image = g->tiles_y * g->tiles_x;
    return (place){ tile / per_image, tile % per_image / g->tiles_x * OUT,
                    tile % g->tiles_x * OUT };
}

/* The interpolation points are 0, +-A, +-B and infinity. 5/8 and 3/2 instead of the usual 1 and 2:
 * near each other's inverses they halve the rounding error (measured; the idea is
 * Barabasz et al. 2018, 1803.10986), and their products are exact in float. */
#define A  0.625f
#define B  1.5f
#define AA (A * A)
#define BB (B * B)
/* What a kernel's value at +-A and at +-B is divided by. */
#define NORM_A (1 / (2 * AA * (AA - BB)))
#define NORM_B (1 / (2 * BB * (BB - AA)))

/* One axis of the transform of a patch: 6 values, `step` apart. */
GF_INLINE void source_axis(vec *d, const int step)
{
    vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    vec d5 = d[5 * step];
    vec even_a = d4 - BB * d2, odd_a = A * (d3 - BB * d1);
    vec even_b = d4 - AA * d2, odd_b = B * (d3 - AA * d1);
    d[0] = AA * BB * d0 - (AA + BB) * d2 + d4;
    d[step] = even_a + odd_a;
    d[2 * step] = even_a - odd_a;
    d[3 * step] = even_b + odd_b;
    d[4 * step] = even_b - odd_b;
    d[5 * step] = AA * BB * d1 - (AA + BB) * d3 + d5;
}

/* Where the 36 pixels of a tile's patch stand; the padding is one pixel of zeros. */
static inline void find_patch(const float *pixel[POINTS], const tiling *g, place at)
{
    const gf_plan *plan = g->plan;
    const float *image = g->source + at.image * gf_plan_source_size(plan);
    int top = at.row + plan->phases[0].source_row - plan->pad_top;
    int left = at.column + plan->phases[0].source_column - plan->pad_left;
    for (int y = 0; y < PATCH; y++) {
        for (int x = 0; x < PATCH; x++) {
            int row = top + y, column = left + x;
            bool inside = row >= 0 && row < plan->height && column >= 0 && column < plan->width;
            pixel[y * PATCH + x] =
                inside ? image + ((size_t)row * plan->width + column) * plan->channels : g->zeros;
        }
    }
}

static inline void transform_source(float *to, const tiling *g, int tile)
{
    const float *pixel[POINTS];
    find_patch(pixel, g, place_of(g, tile));
    for (int c = 0; c < g->plan->inner; c += LANES) {
        vec d[POINTS];
        EACH(int i = 0; i < POINTS; i++) d[i] = load(pixel[i] + c);
        EACH(int x = 0; x < PATCH; x++) source_axis(d + x, PATCH);
        EACH(int y = 0; y < PATCH; y++) source_axis(d + y * PATCH, 1);
        EACH(int i = 0; i < POINTS; i++) store(to + i * g->plane + c, d[i]);
    }
}

#endif
