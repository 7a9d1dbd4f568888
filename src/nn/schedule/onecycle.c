/* One cycle (Smith and Topin 2018, 1708.07120): up from 1/divide of the given rate, which is the
 * peak, and down to 1/(divide * end_divide), both along half a cosine, as PyTorch's OneCycleLR. */
#include <gridfront/nn.h>

#include <math.h>

typedef struct onecycle_options {
    double rise, divide, end_divide;
} onecycle_options;

static double between(double from, double to, double share)
{
    return to + (from - to) * 0.5 * (1 + cos(3.141592653589793 * share));
}

static double factor(const void *options_, double t, double horizon)
{
    const onecycle_options *options = options_;
    double peak = options->rise * horizon, low = 1 / options->divide;
    if (t < peak) return between(low, 1, t / peak);
    return between(1, low / options->end_divide, (t - peak) / (horizon - peak));
}

static const gf_field fields[] = {
    GF_FIELD(onecycle_options, rise, "0.3", "(0, 1)", "fraction", "of the epochs spent going up"),
    GF_FIELD(onecycle_options, divide, "25", "[1, inf)", "", "peak over first rate"),
    GF_FIELD(onecycle_options, end_divide, "10000", "[1, inf)", "", "first over last rate"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_onecycle = {
    .schema = { .name = "onecycle",
                .summary = "up to the given rate, then down to almost nothing",
                .paper = "Smith and Topin 2018, arXiv 1708.07120",
                .fields = fields },
    .options_size = sizeof(onecycle_options),
    .factor = factor,
};
