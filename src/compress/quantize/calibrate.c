/* Calibration: how far a quantizer's grid reaches (Wu et al. 2020, 2004.09602, section 5.1).
 * Magnitudes go into a histogram from which a threshold is taken: the one that a share of them does
 * not pass, the one of least squared error, or the one whose quantized distribution diverges least
 * from what was seen (Migacz 2017, "8-bit inference with TensorRT", GTC).
 * Choices: one threshold for both signs, cut to the range that was seen; zeros are left out, as
 * they are exact on every grid, but count in the share; of equal thresholds the largest. Weights
 * that are calibrated by squared error take the best of shares of their range, from 1 down to 0.2.
 */
#include "quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 50, SHARES = 81 };

/* ---- histograms ---- */

void gf_histogram_add(gf_histogram *h, const gf_real *x, size_t count)
{
    double scale = h->most > 0 ? GF_HISTOGRAM_BINS / (double)h->most : 0;
    for (size_t i = 0; i < count; i++) {
        double magnitude = fabs((double)x[i]);
        int bin = (int)fmin(magnitude * scale, GF_HISTOGRAM_BINS - 1);
        if (magnitude > 0)
            h->bins[bin]++;
        else
            h->zeros++;
    }
}

static double edge_of(const gf_histogram *h, int bin)
{
    return (double)h->most * bin / GF_HISTOGRAM_BINS;
}

double gf_histogram_percentile(const gf_histogram *h, double share)
{
    double total = h->zeros, seen = h->zeros;
    int bin = 0;
    for (int b = 0; b < GF_HISTOGRAM_BINS; b++) total += h->bins[b];
    while (bin < GF_HISTOGRAM_BINS && seen < share * total) seen += h->bins[bin++];
    return edge_of(h, bin);
}

/* Sum of squared errors when what is in a bin lies in its middle. */
static double squared_error(const gf_histogram *h, double threshold, double step)
{
    double sum = 0;
    for (int b = 0; b < GF_HISTOGRAM_BINS; b++) {
        double middle = edge_of(h, b) + edge_of(h, 1) / 2;
        double error = rint(fmin(middle, threshold) / step) * step - middle;
        sum += h->bins[b] * error * error;
    }
    return sum;
}

double gf_histogram_mse(const gf_histogram *h, int bits, bool is_signed)
{
    double best = INFINITY, found = (double)h->most;
    int steps = (1 << (is_signed ? bits - 1 : bits)) - 1;
    for (int bin = GF_HISTOGRAM_BINS; bin > 0; bin--) {
        double error = squared_error(h, edge_of(h, bin), edge_of(h, bin) / steps);
        if (error < best) {
            best = error;
            found = edge_of(h, bin);
        }
    }
    return found;
}

/* ---- divergence ---- */

/* The first `used` bins as `levels` even groups would give them: a group's count is spread over
 * those of its bins that hold something. */
static void quantize_counts(double *out, const double *bins, int used, int levels)
{
    for (int level = 0; level < levels; level++) {
        int from = (level * used + levels - 1) / levels; /* the first at or behind its edge */
        int to = ((level + 1) * used + levels - 1) / levels;
        double sum = 0;
        int filled = 0;
        for (int b = from; b < to; b++) {
            sum += bins[b];
            filled += bins[b] > 0;
        }
        for (int b = from; b < to; b++) out[b] = bins[b] > 0 ? sum / filled : 0;
    }
}

/* Of the distribution cut behind `used` bins, its tail in the last one, from its quantized self. */
static double divergence(const gf_histogram *h, int used, int levels)
{
    double quantized[GF_HISTOGRAM_BINS], inside = 0, tail = 0, sum = 0;
    quantize_counts(quantized, h->bins, used, levels);
    for (int b = 0; b < GF_HISTOGRAM_BINS; b++) *(b < used ? &inside : &tail) += h->bins[b];
    for (int b = 0; b < used; b++) {
        double p = (h->bins[b] + (b == used - 1 ? tail : 0)) / (inside + tail);
        if (p > 0) sum += p * log(p / (quantized[b] / inside));
    }
    return sum;
}

double gf_histogram_kl(const gf_histogram *h, int bits, bool is_signed)
{
    double best = INFINITY, found = (double)h->most;
    int levels = 1 << (is_signed ? bits - 1 : bits);
    for (int used = GF_HISTOGRAM_BINS; used >= levels; used--) {
        double value = divergence(h, used, levels);
        if (value < best) {
            best = value;
            found = edge_of(h, used);
        }
    }
    return found;
}

/* ---- activations ---- */

gf_status gf_quantize_show(gf_run *run, int batch, gf_mode mode, const gf_data *data, int images,
                           void (*seen)(void *context, gf_run *run), void *context)
{
    gf_status status = GF_OK;
    int there = gf_data_count(data, GF_TRAIN);
    int *positions = gf_alloc((size_t)batch, sizeof *positions);
    int *labels = gf_alloc((size_t)batch, sizeof *labels);
    GF_TRY_ALLOC(positions && labels);
    if (images > there) images = there;
    for (int first = 0; first < images; first += batch) {
        int count = images - first < batch ? images - first : batch;
        for (int i = 0; i < count; i++) positions[i] = first + i;
        gf_data_batch(gf_run_input(run), labels, data, GF_TRAIN, positions, count, NULL, NULL);
        gf_run_forward(run, count, mode, NULL);
        if (seen) seen(context, run);
    }
out:
    free(positions);
    free(labels);
    return status;
}

