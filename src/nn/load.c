/* Reading a network back. The text may come from anybody: every word is checked, nothing is
 * allocated before the tensor that it is for has been seen, and the whole is checked at the end. */
#include "graph_text.h"
#include "net.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MOST = 64, NODES_MOST = 10000 };

typedef struct line {
    char *words[WORDS_MOST];
    int count;
} line;

static gf_status bad_line(const line *l)
{
    return gf_fail(GF_CORRUPT, "graph: '%.20s %.40s' is no line of a network",
                   l->count > 0 ? l->words[0] : "", l->count > 1 ? l->words[1] : "");
}

static gf_status split(line *out, char *text)
{
    out->count = 0;
    for (char *word = strsep(&text, " "); word; word = strsep(&text, " ")) {
        if (out->count == WORDS_MOST || !*word)
            return gf_fail(GF_CORRUPT, "graph: a line of too many or empty words");
        out->words[out->count++] = word;
    }
    return GF_OK;
}

static bool parse_int(int *out, const char *word)
{
    char *end;
    long value = strtol(word, &end, 10);
    *out = (int)value;
    return end != word && !*end && value >= 0 && value < INT32_MAX;
}

/* "1,2,3" or "-" */
static bool parse_numbers(int *out, int *count, int most, char *word)
{
    *count = 0;
    if (strcmp(word, "-") == 0) return true;
    for (char *part = strsep(&word, ","); part; part = strsep(&word, ","))
        if (*count == most || !parse_int(&out[(*count)++], part)) return false;
    return true;
}

static bool parse_role(gf_role *role, const char *word)
{
#define MATCH(id, name)                                                                            \
    if (strcmp(word, name) == 0) {                                                                 \
        *role = GF_ROLE_##id;                                                                      \
        return true;                                                                               \
    }
    GF_ROLE_LIST(MATCH)
#undef MATCH
    return false;
}

/* KEY=VALUE words from `first` on into the record of a kind. */
static gf_status parse_fields(void *record, const gf_field *fields, const line *l, int first)
{
    gf_status status;
    gf_options *options = gf_options_create();
    GF_TRY_ALLOC(options);
    for (int i = first; i < l->count; i++) {
        char *sign = strchr(l->words[i], '=');
        if (sign) *sign = '\0';
        if (!sign || !gf_field_find(fields, l->words[i])) {
            status = bad_line(l);
            goto out;
        }
        GF_TRY(gf_options_set(options, l->words[i], sign + 1));
    }
    GF_TRY(gf_fields_read(record, fields, options, ""));
out:
    gf_options_destroy(options);
    return status;
}

static bool has_shape(const gf_tensor *tensor, gf_dtype dtype, int rank, const int *dims)
{
    if (!tensor || tensor->dtype != dtype || tensor->rank != rank) return false;
    for (int d = 0; d < rank; d++)
        if (tensor->dims[d] != dims[d]) return false;
    return true;
}

static gf_status parse_param(gf_net *net, const line *l, const gf_artifact *artifact)
{
    gf_status status;
    gf_role role;
    int trainable, dims[GF_TENSOR_RANK], rank, index;
    if (l->count != 5 || !parse_role(&role, l->words[2]) || !parse_int(&trainable, l->words[3]) ||
        trainable > 1 || !parse_numbers(dims, &rank, GF_TENSOR_RANK, l->words[4]))
        return bad_line(l);
    const gf_tensor *tensor = gf_tensors_find(&artifact->tensors, l->words[1]);
    if (!has_shape(tensor, GF_REAL_DTYPE, rank, dims))
        return gf_fail(GF_CORRUPT, "graph: parameter %.60s has no tensor of its shape",
                       l->words[1]);
    GF_TRY(gf_net_add_param(net, &index, l->words[1], role, rank, dims));
    gf_param *param = &net->params[index];
    param->trainable = trainable;
    memcpy(param->value, tensor->data, gf_param_count(param) * sizeof *param->value);
out:
    return status;
}

static gf_status parse_node(gf_net *net, const line *l)
{
    gf_status status;
    int frozen, inputs[GF_NODE_INPUTS], input_count, params[GF_NODE_PARAMS], param_count, index;
    _Alignas(8) unsigned char attributes[GF_ATTRIBUTES] = { 0 };
    if (l->count < 6 || !parse_int(&frozen, l->words[3]) || frozen > 1 ||
        !parse_numbers(inputs, &input_count, GF_NODE_INPUTS, l->words[4]) ||
        !parse_numbers(params, &param_count, GF_NODE_PARAMS, l->words[5]))
        return bad_line(l);
    const gf_layer_kind *kind = gf_layer_kind_find(l->words[2]);
    if (!kind || net->node_count >= NODES_MOST)
        return gf_fail(GF_CORRUPT, "graph: no layer is called '%.40s'", l->words[2]);
    GF_TRY(parse_fields(attributes, kind->schema.fields, l, 6));
    GF_TRY(gf_net_append(net, &index, l->words[2], l->words[1], attributes, inputs, input_count));
    gf_node *node = &net->nodes[index];
    node->frozen = frozen;
    node->param_count = param_count;
    memcpy(node->params, params, sizeof params);
out:
    return status;
}

