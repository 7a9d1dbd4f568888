/* What a network costs, counted on the physical graph node by node; the conventions are those of
 * the challenge: MACs of convolutions and fully connected layers only, BN counts as parameters. */
#include <gridfront/nn.h>

#include <math.h>
#include <stdlib.h>

static gf_status count_nonzeros(int64_t *nonzeros, const gf_param *param, const gf_kernels *kernels)
{
    size_t count = gf_param_count(param);
    gf_real *values = gf_alloc(count, sizeof *values);
    if (!values) return gf_fail(GF_NOMEM, "out of memory");
    gf_param_effective(param, kernels, values);
    for (size_t i = 0; i < count; i++) *nonzeros += values[i] != 0;
    free(values);
    return GF_OK;
}

static gf_status param_cost(gf_cost *cost, double *weight_bits, const gf_param *param,
                            const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    int64_t count = (int64_t)gf_param_count(param);
    gf_code code;
    if (!gf_role_is_learned(param->role)) return GF_OK;
    gf_param_code(param, &code);
    cost->parameters += count;
    cost->weight_bits += gf_code_size(&code, (double)count);
    if (param->role == GF_ROLE_WEIGHT) {
        cost->weights += count;
        *weight_bits = code.bits > 0 ? code.bits : 32;
        GF_TRY(count_nonzeros(&cost->nonzeros, param, kernels));
    }
out:
    return status;
}

/* Bits of what each node puts out; computed in order, since kinds pass their input's on. */
static double output_bits(const double *bits, const gf_node *node)
{
    if (node->kind->bits) return node->kind->bits(node->attributes);
    double most = node->input_count ? 0 : 32;
    for (int i = 0; i < node->input_count; i++) most = fmax(most, bits[node->inputs[i]]);
    return most;
}

static gf_status node_cost(gf_cost *cost, const gf_net *net, const gf_node *node,
                           const double *bits, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    gf_shape in[GF_NODE_INPUTS] = { { 0 } };
    double weight_bits = 32, activation_bits = node->input_count ? bits[node->inputs[0]] : 32;
    *cost = (gf_cost){ 0 };
    for (int i = 0; i < node->input_count; i++) in[i] = net->nodes[node->inputs[i]].shape;
    for (int i = 0; i < node->param_count; i++)
        GF_TRY(param_cost(cost, &weight_bits, &net->params[node->params[i]], kernels));
    if (node->kind->macs) cost->macs = node->kind->macs(in, node->shape, node->attributes);
    cost->bit_operations = (double)cost->macs * weight_bits * activation_bits;
    cost->weighted_macs = (double)cost->macs * fmax(weight_bits, activation_bits) / 32;
out:
    return status;
}

static void add_cost(gf_cost *sum, const gf_cost *cost)
{
    sum->macs += cost->macs;
    sum->parameters += cost->parameters;
    sum->weights += cost->weights;
    sum->nonzeros += cost->nonzeros;
    sum->weight_bits += cost->weight_bits;
    sum->bit_operations += cost->bit_operations;
    sum->weighted_macs += cost->weighted_macs;
}

/* Floats alive at most when each value dies after its last reader; last_use [node_count]. */
static int64_t peak_activations(const gf_net *net, int *last_use)
{
    int64_t peak = 0;
    for (int n = 0; n < net->node_count; n++) {
        last_use[n] = n;
        for (int i = 0; i < net->nodes[n].input_count; i++) last_use[net->nodes[n].inputs[i]] = n;
    }
    for (int n = 0; n < net->node_count; n++) {
        int64_t alive = 0;
        for (int m = 0; m <= n; m++)
            if (last_use[m] >= n) alive += (int64_t)gf_shape_count(net->nodes[m].shape);
        peak = alive > peak ? alive : peak;
    }
    return peak;
}

gf_status gf_net_cost(const gf_net *net, const gf_kernels *kernels, gf_cost *cost,
                      gf_cost *per_node)
{
    gf_status status = GF_OK;
    gf_cost sum = { 0 };
    double *bits = gf_alloc((size_t)net->node_count, sizeof *bits);
    int *last_use = gf_alloc((size_t)net->node_count, sizeof *last_use);
    GF_TRY_ALLOC(bits && last_use);
    for (int n = 0; n < net->node_count; n++) {
        gf_cost one;
        GF_TRY(node_cost(&one, net, &net->nodes[n], bits, kernels));
        bits[n] = output_bits(bits, &net->nodes[n]);
        add_cost(&sum, &one);
        if (per_node) per_node[n] = one;
    }
    sum.activations = peak_activations(net, last_use);
    *cost = sum;
out:
    free(bits);
    free(last_use);
    return status;
}
