/* What poolings share: windows of size x size pixels beside each other; pixels that fill no whole
 * window are left out. */
#ifndef GRIDFRONT_NN_LAYERS_WINDOW_H
#define GRIDFRONT_NN_LAYERS_WINDOW_H

#include <gridfront/nn.h>

gf_status gf_window_shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes);
extern const gf_field gf_window_fields[];

/* Windows of the whole batch. */
size_t gf_window_count(const gf_layer_call *call);
/* Where the first pixel of window w begins in the input. */
size_t gf_window_place(const gf_layer_call *call, size_t w);
/* How far from there pixel p of it begins, row by row. */
size_t gf_window_step(const gf_layer_call *call, int p);
/* Zeroes d_in[0] unless it is to be added to: pixels outside all windows get nothing. */
void gf_window_clear(const gf_layer_call *call);

#endif
