/* base, small floating formats: every code of every format, and rounding against a search through
 * the table of all numbers; half precision against the compiler's. */
#include "../test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct number {
    double value;
    uint32_t code;
} number;

static int by_value(const void *a, const void *b)
{
    double x = ((const number *)a)->value, y = ((const number *)b)->value;
    return (x > y) - (x < y);
}

/* The numbers of a format from 0 up, from the definition: (-1)^s 2^(e - bias) (1 + m / 2^p), or
 * 2^(1 - bias) m / 2^p where e = 0. The caller frees. */
static number *numbers_of(gf_minifloat format, size_t *count)
{
    static const int exponents[] = { 5, 8, 4, 5 }, mantissas[] = { 10, 7, 3, 2 };
    int p = mantissas[format], bias = (1 << (exponents[format] - 1)) - 1;
    size_t codes = (size_t)1 << (exponents[format] + p);
    number *list = gf_alloc(codes, sizeof *list);
    *count = 0;
    for (uint32_t code = 0; code < codes; code++) {
        int e = (int)(code >> p);
        double m = code & ((1u << p) - 1), fraction = m / (1 << p);
        bool top = e == (1 << exponents[format]) - 1;
        if (top && (format != GF_E4M3 || (int)m == (1 << p) - 1)) continue;
        double value = e ? (1 + fraction) * pow(2, e - bias) : fraction * pow(2, 1 - bias);
        list[(*count)++] = (number){ value, code };
    }
    qsort(list, *count, sizeof *list, by_value);
    return list;
}

/* The nearest by looking at both neighbours; a tie goes to the even code. */
static number nearest(const number *list, size_t count, double magnitude)
{
    size_t low = 0, high = count - 1;
    if (magnitude >= list[high].value) return list[high];
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (list[middle].value <= magnitude)
            low = middle;
        else
            high = middle;
    }
    double down = magnitude - list[low].value, up = list[high].value - magnitude;
    if (down < up) return list[low];
    return up < down || list[high].code % 2 == 0 ? list[high] : list[low];
}

static bool rounds_to(double x, number want, gf_minifloat format)
{
    return memcmp(&(double){ gf_minifloat_round(x, format) }, &want.value, sizeof x) == 0 &&
           memcmp(&(double){ gf_minifloat_round(-x, format) }, &(double){ -want.value },
                  sizeof x) == 0;
}

TEST("base: minifloat", "every code of every format is what the definition says, and comes back")
{
    static const double most[] = { 65504, 0x1.fep127, 448, 57344 };
    for (int f = 0; f < GF_MINIFLOATS; f++) {
        size_t count, wrong = 0;
        number *list = numbers_of((gf_minifloat)f, &count);
        uint32_t sign = 1u << (gf_minifloats[f].bits - 1);
        for (size_t i = 0; i < count; i++) {
            double value = gf_minifloat_decode(list[i].code, (gf_minifloat)f);
            double negative = gf_minifloat_decode(list[i].code | sign, (gf_minifloat)f);
            wrong += value != list[i].value || negative != -value || !signbit(negative);
            wrong += gf_minifloat_encode(value, (gf_minifloat)f) != list[i].code;
            wrong += gf_minifloat_encode(negative, (gf_minifloat)f) != (list[i].code | sign);
            wrong += !rounds_to(value, list[i], (gf_minifloat)f);
        }
        EXPECT_EQ(wrong, 0);
        EXPECT_NEAR(list[count - 1].value, most[f], 0);
        EXPECT_NEAR(gf_minifloats[f].most, most[f], 0);
        free(list);
    }
}

TEST("base: minifloat", "codes that are no number are infinity where the format has it, else NaN")
{
    EXPECT(isinf(gf_minifloat_decode(0x7c00, GF_FP16)) &&
           isnan(gf_minifloat_decode(0x7c01, GF_FP16)));
    EXPECT(gf_minifloat_decode(0xff80, GF_BF16) < 0 && isinf(gf_minifloat_decode(0xff80, GF_BF16)));
    EXPECT(isinf(gf_minifloat_decode(0x7c, GF_E5M2)) && isnan(gf_minifloat_decode(0xff, GF_E5M2)));
    EXPECT(isnan(gf_minifloat_decode(0x7f, GF_E4M3)) && isnan(gf_minifloat_decode(0xff, GF_E4M3)));
    for (int f = 0; f < GF_MINIFLOATS; f++) {
        uint32_t code = gf_minifloat_encode(NAN, (gf_minifloat)f);
        EXPECT(isnan(gf_minifloat_decode(code, (gf_minifloat)f)));
    }
}

TEST("base: minifloat", "rounding takes the nearest at, and a hair beside, every midpoint")
{
    for (int f = 0; f < GF_MINIFLOATS; f++) {
        size_t count, wrong = 0;
        number *list = numbers_of((gf_minifloat)f, &count);
        for (size_t i = 0; i + 1 < count; i++) {
            double middle = (list[i].value + list[i + 1].value) / 2;
            const double tried[] = { middle, nextafter(middle, 0), nextafter(middle, INFINITY),
                                     nextafter(list[i].value, INFINITY),
                                     nextafter(list[i + 1].value, 0) };
            for (size_t k = 0; k < GF_COUNT(tried); k++)
                wrong += !rounds_to(tried[k], nearest(list, count, tried[k]), (gf_minifloat)f);
        }
        EXPECT_EQ(wrong, 0);
        free(list);
    }
}

TEST("base: minifloat", "what lies beyond the largest number becomes it, NaN stays")
{
    for (int f = 0; f < GF_MINIFLOATS; f++) {
        double most = gf_minifloats[f].most;
        EXPECT_NEAR(gf_minifloat_round(most * 1.5, (gf_minifloat)f), most, 0);
        EXPECT_NEAR(gf_minifloat_round(-INFINITY, (gf_minifloat)f), -most, 0);
        EXPECT(isnan(gf_minifloat_round(NAN, (gf_minifloat)f)));
    }
}

#ifdef __FLT16_MANT_DIG__
TEST("base: minifloat", "half precision is the compiler's, for floats of every kind")
{
    size_t wrong = 0, tried = 0;
    for (uint64_t bits = 0; bits < 1ull << 32; bits += 4099) { /* a prime: all low bits occur */
        uint32_t word = (uint32_t)bits;
        float value;
        memcpy(&value, &word, sizeof value);
        if (!(fabsf(value) < 65520)) continue; /* what would be infinite there saturates here */
        double half = (double)(_Float16)value;
        wrong += memcmp(&half, &(double){ gf_minifloat_round((double)value, GF_FP16) },
                        sizeof half) != 0;
        tried++;
    }
    EXPECT_EQ(wrong, 0);
    EXPECT(tried > 500000);
}
#endif
