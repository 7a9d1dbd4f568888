/* From a range of values to a uniform grid (Krishnamoorthi 2018, 1806.08342, sections 2.1, 2.2).
 * Zero is always a code, so that padding, ReLU and masks stay exact. The symmetric grid leaves the
 * lowest code out (-127..127): a weight and its negative are treated alike. */
#include "quantize.h"

#include <math.h>

gf_quant_grid gf_quant_grid_affine(gf_real low, gf_real high, int bits)
{
    gf_quant_grid grid = { .low = 0, .high = (1 << bits) - 1 };
    if (low > 0) low = 0;
    if (high < 0) high = 0;
    grid.scale = (high - low) / (gf_real)grid.high;
    if (grid.scale == 0) grid.scale = 1;
    grid.zero = (gf_real)rint((double)(-low / grid.scale));
    return grid;
}

gf_quant_grid gf_quant_grid_symmetric(gf_real low, gf_real high, int bits)
{
    int most = (1 << (bits - 1)) - 1;
    gf_real magnitude = -low > high ? -low : high;
    gf_quant_grid grid = { .low = -most, .high = most, .scale = magnitude / (gf_real)most };
    if (isnan(low)) grid.scale = low;
    if (grid.scale == 0) grid.scale = 1;
    return grid;
}
