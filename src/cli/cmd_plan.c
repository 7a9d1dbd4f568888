/* gridfront plan FILE: what a sweep would run and what it would cost, before anything is spent. */
#include "cli.h"

#include "timing.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One architecture of the sweep. */
typedef struct architecture {
    const gf_options *model; /* borrowed from the plan */
    char label[64];
    gf_cost cost;
    double seconds_per_image; /* of a training step, timed here; NaN: not timed */
} architecture;

typedef struct forecast {
    architecture *architectures;
    int architecture_count;
    double images, flop, seconds; /* of all stages that would run; s of one worker */
    double artifact_bytes;
    int cores; /* that this process may use */
} forecast;

static bool same_options(const gf_options *a, const gf_options *b)
{
    if (gf_options_count(a) != gf_options_count(b)) return false;
    for (int i = 0; i < gf_options_count(a); i++)
        if (strcmp(gf_options_key(a, i), gf_options_key(b, i)) != 0 ||
            strcmp(gf_options_value(a, i), gf_options_value(b, i)) != 0)
            return false;
    return true;
}

static int find_architecture(const forecast *f, const gf_options *model)
{
    for (int i = 0; i < f->architecture_count; i++)
        if (same_options(f->architectures[i].model, model)) return i;
    return -1;
}

/* "resnet18 width 16": the name and what is not at its default. */
static void architecture_label(char *out, size_t size, const gf_options *model)
{
    const char *arch = gf_options_get(model, "arch");
    const gf_schema *schema = arch ? gf_schema_find(gf_model_schemas, arch) : NULL;
    int used = snprintf(out, size, "%s", arch ? arch : "?");
    for (int i = 0; schema && i < gf_options_count(model); i++) {
        const char *key = gf_options_key(model, i);
        const gf_field *field = gf_field_find(schema->fields, key);
        bool differs =
            field && (!field->fallback || strcmp(field->fallback, gf_options_value(model, i)) != 0);
        if (differs && used >= 0 && (size_t)used < size)
            used += snprintf(out + used, size - (size_t)used, " %s %s", key,
                             gf_options_value(model, i));
    }
}

static gf_status add_architecture(forecast *f, const gf_options *model)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_net *net = NULL;
    architecture *added = &f->architectures[f->architecture_count];
    *added = (architecture){ .model = model, .seconds_per_image = NAN };
    architecture_label(added->label, sizeof added->label, model);
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(gf_model_build(&net, model, "", (gf_shape){ 32, 32, 3 }, 10));
    GF_TRY(gf_net_cost(net, kernels, &added->cost, NULL));
    f->architecture_count++;
out:
    gf_net_destroy(net);
    return status;
}

enum { TIMED_MOST = 4 };

/* Times a few architectures for real and scales the others by their MACs. */
static gf_status time_architectures(forecast *f)
{
    gf_status status = GF_OK;
    double rate = 0; /* s per MAC of the last one timed */
    for (int i = 0; i < f->architecture_count; i++) {
        architecture *arch = &f->architectures[i];
        if (i < TIMED_MOST) {
            GF_TRY(gf_time_training(&arch->seconds_per_image, arch->model, 64, 0.4));
            rate = arch->seconds_per_image / (double)arch->cost.macs;
        } else {
            arch->seconds_per_image = rate * (double)arch->cost.macs;
        }
    }
out:
    return status;
}

static gf_status add_stage(forecast *f, const gf_plan_stage *stage)
{
    gf_status status;
    gf_data_options data;
    const architecture *arch = &f->architectures[find_architecture(f, stage->model)];
    GF_TRY(gf_fields_read(&data, gf_data_schema.fields, stage->data, ""));
    double images = (double)stage->epochs * gf_data_train_count(&data);
    /* Evaluations cost a third of a training step: validation each epoch, both splits at the end */
    double evaluated = 0.12 * images + 15000;
    f->images += images;
    f->flop += 2 * (double)arch->cost.macs * (3 * images + evaluated);
    f->seconds += arch->seconds_per_image * (images + evaluated / 3);
    f->artifact_bytes += 4.0 * (double)arch->cost.parameters;
out:
    return status;
}

static gf_status forecast_init(forecast *f, const gf_plan *plan)
{
    gf_status status;
    f->architectures = gf_alloc((size_t)plan->stage_count, sizeof *f->architectures);
    GF_TRY_ALLOC(f->architectures);
    for (int i = 0; i < plan->stage_count; i++)
        if (find_architecture(f, plan->stages[i].model) < 0)
            GF_TRY(add_architecture(f, plan->stages[i].model));
    GF_TRY(gf_kernels_start(0));
    f->cores = gf_kernels_threads();
    GF_TRY(gf_kernels_start(1)); /* a worker per core: what a sweep of many stages does */
    GF_TRY(time_architectures(f));
    for (int i = 0; i < plan->stage_count; i++) GF_TRY(add_stage(f, &plan->stages[i]));
out:
    return status;
}

/* ---- printing ---- */

