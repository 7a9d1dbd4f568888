/* Stochastic gradient descent with momentum (Sutskever et al. 2013, in PyTorch's form): momentum
 * and nesterov stand in `train` itself. */
#include <gridfront/nn.h>

static void step(const gf_optimizer_call *call, const void *options)
{
    (void)options;
    call->kernels->sgd_step(call->weight, call->state[0], call->gradient, call->count,
                            (gf_real)call->rate, (gf_real)call->momentum, (gf_real)call->coupled,
                            (gf_real)call->decoupled, call->nesterov);
}

const gf_optimizer_kind gf_optimizer_sgd = {
    .schema = { .name = "sgd",
                .summary = "gradient descent with momentum and nesterov of `train`",
                .paper = "Sutskever et al. 2013, ICML" },
    .states = { "velocity" },
    .step = step,
};
