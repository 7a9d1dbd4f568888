/* Method "xnor": binary weights and activations (Rastegari et al. 2016, 1603.05279, section 3). A
 * weight is a sign times the mean magnitude of its filter, which follows the real weights while
 * they train; a convolution reads the signs of its input. First and last layer stay real (section
 * 4.1). Blocks are BN, sign, convolution (section 3.2, figure 3): a sign behind a ReLU would always
 * be 1, so ReLUs that a binary convolution reads go, for those too who read them beside it: the
 * residual stream between the blocks is real and has no ReLU.
 * Left out: the scale K of each place of the input, which BN behind the convolution mostly takes
 * back. Padding stays 0, which is no sign. */
#include "binary.h"

#include <string.h>

typedef struct xnor_options {
    gf_train_options train;
} xnor_options;

extern const gf_method gf_method_xnor; /* below; its schema says how long it trains */

static gf_status binarize(gf_param *weight, gf_quantize_place place, const void *options,
                          const gf_kernels *kernels)
{
    const gf_binary_options made = { .scale = GF_BINARY_SCALE_MEAN };
    (void)options;
    return place == GF_QUANTIZE_INNER ? gf_binarize(weight, &made, kernels) : GF_OK;
}

static bool inner_only(void *attributes, const gf_net *net, int site, gf_quantize_place reader,
                       const void *options)
{
    (void)attributes;
    (void)net;
    (void)site;
    (void)options;
    return reader == GF_QUANTIZE_INNER;
}

static bool is_rectifier(const gf_node *node)
{
    return strcmp(node->kind->schema.name, "relu") == 0 ||
           strcmp(node->kind->schema.name, "relu6") == 0 ||
           strcmp(node->kind->schema.name, "softplus") == 0;
}

static bool is_sign(const gf_node *node)
{
    return strcmp(node->kind->schema.name, "sign") == 0;
}

/* What adds, or pools, reads what stands before the sign. */
static gf_status leave_stream_real(gf_net *net)
{
    for (int n = 1; n < net->node_count; n++)
        for (int i = 0; i < net->nodes[n].input_count; i++) {
            const gf_node *input = &net->nodes[net->nodes[n].inputs[i]];
            if (is_sign(input) && !gf_node_has_weight(&net->nodes[n]))
                net->nodes[n].inputs[i] = input->inputs[0];
        }
    return gf_net_check(net);
}

static gf_status remove_rectifiers(gf_net *net)
{
    gf_status status = GF_OK;
    for (int n = net->node_count - 1; n > 0; n--) {
        int input = net->nodes[n].inputs[0];
        if (is_sign(&net->nodes[n]) && is_rectifier(&net->nodes[input]))
            GF_TRY(gf_net_remove(net, input));
    }
out:
    return status;
}

static gf_status prepare(const gf_method_call *call)
{
    gf_status status;
    GF_TRY(gf_quantize_each_weight(call->net, binarize, NULL, call->kernels));
    GF_TRY(gf_quantize_each_input(call->net, "sign", inner_only, NULL));
    GF_TRY(leave_stream_real(call->net));
    GF_TRY(remove_rectifiers(call->net));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const gf_train_job job = gf_method_job(call, &gf_method_xnor.schema);
    (void)options;
    if (!call->resume) GF_TRY(prepare(call)); /* else the checkpoint brings it all */
    GF_TRY(gf_train(&job));
    GF_TRY(gf_quantize_refresh(call->net, call->kernels));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(xnor_options, "20", "0.1"),
    GF_FIELD_END,
};

const gf_method gf_method_xnor = {
    .schema = { .name = "xnor",
                .summary = "train with binary weights and activations",
                .paper = "Rastegari et al. 2016, arXiv 1603.05279, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(xnor_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"xnor\"; epochs = 20; weight_decay = 0; }; }",
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .refusal = "weights are quantized once, and binary ones need batch normalization behind them",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_BINARY_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .trains = true,
    .apply = apply,
};
