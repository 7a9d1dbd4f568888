/* What the files of nn share about nets and parameters. */
#ifndef GRIDFRONT_NN_NET_H
#define GRIDFRONT_NN_NET_H

#include <gridfront/nn.h>

#define GF_PARAM_MOST ((int64_t)1 << 30) /* elements of one parameter */

void gf_param_release(gf_param *param);
gf_status gf_param_copy(gf_param *copy, const gf_param *param);
/* A zeroed parameter at the end of the table. */
gf_status gf_net_add_param(gf_net *net, int *index, const char *name, gf_role role, int rank,
                           const int *dims);
/* Checks kind, name and inputs and derives the shape; no parameters yet, not in the net yet. */
gf_status gf_node_init(gf_node *node, const gf_net *net, const char *kind, const char *name,
                       const void *attributes, const int *inputs, int input_count);
/* Adds a node without parameters, for those who bring their own. */
gf_status gf_net_append(gf_net *net, int *node, const char *kind, const char *name,
                        const void *attributes, const int *inputs, int input_count);
/* specs[GF_NODE_PARAMS] that this node needs; how many. */
int gf_node_specs(gf_param_spec *specs, const gf_net *net, const gf_node *node);

#endif
