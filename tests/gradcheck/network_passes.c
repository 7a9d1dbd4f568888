/* What a pass over one of the networks gives, and how far two results are apart. */
#include "networks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t values_of(const gf_net *net, int node, int batch)
{
    return (size_t)batch * gf_shape_count(net->nodes[node].shape);
}

static gf_status ask(gf_run *run, const network_wish *wish)
{
    gf_status status = GF_OK;
    for (int n = 0; wish->everything && n < gf_run_net(run)->node_count; n++) {
        GF_TRY(gf_run_want_value(run, n));
        GF_TRY(gf_run_want_gradient(run, n));
    }
    if (wish->value) GF_TRY(gf_run_want_value(run, wish->value));
    if (wish->gradient) GF_TRY(gf_run_want_gradient(run, wish->gradient));
out:
    return status;
}

/* The gradient of the logits is a fixed random projection: every gradient matters. */
static void forward_backward(gf_run *run, int batch, gf_mode mode, const network_wish *wish)
{
    const gf_net *net = gf_run_net(run);
    const gf_random random = { .seed = 4, .purpose = GF_PURPOSE_DROPOUT };
    int last = net->node_count - 1;
    network_fill(gf_run_input(run), values_of(net, 0, batch), 1);
    gf_run_forward(run, batch, mode, &random);
    network_fill(gf_run_gradient(run, last), values_of(net, last, batch), 2);
    if (wish->pushed) {
        gf_real *gradient = gf_run_gradient(run, wish->gradient);
        size_t count = values_of(net, wish->gradient, batch);
        for (size_t i = 0; i < count; i++) gradient[i] += (gf_real)(0.1 * ((int)(i % 7) - 3));
    }
    gf_run_backward(run);
}

static double *copied(const gf_real *values, size_t count)
{
    double *copy = gf_alloc(count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) copy[i] = (double)values[i];
    return copy;
}

static gf_status copy_params(network_result *result, gf_run *run)
{
    const gf_net *net = gf_run_net(run);
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].trainable) result->param_count += gf_param_count(&net->params[i]);
    result->params = gf_alloc(result->param_count, sizeof *result->params);
    if (!result->params) return gf_fail(GF_NOMEM, "out of memory for gradients");
    double *at = result->params;
    for (int i = 0; i < net->param_count; i++) {
        const gf_real *gradient = gf_run_param_gradient(run, i);
        size_t count = net->params[i].trainable ? gf_param_count(&net->params[i]) : 0;
        for (size_t k = 0; k < count; k++) *at++ = (double)gradient[k];
    }
    return GF_OK;
}

gf_status network_pass(network_result *result, gf_net *net, const gf_kernels *kernels, int batch,
                       gf_mode mode, const network_wish *wish)
{
    gf_status status;
    gf_run *run = NULL;
    int most = wish->batch_most ? wish->batch_most : batch, last = net->node_count - 1;
    *result = (network_result){ .logit_count = values_of(net, last, batch),
                                .value_count = values_of(net, wish->value, batch),
                                .gradient_count = values_of(net, wish->gradient, batch) };
    GF_TRY(gf_run_create(&run, net, kernels, most, true));
    GF_TRY(ask(run, wish));
    if (wish->batch_most) forward_backward(run, most, mode, wish);
    forward_backward(run, batch, mode, wish);
    result->logits = copied(gf_run_logits(run), result->logit_count);
    if (wish->value) result->value = copied(gf_run_value(run, wish->value), result->value_count);
    if (wish->gradient)
        result->gradient = copied(gf_run_gradient(run, wish->gradient), result->gradient_count);
    GF_TRY(copy_params(result, run));
out:
    gf_run_destroy(run);
    return status;
}

void network_result_release(network_result *result)
{
    free(result->logits);
    free(result->value);
    free(result->gradient);
    free(result->params);
    *result = (network_result){ 0 };
}

double network_error(const double *got, const double *want, size_t count)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += (got[i] - want[i]) * (got[i] - want[i]);
        norm += want[i] * want[i];
    }
    double error = norm > 0 ? sqrt(difference / norm) : sqrt(difference);
    return isnan(error) ? INFINITY : error;
}
