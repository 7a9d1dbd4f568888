/* Method "bn-l1": training with an L1 penalty on the scales of batch normalization, so that
 * channels that are not needed are scaled to nothing (network slimming, Liu et al. 2017,
 * 1708.06519, equation 1): loss = cross-entropy + strength * sum |gamma|. `prune : { method =
 * "filter-bn"; }` removes them afterwards; as it is a stage of its own, any number of amounts share
 * one training. The penalty goes by the subgradient, 0 at 0, as the paper does. The paper starts
 * from gamma = 0.5; here the network comes as it is. */
#include "../compress.h"

#include <math.h>

typedef struct bn_l1_loss_options {
    double strength;
} bn_l1_loss_options;

typedef struct bn_l1_options {
    gf_train_options train;
    bn_l1_loss_options loss;
} bn_l1_options;

/* ---- the loss term ---- */

static gf_status apply_loss(void *state, const void *options, const gf_loss_call *call,
                            double *loss)
{
    const bn_l1_loss_options *o = options;
    const gf_net *net = gf_run_net(call->student);
    double sum = 0;
    (void)state;
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *p = &net->params[i];
        for (size_t k = 0; p->role == GF_ROLE_GAMMA && k < gf_param_count(p); k++)
            sum += fabs((double)p->value[k]);
    }
    *loss += o->strength * sum;
    return GF_OK;
}

static void add_gradients(void *state, const void *options, gf_run *student)
{
    const bn_l1_loss_options *o = options;
    const gf_net *net = gf_run_net(student);
    (void)state;
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *p = &net->params[i];
        gf_real *gradient = gf_run_param_gradient(student, i);
        if (p->role != GF_ROLE_GAMMA || !gradient) continue;
        for (size_t k = 0; k < gf_param_count(p); k++)
            gradient[k] += (gf_real)(o->strength * ((p->value[k] > 0) - (p->value[k] < 0)));
    }
}

static const gf_field loss_fields[] = {
    GF_FIELD(bn_l1_loss_options, strength, "0.0001", "[0, 1]", "", "of the penalty"),
    GF_FIELD_END,
};

const gf_loss_kind gf_loss_bn_l1 = {
    .schema = { .name = "bn-l1",
                .summary = "sum of the absolute scales of batch normalization",
                .paper = "Liu et al. 2017, arXiv 1708.06519, equation 1",
                .fields = loss_fields },
    .options_size = sizeof(bn_l1_loss_options),
    .apply = apply_loss,
    .add_gradients = add_gradients,
};

/* ---- the method ---- */

extern const gf_method gf_method_bn_l1; /* below; its schema says how long it trains */

static gf_status apply(const gf_method_call *call, const void *options)
{
    const bn_l1_options *o = options;
    const gf_loss_term term = { .kind = &gf_loss_bn_l1, .options = &o->loss };
    gf_train_job job = gf_method_job(call, &gf_method_bn_l1.schema);
    job.terms = &term;
    job.term_count = 1;
    return gf_train(&job);
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(bn_l1_options, "30", "0.1"),
    GF_FIELD_AS("strength", bn_l1_options, loss.strength, "0.0001", "[0, 1]", "",
                "of the penalty; the paper takes 1e-4 for VGG, 1e-5 for ResNets, 160 epochs"),
    GF_FIELD_END,
};

const gf_method gf_method_bn_l1 = {
    .schema = { .name = "bn-l1",
                .summary = "train with an L1 penalty on channel scales, for filter-bn to prune by",
                .paper = "Liu et al. 2017, arXiv 1708.06519, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(bn_l1_options),
    .stage = "sparsify",
    .example = "{ sparsify : { method = \"bn-l1\"; strength = 0.0001; epochs = 20; }; }, "
               "{ prune : { method = \"filter-bn\"; amount = 0.5; }; }",
    .refuses = GF_FACT_BN_FOLDED,
    .refusal = "there are no scales left to make small",
    .trains = true,
    .apply = apply,
};
