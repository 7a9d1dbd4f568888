/* The trunk, a head for the task, and the training of both. */
#include "pretext.h"

#include <stdlib.h>

int gf_classifier_find(const gf_net *net)
{
    int first, last;
    gf_net_weight_edges(&first, &last, net);
    return last > 0 ? last : 0;
}

gf_status gf_pretext_linear_head(const gf_method_call *call, int trunk, const gf_pretext *task)
{
    gf_status status = GF_OK;
    gf_net *net = call->net;
    gf_shape shape = net->nodes[trunk].shape;
    int node = trunk;
    const gf_linear_attributes linear = { .features = task->classes, .bias = true };
    if (shape.height > 1 || shape.width > 1)
        GF_TRY(gf_net_add(net, &node, "mean_pool", "pretext.pool", NULL, &node, 1));
    GF_TRY(gf_net_add(net, &node, "linear", "pretext.fc", &linear, &node, 1));
    gf_params_draw(call, &net->nodes[node], shape.channels);
out:
    return status;
}

/* What does not lead to the head, the classifier, stays as it is. */
static gf_status hold_rest(bool **held, gf_net *net)
{
    gf_status status;
    bool *leads = NULL;
    GF_TRY(gf_nodes_before(&leads, net, net->node_count - 1));
    GF_TRY(gf_params_hold(held, net, leads));
out:
    free(leads);
    return status;
}

gf_status gf_pretext_train(const gf_method_call *call, const gf_schema *schema,
                           const gf_pretext *task, gf_pretext_head *add_head)
{
    gf_status status;
    gf_net *net = call->net;
    bool *held = NULL;
    int nodes = net->node_count, classifier = gf_classifier_find(net);
    gf_train_job job = gf_method_job(call, schema);
    job.task = task;
    if (classifier == 0) return gf_fail(GF_INVALID, "%s: no layer has weights", schema->name);
    GF_TRY(add_head(call, net->nodes[classifier].inputs[0], task));
    GF_TRY(hold_rest(&held, net));
    GF_TRY(gf_train(&job)); /* a checkpoint brings the head with it */
    GF_TRY(gf_net_truncate(net, nodes));
    gf_params_let_go(net, held);
out:
    free(held);
    return status;
}
