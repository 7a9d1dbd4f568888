/* Sobol's low-discrepancy sequence with the direction numbers new-joe-kuo-6.21201 (Joe and Kuo
 * 2008, "Constructing Sobol sequences with better two-dimensional projections"), first 36
 * dimensions, in Gray-code order (Bratley and Fox 1988). Indexed: no state between values. */
#include "internal.h"

enum { BITS = 32, DEGREE = 7 };

typedef struct primitive {
    unsigned degree, coefficients;
    uint32_t initial[DEGREE];
} primitive;

/* Dimension 0 is van der Corput's sequence; these are 1, 2, ... */
static const primitive primitives[SOBOL_DIMENSIONS - 1] = {
    { 1, 0, { 1 } },
    { 2, 1, { 1, 3 } },
    { 3, 1, { 1, 3, 1 } },
    { 3, 2, { 1, 1, 1 } },
    { 4, 1, { 1, 1, 3, 3 } },
    { 4, 4, { 1, 3, 5, 13 } },
    { 5, 2, { 1, 1, 5, 5, 17 } },
    { 5, 4, { 1, 1, 5, 5, 5 } },
    { 5, 7, { 1, 1, 7, 11, 19 } },
    { 5, 11, { 1, 1, 5, 1, 1 } },
    { 5, 13, { 1, 1, 1, 3, 11 } },
    { 5, 14, { 1, 3, 5, 5, 31 } },
    { 6, 1, { 1, 3, 3, 9, 7, 49 } },
    { 6, 13, { 1, 1, 1, 15, 21, 21 } },
    { 6, 16, { 1, 3, 1, 13, 27, 49 } },
    { 6, 19, { 1, 1, 1, 15, 7, 5 } },
    { 6, 22, { 1, 3, 1, 15, 13, 25 } },
    { 6, 25, { 1, 1, 5, 5, 19, 61 } },
    { 7, 1, { 1, 3, 7, 11, 23, 15, 103 } },
    { 7, 4, { 1, 3, 7, 13, 13, 15, 69 } },
    { 7, 7, { 1, 1, 3, 13, 7, 35, 63 } },
    { 7, 8, { 1, 3, 5, 9, 1, 25, 53 } },
    { 7, 14, { 1, 3, 1, 13, 9, 35, 107 } },
    { 7, 19, { 1, 3, 1, 5, 27, 61, 31 } },
    { 7, 21, { 1, 1, 5, 11, 19, 41, 61 } },
    { 7, 28, { 1, 3, 5, 3, 3, 13, 69 } },
    { 7, 31, { 1, 1, 7, 13, 1, 19, 1 } },
    { 7, 32, { 1, 3, 7, 5, 13, 19, 59 } },
    { 7, 37, { 1, 1, 3, 9, 25, 29, 41 } },
    { 7, 41, { 1, 3, 5, 13, 23, 1, 55 } },
    { 7, 42, { 1, 3, 7, 3, 13, 59, 17 } },
    { 7, 50, { 1, 3, 1, 3, 5, 53, 69 } },
    { 7, 55, { 1, 1, 5, 5, 23, 33, 13 } },
    { 7, 56, { 1, 1, 7, 7, 1, 61, 123 } },
    { 7, 59, { 1, 1, 7, 9, 13, 61, 49 } },
};

static void directions(uint32_t out[BITS], int axis_index)
{
    if (axis_index == 0) {
        for (int i = 0; i < BITS; i++) out[i] = 1u << (BITS - 1 - i);
        return;
    }
    const primitive *p = &primitives[axis_index - 1];
    int degree = (int)p->degree;
    for (int i = 0; i < degree; i++) out[i] = p->initial[i] << (BITS - 1 - i);
    for (int i = degree; i < BITS; i++) {
        out[i] = out[i - degree] ^ (out[i - degree] >> degree);
        for (int k = 1; k < degree; k++)
            if ((p->coefficients >> (degree - 1 - k)) & 1) out[i] ^= out[i - k];
    }
}

uint32_t sobol_bits(int axis_index, uint32_t index)
{
    uint32_t direction[BITS], gray = index ^ (index >> 1), bits = 0;
    directions(direction, axis_index);
    for (int i = 0; i < BITS; i++)
        if ((gray >> i) & 1) bits ^= direction[i];
    return bits;
}
