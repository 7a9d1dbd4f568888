/* Triangles between two bounds that both decay exponentially: exp_range as the words of 1506.01186
 * have it. Where only the height decays (as in most programs), see triangular_exp.c. */
#include "cycle.h"

#include <math.h>

static double factor(const void *options, double t, double horizon)
{
    const gf_cycle *cycle = options;
    double x = t / cycle->half;
    (void)horizon;
    return gf_cycle_between(cycle, gf_cycle_triangle(x)) * pow(cycle->gamma, t);
}

const gf_schedule_kind gf_schedule_exp_range = {
    .schema = { .name = "exp-range",
                .summary = "triangular, both bounds decaying with time",
                .paper = "Smith 2017, arXiv 1506.01186, section 3.2",
                .fields = gf_cycle_decay_fields },
    .options_size = sizeof(gf_cycle),
    .factor = factor,
};
