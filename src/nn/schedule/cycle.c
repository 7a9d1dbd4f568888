/* Cycles between two bounds (Smith 2017, 1506.01186, section 3; Wu et al. 2019, 1908.06477, table
 * 1). The papers count steps; here everything is in epochs, so that a policy means the same for any
 * batch. `lr` is the upper bound, as it is the peak of every policy. */
#include "cycle.h"

#include <math.h>

double gf_cycle_triangle(double x)
{
    return 1 - fabs(fmod(x, 2) - 1);
}

double gf_cycle_arch(double x)
{
    return fabs(sin(3.141592653589793 * x / 2));
}

double gf_cycle_halved(double x)
{
    return exp2(-floor(x / 2));
}

double gf_cycle_between(const gf_cycle *cycle, double height)
{
    return cycle->low + (1 - cycle->low) * height;
}

#define CYCLE_FIELDS                                                                               \
    GF_FIELD(gf_cycle, half, "2", "(0, inf)", "epochs",                                            \
             "of half a cycle; the paper takes 2 to 10"),                                          \
        GF_FIELD(gf_cycle, low, "0.25", "[0, 1]", "fraction",                                      \
                 "of lr, the upper bound, at the ends of a cycle")

const gf_field gf_cycle_fields[] = { CYCLE_FIELDS, GF_FIELD_END };
const gf_field gf_cycle_decay_fields[] = {
    CYCLE_FIELDS,
    GF_FIELD(gf_cycle, gamma, "0.97", "(0, 1]", "",
             "decay in an epoch; the paper's 0.99994 a step at its 500 steps an epoch"),
    GF_FIELD_END,
};
