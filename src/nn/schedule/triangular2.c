/* Triangles whose height above the lower bound is halved after each cycle (TRI2 of 1908.06477). */
#include "cycle.h"

static double factor(const void *options, double t, double horizon)
{
    const gf_cycle *cycle = options;
    double x = t / cycle->half;
    (void)horizon;
    return gf_cycle_between(cycle, gf_cycle_triangle(x) * gf_cycle_halved(x));
}

const gf_schedule_kind gf_schedule_triangular2 = {
    .schema = { .name = "triangular2",
                .summary = "triangular, half as high after each cycle",
                .paper = "Smith 2017, arXiv 1506.01186, section 3.2",
                .fields = gf_cycle_fields },
    .options_size = sizeof(gf_cycle),
    .factor = factor,
};
