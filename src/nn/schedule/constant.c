/* The rate as given, from beginning to end (FIX of 1908.06477). */
#include <gridfront/nn.h>

const gf_schedule_kind gf_schedule_constant = {
    .schema = { .name = "constant", .summary = "the rate as given" },
};
