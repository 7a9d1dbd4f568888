/* Removing channels for good: every parameter that makes, normalizes or reads them is cut, masks
 * and quantization scales with it, and the layers' attributes follow. */
#include "../compress.h"

#include <stdlib.h>
#include <string.h>

static gf_status check_keep(const gf_channel_group *group, const int *keep, int count)
{
    int period = group->channels / group->multiple, kept = count / group->multiple;
    if (!group->prunable)
        return gf_fail(GF_INVALID, "channels of the input, the logits or a padded shortcut stay");
    if (count < 1 || count > group->channels || count % group->multiple)
        return gf_fail(GF_INVALID, "%d of %d channels cannot be kept: a multiple of %d from %d on",
                       count, group->channels, group->multiple, group->multiple);
    for (int k = 0; k < count; k++) {
        bool inside = keep[k] >= 0 && keep[k] < group->channels;
        bool ascends = k == 0 || keep[k] > keep[k - 1];
        bool repeats = k < kept || keep[k] == keep[k - kept] + period;
        if (!inside || !ascends || !repeats)
            return gf_fail(GF_INVALID,
                           "channel %d cannot be kept at place %d: of %d, ascending, the same in "
                           "each of %d blocks",
                           keep[k], k, group->channels, group->multiple);
    }
    return GF_OK;
}

/* Marks what one slice loses along its axis. */
static void mark_removed(bool *removed, const gf_channel_group *group,
                         const gf_channel_slice *slice, const int *keep, int count)
{
    int length = group->channels / slice->blocks;
    for (int c = 0; c < length; c++) removed[slice->first + c] = true;
    for (int k = 0; k < count && keep[k] < length; k++) removed[slice->first + keep[k]] = false;
}

/* Cuts one axis of a parameter by all slices of the group that lie along it. */
static gf_status cut_axis(gf_net *net, const gf_channel_group *group, int first_slice,
                          const int *keep, int count)
{
    gf_status status;
    const gf_channel_slice *slice = &group->slices[first_slice];
    gf_param *param = &net->params[slice->param];
    int length = param->dims[slice->axis], left = 0;
    bool *removed = gf_alloc((size_t)length, sizeof *removed);
    int *entries = gf_alloc((size_t)length, sizeof *entries);
    GF_TRY_ALLOC(removed && entries);
    for (int i = first_slice; i < group->slice_count; i++)
        if (group->slices[i].param == slice->param && group->slices[i].axis == slice->axis)
            mark_removed(removed, group, &group->slices[i], keep, count);
    for (int e = 0; e < length; e++)
        if (!removed[e]) entries[left++] = e;
    GF_TRY(gf_param_select(param, slice->axis, entries, left));
out:
    free(removed);
    free(entries);
    return status;
}

static bool is_first_along_its_axis(const gf_channel_group *group, int i)
{
    for (int k = 0; k < i; k++)
        if (group->slices[k].param == group->slices[i].param &&
            group->slices[k].axis == group->slices[i].axis)
            return false;
    return true;
}

/* Filters as many as the weight has now; a depthwise convolution has a group for each. */
static void adapt_attributes(gf_net *net)
{
    for (int n = 0; n < net->node_count; n++) {
        gf_node *node = &net->nodes[n];
        if (!gf_node_has_weight(node)) continue;
        int filters = gf_node_weight(net, node)->dims[0];
        gf_conv_attributes *conv = (void *)node->attributes;
        gf_linear_attributes *linear = (void *)node->attributes;
        if (strcmp(node->kind->schema.name, "linear") == 0) {
            linear->features = filters;
        } else {
            if (conv->groups == conv->filters && conv->groups > 1) conv->groups = filters;
            conv->filters = filters;
        }
    }
}

gf_status gf_channel_group_keep(gf_net *net, const gf_channel_group *group, const int *keep,
                                int count)
{
    gf_status status;
    GF_TRY(check_keep(group, keep, count));
    if (count == group->channels) return GF_OK;
    for (int i = 0; i < group->slice_count; i++)
        if (is_first_along_its_axis(group, i)) GF_TRY(cut_axis(net, group, i, keep, count));
    adapt_attributes(net);
    GF_TRY(gf_net_check(net));
out:
    return status;
}
