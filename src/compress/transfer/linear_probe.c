/* Method "linear-probe": how much of the classes does a trunk know already? Only the classifier,
 * the last layer with weights, learns from the labels; everything before it is frozen, running
 * statistics too (Zhang, Isola, Efros 2016, 1603.08511, section 4.2: linear classifiers on top of
 * representations that were learned from a pretext task). */
#include "../pretext/pretext.h"

#include <stdlib.h>
#include <string.h>

typedef struct probe_options {
    gf_train_options train;
} probe_options;

extern const gf_method gf_method_linear_probe; /* below; its schema says how long it trains */

static gf_status hold_trunk(bool **held, gf_net *net)
{
    gf_status status;
    bool *learning = gf_alloc((size_t)net->node_count, sizeof *learning);
    GF_TRY_ALLOC(learning);
    for (int n = gf_classifier_find(net); n < net->node_count; n++) learning[n] = true;
    GF_TRY(gf_params_hold(held, net, learning));
out:
    free(learning);
    return status;
}

/* Marks in *melted, [nodes], owned by the caller, BN that was not frozen, and freezes it. */
static gf_status freeze_statistics(bool **melted, gf_net *net)
{
    gf_status status = GF_OK;
    bool *marked = gf_alloc((size_t)net->node_count, sizeof *marked);
    GF_TRY_ALLOC(marked);
    for (int n = 0; n < net->node_count; n++) {
        gf_node *node = &net->nodes[n];
        marked[n] = strcmp(node->kind->schema.name, "bn") == 0 && !node->frozen;
        node->frozen = node->frozen || marked[n];
    }
    *melted = marked;
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    bool *held = NULL, *melted = NULL;
    const gf_train_job job = gf_method_job(call, &gf_method_linear_probe.schema);
    (void)options;
    GF_TRY(hold_trunk(&held, call->net));
    GF_TRY(freeze_statistics(&melted, call->net));
    GF_TRY(gf_train(&job));
    gf_params_let_go(call->net, held);
    for (int n = 0; n < call->net->node_count; n++)
        if (melted[n]) call->net->nodes[n].frozen = false;
out:
    free(held);
    free(melted);
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(probe_options, "30", "0.1"),
    GF_FIELD_END,
};

const gf_method gf_method_linear_probe = {
    .schema = { .name = "linear-probe",
                .summary = "train the classifier alone, on a trunk that stays as it is",
                .paper = "Zhang et al. 2016, arXiv 1603.08511, section 4.2",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(probe_options),
    .stage = "transfer",
    .example = "{ pretext : { method = \"rotation\"; epochs = 30; }; }, "
               "{ transfer : { method = \"linear-probe\"; epochs = 10; }; }",
    .needs = GF_FACT_TRAINED,
    .trains = true,
    .apply = apply,
};
