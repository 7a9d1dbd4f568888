/* Exponential decay, gamma^t (EXP of 1908.06477, with t in epochs). */
#include <gridfront/nn.h>

#include <math.h>

typedef struct exp_options {
    double gamma;
} exp_options;

static double factor(const void *options_, double t, double horizon)
{
    const exp_options *options = options_;
    (void)horizon;
    return pow(options->gamma, t);
}

static const gf_field fields[] = {
    GF_FIELD(exp_options, gamma, "0.97", "(0, 1]", "",
             "decay in an epoch; 0.99994 a step at 500 steps an epoch"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_exp = {
    .schema = { .name = "exp",
                .summary = "exponential decay",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = fields },
    .options_size = sizeof(exp_options),
    .factor = factor,
};
