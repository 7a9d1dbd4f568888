/* The challenge's score (IMT Atlantique, "Efficient Deep Learning", lab 4, since February 2025):
 *
 *   score = [1 - (p_s + p_u)] (q_w / 32) w / 5.6e6  +  (1 - p_s) (max(q_w, q_a) / 32) f / 2.8e8
 *
 * p_s, p_u: fraction of the original weights that structured and unstructured pruning removed;
 * w, f: parameters and MACs before any pruning; q_w, q_a: bits. Mixed precision: q_w is the mean
 * over parameters, max(q_w, q_a) the mean over MACs; codebooks count with q_w. `nominal` is the
 * formula as written; `measured` counts what is there: stored non-zero values at their bits, MACs
 * of the physical graph layer by layer. Nothing is counted twice: 1 - p_s - p_u is what is left of
 * the weights. */
#include <gridfront/deploy.h>

#include <stdlib.h>

#define REFERENCE_PARAMETERS 5.6e6
#define REFERENCE_MACS       2.8e8

/* Bits of the values of one parameter that are stored: weights that are not zero, all others. */
static gf_status stored_bits(double *bits, const gf_param *param, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    size_t count = gf_param_count(param), stored = 0;
    gf_code code = { 0 };
    gf_real *values = gf_alloc(count, sizeof *values);
    GF_TRY_ALLOC(values);
    gf_param_effective(param, kernels, values);
    for (size_t i = 0; i < count; i++) stored += param->role != GF_ROLE_WEIGHT || values[i] != 0;
    gf_param_code(param, &code);
    *bits = gf_code_size(&code, (double)stored);
out:
    free(values);
    return status;
}

static gf_status stored_bits_of_all(double *total, const gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    *total = 0;
    for (int i = 0; i < net->param_count; i++) {
        double bits = 0;
        if (!gf_role_is_learned(net->params[i].role)) continue;
        GF_TRY(stored_bits(&bits, &net->params[i], kernels));
        *total += bits;
    }
out:
    return status;
}

gf_status gf_challenge_score(gf_challenge *score, const gf_net *net, const gf_cost *original,
                             const gf_kernels *kernels)
{
    gf_status status;
    gf_cost cost;
    double stored = 0;
    GF_TRY(gf_net_cost(net, kernels, &cost, NULL));
    GF_TRY(stored_bits_of_all(&stored, net, kernels));
    double weights = (double)original->weights;
    double kept = (double)cost.weights / weights;                           /* 1 - p_s */
    double unstructured = (double)(cost.weights - cost.nonzeros) / weights; /* p_u */
    double q_w = cost.weight_bits / (double)cost.parameters;
    double q_most = 32 * cost.weighted_macs / (double)cost.macs; /* mean of max(q_w, q_a) */
    score->nominal =
        (kept - unstructured) * (q_w / 32) * (double)original->parameters / REFERENCE_PARAMETERS +
        kept * (q_most / 32) * (double)original->macs / REFERENCE_MACS;
    score->measured = stored / 32 / REFERENCE_PARAMETERS + cost.weighted_macs / REFERENCE_MACS;
out:
    return status;
}