/* 1215 -> "1,215" */
static void grouped(char out[32], int64_t value)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%" PRId64, value), used = 0;
    for (int i = 0; i < size && used < 30; i++) {
        if (i && (size - i) % 3 == 0) out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

static void print_totals(const gf_plan *plan, const forecast *f)
{
    char epochs[32], unshared[32], time[32], bytes[32];
    grouped(epochs, plan->epochs);
    grouped(unshared, plan->unshared_epochs);
    gf_duration_text(time, f->seconds / f->cores);
    gf_bytes_text(bytes, f->artifact_bytes);
    printf("%s: %d points x %d %s = %d trials, %d stages (%d if nothing were shared)\n\n",
           plan->name, plan->point_count, plan->seed_count,
           plan->seed_count == 1 ? "seed" : "seeds", plan->trial_count, plan->stage_count,
           plan->unshared_stages);
    printf("  epochs to run   %10s   of %s without sharing (%.1fx less)\n", epochs, unshared,
           plan->epochs ? (double)plan->unshared_epochs / (double)plan->epochs : 1.0);
    printf("  images          %8.1f M   %.1e FLOP\n", f->images / 1e6, f->flop);
    printf("  time            %10s   %d %s here, of one core each; from steps timed just now\n",
           time, f->cores, f->cores == 1 ? "worker" : "workers");
    printf("  disk            %10s   artifacts, at most (they are compressed)\n", bytes);
}

static void print_architectures(const forecast *f)
{
    printf("\n  %-32s %12s %11s %12s %10s\n", "architectures", "parameters", "MACs", "fp32 bytes",
           "images/s");
    for (int i = 0; i < f->architecture_count; i++) {
        const architecture *arch = &f->architectures[i];
        char parameters[32], bytes[32];
        grouped(parameters, arch->cost.parameters);
        gf_bytes_text(bytes, 4.0 * (double)arch->cost.parameters);
        printf("  %-32s %12s %9.2f M %12s %10.0f\n", arch->label, parameters,
               (double)arch->cost.macs / 1e6, bytes, 1 / arch->seconds_per_image);
    }
}

static gf_status print_text(const gf_plan *plan, const forecast *f)
{
    gf_status status;
    gf_text tree = { 0 };
    GF_TRY(gf_plan_tree_text(plan, &tree));
    GF_TRY(gf_text_check(&tree));
    print_totals(plan, f);
    printf("\n%s", tree.data ? tree.data : "");
    print_architectures(f);
out:
    gf_text_release(&tree);
    return status;
}

static json_t *architectures_json(const forecast *f)
{
    json_t *list = json_array();
    for (int i = 0; i < f->architecture_count; i++) {
        const architecture *arch = &f->architectures[i];
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:f}", "label", arch->label,
                                              "parameters", (json_int_t)arch->cost.parameters,
                                              "macs", (json_int_t)arch->cost.macs, "bytes",
                                              (json_int_t)(4 * arch->cost.parameters),
                                              "images_per_second", 1 / arch->seconds_per_image));
    }
    return list;
}

static json_t *stages_json(const gf_plan *plan)
{
    json_t *list = json_array();
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:i, s:I}", "key",
                                              stage->key.hex, "kind", stage->kind, "label",
                                              stage->label, "parent", stage->parent, "epochs",
                                              stage->epochs, "seed", (json_int_t)stage->seed));
    }
    return list;
}

static void print_json(const gf_plan *plan, const forecast *f)
{
    json_t *root = json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:o, s:o}", "name",
        plan->name, "points", plan->point_count, "seeds", plan->seed_count, "trials",
        plan->trial_count, "stages", plan->stage_count, "unshared_stages", plan->unshared_stages,
        "epochs", (json_int_t)plan->epochs, "unshared_epochs", (json_int_t)plan->unshared_epochs,
        "images", f->images, "flop", f->flop, "seconds", f->seconds, "artifact_bytes",
        f->artifact_bytes, "architectures", architectures_json(f), "stage_list", stages_json(plan));
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}

int cmd_plan(int argc, char **argv)
{
    gf_status status;
    const char *path = NULL, **settings = NULL;
    int setting_count = 0;
    bool json = false, told = false;
    gf_arena *arena = NULL;
    gf_plan *plan = NULL;
    forecast f = { 0 };
    char numerics[192];
    const gf_flag flags[] = {
        { .name = "--json", .set = &json },
        { .name = "--set", .kind = GF_FLAG_LIST, .values = &settings, .count = &setting_count },
        { 0 },
    };
    GF_TRY(gf_arguments_read(&path, 1, 1, flags, argc, argv));
    GF_TRY_ALLOC(arena = gf_arena_create());
    told = true; /* from here on load_plan prints the mistakes itself */
    GF_TRY(gf_cli_load_plan(&plan, path, settings, setting_count, arena, true));
    told = false;
    gf_cli_numerics(numerics);
    GF_TRY(gf_plan_assign_keys(plan, numerics));
    GF_TRY(forecast_init(&f, plan));
    if (json)
        print_json(plan, &f);
    else
        GF_TRY(print_text(plan, &f));
out:
    free(f.architectures);
    gf_plan_destroy(plan);
    gf_arena_destroy(arena);
    free(settings);
    return status == GF_OK ? GF_EXIT_DONE : told ? gf_cli_exit_code(status) : gf_cli_fail(status);
}
