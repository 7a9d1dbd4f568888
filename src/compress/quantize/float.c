/* Method "float": weights, and unless told otherwise activations, in a small floating format: IEEE
 * half precision, bfloat16, or the 8-bit formats e4m3 and e5m2 (Micikevicius et al. 2022,
 * 2209.05433, section 3). BN is folded first. What layers with weights read and their weights are
 * rounded, half to even; their sums are float32, as the hardware's are.
 * Choices: 16-bit formats need no scale and take the biases too, as a network that is cast as a
 * whole; 8-bit ones divide by a power of two, per filter and per tensor of activations, and leave
 * the biases in float32. */
#include "float.h"

enum { SCALE_AUTO }; /* the others are a gf_float_scale plus 1 */
enum { ACTIVATIONS_NONE, ACTIVATIONS_SAME, ACTIVATIONS_FORMATS }; /* then gf_minifloat */

typedef struct float_options {
    int format, scale, activations, images;
    bool per_channel;
} float_options;

static int scale_for(int format, const float_options *o)
{
    if (o->scale != SCALE_AUTO) return o->scale - 1;
    return gf_minifloats[format].bits == 16 ? GF_FLOAT_SCALE_NONE : GF_FLOAT_SCALE_POWER;
}

static gf_status add_view(gf_param *param, const gf_float_weight_options *options,
                          const gf_kernels *kernels)
{
    gf_status status;
    gf_view *view;
    int64_t count = options->per_channel ? param->dims[0] : 1;
    GF_TRY(gf_param_add_view(param, &view, "float", options));
    GF_TRY(gf_view_add_state(view, "scale", GF_REAL_DTYPE, 1, &count, NULL));
    for (int c = 0; c < count; c++) ((gf_real *)view->states[0].data)[c] = 1;
    GF_TRY(gf_quantize_refresh_view(param, param->view_count - 1, kernels));
out:
    return status;
}

static gf_status round_weight(gf_param *weight, gf_quantize_place place, const void *options,
                              const gf_kernels *kernels)
{
    const float_options *o = options;
    int scale = scale_for(o->format, o);
    const gf_float_weight_options made = {
        .format = o->format,
        .scale = scale,
        .per_channel = o->per_channel && scale != GF_FLOAT_SCALE_NONE,
    };
    (void)place;
    return add_view(weight, &made, kernels);
}

static gf_status round_biases(gf_net *net, const float_options *o, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    const gf_float_weight_options made = { .format = o->format, .scale = GF_FLOAT_SCALE_NONE };
    if (gf_minifloats[o->format].bits < 16) return GF_OK;
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].role == GF_ROLE_BIAS) GF_TRY(add_view(&net->params[i], &made, kernels));
out:
    return status;
}

static bool fill_attributes(void *attributes, const gf_net *net, int site, gf_quantize_place reader,
                            const void *options)
{
    const float_options *o = options;
    int format =
        o->activations == ACTIVATIONS_SAME ? o->format : o->activations - ACTIVATIONS_FORMATS;
    (void)net;
    (void)site;
    (void)reader;
    if (o->activations == ACTIVATIONS_NONE) return false;
    *(gf_float_activation_attributes *)attributes =
        (gf_float_activation_attributes){ .format = format, .scale = scale_for(format, o) };
    return true;
}

/* Has one of its layers something to learn from data? */
static bool has_states(const gf_net *net)
{
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].role == GF_ROLE_STATE) return true;
    return false;
}

static gf_status round_activations(const gf_method_call *call, const float_options *o)
{
    gf_status status;
    GF_TRY(gf_quantize_each_input(call->net, "float_quant", fill_attributes, o));
    if (has_states(call->net))
        GF_TRY(gf_calibrate(call->net, call->data, o->images, call->kernels));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    GF_TRY(gf_net_fold_bn(call->net, call->kernels));
    GF_TRY(gf_quantize_each_weight(call->net, round_weight, options, call->kernels));
    GF_TRY(round_biases(call->net, options, call->kernels));
    GF_TRY(round_activations(call, options));
out:
    return status;
}

static const gf_field fields[] = {
    GF_FIELD_WORD(float_options, format, "fp16", GF_MINIFLOAT_WORDS,
                  "of convolution and fully connected weights"),
    GF_FIELD_WORD(float_options, activations, "same", "none|same|" GF_MINIFLOAT_WORDS,
                  "format of what these layers read; none: left in float32"),
    GF_FIELD_WORD(float_options, scale, "auto", "auto|" GF_FLOAT_SCALE_WORDS,
                  "that numbers are divided by: a power of two or the exact one that makes them "
                  "fit; auto: power for 8 bits, none for 16"),
    GF_FIELD(float_options, per_channel, "true", NULL, "", "a scale for each output filter"),
    GF_FIELD(float_options, images, "500", "[1, 100000]", "images",
             "that scales of activations are taken from"),
    GF_FIELD_END,
};

const gf_method gf_method_float = {
    .schema = { .name = "float",
                .summary = "round weights and activations to a 16- or 8-bit floating format",
                .paper = "Micikevicius et al. 2022, arXiv 2209.05433, section 3",
                .fields = fields },
    .options_size = sizeof(float_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"float\"; format = \"e4m3\"; activations = \"e4m3\"; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .refusal = "a network is quantized once, with the bits that are wanted",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .apply = apply,
};
