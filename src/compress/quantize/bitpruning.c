/* Method "bitpruning": the number of bits of each tensor is learned (Nikolic et al. 2020,
 * 2002.03090, section 3), of the weights of each layer and of what it reads. All begin at 8; the
 * loss gets gamma * sum lambda n, whose lambdas, 1 together, are equal, or the tensors' shares of
 * the MACs or of the values (section 3.3); the loss that is shown is without it. After a part of
 * the training lengths go up to the next whole number, and the network trains on with these. Then
 * quantizers become those of ptq, and BN is folded: what is stored follows the lengths.
 * Choices: grids hold 0 exactly, so that masks, padding and ReLUs stay zeros, and have 2 bits at
 * least (the paper's reach from the least to the largest value, from 1 bit on); those of weights
 * are symmetric, so that no filter needs a zero point once BN is folded; ranges of activations move
 * as those of qat, and stand still with the lengths. The moving average (ema) is of weights
 * and of lengths of activations, not of those of weights. */
#include "bits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct bitpruning_options {
    gf_train_options train;
    double gamma, learn;
    int weighting, images;
} bitpruning_options;

enum { WEIGHTING_EQUAL, WEIGHTING_MACS, WEIGHTING_SIZE };
static const double momentum = 0.01; /* of ranges, as qat's */

extern const gf_method gf_method_bitpruning; /* below; its schema says how long it trains */

static bool is_bits(const gf_node *node)
{
    return strcmp(node->kind->schema.name, "bits") == 0;
}

static gf_real *length_of(const gf_net *net, const gf_node *node)
{
    return net->params[node->params[1]].value;
}

/* ---- what a bit costs ---- */

/* MACs of the layers that read node n. */
static double macs_behind(const gf_net *net, const gf_cost *costs, int n)
{
    double macs = 0;
    for (int r = n + 1; r < net->node_count; r++)
        if (gf_node_has_weight(&net->nodes[r]) && net->nodes[r].inputs[0] == n)
            macs += (double)costs[r].macs;
    return macs;
}

/* Lambda of the quantizer behind (a "bits" node) or inside (its weights) node n, not yet over their
 * sum; 0: it has none. */
static double lambda_of(const gf_net *net, const gf_cost *costs, int n, int weighting)
{
    const gf_node *node = &net->nodes[n];
    bool weights = gf_node_has_weight(node);
    if (!weights && !is_bits(node)) return 0;
    switch (weighting) {
    case WEIGHTING_MACS:
        return weights ? (double)costs[n].macs : macs_behind(net, costs, n);
    case WEIGHTING_SIZE:
        return weights ? (double)gf_param_count(gf_node_weight(net, node))
                       : (double)gf_shape_count(node->shape);
    default:
        return 1;
    }
}

static gf_status set_prices(gf_net *net, const bitpruning_options *o, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    gf_cost whole, *costs = gf_alloc((size_t)net->node_count, sizeof *costs);
    double sum = 0;
    GF_TRY_ALLOC(costs);
    GF_TRY(gf_net_cost(net, kernels, &whole, costs));
    for (int n = 0; n < net->node_count; n++) sum += lambda_of(net, costs, n, o->weighting);
    for (int n = 0; n < net->node_count; n++) {
        gf_node *node = &net->nodes[n];
        double price = o->gamma * lambda_of(net, costs, n, o->weighting) / sum;
        if (is_bits(node)) ((gf_bits_attributes *)(void *)node->attributes)->price = price;
        if (!gf_node_has_weight(node)) continue;
        gf_view *view = gf_param_find_view(gf_node_weight(net, node), "bits");
        ((gf_bits_attributes *)(void *)view->options)->price = price;
    }
out:
    free(costs);
    return status;
}

/* ---- before ---- */

static gf_status quantize_weight(gf_param *weight, gf_quantize_place place, const void *options,
                                 const gf_kernels *kernels)
{
    (void)place;
    (void)options;
    (void)kernels;
    return gf_bits_quantize(weight, &(gf_bits_attributes){ .momentum = momentum });
}

static bool fill_attributes(void *attributes, const gf_net *net, int site, gf_quantize_place reader,
                            const void *options)
{
    (void)net;
    (void)site;
    (void)reader;
    (void)options;
    *(gf_bits_attributes *)attributes = (gf_bits_attributes){ .momentum = momentum };
    return true;
}

