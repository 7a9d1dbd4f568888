/* The graph: building it, and the three edits that every rewrite is made of (add, insert, remove).
 * Nodes stand in topological order; an edit keeps that order. */
#include <gridfront/nn.h>

#include "net.h"

#include <stdlib.h>
#include <string.h>

/* ---- tables ---- */

static gf_status reserve_node(gf_net *net)
{
    if (net->node_count < net->node_capacity) return GF_OK;
    int capacity = net->node_capacity ? 2 * net->node_capacity : 64;
    gf_node *nodes = realloc(net->nodes, (size_t)capacity * sizeof *nodes);
    if (!nodes) return gf_fail(GF_NOMEM, "out of memory");
    net->nodes = nodes;
    net->node_capacity = capacity;
    return GF_OK;
}

static gf_status reserve_param(gf_net *net)
{
    if (net->param_count < net->param_capacity) return GF_OK;
    int capacity = net->param_capacity ? 2 * net->param_capacity : 64;
    gf_param *params = realloc(net->params, (size_t)capacity * sizeof *params);
    if (!params) return gf_fail(GF_NOMEM, "out of memory");
    net->params = params;
    net->param_capacity = capacity;
    return GF_OK;
}

gf_status gf_net_create(gf_net **net, gf_shape input)
{
    gf_status status;
    gf_net *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    if (input.height < 1 || input.width < 1 || input.channels < 1) {
        status = gf_fail(GF_INVALID, "an input of %d x %d x %d", input.height, input.width,
                         input.channels);
        goto out;
    }
    GF_TRY(reserve_node(made));
    made->nodes[0] =
        (gf_node){ .name = "input", .kind = gf_layer_kind_find("input"), .shape = input };
    made->node_count = 1;
    *net = made;
    made = NULL;
out:
    gf_net_destroy(made);
    return status;
}

void gf_net_destroy(gf_net *net)
{
    if (!net) return;
    for (int i = 0; i < net->param_count; i++) gf_param_release(&net->params[i]);
    free(net->params);
    free(net->nodes);
    free(net);
}

gf_status gf_net_copy(gf_net **copy, const gf_net *net)
{
    gf_status status;
    gf_net *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    while (made->node_count < net->node_count) {
        GF_TRY(reserve_node(made));
        made->nodes[made->node_count] = net->nodes[made->node_count];
        made->node_count++;
    }
    while (made->param_count < net->param_count) {
        GF_TRY(reserve_param(made));
        GF_TRY(gf_param_copy(&made->params[made->param_count], &net->params[made->param_count]));
        made->param_count++;
    }
    *copy = made;
    made = NULL;
out:
    gf_net_destroy(made);
    return status;
}

int gf_net_find_node(const gf_net *net, const char *name)
{
    for (int i = 0; i < net->node_count; i++)
        if (strcmp(net->nodes[i].name, name) == 0) return i;
    return -1;
}

int gf_net_find_param(const gf_net *net, const char *name)
{
    for (int i = 0; i < net->param_count; i++)
        if (strcmp(net->params[i].name, name) == 0) return i;
    return -1;
}

/* ---- adding ---- */

gf_status gf_net_add_param(gf_net *net, int *index, const char *name, gf_role role, int rank,
                           const int *dims)
{
    gf_status status;
    gf_param made = { .role = role, .rank = rank };
    if (strlen(name) >= GF_NAME || gf_net_find_param(net, name) >= 0)
        return gf_fail(GF_INVALID, "parameter '%s': the name is taken or too long", name);
    if (rank < 0 || rank > GF_TENSOR_RANK)
        return gf_fail(GF_INVALID, "parameter %s: rank %d", name, rank);
    snprintf(made.name, sizeof made.name, "%s", name);
    int64_t count = 1;
    for (int d = 0; d < rank; d++) {
        made.dims[d] = dims[d];
        if (dims[d] < 1 || __builtin_mul_overflow(count, dims[d], &count) || count > GF_PARAM_MOST)
            return gf_fail(GF_INVALID, "parameter %s: a size of %d", name, dims[d]);
    }
    made.trainable = gf_role_is_learned(role);
    GF_TRY(reserve_param(net));
    GF_TRY_ALLOC(made.value = gf_alloc((size_t)count, sizeof *made.value));
    *index = net->param_count;
    net->params[net->param_count++] = made;
out:
    return status;
}

static void input_shapes(gf_shape *shapes, const gf_net *net, const gf_node *node)
{
    for (int i = 0; i < node->input_count; i++) shapes[i] = net->nodes[node->inputs[i]].shape;
}

