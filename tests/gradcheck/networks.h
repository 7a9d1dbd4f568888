/* Small networks whose layers meet in every way that a pass may treat apart: sums with a
 * normalization on either side, activations with one reader or several, frozen layers, layers that
 * nobody trains. Compiled for both engines: the float64 one is checked against finite differences,
 * the float32 backends against the float64 one. */
#ifndef GRIDFRONT_TESTS_NETWORKS_H
#define GRIDFRONT_TESTS_NETWORKS_H

#include <gridfront/nn.h>

int network_count(void);             /* small ones, of every kind of meeting */
int network_all_count(void);         /* and behind them whole ResNets on 32 x 32 images */
const char *network_name(int index); /* "bn -> relu" */
/* Without kinks: float32 can be compared closely, however large the network is. */
bool network_is_smooth(int index);
/* The same parameters each time, in both engines (rounded to float32). */
gf_status network_build(gf_net **net, int index);
/* Normal numbers rounded to float32, that depend on `index` alone. */
void network_fill(gf_real *out, size_t count, uint32_t index);

/* What a pass asks for beside the gradients of the parameters. */
typedef struct network_wish {
    int batch_most;      /* not 0: the run has memory for so many, and did a pass of them before */
    bool everything;     /* values and gradients of all nodes are wanted: nothing is shared */
    int value, gradient; /* nodes wanted, 0: none */
    bool pushed;         /* a fixed gradient is added at node `gradient` before backward */
} network_wish;

/* What came out: logits, wanted value and gradient, gradients of all trained parameters one after
 * the other. Released with network_result_release. */
typedef struct network_result {
    double *logits, *value, *gradient, *params;
    size_t logit_count, value_count, gradient_count, param_count;
} network_result;
gf_status network_pass(network_result *result, gf_net *net, const gf_kernels *kernels, int batch,
                       gf_mode mode, const network_wish *wish);
void network_result_release(network_result *result);

/* |got - want| / |want| in the Euclidean norm; infinite where it is no number. */
double network_error(const double *got, const double *want, size_t count);

#endif