static gf_status prepare(const gf_method_call *call, const bitpruning_options *o)
{
    gf_status status;
    gf_net *net = call->net;
    GF_TRY(gf_quantize_each_weight(net, quantize_weight, NULL, call->kernels));
    GF_TRY(gf_quantize_each_input(net, "bits", fill_attributes, NULL));
    GF_TRY(set_prices(net, o, call->kernels));
    for (int n = 0; n < net->node_count; n++)
        if (is_bits(&net->nodes[n])) *length_of(net, &net->nodes[n]) = GF_BITS_MOST;
    GF_TRY(gf_calibrate(net, call->data, o->images, call->kernels));
out:
    return status;
}

/* ---- while it trains ---- */

/* A frozen length may still be moved by what the optimizer remembers: it goes back each time. */
static void keep_length(gf_node *node, gf_real *length, bool settled)
{
    double now = (double)gf_bits_clamped(*length);
    if (settled) now = node->frozen ? rint(now) : ceil(now);
    node->frozen = settled;
    *length = (gf_real)now;
}

static void keep_lengths(gf_net *net, bool settled)
{
    for (int n = 0; n < net->node_count; n++)
        if (is_bits(&net->nodes[n]))
            keep_length(&net->nodes[n], length_of(net, &net->nodes[n]), settled);
    for (int i = 0; settled && i < net->param_count; i++) {
        gf_view *view = gf_param_find_view(&net->params[i], "bits");
        if (view) gf_bits_settle(view);
    }
}

static gf_status on_step_start(void *context, gf_net *net, const gf_train_place *place)
{
    const bitpruning_options *o = context;
    double done = place->epoch + (double)place->step / place->steps;
    keep_lengths(net, done >= o->learn * place->epochs);
    return GF_OK;
}

static gf_status train(const gf_method_call *call, const bitpruning_options *options)
{
    bitpruning_options kept = *options; /* the hook's context is not const */
    gf_train_job job = gf_method_job(call, &gf_method_bitpruning.schema);
    job.hooks.step_start = on_step_start;
    job.hooks.method_context = &kept;
    return gf_train(&job);
}

/* ---- after ---- */

static gf_status fix_weight(gf_param *weight, const gf_kernels *kernels)
{
    gf_view *view = gf_param_find_view(weight, "bits");
    if (!view) return GF_OK;
    const gf_weight_quant_options made = { .bits = (int)*gf_bits_length(view) };
    gf_param_remove_view(weight, view);
    return gf_quantize_weight(weight, &made, kernels);
}

static gf_status fix_activation(gf_net *net, int n)
{
    gf_status status;
    int made, site = net->nodes[n].inputs[0];
    char name[GF_NAME];
    const gf_activation_quant_attributes a = { .bits = (int)*length_of(net, &net->nodes[n]),
                                               .momentum = momentum };
    const gf_real *range = net->params[net->nodes[n].params[0]].value;
    const gf_real kept[2] = { range[0], range[1] };
    snprintf(name, sizeof name, "%s", net->nodes[n].name);
    GF_TRY(gf_net_remove(net, n));
    GF_TRY(gf_net_insert(net, &made, "fake_quant", name, &a, site));
    memcpy(net->params[net->nodes[made].params[0]].value, kept, sizeof kept);
out:
    return status;
}

static gf_status finish(gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    keep_lengths(net, true);
    for (int i = 0; i < net->param_count; i++) GF_TRY(fix_weight(&net->params[i], kernels));
    for (int n = net->node_count - 1; n > 0; n--)
        if (is_bits(&net->nodes[n])) GF_TRY(fix_activation(net, n));
    GF_TRY(gf_net_fold_bn(net, kernels));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    if (!call->resume) GF_TRY(prepare(call, options)); /* else the checkpoint brings it all */
    GF_TRY(train(call, options));
    GF_TRY(finish(call->net, call->kernels));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(bitpruning_options, "10", "0.01"),
    GF_FIELD(bitpruning_options, gamma, "1", "[0, 1000]", "",
             "of the mean length in the loss: more gives fewer bits"),
    GF_FIELD_WORD(bitpruning_options, weighting, "equal", "equal|macs|size",
                  "of lengths in that mean: each tensor alike, by its MACs, or by its values"),
    GF_FIELD(bitpruning_options, learn, "0.67", "[0, 1]", "fraction",
             "of the training before lengths go up to whole numbers and stay"),
    GF_FIELD(bitpruning_options, images, "500", "[1, 100000]", "images",
             "that ranges of activations are first taken from"),
    GF_FIELD_END,
};

const gf_method gf_method_bitpruning = {
    .schema = { .name = "bitpruning",
                .summary = "train with a learned number of bits for each tensor",
                .paper = "Nikolic et al. 2020, arXiv 2002.03090, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(bitpruning_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"bitpruning\"; gamma = 1.0; weighting = \"size\"; "
               "epochs = 10; }; }",
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .refusal = "a network is quantized once, with the bits that are learned",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .trains = true,
    .apply = apply,
};
