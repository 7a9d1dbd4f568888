/* The rate is multiplied by gamma at each of the listed epochs (NSTEP of 1908.06477). */
#include <gridfront/nn.h>

#include <math.h>
#include <stdlib.h>

typedef struct multi_step_options {
    char at[256];
    double gamma;
} multi_step_options;

/* The next number of the list; NAN: there is none. */
static double next(const char **list)
{
    char *end;
    double value = strtod(*list, &end);
    if (end == *list) return NAN;
    *list = *end == ',' ? end + 1 : end;
    return value;
}

static double factor(const void *options_, double t, double horizon)
{
    const multi_step_options *options = options_;
    const char *list = options->at;
    double value = 1;
    (void)horizon;
    while (next(&list) <= t) value *= options->gamma;
    return value;
}

static gf_status check(const void *options_, double horizon)
{
    const multi_step_options *options = options_;
    const char *list = options->at;
    double before = 0, epoch;
    (void)horizon;
    while (!isnan(epoch = next(&list))) {
        if (!(epoch > before))
            return gf_fail(GF_INVALID, "at = %s: epochs must be above 0 and ascend", options->at);
        before = epoch;
    }
    if (before == 0 || *list)
        return gf_fail(GF_INVALID, "at = %s is no list of epochs, such as [15, 22]", options->at);
    return GF_OK;
}

static const gf_field fields[] = {
    GF_FIELD(multi_step_options, at, "15,22.5", NULL, "epochs",
             "where the steps are, ascending: [15, 22]"),
    GF_FIELD(multi_step_options, gamma, "0.1", "(0, 1]", "", "factor of each step"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_multi_step = {
    .schema = { .name = "multi-step",
                .summary = "multiplied by gamma at listed epochs",
                .paper = "Wu et al. 2019, arXiv 1908.06477, table 1",
                .fields = fields },
    .options_size = sizeof(multi_step_options),
    .factor = factor,
    .check = check,
};
