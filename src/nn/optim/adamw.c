/* Adam whose weight decay always stands beside the step (Loshchilov and Hutter 2019, 1711.05101,
 * algorithm 2), multiplied by the rate as in PyTorch. */
#include "adam.h"

static void step(const gf_optimizer_call *call, const void *options)
{
    gf_optimizer_call beside = *call;
    beside.decoupled = call->coupled + call->decoupled; /* one of them is 0 */
    beside.coupled = 0;
    gf_adam_step(&beside, options);
}

const gf_optimizer_kind gf_optimizer_adamw = {
    .schema = { .name = "adamw",
                .summary = "adam with weight decay beside the step",
                .paper = "Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2",
                .fields = gf_adam_fields },
    .options_size = sizeof(gf_adam_options),
    .states = { GF_ADAM_STATES },
    .step = step,
};
