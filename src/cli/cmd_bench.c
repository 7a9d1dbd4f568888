/* gridfront bench: what this machine does, measured. */
#include "cli.h"

#include "timing.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench_arguments {
    const char *what, *arch, *width, *batch, *threads, *seconds;
    bool json;
} bench_arguments;

static gf_status number(int *out, const char *name, const char *text, int least, int most)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < least || value > most)
        return gf_fail(GF_INVALID, "bench: %s = %s is outside [%d, %d]", name, text, least, most);
    *out = (int)value;
    return GF_OK;
}

static gf_status model_options(gf_options **model, const bench_arguments *a)
{
    gf_status status;
    gf_options *made = gf_options_create();
    GF_TRY_ALLOC(made);
    GF_TRY(gf_options_set(made, "arch", a->arch));
    if (a->width) GF_TRY(gf_options_set(made, "width", a->width));
    *model = made;
    made = NULL;
out:
    gf_options_destroy(made);
    return status;
}

static gf_status bench_kernels(const bench_arguments *a)
{
    gf_status status;
    gf_text text = { 0 };
    const gf_kernels *kernels;
    int width, batch;
    GF_TRY(number(&width, "--width", a->width ? a->width : "64", 1, 1024));
    GF_TRY(number(&batch, "--batch", a->batch, 1, 8192));
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(gf_kernels_bench(&text, kernels, width, batch));
    fputs(text.data ? text.data : "", stdout);
out:
    gf_text_release(&text);
    return status;
}

static void print_result(const bench_arguments *a, const gf_cost *cost, int batch, double seconds)
{
    double passes = strcmp(a->what, "train") == 0 ? 3 : 1;
    double rate = 1 / seconds, flops = 2e-9 * passes * (double)cost->macs * rate;
    if (!a->json) {
        printf("%s %s%s%s, batch %d, %d %s: %.0f images/s, %.1f GF/s, peak memory %.0f MB\n",
               a->what, a->arch, a->width ? " width " : "", a->width ? a->width : "", batch,
               gf_kernels_threads(), gf_kernels_threads() == 1 ? "thread" : "threads", rate, flops,
               (double)gf_peak_memory() / 1e6);
        return;
    }
    json_t *root = json_pack("{s:s, s:s, s:i, s:i, s:I, s:f, s:f, s:I}", "bench", a->what, "arch",
                             a->arch, "batch", batch, "threads", gf_kernels_threads(), "macs",
                             (json_int_t)cost->macs, "images_per_second", rate, "gflops", flops,
                             "peak_memory", (json_int_t)gf_peak_memory());
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}

static gf_status bench_network(const bench_arguments *a)
{
    gf_status status;
    gf_options *model = NULL;
    gf_net *net = NULL;
    gf_cost cost;
    const gf_kernels *kernels;
    int batch, length;
    double seconds = 0;
    GF_TRY(number(&batch, "--batch", a->batch, 2, 8192));
    GF_TRY(number(&length, "--seconds", a->seconds, 1, 3600));
    GF_TRY(model_options(&model, a));
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(gf_model_build(&net, model, "", (gf_shape){ 32, 32, 3 }, 10));
    GF_TRY(gf_net_cost(net, kernels, &cost, NULL));
    GF_TRY((strcmp(a->what, "train") == 0 ? gf_time_training : gf_time_inference)(&seconds, model,
                                                                                  batch, length));
    print_result(a, &cost, batch, seconds);
out:
    gf_net_destroy(net);
    gf_options_destroy(model);
    return status;
}

int cmd_bench(int argc, char **argv)
{
    gf_status status;
    int threads;
    bench_arguments a = { .arch = "resnet18", .batch = "128", .threads = "0", .seconds = "5" };
    const gf_flag flags[] = {
        { .name = "--arch", .kind = GF_FLAG_VALUE, .value = &a.arch },
        { .name = "--width", .kind = GF_FLAG_VALUE, .value = &a.width },
        { .name = "--batch", .kind = GF_FLAG_VALUE, .value = &a.batch },
        { .name = "--threads", .kind = GF_FLAG_VALUE, .value = &a.threads },
        { .name = "--seconds", .kind = GF_FLAG_VALUE, .value = &a.seconds },
        { .name = "--json", .set = &a.json },
        { 0 },
    };
    GF_TRY(gf_arguments_read(&a.what, 0, 1, flags, argc, argv));
    if (!a.what) a.what = "train";
    GF_TRY(number(&threads, "--threads", a.threads, 0, 1024));
    GF_TRY(gf_kernels_start(threads));
    if (strcmp(a.what, "kernels") == 0)
        GF_TRY(bench_kernels(&a));
    else if (strcmp(a.what, "train") == 0 || strcmp(a.what, "infer") == 0)
        GF_TRY(bench_network(&a));
    else
        status = gf_fail(GF_INVALID, "bench: '%s' is none of train, infer, kernels", a.what);
out:
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
