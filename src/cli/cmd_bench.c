/* gridfront bench: what this machine does, measured. Here are the arguments, and what the
 * benchmarks share. */
#include "cli.h"

#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* In the order of the enumeration. */
static const char *const numerics_names[] = { "f32", "bf16" };

gf_status gf_bench_number(int *out, const char *name, const char *text, int least, int most)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < least || value > most)
        return gf_fail(GF_INVALID, "bench: %s = %s is outside [%d, %d]", name, text, least, most);
    *out = (int)value;
    return GF_OK;
}

gf_status gf_bench_model(gf_options **model, const gf_bench *bench)
{
    gf_status status;
    gf_options *made = gf_options_create();
    GF_TRY_ALLOC(made);
    GF_TRY(gf_options_set(made, "arch", bench->arch));
    if (bench->width) GF_TRY(gf_options_set(made, "width", bench->width));
    *model = made;
    made = NULL;
out:
    gf_options_destroy(made);
    return status;
}

gf_status gf_bench_images(gf_data **data)
{
    const gf_data_options options = { .dataset = 1, .path = "auto", .validation = 0 };
    return gf_data_open(data, &options);
}

gf_status gf_bench_kernels_get(const gf_kernels **kernels, gf_numerics numerics)
{
    gf_status status;
    const gf_kernels *found;
    GF_TRY(gf_kernels_get(&found));
    GF_TRY(gf_kernels_with(kernels, found, numerics));
out:
    return status;
}

const char *gf_bench_numerics_text(gf_numerics numerics, char out[32])
{
    const char *way = numerics == GF_NUMERICS_BF16 ? gf_kernels_bf16() : "";
    snprintf(out, 32, "%s%s%s", numerics_names[numerics], *way ? " " : "", way);
    return out;
}

const char *gf_bench_threads_text(char out[32])
{
    int threads = gf_kernels_threads();
    snprintf(out, 32, "%d %s", threads, threads == 1 ? "thread" : "threads");
    return out;
}

json_t *gf_bench_json(const gf_bench *bench, const gf_kernels *kernels)
{
    char numerics[32];
    return json_pack("{s:s, s:s, s:s, s:i, s:i}", "bench", bench->what, "kernels", kernels->name,
                     "numerics", gf_bench_numerics_text(bench->numerics, numerics), "batch",
                     bench->batch, "threads", gf_kernels_threads());
}

void gf_bench_print_json(json_t *root)
{
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}

/* ---- arguments ---- */

typedef struct bench_kind {
    const char *name;
    gf_status (*run)(const gf_bench *bench);
    bool takes_arch, takes_width, takes_steps, takes_numerics, takes_tasks;
} bench_kind;

static const bench_kind kinds[] = {
    { "train", gf_bench_train, true, true, true, true, false },
    { "infer", gf_bench_infer, true, true, true, true, false },
    { "kernels", gf_bench_kernels, false, true, false, true, false },
    { "data", gf_bench_data, false, false, true, false, false },
    { "farm", gf_bench_farm, false, false, false, false, true },
};

static gf_status find_kind(const bench_kind **kind, const char *name)
{
    for (size_t i = 0; i < GF_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, name) != 0) continue;
        *kind = &kinds[i];
        return GF_OK;
    }
    return gf_fail(GF_INVALID, "bench: '%s' is none of train, infer, kernels, data, farm", name);
}

static gf_status find_numerics(gf_numerics *numerics, const char *name)
{
    for (size_t i = 0; i < GF_COUNT(numerics_names); i++) {
        if (strcmp(numerics_names[i], name) != 0) continue;
        *numerics = (gf_numerics)i;
        return GF_OK;
    }
    return gf_fail(GF_INVALID, "bench: --numerics = %s is none of " GF_NUMERICS_WORDS, name);
}

static gf_status check_taken(const bench_kind *kind, bool takes, const char *flag,
                             const char *value)
{
    if (!value || takes) return GF_OK;
    return gf_fail(GF_INVALID, "bench %s takes no %s", kind->name, flag);
}

typedef struct bench_arguments {
    const char *arch, *width, *batch, *threads, *steps, *numerics, *tasks;
} bench_arguments;

static gf_status check_arguments(gf_bench *bench, const bench_kind *kind, const bench_arguments *a)
{
    gf_status status;
    int width;
    GF_TRY(check_taken(kind, kind->takes_arch, "--arch", a->arch));
    GF_TRY(check_taken(kind, kind->takes_width, "--width", a->width));
    GF_TRY(check_taken(kind, kind->takes_steps, "--steps", a->steps));
    GF_TRY(check_taken(kind, kind->takes_numerics, "--numerics", a->numerics));
    GF_TRY(check_taken(kind, kind->takes_tasks, "--tasks", a->tasks));
    GF_TRY(check_taken(kind, kind->takes_tasks, "--executors", bench->executors ? "" : NULL));
    if (a->tasks) GF_TRY(gf_bench_number(&bench->tasks, "--tasks", a->tasks, 1, 10000000));
    if (a->width) GF_TRY(gf_bench_number(&width, "--width", a->width, 1, 1024));
    if (a->batch) GF_TRY(gf_bench_number(&bench->batch, "--batch", a->batch, 2, 4096));
    if (a->steps) GF_TRY(gf_bench_number(&bench->steps, "--steps", a->steps, 1, 100000));
    if (a->numerics) GF_TRY(find_numerics(&bench->numerics, a->numerics));
    if (a->arch) bench->arch = a->arch;
    bench->width = a->width;
out:
    return status;
}

int cmd_bench(int argc, char **argv)
{
    gf_status status;
    int threads = 0;
    const bench_kind *kind;
    bench_arguments a = { 0 };
    gf_bench bench = { .what = "train", .arch = "resnet18", .batch = 128 };
    const gf_flag flags[] = {
        { .name = "--arch", .kind = GF_FLAG_VALUE, .value = &a.arch },
        { .name = "--width", .kind = GF_FLAG_VALUE, .value = &a.width },
        { .name = "--batch", .kind = GF_FLAG_VALUE, .value = &a.batch },
        { .name = "--threads", .kind = GF_FLAG_VALUE, .value = &a.threads },
        { .name = "--steps", .kind = GF_FLAG_VALUE, .value = &a.steps },
        { .name = "--numerics", .kind = GF_FLAG_VALUE, .value = &a.numerics },
        { .name = "--tasks", .kind = GF_FLAG_VALUE, .value = &a.tasks },
        { .name = "--executors", .set = &bench.executors },
        { .name = "--json", .set = &bench.json },
        { 0 },
    };
    const char *what = NULL;
    GF_TRY(gf_arguments_read(&what, 0, 1, flags, argc, argv));
    if (what) bench.what = what;
    GF_TRY(find_kind(&kind, bench.what));
    GF_TRY(check_arguments(&bench, kind, &a));
    if (a.threads) GF_TRY(gf_bench_number(&threads, "--threads", a.threads, 1, 1024));
    if (!kind->takes_tasks) GF_TRY(gf_kernels_start(threads)); /* a farm forks before any thread */
    GF_TRY(kind->run(&bench));
out:
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