static gf_status derive_shape(const gf_net *net, gf_node *node)
{
    gf_shape shapes[GF_NODE_INPUTS] = { { 0 } };
    input_shapes(shapes, net, node);
    gf_status status = node->kind->shape(&node->shape, shapes, node->input_count, node->attributes);
    if (status != GF_OK)
        gf_fail(status, "%s (%s): %s", node->name, node->kind->schema.name, gf_error_message());
    return status;
}

int gf_node_specs(gf_param_spec *specs, const gf_net *net, const gf_node *node)
{
    gf_shape shapes[GF_NODE_INPUTS] = { { 0 } };
    input_shapes(shapes, net, node);
    return node->kind->params ? node->kind->params(specs, shapes, node->attributes) : 0;
}

/* All of them or none. */
static gf_status add_params(gf_net *net, gf_node *node)
{
    gf_status status = GF_OK;
    gf_param_spec specs[GF_NODE_PARAMS];
    int count = gf_node_specs(specs, net, node), before = net->param_count;
    for (int i = 0; i < count; i++) {
        char name[2 * GF_NAME];
        snprintf(name, sizeof name, "%s.%s", node->name, specs[i].suffix);
        GF_TRY(gf_net_add_param(net, &node->params[i], name, specs[i].role, specs[i].rank,
                                specs[i].dims));
        node->param_count++;
    }
out:
    while (status != GF_OK && net->param_count > before)
        gf_param_release(&net->params[--net->param_count]);
    return status;
}

gf_status gf_node_init(gf_node *node, const gf_net *net, const char *kind, const char *name,
                       const void *attributes, const int *inputs, int input_count)
{
    const gf_layer_kind *found = gf_layer_kind_find(kind);
    if (!found) return gf_fail(GF_INVALID, "%s: no layer is called '%s'", name, kind);
    if (!name[0] || strlen(name) >= GF_NAME || gf_net_find_node(net, name) >= 0)
        return gf_fail(GF_INVALID, "layer '%s': the name is taken, empty or too long", name);
    if (strpbrk(name, " \n/")) /* of the graph text and of tensors' names */
        return gf_fail(GF_INVALID, "layer '%s': a name with a space, a line break or '/'", name);
    if (input_count < found->inputs_least || input_count > found->inputs_most ||
        input_count > GF_NODE_INPUTS)
        return gf_fail(GF_INVALID, "%s (%s): %d inputs", name, kind, input_count);
    *node = (gf_node){ .kind = found, .input_count = input_count };
    snprintf(node->name, sizeof node->name, "%s", name);
    if (attributes) memcpy(node->attributes, attributes, found->attributes_size);
    for (int i = 0; i < input_count; i++) {
        if (inputs[i] < 0 || inputs[i] >= net->node_count)
            return gf_fail(GF_INVALID, "%s (%s): input %d is no earlier node", name, kind,
                           inputs[i]);
        node->inputs[i] = inputs[i];
    }
    return derive_shape(net, node);
}

gf_status gf_net_append(gf_net *net, int *node, const char *kind, const char *name,
                        const void *attributes, const int *inputs, int input_count)
{
    gf_status status;
    gf_node made;
    GF_TRY(gf_node_init(&made, net, kind, name, attributes, inputs, input_count));
    GF_TRY(reserve_node(net));
    *node = net->node_count;
    net->nodes[net->node_count++] = made;
out:
    return status;
}

gf_status gf_net_add(gf_net *net, int *node, const char *kind, const char *name,
                     const void *attributes, const int *inputs, int input_count)
{
    gf_status status;
    int index, before = net->node_count;
    GF_TRY(gf_net_append(net, &index, kind, name, attributes, inputs, input_count));
    GF_TRY(add_params(net, &net->nodes[index]));
    *node = index;
out:
    if (status != GF_OK) net->node_count = before;
    return status;
}

/* ---- inserting and removing ---- */

/* Every reference to node `from` or later moves by `by`. */
static void shift_inputs(gf_net *net, int from, int by)
{
    for (int i = 0; i < net->node_count; i++)
        for (int k = 0; k < net->nodes[i].input_count; k++)
            if (net->nodes[i].inputs[k] >= from) net->nodes[i].inputs[k] += by;
}

static void replace_input(gf_net *net, int first, int old, int fresh)
{
    for (int i = first; i < net->node_count; i++)
        for (int k = 0; k < net->nodes[i].input_count; k++)
            if (net->nodes[i].inputs[k] == old) net->nodes[i].inputs[k] = fresh;
}

