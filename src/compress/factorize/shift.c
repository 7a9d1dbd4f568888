/* Method "shift": shift attention layers (Hacene et al. 2019, 1905.12300). While the network
 * trains, the places of each kernel compete by a softmax that becomes sharper and sharper
 * (shift_attention_view.c); at the end every kernel keeps one weight, and the convolution is a
 * shift of its input and a 1x1 convolution (layer kind "shift"): MACs and weights are divided by
 * the size of the kernel, and an index of ceil(log2) of it, 4 bits for 3x3, is stored with each
 * weight. Choices: T grows from `first` to `last` by the same factor in each step; attention begins
 * as the magnitudes of the trained weights instead of anew; the first convolution, which sees the
 * images, stays as it is; grouped ones do too (of depthwise ones single weights would be left).
 * Left out: SAL2, which keeps two weights. */
#include "shift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct shift_options {
    gf_train_options train;
    double first, last;
} shift_options;

static bool can_be_shifted(const gf_net *net, int n)
{
    const gf_node *node = &net->nodes[n];
    const gf_conv_attributes *a = (const void *)node->attributes;
    return strcmp(node->kind->schema.name, "conv") == 0 && node->inputs[0] != 0 && a->groups == 1 &&
           a->kernel_height * a->kernel_width > 1;
}

static gf_status add_attention(gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    for (int n = 1; n < net->node_count; n++) {
        if (!can_be_shifted(net, n)) continue;
        GF_TRY(gf_param_bake(gf_node_weight(net, &net->nodes[n]), kernels));
        GF_TRY(gf_attend_shifts(gf_node_weight(net, &net->nodes[n])));
    }
out:
    return status;
}

static gf_status sharpen(void *context, gf_net *net, const gf_train_place *place)
{
    const shift_options *o = context;
    double steps = (double)place->epochs * place->steps;
    double done = ((double)place->epoch * place->steps + place->step) / steps;
    for (int n = 1; n < net->node_count; n++)
        if (can_be_shifted(net, n))
            gf_attend_shifts_at(gf_node_weight(net, &net->nodes[n]),
                                o->first * pow(o->last / o->first, done));
    return GF_OK;
}

/* ---- the rewrite ---- */

static gf_status pack_places(gf_param *position, const gf_conv_attributes *a)
{
    gf_status status;
    gf_view *view;
    const int places = a->kernel_height * a->kernel_width;
    const gf_real scale = 1;
    const int64_t one = 1;
    GF_TRY(gf_param_add_view(position, &view, "places", &places));
    GF_TRY(gf_view_add_state(view, "scale", GF_REAL_DTYPE, 1, &one, &scale));
out:
    return status;
}

static void take_name(gf_net *net, const gf_node *node, const char *name)
{
    static const char *const suffixes[] = { "weight", "position", "bias" };
    for (int i = 0; i < node->param_count; i++)
        snprintf(net->params[node->params[i]].name, GF_NAME, "%.50s.%s", name, suffixes[i]);
}

static gf_status fill(gf_net *net, const gf_node *to, const gf_node *from)
{
    gf_status status;
    const gf_conv_attributes *a = (const void *)from->attributes;
    const gf_param *weight = gf_node_weight(net, from);
    gf_param *kept = &net->params[to->params[0]], *position = &net->params[to->params[1]];
    gf_attend_shifts_choose(weight, kept->value, position->value);
    kept->trainable = weight->trainable;
    if (a->bias)
        memcpy(net->params[to->params[2]].value, net->params[from->params[1]].value,
               (size_t)a->filters * sizeof(gf_real));
    GF_TRY(pack_places(position, a));
out:
    return status;
}

/* The new layer is added at the end and changes places with the old one, which is then removed. */
static gf_status replace(gf_net *net, int n)
{
    gf_status status;
    char name[2 * GF_NAME], own[GF_NAME];
    int added;
    memcpy(own, net->nodes[n].name, sizeof own);
    snprintf(name, sizeof name, "%s.shift", own);
    GF_TRY(
        gf_net_add(net, &added, "shift", name, net->nodes[n].attributes, net->nodes[n].inputs, 1));
    GF_TRY(fill(net, &net->nodes[added], &net->nodes[n]));
    gf_node old = net->nodes[n];
    net->nodes[n] = net->nodes[added];
    net->nodes[added] = net->nodes[added - 1]; /* the logits stay last */
    net->nodes[added - 1] = old;
    GF_TRY(gf_net_remove(net, added - 1));
    memcpy(net->nodes[n].name, own, sizeof own);
    take_name(net, &net->nodes[n], own);
out:
    return status;
}

static gf_status replace_all(gf_net *net)
{
    gf_status status = GF_OK;
    for (int n = 1; n < net->node_count; n++)
        if (can_be_shifted(net, n)) GF_TRY(replace(net, n));
out:
    return status;
}

/* ---- the method ---- */

extern const gf_method gf_method_shift; /* below; its schema says how long it trains */

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    shift_options o = *(const shift_options *)options;
    gf_train_job job = gf_method_job(call, &gf_method_shift.schema);
    if (o.last < o.first)
        return gf_fail(GF_INVALID, "shift: last = %g is below first = %g", o.last, o.first);
    job.hooks.step_start = sharpen;
    job.hooks.method_context = &o;
    GF_TRY(add_attention(call->net, call->kernels));
    GF_TRY(gf_train(&job));
    GF_TRY(replace_all(call->net));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(shift_options, "10", "0.05"),
    GF_FIELD(shift_options, first, "1", "(0, 10000]", "", "temperature of the softmax at first"),
    GF_FIELD(shift_options, last, "100", "(0, 10000]", "", "and at the end, not below first"),
    GF_FIELD_END,
};

const gf_method gf_method_shift = {
    .schema = { .name = "shift",
                .summary = "learn one weight a kernel: a shift and a 1x1 convolution",
                .paper = "Hacene et al. 2019, arXiv 1905.12300",
                .fields = fields,
                .slots = gf_train_slots,
                .revision = 1 }, /* shares next to nothing are nothing */
    .options_size = sizeof(shift_options),
    .stage = "factorize",
    .example = "{ factorize : { method = \"shift\"; epochs = 10; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .refuses = GF_FACT_SPARSE | GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_QUANTIZED_ACTIVATIONS |
               GF_FACT_BN_FOLDED | GF_FACT_BINARY_WEIGHTS | GF_FACT_SHARED_BLOCKS,
    .refusal = "it chooses among whole kernels of float32, and batch normalization must follow "
               "their scale",
    .adds = GF_FACT_FACTORIZED | GF_FACT_SHIFTED,
    .trains = true,
    .apply = apply,
};
