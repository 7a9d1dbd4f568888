/* deploy (L5): what a compressed network costs for real: stored bytes and running time.
 *
 * The packed form holds everything that inference needs and nothing else: per parameter the
 * cheapest of dense, bit-mask and relative-index storage, values bit-packed at their code's bits,
 * scales in float32. Unpacking gives a network whose logits are the same bits. */
#ifndef GRIDFRONT_DEPLOY_H
#define GRIDFRONT_DEPLOY_H

#include <gridfront/nn.h>

/* The encoded weights; caller frees *bytes. BN is folded where it directly follows a convolution,
 * on a copy. */
gf_status gf_pack(unsigned char **bytes, size_t *size, const gf_net *net,
                  const gf_kernels *kernels);
/* CORRUPT for anything that gf_pack did not write. */
gf_status gf_unpack(gf_net **net, const unsigned char *bytes, size_t size,
                    const gf_kernels *kernels);

typedef struct gf_latency {
    double p50, p99; /* s per batch */
    int batch, runs;
} gf_latency;
/* The network really running on this CPU with the calling process's threads. */
gf_status gf_latency_measure(gf_latency *latency, gf_net *net, int batch, double seconds,
                             const gf_kernels *kernels);

typedef struct gf_challenge {
    double nominal, measured; /* scoring.md's formula; ResNet18 in half precision as reference */
} gf_challenge;
/* original: what the network cost before any pruning; its parameters, weights and macs are read. */
gf_status gf_challenge_score(gf_challenge *score, const gf_net *net, const gf_cost *original,
                             const gf_kernels *kernels);

#endif
