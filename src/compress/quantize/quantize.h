/* Uniform quantization, as ptq and qat share it (Krishnamoorthi 2018, 1806.08342). */
#ifndef GRIDFRONT_COMPRESS_QUANTIZE_H
#define GRIDFRONT_COMPRESS_QUANTIZE_H

#include "../compress.h"

/* Options of the weight view "fake-quant". */
typedef struct gf_weight_quant_options {
    int bits;
    bool per_channel; /* a scale for each output filter */
    bool affine;      /* a zero point; else codes are symmetric around 0 */
    int fit;          /* gf_weight_fit: how far the grid reaches */
} gf_weight_quant_options;

typedef enum gf_weight_fit { GF_FIT_MINMAX, GF_FIT_MSE } gf_weight_fit;
#define GF_WEIGHT_FIT_WORDS "minmax|mse"

/* Attributes of the layer "fake_quant". */
typedef struct gf_activation_quant_attributes {
    int bits;
    double momentum; /* of the moving range while training */
    bool symmetric;  /* signed values get codes around 0; else there is a zero point */
} gf_activation_quant_attributes;

/* What both methods let choose. */
typedef struct gf_quantize_options {
    int weight_bits, activation_bits, edge_bits, images, scheme, activation_scheme;
    bool per_channel;
    int fit; /* of ptq alone: gf_weight_fit */
} gf_quantize_options;

enum { GF_SCHEME_SYMMETRIC, GF_SCHEME_AFFINE };
enum { GF_ACTIVATIONS_AFFINE, GF_ACTIVATIONS_SYMMETRIC };
enum { GF_BITS_FULL = 32 };

