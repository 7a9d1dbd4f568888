/* Uniform fake quantization (Krishnamoorthi 2018, 1806.08342, section 2), straight-through
 * gradient (Bengio et al. 2013, 1308.3432), rounding to small floating formats, and the range that
 * calibration needs. All in gf_real:
 * which side of a rounding step a value falls on must be the same for every backend. */
#include "../backends.h"

#include <tgmath.h>

/* The integer a value is stored as, before clamping; rint rounds half to even. */
static gf_real level_of(gf_real x, gf_real scale, gf_real zero)
{
    return rint(x / scale) + zero;
}

void gf_ref_fake_quant_forward(gf_real *y, const gf_real *x, const gf_real *scale,
                               const gf_real *zero, int low, int high, size_t outer, size_t inner,
                               bool per_outer)
{
#pragma omp parallel for schedule(static)
    for (size_t o = 0; o < outer; o++) {
        gf_real s = scale[per_outer ? o : 0], z = zero[per_outer ? o : 0];
        for (size_t i = o * inner; i < (o + 1) * inner; i++) {
            gf_real level = level_of(x[i], s, z);
            level = level < (gf_real)low ? (gf_real)low : level;
            level = level > (gf_real)high ? (gf_real)high : level;
            y[i] = (level - z) * s;
        }
    }
}

void gf_ref_fake_quant_backward(gf_real *d_x, const gf_real *d_y, const gf_real *x,
                                const gf_real *scale, const gf_real *zero, int low, int high,
                                size_t outer, size_t inner, bool per_outer, bool add)
{
#pragma omp parallel for schedule(static)
    for (size_t o = 0; o < outer; o++) {
        gf_real s = scale[per_outer ? o : 0], z = zero[per_outer ? o : 0];
        for (size_t i = o * inner; i < (o + 1) * inner; i++) {
            gf_real level = level_of(x[i], s, z);
            bool outside = level < (gf_real)low || level > (gf_real)high;
            d_x[i] = (add ? d_x[i] : 0) + (outside ? 0 : d_y[i]);
        }
    }
}

void gf_ref_float_round(gf_real *y, const gf_real *x, const gf_real *scale, gf_minifloat format,
                        size_t outer, size_t inner, bool per_outer)
{
#pragma omp parallel for schedule(static)
    for (size_t o = 0; o < outer; o++) {
        gf_real s = scale[per_outer ? o : 0];
        for (size_t i = o * inner; i < (o + 1) * inner; i++)
            y[i] = (gf_real)gf_minifloat_round((double)(x[i] / s), format) * s;
    }
}

/* A NaN, once met, stays: nothing compares below or above it. */
void gf_ref_range(gf_real *low, gf_real *high, const gf_real *x, size_t count)
{
    gf_real least = x[0], most = x[0];
    for (size_t i = 1; i < count; i++) {
        if (isnan(x[i])) least = most = x[i];
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    *low = least;
    *high = most;
}
