/* Optimizer steps: one pass over memory; formulas and papers stand in ref/optim.c. */
#include "elementwise.h"

#include <math.h>

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

GF_INLINE void adam_element(float *weight, float *mean, float *square, float gradient, gf_adam a)
{
    float g = gradient + a.coupled * *weight;
    float m = a.keep_mean * *mean + a.take_mean * g;
    float v = a.keep_square * *square + a.take_square * g * g;
    *mean = m;
    *square = v;
    *weight -= a.rate * m / (a.root * sqrtf(v) + a.eps) + a.decoupled * *weight;
}

void GF_FAST(adam_step)(float *weight, float *mean, float *square, const float *gradient,
                        size_t count, const gf_adam *adam)
{
    const gf_adam a = *adam;
    GF_ELEMENTS(count, adam_element(weight + i, mean + i, square + i, gradient[i], a));
}

void GF_FAST(ema_step)(float *average, const float *weight, size_t count, float decay)
{
    GF_ELEMENTS(count, average[i] = decay * average[i] + (1 - decay) * weight[i]);
}
