/* A straight line from the given rate down to `final` of it. */
#include <gridfront/nn.h>

typedef struct linear_options {
    double final;
} linear_options;

static double factor(const void *options_, double t, double horizon)
{
    const linear_options *options = options_;
    return 1 - (1 - options->final) * t / horizon;
}

static const gf_field fields[] = {
    GF_FIELD(linear_options, final, "0", "[0, 1]", "fraction",
             "of the rate that is left at the end"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_linear = {
    .schema = { .name = "linear", .summary = "a straight line down to zero", .fields = fields },
    .options_size = sizeof(linear_options),
    .factor = factor,
};
