/* Gradients against central finite differences, in float64: layers, weight views, loss terms and
 * whole networks. The loss is a fixed random projection of the output, so that every gradient
 * matters. Kinks (ReLU) are avoided by fixed seeds that do not touch them; rules that are no
 * derivatives (straight_through) are for their authors' own tests. */
#ifndef GRIDFRONT_TESTS_GRADCHECK_H
#define GRIDFRONT_TESTS_GRADCHECK_H

#include <gridfront/nn.h>

/* Loss as a function of the values that are being checked. */
typedef double gradcheck_loss(void *context);

/* Normal numbers that depend on `index` alone. */
void gradcheck_fill(gf_real *out, size_t count, uint32_t index);
/* Compares gradient[count] with differences of loss() in value[count]; about 100 elements, spread
 * evenly. Relative to the largest gradient. */
bool gradcheck_values(const char *what, gf_real *value, const gf_real *gradient, size_t count,
                      gradcheck_loss *loss, void *context);
/* One layer: its inputs and parameters; once overwriting d_in, once adding to it. */
bool gradcheck_layer(const gf_layer_kind *kind, const void *attributes, const gf_shape *in,
                     int inputs, int batch, gf_mode mode);
/* All trained parameters through their views, and the images. */
bool gradcheck_net(const char *what, gf_net *net, int batch, gf_mode mode);
/* Loss terms added to the hard-label loss; teachers may be NULL. */
bool gradcheck_terms(const char *what, gf_net *net, gf_net *const *teachers, int teacher_count,
                     const gf_loss_term *terms, int term_count, int batch);

#endif
