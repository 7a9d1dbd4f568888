/* The rate is multiplied by gamma every `size` epochs (policy "step" of 1908.06477, table 1). */
#include <gridfront/nn.h>

#include <math.h>

typedef struct step_options {
    double size, gamma;
} step_options;

static double factor(const void *options_, double t, double horizon)
{
    const step_options *options = options_;
    (void)horizon;
    return pow(options->gamma, floor(t / options->size));
}

static const gf_field fields[] = {
    GF_FIELD(step_options, size, "30", "(0, inf)", "epochs", "between two steps"),
    GF_FIELD(step_options, gamma, "0.1", "(0, 1]", "", "factor of each step"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_step = {
    .schema = { .name = "step",
                .summary = "multiplied by gamma every so many epochs",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = fields },
    .options_size = sizeof(step_options),
    .factor = factor,
};
