/* The rate as given, from beginning to end. */
#include <gridfront/nn.h>

static double factor(const void *options, double t, double horizon)
{
    (void)options;
    (void)t;
    (void)horizon;
    return 1;
}

const gf_schedule_kind gf_schedule_constant = {
    .schema = { .name = "constant", .summary = "the rate as given" },
    .factor = factor,
};
