/* Triangles whose height above the lower bound decays exponentially (TRIEXP of 1908.06477): what
 * PyTorch calls exp_range. */
#include "cycle.h"

#include <math.h>

static double factor(const void *options, double t, double horizon)
{
    const gf_cycle *cycle = options;
    double x = t / cycle->half;
    (void)horizon;
    return gf_cycle_between(cycle, gf_cycle_triangle(x) * pow(cycle->gamma, t));
}

const gf_schedule_kind gf_schedule_triangular_exp = {
    .schema = { .name = "triangular-exp",
                .summary = "triangular, its height decaying with time",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = gf_cycle_decay_fields },
    .options_size = sizeof(gf_cycle),
    .factor = factor,
};