static gf_status parse_states(gf_view *view, const gf_param *param, int index, char *names,
                              const gf_artifact *artifact)
{
    gf_status status = GF_OK;
    if (strcmp(names, "-") == 0) return GF_OK;
    for (char *name = strsep(&names, ","); name; name = strsep(&names, ",")) {
        char full[GF_TENSOR_NAME];
        gf_state_name(full, param, index, name);
        const gf_tensor *tensor = gf_tensors_find(&artifact->tensors, full);
        if (!tensor) return gf_fail(GF_CORRUPT, "graph: the state %.90s is missing", full);
        GF_TRY(
            gf_view_add_state(view, name, tensor->dtype, tensor->rank, tensor->dims, tensor->data));
    }
out:
    return status;
}

static gf_status parse_view(gf_net *net, const line *l, const gf_artifact *artifact)
{
    gf_status status;
    int index;
    gf_view *view;
    _Alignas(8) unsigned char options[GF_ATTRIBUTES] = { 0 };
    if (l->count < 4 || !parse_int(&index, l->words[1]) || index >= net->param_count)
        return bad_line(l);
    gf_param *param = &net->params[index];
    const gf_view_kind *kind = gf_view_kind_find(l->words[2]);
    if (!kind) return gf_fail(GF_CORRUPT, "graph: no weight view is called '%.40s'", l->words[2]);
    GF_TRY(parse_fields(options, kind->schema.fields, l, 4));
    GF_TRY(gf_param_add_view(param, &view, l->words[2], options));
    GF_TRY(parse_states(view, param, param->view_count - 1, l->words[3], artifact));
    if (kind->check && !kind->check(view, param))
        status = gf_fail(GF_CORRUPT, "graph: a view of %s does not fit it", param->name);
out:
    return status;
}

static gf_status parse_input(gf_net **net, const line *l)
{
    gf_shape shape;
    if (*net || l->count != 4 || !parse_int(&shape.height, l->words[1]) ||
        !parse_int(&shape.width, l->words[2]) || !parse_int(&shape.channels, l->words[3]) ||
        shape.height > 4096 || shape.width > 4096 || shape.channels > 65536)
        return bad_line(l);
    return gf_net_create(net, shape);
}

static gf_status parse_line(gf_net **net, const line *l, const gf_artifact *artifact)
{
    if (strcmp(l->words[0], "input") == 0) return parse_input(net, l);
    if (!*net) return bad_line(l);
    if (strcmp(l->words[0], "param") == 0) return parse_param(*net, l, artifact);
    if (strcmp(l->words[0], "node") == 0) return parse_node(*net, l);
    if (strcmp(l->words[0], "view") == 0) return parse_view(*net, l, artifact);
    return bad_line(l);
}

static gf_status parse_graph(gf_net **net, char *text, const gf_artifact *artifact)
{
    gf_status status;
    line l;
    char *first = strsep(&text, "\n");
    if (strcmp(first, "gridfront-net 1") != 0)
        return gf_fail(GF_CORRUPT, "graph: not a network of version 1");
    while (text && *text) {
        GF_TRY(split(&l, strsep(&text, "\n")));
        GF_TRY(parse_line(net, &l, artifact));
    }
    if (!*net || (*net)->node_count < 2) return gf_fail(GF_CORRUPT, "graph: it has no nodes");
    GF_TRY(gf_net_check(*net));
out:
    return status;
}

gf_status gf_net_load(gf_net **net, const gf_artifact *artifact)
{
    gf_status status;
    gf_net *made = NULL;
    char *text = NULL;
    if (!artifact->graph) return gf_fail(GF_CORRUPT, "graph: there is none");
    GF_TRY_ALLOC(text = gf_strdup(artifact->graph));
    status = parse_graph(&made, text, artifact);
    /* What is wrong with a stored network is its file's fault, whatever found it. */
    if (gf_status_scope(status) == GF_SCOPE_SETUP) status = GF_CORRUPT;
    GF_TRY(status);
    *net = made;
    made = NULL;
out:
    gf_net_destroy(made);
    free(text);
    return status;
}
