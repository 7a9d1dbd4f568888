/* Symbols for the tests of coders. */
#ifndef GRIDFRONT_TESTS_DEPLOY_SYMBOLS_H
#define GRIDFRONT_TESTS_DEPLOY_SYMBOLS_H

#include "../test.h"

#include <math.h>

/* A symbol of [0, 2^bits), small ones more often. */
static inline uint32_t skewed(uint32_t i, int bits)
{
    const gf_random random = { .seed = 6, .purpose = GF_PURPOSE_TEST };
    double u = gf_random_uniform(&random, i, 0);
    return (uint32_t)(pow(u, 4) * (double)(1u << bits));
}

#endif
