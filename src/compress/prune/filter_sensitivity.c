/* Method "filter-sensitivity": every layer loses as many filters as it can spare by itself (Li et
 * al. 2017, 1608.08710, section 3.2). Each layer is pruned alone, by L1 norm, in growing amounts,
 * and the network is evaluated on the validation split; the last amount that costs at most `drop`
 * is what the layer loses in the end, together with all others. So `drop` is an axis that a sweep
 * can vary, and sensitive layers keep their filters. The paper reads the amounts off the curves by
 * eye and gives layers of one stage the same amount; here each layer has its own. Only channels
 * inside a block are touched. The scan is in the log. */
#include "prune.h"

#include <stdlib.h>

typedef struct sensitivity_options {
    double drop, step, most;
    int min_channels;
} sensitivity_options;

typedef struct scan {
    const gf_method_call *call;
    const sensitivity_options *options;
    gf_channel_groups groups;
    double *amounts; /* [groups] */
    double least;    /* accuracy that a layer may cost us */
} scan;

static gf_status prune_layer(gf_net *net, int group, double amount, const scan *s)
{
    gf_status status;
    const gf_filter_norm norm = { gf_norm_l1 };
    gf_channel_groups groups = { 0 };
    GF_TRY(gf_channel_groups_find(&groups, net)); /* concatenations move what comes later */
    GF_TRY(gf_prune_group(net, &groups.items[group], amount, s->options->min_channels,
                          gf_score_norms, &norm, s->call->kernels));
out:
    gf_channel_groups_release(&groups);
    return status;
}

static gf_status evaluate(double *accuracy, gf_net *net, const gf_method_call *call)
{
    gf_scores scores = { 0 };
    gf_status status = gf_evaluate(&scores, net, call->data, GF_VALIDATION, call->kernels);
    *accuracy = scores.accuracy;
    return status;
}

static gf_status try_layer(double *accuracy, int group, double amount, const scan *s)
{
    gf_status status;
    gf_net *copy = NULL;
    GF_TRY(gf_net_copy(&copy, s->call->net));
    GF_TRY(prune_layer(copy, group, amount, s));
    GF_TRY(evaluate(accuracy, copy, s->call));
out:
    gf_net_destroy(copy);
    return status;
}

/* Asked between evaluations: there is nothing to save, the scan is short. */
static bool must_stop(const scan *s, int group)
{
    const gf_train_hooks *hooks = &s->call->hooks;
    return hooks->stop && hooks->stop(hooks->context, (double)group / s->groups.count);
}

static gf_status scan_layer(scan *s, int group, gf_text *tried)
{
    gf_status status = GF_OK;
    const sensitivity_options *o = s->options;
    for (int k = 1; k * o->step <= o->most + 1e-9; k++) {
        double amount = k * o->step, accuracy;
        if (must_stop(s, group)) return gf_fail(GF_INTERRUPTED, "asked to stop in layer %d", group);
        GF_TRY(try_layer(&accuracy, group, amount, s));
        gf_text_append(tried, ", %g: %.4f", amount, accuracy);
        if (accuracy < s->least) break;
        s->amounts[group] = amount;
    }
out:
    return status;
}

static gf_status scan_layers(scan *s)
{
    gf_status status = GF_OK;
    for (int i = 0; i < s->groups.count; i++) {
        const gf_channel_group *group = &s->groups.items[i];
        gf_text tried = { 0 };
        if (!group->prunable || !group->internal) continue;
        status = scan_layer(s, i, &tried);
        gf_log(GF_INFO, "prune", "layer = %s%s", s->call->net->nodes[group->nodes[0]].name,
               tried.data ? tried.data : "");
        gf_text_release(&tried);
        GF_TRY(status);
    }
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    scan s = { .call = call, .options = options };
    double accuracy;
    GF_TRY(gf_channel_groups_find(&s.groups, call->net));
    GF_TRY_ALLOC(s.amounts = gf_alloc((size_t)s.groups.count + 1, sizeof *s.amounts));
    GF_TRY(evaluate(&accuracy, call->net, call));
    s.least = accuracy - s.options->drop;
    GF_TRY(scan_layers(&s));
    for (int i = 0; i < s.groups.count; i++)
        if (s.amounts[i] > 0) GF_TRY(prune_layer(call->net, i, s.amounts[i], &s));
out:
    free(s.amounts);
    gf_channel_groups_release(&s.groups);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(sensitivity_options, drop, "0.02", "[0, 1)", "fraction",
             "of the validation images that each layer may cost when it is pruned alone"),
    GF_FIELD(sensitivity_options, step, "0.1", "[0.01, 0.5]", "fraction",
             "of a layer's filters between two amounts that are tried"),
    GF_FIELD(sensitivity_options, most, "0.9", "[0, 1)", "fraction",
             "of a layer's filters that may go"),
    GF_FILTER_LEAST_FIELD(sensitivity_options),
    GF_FIELD_END,
};

const gf_method gf_method_filter_sensitivity = {
    .schema = { .name = "filter-sensitivity",
                .summary = "remove from each layer as many filters as it can spare by itself",
                .paper = "Li et al. 2017, arXiv 1608.08710, section 3.2",
                .fields = fields },
    .options_size = sizeof(sensitivity_options),
    .stage = "prune",
    .example =
        "{ prune : { method = \"filter-sensitivity\"; drop = { grid = [0.01, 0.05]; }; }; }, "
        "{ finetune : { epochs = 5; }; }",
    .needs = GF_FACT_TRAINED,
    .adds = GF_FACT_SHRUNK,
    .neutral = "most = 0\n",
    .apply = apply,
};
