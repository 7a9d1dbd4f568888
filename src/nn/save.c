/* A network as graph text and tensors. */
#include "graph_text.h"

#include <stdlib.h>

static const char *role_word(gf_role role)
{
    switch (role) {
#define CASE(id, word)                                                                             \
    case GF_ROLE_##id:                                                                             \
        return word;
        GF_ROLE_LIST(CASE)
#undef CASE
    }
    return "?";
}

static void append_numbers(gf_text *text, const int *numbers, int count)
{
    if (count == 0) gf_text_append(text, " -");
    for (int i = 0; i < count; i++) gf_text_append(text, "%c%d", i ? ',' : ' ', numbers[i]);
}

static void append_fields(gf_text *text, const gf_field *fields, const void *record)
{
    for (; fields && fields->name; fields++) {
        char value[128];
        gf_field_text(value, sizeof value, fields, record);
        gf_text_append(text, " %s=%s", fields->name, value);
    }
    gf_text_append(text, "\n");
}

static void append_graph(gf_text *text, const gf_net *net)
{
    gf_shape input = net->nodes[0].shape;
    gf_text_append(text, "gridfront-net 1\ninput %d %d %d\n", input.height, input.width,
                   input.channels);
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *param = &net->params[i];
        gf_text_append(text, "param %s %s %d", param->name, role_word(param->role),
                       param->trainable);
        append_numbers(text, param->dims, param->rank);
        gf_text_append(text, "\n");
    }
    for (int n = 1; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n];
        gf_text_append(text, "node %s %s %d", node->name, node->kind->schema.name, node->frozen);
        append_numbers(text, node->inputs, node->input_count);
        append_numbers(text, node->params, node->param_count);
        append_fields(text, node->kind->schema.fields, node->attributes);
    }
    for (int i = 0; i < net->param_count; i++)
        for (int v = 0; v < net->params[i].view_count; v++) {
            const gf_view *view = &net->params[i].views[v];
            gf_text_append(text, "view %d %s ", i, view->kind->schema.name);
            for (int s = 0; s < view->state_count; s++)
                gf_text_append(text, "%s%s", s ? "," : "", view->states[s].name);
            if (!view->state_count) gf_text_append(text, "-");
            append_fields(text, view->kind->schema.fields, view->options);
        }
}

static gf_status add_views(gf_tensors *tensors, const gf_param *param)
{
    gf_status status = GF_OK;
    for (int v = 0; v < param->view_count; v++)
        for (int s = 0; s < param->views[v].state_count; s++) {
            const gf_tensor *state = &param->views[v].states[s];
            char name[GF_TENSOR_NAME];
            gf_state_name(name, param, v, state->name);
            GF_TRY(gf_tensors_add(tensors, NULL, name, state->dtype, state->rank, state->dims,
                                  state->data));
        }
out:
    return status;
}

gf_status gf_net_save(const gf_net *net, gf_artifact *artifact)
{
    gf_status status;
    gf_text text = { 0 };
    append_graph(&text, net);
    GF_TRY(gf_text_check(&text));
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *param = &net->params[i];
        int64_t dims[GF_TENSOR_RANK] = { 0 };
        for (int d = 0; d < param->rank; d++) dims[d] = param->dims[d];
        GF_TRY(gf_tensors_add(&artifact->tensors, NULL, param->name, GF_REAL_DTYPE, param->rank,
                              dims, param->value));
        GF_TRY(add_views(&artifact->tensors, param));
    }
    free(artifact->graph);
    GF_TRY_ALLOC(artifact->graph = gf_text_take(&text));
out:
    gf_text_release(&text);
    return status;
}
