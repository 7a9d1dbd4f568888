/* What the files of compress share. */
#ifndef GRIDFRONT_COMPRESS_COMPRESS_H
#define GRIDFRONT_COMPRESS_COMPRESS_H

#include <gridfront/method.h>

/* A view before all others of the parameter: a mask stands before every quantizer, so that what is
 * masked is an exact zero whatever follows. Pointers to the parameter's other views move. */
gf_status gf_param_add_first_view(gf_param *param, gf_view **view, const char *kind,
                                  const void *options);
gf_view *gf_param_find_view(gf_param *param, const char *kind); /* NULL: absent */
/* Views behind it move up. */
void gf_param_remove_view(gf_param *param, gf_view *view);
/* Forward and backward of views that change no value. */
void gf_view_pass(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                  gf_real *out, const gf_real *in);
void gf_view_pass_back(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                       gf_real *d_in, const gf_real *d_out, const gf_real *in);
const uint8_t *gf_param_mask(const gf_param *param); /* NULL: nothing is masked */
/* Keeps entries keep[] of one axis of a state of bytes. */
gf_status gf_state_select(gf_tensor *state, int axis, const int *keep, int count);

/* A convolution, a shift or a fully connected layer: something with weights and MACs. */
bool gf_node_has_weight(const gf_node *node);
/* Its weight, params[0]. */
gf_param *gf_node_weight(const gf_net *net, const gf_node *node);
/* The first and the last node with weights; -1: there is none. */
void gf_net_weight_edges(int *first, int *last, const gf_net *net);

/* Marks in *before, [nodes], owned by the caller, the node and all that lead to it. */
gf_status gf_nodes_before(bool **before, const gf_net *net, int node);
/* Only parameters of the marked nodes go on learning. *held [params], owned by the caller: those
 * that did learn. */
gf_status gf_params_hold(bool **held, gf_net *net, const bool *learning);
/* The first parameters, as many as there are, that were held learn again. */
void gf_params_let_go(gf_net *net, const bool *held);
/* PyTorch's default for a new layer of a method: uniform in +-1 / sqrt(fan_in), its bias too. */
void gf_params_draw(const gf_method_call *call, const gf_node *node, int fan_in);

/* A training with all that the stage gave to the method; the method adds its terms and hooks.
 * `schema`: the method's. */
gf_train_job gf_method_job(const gf_method_call *call, const gf_schema *schema);
/* The method's random numbers for what is called `name`, a node say. */
gf_random gf_random_for(const gf_method_call *call, const char *name);

#endif
