/* Softmax cross-entropy with soft targets: one row of logits in double, shifted by its maximum. */
#include "../backends.h"

#include <math.h>

/* log(sum_k exp(logits[k])), NaN where a logit is. */
static double log_sum_exp(const gf_real *logits, int classes)
{
    double top = logits[0], sum = 0;
    for (int k = 1; k < classes; k++) top = logits[k] > top ? logits[k] : top;
    for (int k = 0; k < classes; k++) sum += exp(logits[k] - top);
    return top + log(sum);
}

static void row_loss(gf_real *d_logits, gf_real *loss, const gf_real *logits, const gf_real *target,
                     int batch, int classes)
{
    double normalizer = log_sum_exp(logits, classes), sum = 0;
    for (int k = 0; k < classes; k++) {
        double log_probability = logits[k] - normalizer;
        if (!(target[k] == 0 && isinf(log_probability))) sum -= target[k] * log_probability;
        if (d_logits) d_logits[k] = (gf_real)((exp(log_probability) - target[k]) / batch);
    }
    *loss = (gf_real)sum;
}

void gf_ref_softmax_cross_entropy(gf_real *d_logits, gf_real *losses, const gf_real *logits,
                                  const gf_real *target, int batch, int classes)
{
#pragma omp parallel for schedule(static)
    for (int n = 0; n < batch; n++) {
        size_t row = (size_t)n * classes;
        row_loss(d_logits ? d_logits + row : NULL, losses + n, logits + row, target + row, batch,
                 classes);
    }
}
