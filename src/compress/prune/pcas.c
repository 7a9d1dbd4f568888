/* Method "pcas": channels that attention pays little heed to are removed (Yamamoto, Maeno 2018,
 * 1806.05382, section 3). Attention modules are put into the trained network and trained alone,
 * everything else frozen; what a channel is worth is the mean of its gate over the training images;
 * one ratio for the whole network says how many of all channels go, those of lowest worth, and the
 * modules with them. Retraining is a stage of its own.
 * Choices: a module behind each group of channels inside a block, before the layer that reads them,
 * since only these are removed; all but the first weights of a module begin at 0, so every gate at
 * 1/2: what the network needs has to be opened, and chance orders nothing. */
#include "attention.h"
#include "prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct pcas_options {
    gf_train_options train;
    double amount;
    int min_channels, images;
    gf_attention_attributes module;
} pcas_options;

extern const gf_method gf_method_pcas; /* below; its schema says how long it trains */

/* ---- modules ---- */

/* The last node that has just the channels of the group: what reads them reads it. */
static int last_of(const gf_channel_group *group, const gf_net *net)
{
    int last = -1;
    for (int i = 0; i < group->node_count; i++)
        if (net->nodes[group->nodes[i]].shape.channels == group->channels) last = group->nodes[i];
    return last;
}

static void module_name(char out[GF_NAME], const gf_net *net, const gf_channel_group *group)
{
    snprintf(out, GF_NAME, "%.50s.attention", net->nodes[group->nodes[0]].name);
}

static void fill_weight(gf_param *param, const gf_random *random)
{
    double bound = 1 / sqrt(param->dims[3]);
    uint32_t name = gf_hash32(param->name);
    for (size_t i = 0; i < gf_param_count(param); i++)
        param->value[i] = (gf_real)(bound * (2 * gf_random_uniform(random, name, (uint32_t)i) - 1));
}

static gf_status insert_module(gf_net *net, const gf_channel_group *group, const pcas_options *o,
                               const gf_random *random)
{
    gf_status status;
    char name[GF_NAME];
    int made;
    module_name(name, net, group);
    GF_TRY(gf_net_insert(net, &made, "attention", name, &o->module, last_of(group, net)));
    fill_weight(&net->params[net->nodes[made].params[GF_ATTENTION_SQUEEZE]], random);
out:
    return status;
}

static bool takes_part(const gf_channel_group *group)
{
    return group->prunable && group->internal;
}

static void freeze(gf_net *net)
{
    for (int n = 0; n < net->node_count; n++) net->nodes[n].frozen = true;
    for (int i = 0; i < net->param_count; i++) net->params[i].trainable = false;
}

static gf_status insert_modules(const gf_method_call *call, const pcas_options *o)
{
    gf_status status;
    const gf_random random = { .seed = call->seed,
                               .ordinal = call->ordinal,
                               .purpose = GF_PURPOSE_METHOD };
    gf_channel_groups groups = { 0 };
    freeze(call->net);
    GF_TRY(gf_channel_groups_find(&groups, call->net));
    for (int i = 0; i < groups.count; i++) {
        if (takes_part(&groups.items[i]))
            GF_TRY(insert_module(call->net, &groups.items[i], o, &random));
        gf_channel_groups_release(&groups); /* nodes have moved */
        GF_TRY(gf_channel_groups_find(&groups, call->net));
    }
out:
    gf_channel_groups_release(&groups);
    return status;
}

static gf_status remove_modules(gf_net *net)
{
    gf_status status = GF_OK;
    for (int n = net->node_count - 1; n > 0; n--)
        if (strcmp(net->nodes[n].kind->schema.name, "attention") == 0)
            GF_TRY(gf_net_remove(net, n));
out:
    return status;
}

/* Nodes and parameters are those of `before` again, in its order. */
static void restore_flags(gf_net *net, const gf_net *before)
{
    for (int n = 0; n < net->node_count; n++) net->nodes[n].frozen = before->nodes[n].frozen;
    for (int i = 0; i < net->param_count; i++) {
        int index = gf_net_find_param(before, net->params[i].name);
        net->params[i].trainable = before->params[index].trainable;
    }
}

/* ---- the method ---- */

/* Mean over the blocks of a grouped convolution; context: the network with its modules. */
static gf_status score_by_attention(double *scores, const gf_channel_group *group,
                                    const gf_net *net, const gf_kernels *kernels,
                                    const void *context)
{
    const gf_net *with = context;
    char name[GF_NAME];
    (void)kernels;
    module_name(name, net, group);
    int node = gf_net_find_node(with, name), positions = gf_group_positions(group);
    if (node < 0) return gf_fail(GF_INTERNAL, "pcas: %s is missing", name);
    const gf_param *means = &with->params[with->nodes[node].params[GF_ATTENTION_MEANS]];
    for (int c = 0; c < group->channels; c++)
        scores[c % positions] += (double)means->value[c] / group->multiple;
    return GF_OK;
}

static gf_status train_modules(const gf_method_call *call, const pcas_options *o)
{
    gf_status status = GF_OK;
    const gf_train_job job = gf_method_job(call, &gf_method_pcas.schema);
    if (!call->resume) GF_TRY(insert_modules(call, o));
    GF_TRY(gf_train(&job));
    GF_TRY(gf_calibrate(call->net, call->data, o->images, call->kernels));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const pcas_options *o = options;
    const gf_filter_options filters = { .amount = o->amount,
                                        .scope = GF_SCOPE_INTERNAL,
                                        .min_channels = o->min_channels };
    gf_net *before = NULL, *with = NULL;
    GF_TRY(gf_net_copy(&before, call->net));
    GF_TRY(train_modules(call, o));
    GF_TRY(gf_net_copy(&with, call->net));
    GF_TRY(remove_modules(call->net));
    restore_flags(call->net, before);
    GF_TRY(gf_prune_filters_globally(call->net, &filters, score_by_attention, with, call->kernels));
out:
    gf_net_destroy(before);
    gf_net_destroy(with);
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(pcas_options, "10", "0.1"),
    GF_FIELD(pcas_options, amount, NULL, "[0, 1)", "fraction",
             "of all channels inside blocks that is removed"),
    GF_FILTER_LEAST_FIELD(pcas_options),
    GF_FIELD(pcas_options, images, "100000", "[1, 100000]", "images",
             "of the training split that gates are averaged over, at most"),
    GF_FIELD_AS("reduction", pcas_options, module.reduction, "4", "[1, 1024]", "",
                "channels per hidden unit of a module"),
    GF_FIELD_END,
};

const gf_method gf_method_pcas = {
    .schema = { .name = "pcas",
                .summary = "remove the channels that attention modules learn to close",
                .paper = "Yamamoto, Maeno 2018, arXiv 1806.05382, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(pcas_options),
    .stage = "prune",
    .example = "{ prune : { method = \"pcas\"; amount = 0.5; epochs = 5; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .needs = GF_FACT_TRAINED,
    .adds = GF_FACT_SHRUNK,
    .neutral = "amount = 0\nepochs = 1\n",
    .trains = true,
    .apply = apply,
};
