/* SGD with momentum (Sutskever et al. 2013, in PyTorch's form), coupled or decoupled weight decay
 * (Loshchilov & Hutter 2017, 1711.05101), Adam (Kingma & Ba 2015, 1412.6980), and the exponential
 * moving average of weights. */
#include "../backends.h"

#include <math.h>

void gf_ref_sgd_step(gf_real *weight, gf_real *velocity, const gf_real *gradient, size_t count,
                     gf_real lr, gf_real momentum, gf_real coupled, gf_real decoupled,
                     bool nesterov)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        gf_real g = gradient[i] + coupled * weight[i];
        gf_real v = momentum * velocity[i] + g;
        gf_real step = nesterov ? g + momentum * v : v;
        velocity[i] = v;
        weight[i] -= lr * step + lr * decoupled * weight[i];
    }
}

void gf_ref_adam_step(gf_real *weight, gf_real *mean, gf_real *square, const gf_real *gradient,
                      size_t count, const gf_adam *adam)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        gf_real g = gradient[i] + adam->coupled * weight[i];
        gf_real m = adam->keep_mean * mean[i] + adam->take_mean * g;
        gf_real v = adam->keep_square * square[i] + adam->take_square * g * g;
        gf_real size = adam->root * (gf_real)sqrt((double)v) + adam->eps;
        mean[i] = m;
        square[i] = v;
        weight[i] -= adam->rate * m / size + adam->decoupled * weight[i];
    }
}

void gf_ref_ema_step(gf_real *average, const gf_real *weight, size_t count, gf_real decay)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) average[i] = decay * average[i] + (1 - decay) * weight[i];
}
