/* Arches of a sine whose height above the lower bound is halved after each (SIN2 of 1908.06477). */
#include "cycle.h"

static double factor(const void *options, double t, double horizon)
{
    const gf_cycle *cycle = options;
    double x = t / cycle->half;
    (void)horizon;
    return gf_cycle_between(cycle, gf_cycle_arch(x) * gf_cycle_halved(x));
}

const gf_schedule_kind gf_schedule_sin2 = {
    .schema = { .name = "sin2",
                .summary = "sin, half as high after each cycle",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = gf_cycle_fields },
    .options_size = sizeof(gf_cycle),
    .factor = factor,
};
