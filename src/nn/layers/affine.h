/* What convolutions and fully connected layers share: both are convolutions to the kernels. */
#ifndef GRIDFRONT_NN_LAYERS_AFFINE_H
#define GRIDFRONT_NN_LAYERS_AFFINE_H

#include <gridfront/nn.h>

/* Weight [filters, ...] and, where wanted, bias [filters]; returns how many. */
int gf_affine_params(gf_param_spec *specs, const gf_conv_shape *shape, bool bias);
/* What a convolution of these attributes makes of such an image; INVALID: it is smaller than the
 * kernel. */
gf_status gf_conv_out(gf_shape *out, const gf_shape *in, const gf_conv_attributes *attributes);
void gf_affine_forward(const gf_layer_call *call, const gf_conv_shape *shape, bool bias);
void gf_affine_backward(const gf_layer_call *call, const gf_conv_shape *shape, bool bias);

#endif
