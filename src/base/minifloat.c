/* Small floating formats: IEEE 754 half precision, bfloat16, and the two 8-bit formats of the Open
 * Compute Project (Micikevicius et al. 2022, 2209.05433, section 3). Rounding is to the nearest, of
 * two as near to the even one, subnormal numbers included, and saturates: what lies beyond the
 * largest number becomes that, infinities too. In double, where each step is exact. */
#include <gridfront/base.h>

#include <math.h>

/* least: exponent of the smallest normal number. e4m3 has no infinity: its topmost exponent holds
 * numbers, and only the code of ones alone is no number. */
const gf_minifloat_shape gf_minifloats[GF_MINIFLOATS] = {
    [GF_FP16] = { .bits = 16, .mantissa = 10, .least = -14, .most = 65504 },
    [GF_BF16] = { .bits = 16, .mantissa = 7, .least = -126, .most = 0x1.fep127 },
    [GF_E4M3] = { .bits = 8, .mantissa = 3, .least = -6, .most = 448 },
    [GF_E5M2] = { .bits = 8, .mantissa = 2, .least = -14, .most = 57344 },
};

/* floor(log2 magnitude), but at least the exponent of subnormal numbers. */
static int exponent_of(double magnitude, const gf_minifloat_shape *shape)
{
    int exponent;
    frexp(magnitude, &exponent);
    return magnitude < ldexp(1, shape->least) ? shape->least : exponent - 1;
}

double gf_minifloat_round(double x, gf_minifloat format)
{
    const gf_minifloat_shape *shape = &gf_minifloats[format];
    double magnitude = fabs(x);
    if (isnan(x)) return x;
    if (magnitude >= shape->most) return copysign(shape->most, x);
    double quantum = ldexp(1, exponent_of(magnitude, shape) - shape->mantissa);
    return rint(x / quantum) * quantum;
}

uint32_t gf_minifloat_encode(double x, gf_minifloat format)
{
    const gf_minifloat_shape *shape = &gf_minifloats[format];
    double magnitude = fabs(x);
    if (isnan(x)) return (1u << (shape->bits - 1)) - 1;
    int exponent = exponent_of(magnitude, shape);
    /* The leading 1 of a normal number adds 1 to the exponent's field by itself. */
    uint32_t code = (uint32_t)(exponent - shape->least) << shape->mantissa;
    code += (uint32_t)ldexp(magnitude, shape->mantissa - exponent);
    return code | (signbit(x) ? 1u << (shape->bits - 1) : 0);
}

double gf_minifloat_decode(uint32_t code, gf_minifloat format)
{
    const gf_minifloat_shape *shape = &gf_minifloats[format];
    uint32_t sign = 1u << (shape->bits - 1), magnitude = code & (sign - 1);
    uint32_t field = magnitude >> shape->mantissa, ones = (sign >> shape->mantissa) - 1;
    uint32_t rest = magnitude & ((1u << shape->mantissa) - 1);
    double value = field == 0 ? ldexp(rest, shape->least - shape->mantissa)
                              : ldexp(rest + (1u << shape->mantissa),
                                      shape->least + (int)field - 1 - shape->mantissa);
    if (value > shape->most) value = field == ones && rest == 0 ? INFINITY : NAN;
    return code & sign ? -value : value;
}
