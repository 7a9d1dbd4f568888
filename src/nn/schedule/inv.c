/* Inverse decay, (1 + gamma t)^-power (INV of 1908.06477, with t in epochs). */
#include <gridfront/nn.h>

#include <math.h>

typedef struct inv_options {
    double gamma, power;
} inv_options;

static double factor(const void *options_, double t, double horizon)
{
    const inv_options *options = options_;
    (void)horizon;
    return pow(1 + options->gamma * t, -options->power);
}

static const gf_field fields[] = {
    GF_FIELD(inv_options, gamma, "0.05", "(0, inf)", "1/epochs",
             "Caffe's 0.0001 a step at 500 steps an epoch"),
    GF_FIELD(inv_options, power, "0.75", "(0, 10]", "", "of the decay"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_inv = {
    .schema = { .name = "inv",
                .summary = "inverse decay",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = fields },
    .options_size = sizeof(inv_options),
    .factor = factor,
};
