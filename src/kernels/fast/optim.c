/* Optimizer steps: one pass over memory; formulas and papers stand in ref/optim.c. */
#include "elementwise.h"

GF_INLINE void sgd_element(float *weight, float *velocity, float gradient, float lr, float momentum,
                           float coupled, float decay, bool nesterov)
{
    float g = gradient + coupled * *weight;
    float v = momentum * *velocity + g;
    *velocity = v;
    *weight -= lr * (nesterov ? g + momentum * v : v) + decay * *weight;
}

void GF_FAST(sgd_step)(float *weight, float *velocity, const float *gradient, size_t count,
                       float lr, float momentum, float coupled, float decoupled, bool nesterov)
{
    float decay = lr * decoupled;
    if (nesterov)
        GF_ELEMENTS(count, sgd_element(weight + i, velocity + i, gradient[i], lr, momentum, coupled,
                                       decay, true));
    else
        GF_ELEMENTS(count, sgd_element(weight + i, velocity + i, gradient[i], lr, momentum, coupled,
                                       decay, false));
}

void GF_FAST(ema_step)(float *average, const float *weight, size_t count, float decay)
{
    GF_ELEMENTS(count, average[i] = decay * average[i] + (1 - decay) * weight[i]);
}
