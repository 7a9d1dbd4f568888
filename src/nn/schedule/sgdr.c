/* Half cosines with warm restarts (Loshchilov and Hutter 2017, 1608.03983, equation 5): each period
 * is `multiply` times as long as the one before. */
#include <gridfront/nn.h>

#include <math.h>

typedef struct sgdr_options {
    double period, multiply, low;
} sgdr_options;

static double factor(const void *options_, double t, double horizon)
{
    const sgdr_options *options = options_;
    double period = options->period;
    (void)horizon;
    for (; t >= period; period *= options->multiply) t -= period;
    return options->low + (1 - options->low) * 0.5 * (1 + cos(3.141592653589793 * t / period));
}

static const gf_field fields[] = {
    GF_FIELD(sgdr_options, period, "10", "[0.1, inf)", "epochs", "before the first restart"),
    GF_FIELD(sgdr_options, multiply, "2", "[1, 100]", "", "length of each period over the last"),
    GF_FIELD(sgdr_options, low, "0", "[0, 1]", "fraction", "of lr that each period falls to"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_sgdr = {
    .schema = { .name = "sgdr",
                .summary = "half cosines with warm restarts",
                .paper = "Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5",
                .fields = fields },
    .options_size = sizeof(sgdr_options),
    .factor = factor,
};