gf_status gf_net_insert(gf_net *net, int *node, const char *kind, const char *name,
                        const void *attributes, int after)
{
    gf_status status;
    gf_node made;
    if (after < 0 || after >= net->node_count)
        return gf_fail(GF_INVALID, "%s: there is no node %d to put it behind", name, after);
    GF_TRY(gf_node_init(&made, net, kind, name, attributes, &after, 1));
    GF_TRY(reserve_node(net));
    GF_TRY(add_params(net, &made));
    shift_inputs(net, after + 1, 1);
    memmove(&net->nodes[after + 2], &net->nodes[after + 1],
            (size_t)(net->node_count - after - 1) * sizeof *net->nodes);
    net->nodes[after + 1] = made;
    net->node_count++;
    replace_input(net, after + 2, after, after + 1);
    status = gf_net_check(net);
    if (status != GF_OK) { /* a later node cannot take the new shape: as if nothing had been */
        gf_net_remove(net, after + 1);
        goto out;
    }
    *node = after + 1;
out:
    return status;
}

static bool param_is_used(const gf_net *net, int param)
{
    for (int i = 0; i < net->node_count; i++)
        for (int k = 0; k < net->nodes[i].param_count; k++)
            if (net->nodes[i].params[k] == param) return true;
    return false;
}

static void remove_param(gf_net *net, int param)
{
    gf_param_release(&net->params[param]);
    memmove(&net->params[param], &net->params[param + 1],
            (size_t)(net->param_count - param - 1) * sizeof *net->params);
    net->param_count--;
    for (int i = 0; i < net->node_count; i++)
        for (int k = 0; k < net->nodes[i].param_count; k++)
            net->nodes[i].params[k] -= net->nodes[i].params[k] > param;
}

static void remove_unused_params(gf_net *net)
{
    for (int i = net->param_count - 1; i >= 0; i--)
        if (!param_is_used(net, i)) remove_param(net, i);
}

gf_status gf_net_remove(gf_net *net, int node)
{
    if (node < 1 || node >= net->node_count || net->nodes[node].input_count != 1)
        return gf_fail(GF_INVALID, "node %d cannot be removed: it has not one input", node);
    int input = net->nodes[node].inputs[0];
    if (node == net->node_count - 1 && input != node - 1)
        return gf_fail(GF_INVALID, "%s cannot be removed: the logits come from it",
                       net->nodes[node].name);
    replace_input(net, node + 1, node, input);
    memmove(&net->nodes[node], &net->nodes[node + 1],
            (size_t)(net->node_count - node - 1) * sizeof *net->nodes);
    net->node_count--;
    shift_inputs(net, node + 1, -1);
    remove_unused_params(net);
    return gf_net_check(net);
}

gf_status gf_net_truncate(gf_net *net, int nodes)
{
    if (nodes < 2 || nodes > net->node_count)
        return gf_fail(GF_INVALID, "of %d nodes %d cannot stay", net->node_count, nodes);
    net->node_count = nodes;
    remove_unused_params(net);
    return gf_net_check(net);
}

/* ---- checking ---- */

static gf_status check_params(const gf_net *net, const gf_node *node)
{
    gf_param_spec specs[GF_NODE_PARAMS];
    int count = gf_node_specs(specs, net, node);
    if (count != node->param_count)
        return gf_fail(GF_INVALID, "%s: %d parameters, needs %d", node->name, node->param_count,
                       count);
    for (int i = 0; i < count; i++) {
        if (node->params[i] < 0 || node->params[i] >= net->param_count)
            return gf_fail(GF_INVALID, "%s: parameter %d is not there", node->name, i);
        const gf_param *param = &net->params[node->params[i]];
        bool fits = param->rank == specs[i].rank && param->role == specs[i].role;
        for (int d = 0; fits && d < param->rank; d++) fits = param->dims[d] == specs[i].dims[d];
        if (!fits)
            return gf_fail(GF_INVALID, "%s: parameter %s does not have the shape it needs",
                           node->name, param->name);
    }
    return GF_OK;
}

gf_status gf_net_check(gf_net *net)
{
    gf_status status = GF_OK;
    for (int i = 1; i < net->node_count; i++) {
        gf_node *node = &net->nodes[i];
        for (int k = 0; k < node->input_count; k++)
            if (node->inputs[k] < 0 || node->inputs[k] >= i)
                return gf_fail(GF_INVALID, "%s: reads node %d, which is not before it", node->name,
                               node->inputs[k]);
        GF_TRY(derive_shape(net, node));
        GF_TRY(check_params(net, node));
    }
out:
    return status;
}