#define GF_QUANTIZE_FIELD(S, key, fallback, range, unit, help)                                     \
    GF_FIELD_AS(#key, S, quantize.key, fallback, range, unit, help)
#define GF_QUANTIZE_WORD(S, key, member, fallback, words, help)                                    \
    {                                                                                              \
#key, GF_FIELD_CHOICE, offsetof(S, quantize.member), sizeof(int), fallback, words, "",     \
            help                                                                                   \
    }
#define GF_QUANTIZE_BITS_FIELDS(S, bits_)                                                          \
    GF_QUANTIZE_FIELD(S, weight_bits, bits_, "[2, 8]", "bits",                                     \
                      "of convolution and fully connected weights"),                               \
        GF_QUANTIZE_FIELD(S, activation_bits, bits_, "[2, 8] or 32", "bits",                       \
                          "of what these layers read; 32: left as they are"),                      \
        GF_QUANTIZE_FIELD(S, edge_bits, "8", "[2, 8]", "bits",                                     \
                          "at least, of the first and the last layer and what they read")
#define GF_QUANTIZE_FIELDS(S)                                                                      \
    GF_QUANTIZE_BITS_FIELDS(S, "8"),                                                               \
        GF_QUANTIZE_FIELD(S, per_channel, "true", NULL, "", "a scale for each output filter"),     \
        GF_QUANTIZE_WORD(S, scheme, scheme, "symmetric", "symmetric|affine",                       \
                         "of weights: codes around 0, or with a zero point"),                      \
        GF_QUANTIZE_WORD(S, activation_scheme, activation_scheme, "affine", "affine|symmetric",    \
                         "of activations: what is never negative has a zero point of 0 in both"),  \
        GF_QUANTIZE_FIELD(S, images, "500", "[1, 100000]", "images",                               \
                          "that ranges of activations are taken from")

/* A fake-quant view, last in the chain, on the weight of every convolution and fully connected
 * layer. */
gf_status gf_quantize_weights(gf_net *net, const gf_quantize_options *options,
                              const gf_kernels *kernels);
/* Of one weight, from its values as they are now. CONFLICT: it has one. */
gf_status gf_quantize_weight(gf_param *weight, const gf_weight_quant_options *options,
                             const gf_kernels *kernels);
/* A fake_quant node behind everything that such a layer reads; no ranges yet. */
gf_status gf_quantize_activations(gf_net *net, const gf_quantize_options *options);
/* The scales of every view that has some from the weights as they are now. */
gf_status gf_quantize_refresh(gf_net *net, const gf_kernels *kernels);
/* Of one view: it sees what the views before it give. */
gf_status gf_quantize_refresh_view(gf_param *param, int view, const gf_kernels *kernels);

/* ---- where quantizers go ---- */

/* The first and the last layer with weights are edges: sensitive and small. */
typedef enum gf_quantize_place {
    GF_QUANTIZE_FIRST,
    GF_QUANTIZE_INNER,
    GF_QUANTIZE_LAST
} gf_quantize_place;
typedef gf_status gf_quantize_one(gf_param *weight, gf_quantize_place place, const void *options,
                                  const gf_kernels *kernels);
/* Calls `one` for the weight of every convolution and fully connected layer. */
gf_status gf_quantize_each_weight(gf_net *net, gf_quantize_one *one, const void *options,
                                  const gf_kernels *kernels);
/* Fills the attributes of a quantizer behind node `site`; false: none is wanted there. */
typedef bool gf_quantize_fill(void *attributes, const gf_net *net, int site,
                              gf_quantize_place reader, const void *options);
/* A node of this kind behind everything that such a layer reads, once. */
gf_status gf_quantize_each_input(gf_net *net, const char *kind, gf_quantize_fill *fill,
                                 const void *options);

/* ---- states of views that have an entry for each filter, or one for the tensor ---- */

/* Entry i becomes what entry source[i] was, or entry 0 without a source. */
gf_status gf_scale_resize(gf_tensor *state, const int *source, int count);
/* Keeps the entries of these filters (axis 0) in all states that have one for each. */
gf_status gf_scales_select(gf_view *view, const gf_param *param, int axis, const int *keep,
                           int count);
/* One entry for each filter in all states, copies of what was the tensor's. */
gf_status gf_scales_spread(gf_view *view, const gf_param *param);
/* Only the first `kept` states stay: what a view has learned with goes when it has learned. */
void gf_view_drop_states(gf_view *view, int kept);
/* Is state `state` a list of reals of this name, finite, one for each filter or, unless
 * `per_filter`, one? */
bool gf_scales_check(const gf_view *view, int state, const char *name, const gf_param *param,
                     bool per_filter);

/* To the nearest integer, half to even, by what a sum with a number this large drops: unlike rint
 * it can be vectorized everywhere. Right for |x| < 2^21, larger ones stay as large. */
static inline gf_real gf_quant_rounded(gf_real x)
{
    const gf_real large = sizeof x == sizeof(float) ? (gf_real)0x1.8p23 : (gf_real)0x1.8p52;
    return (x + large) - large;
}

/* The grid of `bits` that covers [low, high] and 0, where 0 is exact. */
typedef struct gf_quant_grid {
    gf_real scale, zero;
    int low, high; /* codes */
} gf_quant_grid;
gf_quant_grid gf_quant_grid_affine(gf_real low, gf_real high, int bits);
gf_quant_grid gf_quant_grid_symmetric(gf_real low, gf_real high, int bits);
/* Of those that cover a share of [low, high], the one of least squared error. */
gf_quant_grid gf_quant_grid_fit(const gf_real *x, size_t count, gf_real low, gf_real high, int bits,
                                bool affine);

/* ---- layers of quantized activations ---- */

/* How many activations a call is about. */
size_t gf_quant_values(const gf_layer_call *call);
/* Everything passes as it is, and so do its gradients, where they are wanted. */
void gf_quant_pass(const gf_layer_call *call);
void gf_quant_pass_gradient(const gf_layer_call *call);

/* ---- calibration of activations ---- */

/* The layer's parameter 0 is the range of what it reads, [0, 0] before any: CALIBRATE mode widens
 * it, TRAIN mode moves it. */
void gf_quant_range_observe(const gf_layer_call *call, double momentum);
bool gf_quant_range_is_empty(const gf_real *range);

typedef enum gf_calibration {
    GF_CALIBRATION_MINMAX,
    GF_CALIBRATION_PERCENTILE,
    GF_CALIBRATION_MSE,
    GF_CALIBRATION_KL
} gf_calibration;
#define GF_CALIBRATION_WORDS "minmax|percentile|mse|kl"

/* Magnitudes in [0, most], in bins of equal width; exact zeros are counted apart. */
enum { GF_HISTOGRAM_BINS = 2048 };
typedef struct gf_histogram {
    gf_real most;
    double zeros, bins[GF_HISTOGRAM_BINS];
} gf_histogram;
void gf_histogram_add(gf_histogram *h, const gf_real *x, size_t count);
/* Thresholds, edges of bins: the least that `share` of all values do not pass; of least squared
 * error; of least divergence. bits: of the quantizer, one of them for the sign where that is. */
double gf_histogram_percentile(const gf_histogram *h, double share);
double gf_histogram_mse(const gf_histogram *h, int bits, bool is_signed);
double gf_histogram_kl(const gf_histogram *h, int bits, bool is_signed);

/* Forward passes over the first training images without augmentation, after each of which `seen`
 * (unless NULL) is called. Nothing is drawn, in TRAIN mode neither. */
gf_status gf_quantize_show(gf_run *run, int batch, gf_mode mode, const gf_data *data, int images,
                           void (*seen)(void *context, gf_run *run), void *context);

/* Ranges of all fake_quant nodes from training images without augmentation. */
gf_status gf_quantize_calibrate(gf_net *net, const gf_data *data, int images,
                                gf_calibration calibration, double percentile,
                                const gf_kernels *kernels);

#endif