enum { LOW, HIGH }; /* of the parameter "range" */

typedef struct site {
    int node;
    gf_real *range; /* as the first pass left it; borrowed */
    int bits;
    gf_histogram histogram;
} site;

typedef struct site_list {
    site *items;
    int count;
} site_list;

static gf_status find_sites(site_list *sites, gf_net *net)
{
    sites->items = gf_alloc((size_t)net->node_count, sizeof *sites->items);
    if (!sites->items) return gf_fail(GF_NOMEM, "out of memory");
    for (int n = 0; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n];
        if (strcmp(node->kind->schema.name, "fake_quant") != 0) continue;
        site *s = &sites->items[sites->count++];
        *s = (site){ .node = n,
                     .range = net->params[node->params[0]].value,
                     .bits = (int)node->kind->bits(node->attributes) };
        s->histogram.most = -s->range[LOW] > s->range[HIGH] ? -s->range[LOW] : s->range[HIGH];
    }
    return GF_OK;
}

/* In CALIBRATE mode quantizers let everything pass: their values are what they read. */
static void add_batch(void *context, gf_run *run)
{
    const site_list *sites = context;
    const gf_net *net = gf_run_net(run);
#pragma omp parallel for schedule(dynamic)
    for (int s = 0; s < sites->count; s++) {
        site *one = &sites->items[s];
        gf_histogram_add(&one->histogram, gf_run_value(run, one->node),
                         (size_t)gf_run_batch(run) * gf_shape_count(net->nodes[one->node].shape));
    }
}

static gf_status fill_histograms(site_list *sites, gf_net *net, const gf_data *data, int images,
                                 const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    gf_run *run = NULL;
    GF_TRY(gf_run_create(&run, net, kernels, BATCH, false));
    for (int s = 0; s < sites->count; s++) GF_TRY(gf_run_want_value(run, sites->items[s].node));
    GF_TRY(gf_quantize_show(run, BATCH, GF_MODE_CALIBRATE, data, images, add_batch, sites));
out:
    gf_run_destroy(run);
    return status;
}

static double threshold_of(const site *s, gf_calibration calibration, double percentile)
{
    bool is_signed = s->range[LOW] < 0;
    switch (calibration) {
    case GF_CALIBRATION_PERCENTILE:
        return gf_histogram_percentile(&s->histogram, percentile);
    case GF_CALIBRATION_MSE:
        return gf_histogram_mse(&s->histogram, s->bits, is_signed);
    case GF_CALIBRATION_KL:
        return gf_histogram_kl(&s->histogram, s->bits, is_signed);
    case GF_CALIBRATION_MINMAX:
        break;
    }
    return (double)s->histogram.most;
}

gf_status gf_quantize_calibrate(gf_net *net, const gf_data *data, int images,
                                gf_calibration calibration, double percentile,
                                const gf_kernels *kernels)
{
    gf_status status;
    site_list sites = { 0 };
    GF_TRY(gf_calibrate(net, data, images, kernels));
    if (calibration == GF_CALIBRATION_MINMAX) return GF_OK;
    GF_TRY(find_sites(&sites, net));
    GF_TRY(fill_histograms(&sites, net, data, images, kernels));
#pragma omp parallel for schedule(dynamic)
    for (int s = 0; s < sites.count; s++) {
        gf_real threshold = (gf_real)threshold_of(&sites.items[s], calibration, percentile);
        gf_real *range = sites.items[s].range;
        if (range[LOW] < -threshold) range[LOW] = -threshold;
        if (range[HIGH] > threshold) range[HIGH] = threshold;
    }
out:
    free(sites.items);
    return status;
}

/* ---- weights ---- */

/* NAN where a weight is. */
static double grid_error(const gf_real *x, size_t count, const gf_quant_grid *g)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double level = rint((double)(x[i] / g->scale)) + (double)g->zero;
        level = level < g->low ? g->low : level > g->high ? g->high : level;
        double error = (level - (double)g->zero) * (double)g->scale - (double)x[i];
        sum += error * error;
    }
    return sum;
}

gf_quant_grid gf_quant_grid_fit(const gf_real *x, size_t count, gf_real low, gf_real high, int bits,
                                bool affine)
{
    gf_quant_grid best = { .scale = 1 };
    double least = INFINITY;
    for (int s = 0; s < SHARES; s++) {
        gf_real share = (gf_real)(1 - 0.01 * s);
        gf_quant_grid grid = affine ? gf_quant_grid_affine(share * low, share * high, bits)
                                    : gf_quant_grid_symmetric(share * low, share * high, bits);
        double error = grid_error(x, count, &grid);
        if (s > 0 && !(error < least)) continue;
        best = grid;
        least = error;
    }
    return best;
}
