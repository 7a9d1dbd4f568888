/* gridfront tune: measures on this machine how much work the convolutions of a network had better
 * cut off at a time, and keeps it for every later process of this user. Results never depend on
 * it. */
#include "cli.h"

#include <gridfront/nn.h>

#include <stdlib.h>

typedef struct tune_options {
    int batch, threads;
    double seconds;
} tune_options;

static const gf_field fields[] = {
    GF_FIELD(tune_options, batch, "128", "[1, 8192]", "images", "per call"),
    GF_FIELD(tune_options, threads, "0", "[0, 1024]", "", "0: all that affinity allows"),
    GF_FIELD(tune_options, seconds, "60", "[0, 86400]", "s", "to measure, at most"),
    GF_FIELD_END,
};

typedef struct tune_arguments {
    const char *arch, *width, *batch, *threads, *seconds;
} tune_arguments;

static gf_status read_options(tune_options *out, gf_options *model, const tune_arguments *a)
{
    gf_status status;
    gf_options *given = gf_options_create();
    GF_TRY_ALLOC(given);
    GF_TRY(gf_options_set(model, "arch", a->arch));
    if (a->width) GF_TRY(gf_options_set(model, "width", a->width));
    if (a->batch) GF_TRY(gf_options_set(given, "batch", a->batch));
    if (a->threads) GF_TRY(gf_options_set(given, "threads", a->threads));
    if (a->seconds) GF_TRY(gf_options_set(given, "seconds", a->seconds));
    GF_TRY(gf_fields_read(out, fields, given, ""));
out:
    gf_options_destroy(given);
    return status;
}

/* The convolution that a node is, one of a fully connected layer included; false: it is none. */
static bool convolution_of(gf_conv_shape *out, const gf_net *net, const gf_node *node, int batch)
{
    gf_shape in = net->nodes[node->inputs[0]].shape;
    if (node->kind == gf_layer_kind_find("conv")) {
        *out = gf_conv_shape_on(batch, in, (const void *)node->attributes);
        return true;
    }
    if (node->kind != gf_layer_kind_find("linear")) return false;
    const gf_linear_attributes *a = (const void *)node->attributes;
    const gf_conv_attributes one = {
        .filters = a->features, .kernel_height = 1, .kernel_width = 1, .stride = 1, .groups = 1
    };
    *out = gf_conv_shape_on(batch, in, &one);
    return true;
}

static gf_status tune_network(gf_tune_summary *summary, const gf_options *model, int batch,
                              double seconds)
{
    gf_status status;
    gf_net *net = NULL;
    gf_conv_shape *shapes = NULL;
    int count = 0;
    GF_TRY(gf_model_build(&net, model, "", (gf_shape){ 32, 32, 3 }, 10));
    shapes = gf_alloc((size_t)net->node_count, sizeof *shapes);
    GF_TRY_ALLOC(shapes);
    for (int i = 1; i < net->node_count; i++)
        count += convolution_of(&shapes[count], net, &net->nodes[i], batch);
    GF_TRY(gf_tune_shapes(summary, shapes, count, seconds));
out:
    free(shapes);
    gf_net_destroy(net);
    return status;
}

static void print_summary(const gf_tune_summary *s)
{
    gf_text text = { 0 };
    gf_tune_describe(&text);
    if (s->measured)
        printf("measured %d passes, %d of them with a better cut: %.1f ms instead of %.1f\n",
               s->measured, s->changed, s->after * 1e3, s->before * 1e3);
    if (s->known) printf("known before: %d\n", s->known);
    if (s->left) printf("left for want of time: %d; give more --seconds\n", s->left);
    if (s->disturbed)
        printf("not decided: %d; something else is computing on these cores\n", s->disturbed);
    printf("plan: %s\n", text.data ? text.data : "");
    gf_text_release(&text);
}

int cmd_tune(int argc, char **argv)
{
    gf_status status;
    tune_arguments a = { .arch = "resnet18" };
    tune_options options;
    gf_tune_summary summary;
    gf_options *model = NULL;
    const gf_flag flags[] = {
        { .name = "--arch", .kind = GF_FLAG_VALUE, .value = &a.arch },
        { .name = "--width", .kind = GF_FLAG_VALUE, .value = &a.width },
        { .name = "--batch", .kind = GF_FLAG_VALUE, .value = &a.batch },
        { .name = "--threads", .kind = GF_FLAG_VALUE, .value = &a.threads },
        { .name = "--seconds", .kind = GF_FLAG_VALUE, .value = &a.seconds },
        { 0 },
    };
    GF_TRY(gf_arguments_read(NULL, 0, 0, flags, argc, argv));
    GF_TRY_ALLOC(model = gf_options_create());
    GF_TRY(read_options(&options, model, &a));
    GF_TRY(gf_kernels_start(options.threads));
    GF_TRY(tune_network(&summary, model, options.batch, options.seconds));
    print_summary(&summary);
out:
    gf_options_destroy(model);
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
