/* The arithmetic that a core reaches at best: multiply-adds in registers, nothing else. */
#include "fast.h"

/* Two units of four or five cycles each want ten sums under way. */
enum { SUMS = 12 };

double GF_FAST(peak)(float *result, int64_t rounds)
{
    vec sums[SUMS], factor = splat(*result), total = { 0 };
    EACH(int k = 0; k < SUMS; k++) sums[k] = splat((float)k);
    for (int64_t round = 0; round < rounds; round++)
        EACH(int k = 0; k < SUMS; k++) sums[k] = sums[k] * factor + factor;
    EACH(int k = 0; k < SUMS; k++) total += sums[k];
    *result = total[0];
    return 2.0 * SUMS * LANES * (double)rounds;
}
