/* Half a cosine from the given rate down to `final` of it (Loshchilov and Hutter 2017,
 * 1608.03983, equation 5, without restarts; COS of 1908.06477 with l = T). */
#include <gridfront/nn.h>

#include <math.h>

typedef struct cosine_options {
    double final;
} cosine_options;

static double factor(const void *options_, double t, double horizon)
{
    const cosine_options *options = options_;
    double wave = 0.5 * (1 + cos(3.141592653589793 * t / horizon));
    return options->final + (1 - options->final) * wave;
}

static const gf_field fields[] = {
    GF_FIELD(cosine_options, final, "0", "[0, 1]", "fraction",
             "of the rate that is left at the end"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_cosine = {
    .schema = { .name = "cosine",
                .summary = "half a cosine down to zero",
                .paper = "Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5",
                .fields = fields },
    .options_size = sizeof(cosine_options),
    .factor = factor,
};
