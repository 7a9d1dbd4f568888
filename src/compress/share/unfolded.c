/* Sums of unfolded activations and their root. */
#include "unfolded.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 50 };
#define RIDGE 1e-6 /* of the mean square, for directions that no image shows */

gf_status gf_unfolded_init(gf_unfolded *u, const gf_net *net, const gf_node *node)
{
    gf_status status = GF_OK;
    const gf_param *weight = gf_node_weight(net, node);
    size_t size = (size_t)(weight->dims[1] * weight->dims[2]);
    u->node = node;
    u->in = net->nodes[node->inputs[0]].shape;
    if (size == 1 || size > GF_CLUSTER_BLOCK) return GF_OK;
    u->size = (int)size;
    u->squares = gf_alloc(size * size, sizeof *u->squares);
    u->sums = gf_alloc((size_t)u->in.channels * size, sizeof *u->sums);
    GF_TRY_ALLOC(u->squares && u->sums);
out:
    return status;
}

void gf_unfolded_release(gf_unfolded *u)
{
    free(u->squares);
    free(u->sums);
}

void gf_unfolded_add(gf_unfolded *u, const gf_real *image, int y, int x)
{
    const gf_conv_attributes *g = (const void *)u->node->attributes;
    double patch[GF_CLUSTER_BLOCK];
    for (int c = 0; c < u->in.channels; c++) {
        for (int j = 0; j < u->size; j++) {
            int iy = y * g->stride - g->pad_height + j / g->kernel_width;
            int ix = x * g->stride - g->pad_width + j % g->kernel_width;
            bool inside = iy >= 0 && iy < u->in.height && ix >= 0 && ix < u->in.width;
            size_t at = (size_t)(iy * u->in.width + ix) * (size_t)u->in.channels + (size_t)c;
            patch[j] = inside ? (double)image[at] : 0;
            u->sums[c * u->size + j] += patch[j];
        }
        for (int i = 0; i < u->size; i++)
            for (int j = 0; j < u->size; j++) u->squares[i * u->size + j] += patch[i] * patch[j];
    }
    u->places++;
}

/* Of the images that `run` has seen, the first of which is image `first` of the split. */
static void add_images(gf_unfolded *u, gf_run *run, int first, int count,
                       const gf_method_call *call, int samples)
{
    const gf_real *values = gf_run_value(run, u->node->inputs[0]);
    const gf_random random = gf_random_for(call, u->node->name);
    uint32_t height = (uint32_t)u->node->shape.height, width = (uint32_t)u->node->shape.width;
    for (int k = 0; k < count; k++)
        for (uint32_t s = 0; s < (uint32_t)samples; s++) {
            int y = (int)gf_random_below(&random, (uint32_t)(first + k), 2 * s, height);
            int x = (int)gf_random_below(&random, (uint32_t)(first + k), 2 * s + 1, width);
            gf_unfolded_add(u, values + (size_t)k * gf_shape_count(u->in), y, x);
        }
}

gf_status gf_unfolded_look(gf_unfolded *layers, int count, const gf_method_call *call, int images,
                           int samples)
{
    gf_status status;
    gf_run *run = NULL;
    int positions[BATCH], labels[BATCH], there = gf_data_count(call->data, GF_TRAIN);
    if (images > there) images = there;
    GF_TRY(gf_run_create(&run, call->net, call->kernels, BATCH, false));
    for (int l = 0; l < count; l++)
        if (layers[l].size) GF_TRY(gf_run_want_value(run, layers[l].node->inputs[0]));
    for (int first = 0; first < images; first += BATCH) {
        int batch = images - first < BATCH ? images - first : BATCH;
        for (int k = 0; k < batch; k++) positions[k] = first + k;
        gf_data_batch(gf_run_input(run), labels, call->data, GF_TRAIN, positions, batch, NULL,
                      NULL);
        gf_run_forward(run, batch, GF_MODE_EVALUATE, NULL);
        for (int l = 0; l < count; l++)
            if (layers[l].size) add_images(&layers[l], run, first, batch, call, samples);
    }
out:
    gf_run_destroy(run);
    return status;
}

/* out [size, size]: of the patches about their channels' means. Returns the trace. */
static double products_of(double *out, const gf_unfolded *u)
{
    double trace = 0;
    for (int i = 0; i < u->size; i++) {
        for (int j = 0; j < u->size; j++) {
            double sum = u->squares[i * u->size + j];
            for (int c = 0; u->places && c < u->in.channels; c++)
                sum -= u->sums[c * u->size + i] * u->sums[c * u->size + j] / u->places;
            out[i * u->size + j] = sum;
        }
        trace += out[i * (u->size + 1)];
    }
    return trace;
}

gf_status gf_unfolded_root(gf_real *root, const gf_unfolded *u)
{
    gf_status status;
    enum { MOST = GF_CLUSTER_BLOCK * GF_CLUSTER_BLOCK };
    double products[MOST], trace = products_of(products, u);
    gf_real a[MOST], left[MOST], values[GF_CLUSTER_BLOCK];
    int size = u->size;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            double ridge = i == j ? (trace > 0 ? RIDGE : 1) : 0;
            a[i * size + j] =
                (gf_real)((trace > 0 ? products[i * size + j] * size / trace : 0) + ridge);
        }
    GF_TRY(gf_svd(left, values, root, a, size, size));
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) root[i * size + j] *= (gf_real)sqrt((double)values[i]);
out:
    return status;
}
