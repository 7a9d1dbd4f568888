/* Adam (Kingma and Ba 2015, 1412.6980, algorithm 1): steps along the mean of the gradients over the
 * root of the mean of their squares, both corrected for having started at zero. Its rates are those
 * of single weights: about 0.001 where SGD takes 0.1. */
#include "adam.h"

#include <math.h>

void gf_adam_step(const gf_optimizer_call *call, const gf_adam_options *o)
{
    double t = (double)call->updates;
    const gf_adam adam = {
        .rate = (gf_real)(call->rate / (1 - pow(o->beta1, t))),
        .root = (gf_real)(1 / sqrt(1 - pow(o->beta2, t))),
        .eps = (gf_real)o->eps,
        .keep_mean = (gf_real)o->beta1,
        .take_mean = (gf_real)(1 - o->beta1),
        .keep_square = (gf_real)o->beta2,
        .take_square = (gf_real)(1 - o->beta2),
        .coupled = (gf_real)call->coupled,
        .decoupled = (gf_real)(call->rate * call->decoupled),
    };
    call->kernels->adam_step(call->weight, call->state[0], call->state[1], call->gradient,
                             call->count, &adam);
}

static void step(const gf_optimizer_call *call, const void *options)
{
    gf_adam_step(call, options);
}

const gf_field gf_adam_fields[] = {
    GF_FIELD(gf_adam_options, beta1, "0.9", "[0, 1)", "", "decay of the gradients' mean"),
    GF_FIELD(gf_adam_options, beta2, "0.999", "[0, 1)", "", "decay of the squares' mean"),
    GF_FIELD(gf_adam_options, eps, "1e-08", "(0, 1]", "", "added to the root"),
    GF_FIELD_END,
};

const gf_optimizer_kind gf_optimizer_adam = {
    .schema = { .name = "adam",
                .summary = "mean gradient over its mean size; rates about 0.001",
                .paper = "Kingma and Ba 2015, arXiv 1412.6980, algorithm 1",
                .fields = gf_adam_fields },
    .options_size = sizeof(gf_adam_options),
    .states = { GF_ADAM_STATES },
    .step = step,
};
