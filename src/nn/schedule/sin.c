/* Cycles between two bounds in arches of a sine (SIN of 1908.06477). */
#include "cycle.h"

static double factor(const void *options, double t, double horizon)
{
    const gf_cycle *cycle = options;
    double x = t / cycle->half;
    (void)horizon;
    return gf_cycle_between(cycle, gf_cycle_arch(x));
}

const gf_schedule_kind gf_schedule_sin = {
    .schema = { .name = "sin",
                .summary = "up and down in arches of a sine",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = gf_cycle_fields },
    .options_size = sizeof(gf_cycle),
    .factor = factor,
};
