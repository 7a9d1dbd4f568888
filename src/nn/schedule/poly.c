/* Polynomial decay to zero at the end, (1 - t / T)^power (POLY of 1908.06477). */
#include <gridfront/nn.h>

#include <math.h>

typedef struct poly_options {
    double power;
} poly_options;

static double factor(const void *options_, double t, double horizon)
{
    const poly_options *options = options_;
    return pow(fmax(0, 1 - t / horizon), options->power);
}

static const gf_field fields[] = {
    GF_FIELD(poly_options, power, "1.2", "(0, 10]", "", "of the decay; 1: a straight line"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_poly = {
    .schema = { .name = "poly",
                .summary = "polynomial decay to zero",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = fields },
    .options_size = sizeof(poly_options),
    .factor = factor,
};
