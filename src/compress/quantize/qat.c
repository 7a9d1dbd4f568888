/* Method "qat": training with quantizers in place (Krishnamoorthi 2018, 1806.08342, section 3.2).
 * The whitepaper folds BN while training, with batch statistics corrected by sigma_B / sigma. With
 * a scale per channel that detour is not needed: quantizing g W with the scale g s gives g times
 * what quantizing W with s gives, whatever g is, so BN stays in place, trains as ever on batch
 * statistics, and is folded exactly at the end. Late in training statistics and ranges are frozen
 * (section 3.2.3), so that the last epochs train the network that will be used. With one scale per
 * tensor g cannot be taken out: BN is folded before the training then. */
#include "quantize.h"

#include <math.h>
#include <string.h>

typedef struct qat_options {
    gf_train_options train;
    gf_quantize_options quantize;
    double freeze_bn;
} qat_options;

extern const gf_method gf_method_qat; /* below; its schema says how long it trains */

/* Activations are seen before weights are quantized: BN's running statistics fit the weights that
 * came. With others in their place what they normalize may be far from what training will bring. */
static gf_status prepare(const gf_method_call *call, const gf_quantize_options *o)
{
    gf_status status = GF_OK;
    if (!o->per_channel) GF_TRY(gf_net_fold_bn(call->net, call->kernels));
    GF_TRY(gf_quantize_activations(call->net, o));
    if (o->activation_bits != GF_BITS_FULL)
        GF_TRY(gf_calibrate(call->net, call->data, o->images, call->kernels));
    GF_TRY(gf_quantize_weights(call->net, o, call->kernels));
out:
    return status;
}

static void set_frozen(gf_net *net, bool frozen)
{
    for (int n = 0; n < net->node_count; n++) {
        const char *kind = net->nodes[n].kind->schema.name;
        if (strcmp(kind, "bn") == 0 || strcmp(kind, "fake_quant") == 0)
            net->nodes[n].frozen = frozen;
    }
}

static gf_status on_epoch_start(void *context, gf_net *net, int epoch, int epochs)
{
    const qat_options *o = context;
    if (o->freeze_bn < 1 && epoch >= (int)floor(o->freeze_bn * epochs)) set_frozen(net, true);
    return GF_OK;
}

static gf_status train(const gf_method_call *call, const qat_options *options)
{
    qat_options kept = *options; /* the hook's context is not const */
    gf_train_job job = gf_method_job(call, &gf_method_qat.schema);
    job.hooks.epoch_start = on_epoch_start;
    job.hooks.method_context = &kept;
    return gf_train(&job);
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const qat_options *o = options;
    if (!call->resume) GF_TRY(prepare(call, &o->quantize)); /* else the checkpoint brings it all */
    GF_TRY(train(call, o));
    set_frozen(call->net, false);
    GF_TRY(gf_quantize_refresh(call->net, call->kernels));
    GF_TRY(gf_net_fold_bn(call->net, call->kernels));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(qat_options, "3", "0.01"),
    GF_QUANTIZE_FIELDS(qat_options),
    GF_FIELD(qat_options, freeze_bn, "0.67", "[0, 1]", "fraction",
             "of the epochs before statistics and ranges are frozen; 1: never"),
    GF_FIELD_END,
};

const gf_method gf_method_qat = {
    .schema = { .name = "qat",
                .summary = "train with quantized weights and activations",
                .paper = "Krishnamoorthi 2018, arXiv 1806.08342, section 3.2",
                .fields = fields,
                .slots = gf_train_slots,
                .revision = 1 }, /* first ranges from the network as it came */
    .options_size = sizeof(qat_options),
    .stage = "quantize",
    .example = "{ quantize : { method = \"qat\"; weight_bits = 4; activation_bits = 8; "
               "epochs = 3; }; }",
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS,
    .refusal = "a network is quantized once, with the bits that are wanted",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS | GF_FACT_BN_FOLDED,
    .trains = true,
    .apply = apply,
};
