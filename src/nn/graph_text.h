/* The graph as text, as an artifact stores it:
 *
 *   gridfront-net 1
 *   input HEIGHT WIDTH CHANNELS
 *   param NAME ROLE TRAINABLE DIMS                   a line per parameter, in the table's order
 *   node NAME KIND FROZEN INPUTS PARAMS [KEY=VALUE ...]   in topological order, node 0 left out
 *   view PARAM KIND STATES [KEY=VALUE ...]           first to last for each parameter
 *
 * Lists are numbers with commas, "-" when empty. Values of parameters are tensors of the
 * parameter's name; states of views are tensors called PARAM#VIEW.STATE. */
#ifndef GRIDFRONT_NN_GRAPH_TEXT_H
#define GRIDFRONT_NN_GRAPH_TEXT_H

#include <gridfront/nn.h>

#define GF_ROLE_LIST(X)                                                                            \
    X(WEIGHT, "weight")                                                                            \
    X(BIAS, "bias")                                                                                \
    X(GAMMA, "gamma")                                                                              \
    X(BETA, "beta")                                                                                \
    X(MEAN, "mean")                                                                                \
    X(VARIANCE, "variance")                                                                        \
    X(SCALE, "scale")                                                                              \
    X(STATE, "state")

static inline void gf_state_name(char out[GF_TENSOR_NAME], const gf_param *param, int view,
                                 const char *state)
{
    snprintf(out, GF_TENSOR_NAME, "%.63s#%d.%.16s", param->name, view, state);
}

#endif
