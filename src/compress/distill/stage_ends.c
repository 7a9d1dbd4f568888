/* Where the stages of a network end: at the last place before its images become smaller. */
#include "distill.h"

#include <stdlib.h>
#include <string.h>

/* Images of one pixel are the classifier's. */
static void take(gf_stage_ends *ends, const gf_net *net, int node)
{
    int height = net->nodes[node].shape.height;
    if (height <= 1 || node == 0 || node == net->node_count - 1) return;
    int last = ends->count - 1;
    if (last >= 0 && net->nodes[ends->nodes[last]].shape.height == height)
        ends->nodes[last] = node;
    else if (ends->count < GF_ENDS_MOST)
        ends->nodes[ends->count++] = node;
}

static bool is_passed_by(const gf_net *net, int node)
{
    for (int n = node + 1; n < net->node_count; n++)
        for (int i = 0; i < net->nodes[n].input_count; i++)
            if (net->nodes[n].inputs[i] < node) return true;
    return false;
}

void gf_stage_ends_cut(gf_stage_ends *ends, const gf_net *net)
{
    *ends = (gf_stage_ends){ 0 };
    for (int n = 1; n < net->node_count; n++)
        if (!is_passed_by(net, n)) take(ends, net, n);
}

static bool is_activation(const gf_node *node)
{
    static const char *const kinds[] = { "relu", "relu6", "softplus" };
    for (size_t i = 0; i < GF_COUNT(kinds); i++)
        if (strcmp(node->kind->schema.name, kinds[i]) == 0) return true;
    return false;
}

void gf_stage_ends_before_activation(gf_stage_ends *ends, const gf_net *net)
{
    *ends = (gf_stage_ends){ 0 };
    for (int n = 1; n < net->node_count; n++)
        if (is_activation(&net->nodes[n])) take(ends, net, net->nodes[n].inputs[0]);
}
