/* Method "lsq": training with quantizers whose steps are learned (Esser et al. 2020, 1902.08153,
 * section 2), one for the weights of each layer and one for what it reads; both begin at
 * 2 mean|v| / sqrt(Q_P) and have their gradient divided by sqrt(N Q_P). Activations behind a ReLU
 * are unsigned, the others signed. First and last layer have 8 bits, as in the paper.
 * BN trains as ever between the layers and is folded at the end, when the steps of weights take its
 * factors, per filter then. The moving average (ema) is of weights and of the steps of activations,
 * not of those of weights. */
#include "lsq.h"

#include <string.h>

typedef struct lsq_options {
    gf_train_options train;
    gf_quantize_options quantize;
} lsq_options;

enum { FIRST_IMAGES = 250 }; /* one batch of gf_calibrate: the first steps are from it */

extern const gf_method gf_method_lsq; /* below; its schema says how long it trains */

static int bits_at(gf_quantize_place place, int bits, const gf_quantize_options *o)
{
    return place != GF_QUANTIZE_INNER && bits < o->edge_bits ? o->edge_bits : bits;
}

static gf_status quantize_weight(gf_param *weight, gf_quantize_place place, const void *options,
                                 const gf_kernels *kernels)
{
    const gf_quantize_options *o = options;
    return gf_lsq_quantize(weight, bits_at(place, o->weight_bits, o), kernels);
}

static bool is_one_of(const gf_node *node, const char *const *kinds)
{
    while (*kinds && strcmp(node->kind->schema.name, *kinds) != 0) kinds++;
    return *kinds != NULL;
}

/* Not behind a ReLU, nor where such values are pooled or laid behind each other. */
static bool is_negative_somewhere(const gf_net *net, int node)
{
    static const char *const rectifiers[] = { "relu", "relu6", NULL };
    static const char *const keepers[] = { "mean_pool", "average_pool", "max_pool", "concat",
                                           NULL };
    const gf_node *at = &net->nodes[node];
    if (is_one_of(at, rectifiers)) return false;
    if (!is_one_of(at, keepers)) return true;
    for (int i = 0; i < at->input_count; i++)
        if (is_negative_somewhere(net, at->inputs[i])) return true;
    return false;
}

static bool fill_attributes(void *attributes, const gf_net *net, int site, gf_quantize_place reader,
                            const void *options)
{
    const gf_quantize_options *o = options;
    *(gf_lsq_activation_attributes *)attributes = (gf_lsq_activation_attributes){
        .bits = bits_at(reader, o->activation_bits, o),
        .is_signed = is_negative_somewhere(net, site),
    };
    return o->activation_bits != GF_BITS_FULL;
}

/* Activations are seen before weights are quantized, while BN's running statistics fit: behind
 * 2-bit weights they do not, and steps that begin far off cost an epoch a third of its accuracy. */
static gf_status prepare(const gf_method_call *call, const gf_quantize_options *o)
{
    gf_status status;
    GF_TRY(gf_quantize_each_input(call->net, "lsq", fill_attributes, o));
    if (o->activation_bits != GF_BITS_FULL)
        GF_TRY(gf_calibrate(call->net, call->data, FIRST_IMAGES, call->kernels));
    GF_TRY(gf_quantize_each_weight(call->net, quantize_weight, o, call->kernels));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const gf_train_job job = gf_method_job(call, &gf_method_lsq.schema);
    if (!call->resume) /* else the checkpoint brings it all */
        GF_TRY(prepare(call, &((const lsq_options *)options)->quantize));
    GF_TRY(gf_train(&job));
    for (int i = 0; i < call->net->param_count; i++) gf_lsq_finish(&call->net->params[i]);
    GF_TRY(gf_net_fold_bn(call->net, call->kernels));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(lsq_options, "10", "0.01"),
    GF_QUANTIZE_BITS_FIELDS(lsq_options, "4"),
    GF_FIELD_END,
};

const gf_method gf_method_lsq = {
    .schema = { .name = "lsq",
                .summary = "train with quantizers whose steps are learned",
                .paper = "Esser et al. 2020, arXiv 1902.08153, section 2",
                .fields = fields,
                .slots = gf_train_slots,
                .revision = 1 }, /* first steps from the network as it came */
    .options_size = sizeof(lsq_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"lsq\"; weight_bits = 2; activation_bits = 2; "
               "epochs = 10; }; }",
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .refusal = "a network is quantized once, with the bits that are wanted",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .trains = true,
    .apply = apply,
};
