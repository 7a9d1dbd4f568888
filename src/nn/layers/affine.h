/* What convolutions and fully connected layers share: both are convolutions to the kernels. */
#ifndef GRIDFRONT_NN_LAYERS_AFFINE_H
#define GRIDFRONT_NN_LAYERS_AFFINE_H

#include <gridfront/nn.h>

/* Weight [filters, ...] and, where wanted, bias [filters]; returns how many. */
int gf_affine_params(gf_param_spec *specs, const gf_conv_shape *shape, bool bias);
void gf_affine_forward(const gf_layer_call *call, const gf_conv_shape *shape, bool bias);
void gf_affine_backward(const gf_layer_call *call, const gf_conv_shape *shape, bool bias);

#endif
