/* Weights by the formulas of make_curve.py. */
#ifndef GRIDFRONT_TESTS_GOLDEN_FORMULAS_H
#define GRIDFRONT_TESTS_GOLDEN_FORMULAS_H

#include <gridfront/nn.h>

#include <math.h>

/* [0, 1): splitmix64 (Steele et al. 2014) of the name's FNV-1a hash and the element. */
static inline double formula_uniform(const char *name, size_t element)
{
    uint32_t hashed = 2166136261u;
    for (; *name; name++) hashed = (hashed ^ (unsigned char)*name) * 16777619u;
    uint64_t z = (((uint64_t)hashed << 32) + element + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

static inline void formula_initialize(gf_net *net)
{
    gf_net_initialize(net, 0, 0); /* BN at 1 and 0 */
    double fan = 1;
    for (int i = 0; i < net->param_count; i++) {
        gf_param *param = &net->params[i];
        if (param->role == GF_ROLE_WEIGHT)
            fan = (double)gf_param_count(param) / param->dims[0];
        else if (param->role != GF_ROLE_BIAS)
            continue;
        for (size_t k = 0; k < gf_param_count(param); k++)
            param->value[k] = (gf_real)((2 * formula_uniform(param->name, k) - 1) / sqrt(fan));
    }
}

#endif
