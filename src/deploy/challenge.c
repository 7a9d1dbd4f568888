/* The challenge's score (IMT Atlantique, "Efficient Deep Learning", lab 4, since February 2025):
 *
 *   score = [1 - (p_s + p_u)] (q_w / 32) w / 5.6e6  +  (1 - p_s) (max(q_w, q_a) / 32) f / 2.8e8
 *
 * p_s, p_u: fraction of the original weights that structured and unstructured pruning removed;
 * w, f: parameters and MACs before any pruning; q_w, q_a: bits. Mixed precision: q_w is the mean
 * over parameters, max(q_w, q_a) the mean over MACs. `nominal` is the formula as written;
 * `measured` counts what is there: stored non-zero values at their bits, MACs of the physical
 * graph layer by layer. Nothing is counted twice: 1 - p_s - p_u is what is left of the weights. */
#include <gridfront/deploy.h>

#define REFERENCE_PARAMETERS 5.6e6
#define REFERENCE_MACS       2.8e8

/* Stored parameters' bits, exact zeros of sparse weights left out. */
static void count_stored(double *stored_bits, double *mean_bits, const gf_cost *cost)
{
    double dense = (double)cost->parameters;
    *mean_bits = dense > 0 ? cost->weight_bits / dense : 32;
    *stored_bits = cost->weight_bits - *mean_bits * (double)(cost->weights - cost->nonzeros);
}

gf_status gf_challenge_score(gf_challenge *score, const gf_net *net, int64_t original_parameters,
                             int64_t original_macs, const gf_kernels *kernels)
{
    gf_cost cost;
    double stored_bits, mean_bits;
    gf_status status = gf_net_cost(net, kernels, &cost, NULL);
    if (status != GF_OK) return status;
    count_stored(&stored_bits, &mean_bits, &cost);
    double original = (double)original_parameters;
    double kept = (double)cost.parameters / original;                        /* 1 - p_s */
    double unstructured = (double)(cost.weights - cost.nonzeros) / original; /* p_u */
    double mac_share = cost.macs > 0 ? cost.weighted_macs / (double)cost.macs : 1;
    score->nominal = (kept - unstructured) * mean_bits / 32 * original / REFERENCE_PARAMETERS +
                     kept * mac_share * (double)original_macs / REFERENCE_MACS;
    score->measured = stored_bits / 32 / REFERENCE_PARAMETERS + cost.weighted_macs / REFERENCE_MACS;
    return GF_OK;
}
