/* What Winograd's passes share: tiles of 4x4 outputs, their 6x6 patches of the source, and the
 * transform of a patch (Lavin & Gray 2015, 1509.09308, section 4.3: F(4x4, 3x3)). */
#ifndef GRIDFRONT_KERNELS_WINOGRAD_H
#define GRIDFRONT_KERNELS_WINOGRAD_H

#include "../plan.h"
#include "fast.h"
#include "gather.h"

/* Compiled for bf16 instructions, the same passes round their operands as they read them. */
#ifdef __AVX512BF16__
#include "../fast_bf16/native.h"
#include <immintrin.h>
#define GF_WINOGRAD(name) gf_native_##name
GF_INLINE vec rounded_operand(vec value)
{
    __m512i bits = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)value));
    return (vec)_mm512_slli_epi32(bits, 16);
}
#else
#define GF_WINOGRAD(name) GF_FAST(name)
GF_INLINE vec rounded_operand(vec value)
{
    return value;
}
#endif

GF_INLINE vec load_operand(const float *from)
{
    return rounded_operand(load(from));
}

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

/* The 36 values of a patch to the 36 planes. */
GF_INLINE void transform_patch(float *to, vec d[POINTS], size_t plane)
{
    EACH(int x = 0; x < PATCH; x++) source_axis(d + x, PATCH);
    EACH(int y = 0; y < PATCH; y++) source_axis(d + y * PATCH, 1);
    EACH(int i = 0; i < POINTS; i++) store(to + i * plane, d[i]);
}

/* A patch that lies inside the image. */
static inline void transform_inside(float *to, const tiling *g, const float *corner)
{
    size_t pixel = g->plan->channels, line = g->plan->width * pixel;
    for (int c = 0; c < g->plan->inner; c += LANES) {
        vec d[POINTS];
        EACH(int y = 0; y < PATCH; y++)
        EACH(int x = 0; x < PATCH; x++)
        d[y * PATCH + x] = load_operand(corner + y * line + x * pixel + c);
        transform_patch(to + c, d, g->plane);
    }
}

/* One that hangs over the border: there the padding is one pixel of zeros. */
static inline void transform_border(float *to, const tiling *g, const float *image, int top,
                                    int left)
{
    const gf_plan *plan = g->plan;
    const float *pixel[POINTS];
    for (int y = 0; y < PATCH; y++) {
        for (int x = 0; x < PATCH; x++) {
            int row = top + y, column = left + x;
            bool inside = row >= 0 && row < plan->height && column >= 0 && column < plan->width;
            pixel[y * PATCH + x] =
                inside ? image + ((size_t)row * plan->width + column) * plan->channels : g->zeros;
        }
    }
    for (int c = 0; c < plan->inner; c += LANES) {
        vec d[POINTS];
        EACH(int i = 0; i < POINTS; i++) d[i] = load_operand(pixel[i] + c);
        transform_patch(to + c, d, g->plane);
    }
}

static inline void transform_source(float *to, const tiling *g, int tile)
{
    const gf_plan *plan = g->plan;
    place at = place_of(g, tile);
    const float *image = g->source + at.image * gf_plan_source_size(plan);
    int top = at.row + plan->phases[0].source_row - plan->pad_top;
    int left = at.column + plan->phases[0].source_column - plan->pad_left;
    if (top >= 0 && left >= 0 && top + PATCH <= plan->height && left + PATCH <= plan->width)
        transform_inside(to, g, image + ((size_t)top * plan->width + left) * plan->channels);
    else
        transform_border(to, g, image, top, left);
}

#endif
