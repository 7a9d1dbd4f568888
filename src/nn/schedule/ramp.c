/* A ramp from a small fraction of the rate up to all of it: the range test of the learning rate
 * (Smith 2017, 1506.01186, section 3.3) as a policy. `gridfront range` trains with it. */
#include <gridfront/nn.h>

#include <math.h>

typedef struct ramp_options {
    double low;
    int shape;
} ramp_options;

enum { LOG, LINEAR };

static double factor(const void *options_, double t, double horizon)
{
    const ramp_options *options = options_;
    double share = t / horizon;
    if (options->shape == LOG) return pow(options->low, 1 - share);
    return options->low + (1 - options->low) * share;
}

static const gf_field fields[] = {
    GF_FIELD(ramp_options, low, "0.0001", "(0, 1]", "fraction", "of lr at the beginning"),
    GF_FIELD_WORD(ramp_options, shape, "log", "log|linear", "of the way up"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_ramp = {
    .schema = { .name = "ramp",
                .summary = "from almost nothing up to the rate, to find its bounds",
                .paper = "Smith 2017, arXiv 1506.01186, section 3.3",
                .fields = fields },
    .options_size = sizeof(ramp_options),
    .factor = factor,
};
