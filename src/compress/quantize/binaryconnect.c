/* Method "binaryconnect": training with binary weights (Courbariaux et al. 2015, 1511.00363,
 * algorithm 1). Real weights are kept; forward and backward use their signs, or signs drawn by the
 * hard sigmoid; the gradient at the binary weights updates the real ones, which are then clipped.
 * Evaluation, and what is stored, takes the signs.
 * Choices: the paper's weights are +-1 with learning rates divided by the square of a layer's
 * initialization coefficient H (section 2.5). Put w = H u, and that is +-H with plain rates and
 * weights clipped to [-H, H]: so it is here, with the mean magnitude of each trained filter as H,
 * so that a layer without BN behind it, or with BN's statistics from before, goes on with outputs
 * of the size that it had. Real weights begin as half of the trained ones: then their mean
 * magnitude is H / 2, as that of the paper's uniform start. First and last layer stay real unless
 * asked for. BN is not folded: the signs need it while they learn. Drawn weights spread the sums
 * more than signs do: after a stochastic training BN's statistics are taken anew, with the signs.
 */
#include "binary.h"

typedef struct binaryconnect_options {
    gf_train_options train;
    gf_quantize_options quantize; /* of activations */
    int binarization;
    bool first, last;
} binaryconnect_options;

enum { DETERMINISTIC, STOCHASTIC };
enum { SETTLING_BATCHES = 100 };

extern const gf_method gf_method_binaryconnect; /* below; its schema says how long it trains */

static gf_status binarize(gf_param *weight, gf_quantize_place place, const void *options,
                          const gf_kernels *kernels)
{
    const binaryconnect_options *o = options;
    const gf_binary_options made = { .stochastic = o->binarization == STOCHASTIC };
    if (place == GF_QUANTIZE_FIRST && !o->first) return GF_OK;
    if (place == GF_QUANTIZE_LAST && !o->last) return GF_OK;
    return gf_binarize(weight, &made, kernels);
}

/* The first ranges are of the network as it came, as in qat. */
static gf_status prepare(const gf_method_call *call, const binaryconnect_options *o)
{
    gf_status status;
    GF_TRY(gf_quantize_activations(call->net, &o->quantize));
    if (o->quantize.activation_bits != GF_BITS_FULL)
        GF_TRY(gf_calibrate(call->net, call->data, o->quantize.images, call->kernels));
    GF_TRY(gf_quantize_each_weight(call->net, binarize, o, call->kernels));
out:
    return status;
}

/* With BN's momentum of 0.1 a hundred batches leave nothing of what was before. */
static gf_status settle_statistics(const gf_method_call *call, int batch)
{
    gf_status status;
    gf_run *run = NULL;
    int whole = gf_data_count(call->data, GF_TRAIN) / batch; /* a rest would weigh as much */
    if (whole > SETTLING_BATCHES) whole = SETTLING_BATCHES;
    GF_TRY(gf_run_create(&run, call->net, call->kernels, batch, false));
    GF_TRY(gf_quantize_show(run, batch, GF_MODE_TRAIN, call->data, whole * batch, NULL, NULL));
out:
    gf_run_destroy(run);
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const binaryconnect_options *o = options;
    const gf_train_job job = gf_method_job(call, &gf_method_binaryconnect.schema);
    if (!call->resume) GF_TRY(prepare(call, o)); /* else the checkpoint brings it all */
    GF_TRY(gf_train(&job));
    if (o->binarization == STOCHASTIC) GF_TRY(settle_statistics(call, o->train.batch));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(binaryconnect_options, "10", "0.1"),
    GF_FIELD_WORD(binaryconnect_options, binarization, "deterministic", "deterministic|stochastic",
                  "of weights while training: their signs, or drawn by the hard sigmoid"),
    GF_FIELD(binaryconnect_options, first, "false", NULL, "", "the first layer too"),
    GF_FIELD(binaryconnect_options, last, "false", NULL, "", "the last layer too"),
    GF_QUANTIZE_FIELD(binaryconnect_options, activation_bits, "32", "[2, 8] or 32", "bits",
                      "of what layers with weights read; 32: left as they are"),
    GF_QUANTIZE_FIELD(binaryconnect_options, edge_bits, "8", "[2, 8]", "bits",
                      "at least, of what the first and the last layer read"),
    GF_QUANTIZE_FIELD(binaryconnect_options, images, "500", "[1, 100000]", "images",
                      "that ranges of activations are taken from"),
    GF_FIELD_END,
};

const gf_method gf_method_binaryconnect = {
    .schema = { .name = "binaryconnect",
                .summary = "train with binary weights",
                .paper = "Courbariaux et al. 2015, arXiv 1511.00363, section 2",
                .fields = fields,
                .slots = gf_train_slots,
                .revision = 1 }, /* first ranges from the network as it came */
    .options_size = sizeof(binaryconnect_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"binaryconnect\"; epochs = 10; weight_decay = 0; }; }",
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .refusal = "weights are quantized once, and binary ones need batch normalization behind them",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_BINARY_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .trains = true,
    .apply = apply,
};
