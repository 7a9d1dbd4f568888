/* Fake quantization, small floating formats and ranges; formulas and papers stand in ref/quant.c.
 * Division, rounding and clamping are exact operations: the result is the reference's, bit by bit.
 */
#include "elementwise.h"

#include <math.h>
#include <string.h>

enum { RANGE_PARTS = 64 };

typedef struct grid {
    float scale, zero, low, high;
} grid;

GF_INLINE float level_of(float x, grid g)
{
    return rintf(x / g.scale) + g.zero;
}

GF_INLINE float quantized(float x, grid g)
{
    float level = level_of(x, g);
    level = level < g.low ? g.low : level;
    level = level > g.high ? g.high : level;
    return (level - g.zero) * g.scale;
}

GF_INLINE float passed(float d_y, float x, grid g)
{
    float level = level_of(x, g);
    return level < g.low ? 0 : level > g.high ? 0 : d_y;
}

void GF_FAST(fake_quant_forward)(float *y, const float *x, const float *scale, const float *zero,
                                 int low, int high, size_t outer, size_t inner, bool per_outer)
{
    grid whole = { scale[0], zero[0], (float)low, (float)high };
    if (!per_outer) {
        GF_ELEMENTS(outer * inner, y[i] = quantized(x[i], whole));
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t o = 0; o < outer; o++) {
        grid g = { scale[o], zero[o], (float)low, (float)high };
        float *to = y + o * inner;
        const float *from = x + o * inner;
#pragma GCC ivdep
        for (size_t i = 0; i < inner; i++) to[i] = quantized(from[i], g);
    }
}

static void backward_row(float *d_x, const float *d_y, const float *x, size_t count, grid g,
                         bool add)
{
    if (add) {
#pragma GCC ivdep
        for (size_t i = 0; i < count; i++) d_x[i] += passed(d_y[i], x[i], g);
    } else {
#pragma GCC ivdep
        for (size_t i = 0; i < count; i++) d_x[i] = passed(d_y[i], x[i], g);
    }
}

void GF_FAST(fake_quant_backward)(float *d_x, const float *d_y, const float *x, const float *scale,
                                  const float *zero, int low, int high, size_t outer, size_t inner,
                                  bool per_outer, bool add)
{
    size_t row = per_outer ? inner : CHUNK, count = outer * inner;
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < count; first += row) {
        size_t o = per_outer ? first / inner : 0;
        grid g = { scale[o], zero[o], (float)low, (float)high };
        size_t size = count - first < row ? count - first : row;
        backward_row(d_x + first, d_y + first, x + first, size, g, add);
    }
}

/* A format as rounding needs it. */
typedef struct rounding {
    float scale, most, normal; /* normal: below it numbers are subnormal */
    float shift;               /* so large that adding it rounds a subnormal number */
    int dropped;               /* bits of a float's mantissa that the format has not */
} rounding;

static rounding rounding_of(gf_minifloat format)
{
    const gf_minifloat_shape *shape = &gf_minifloats[format];
    return (rounding){ .most = (float)shape->most,
                       .normal = shape->least > -126 ? ldexpf(1, shape->least) : 0,
                       .shift = ldexpf(1, shape->least - shape->mantissa + 23),
                       .dropped = 23 - shape->mantissa };
}

/* Half to even by carrying into the bits that stay; the exponent takes what overflows. */
GF_INLINE float cut_mantissa(float magnitude, int dropped)
{
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    bits += (1u << (dropped - 1)) - 1 + (bits >> dropped & 1);
    bits &= ~0u << dropped;
    memcpy(&magnitude, &bits, sizeof bits);
    return magnitude;
}

GF_INLINE float float_rounded(float x, rounding r)
{
    float value = x / r.scale, magnitude = fabsf(value);
    float small = (magnitude + r.shift) - r.shift, large = cut_mantissa(magnitude, r.dropped);
    float near = magnitude < r.normal ? small : large;
    near = near > r.most ? r.most : near;
    near = isnan(magnitude) ? magnitude : near;
    return copysignf(near, value) * r.scale;
}

void GF_FAST(float_round)(float *y, const float *x, const float *scale, gf_minifloat format,
                          size_t outer, size_t inner, bool per_outer)
{
    size_t row = per_outer ? inner : CHUNK, count = outer * inner;
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < count; first += row) {
        size_t end = count - first < row ? count : first + row;
        rounding r = rounding_of(format);
        r.scale = scale[per_outer ? first / inner : 0];
#pragma GCC ivdep
        for (size_t i = first; i < end; i++) y[i] = float_rounded(x[i], r);
    }
}

typedef struct extent {
    float low, high;
} extent;

/* A NaN takes both ends and stays there. */
static extent widen(extent e, float x)
{
    if (isnan(x) || isnan(e.low)) return (extent){ x + e.low, x + e.low };
    return (extent){ x < e.low ? x : e.low, x > e.high ? x : e.high };
}

static extent part_extent(const float *x, size_t count)
{
    extent e = { x[0], x[0] };
    vec low = splat(x[0]), high = low;
    vec_mask nan = low != low;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vec value = load(x + i);
        nan |= value != value;
        low = blend(value < low, value, low);
        high = blend(value > high, value, high);
    }
    for (; i < count; i++) e = widen(e, x[i]);
    for (int k = 0; k < LANES; k++) {
        e = widen(widen(e, low[k]), high[k]);
        if (nan[k]) e = widen(e, NAN);
    }
    return e;
}

void GF_FAST(range)(float *low, float *high, const float *x, size_t count)
{
    extent parts[RANGE_PARTS];
    size_t used = count < RANGE_PARTS ? 1 : RANGE_PARTS;
#pragma omp parallel for schedule(static) if (count > 2 * CHUNK)
    for (size_t p = 0; p < used; p++) {
        size_t from = count / used * p, to = p + 1 == used ? count : count / used * (p + 1);
        parts[p] = part_extent(x + from, to - from);
    }
    extent all = parts[0];
    for (size_t p = 1; p < used; p++) all = widen(widen(all, parts[p].low), parts[p].high);
    *low = all.low;
    *high = all.high;
}
