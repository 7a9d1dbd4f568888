/* gridfront plan FILE: what a sweep would run and what it would cost, before anything is spent. */
#include "plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIMING_SECONDS 0.4 /* of a model that was never trained here */

static bool same_options(const gf_options *a, const gf_options *b)
{
    if (gf_options_count(a) != gf_options_count(b)) return false;
    for (int i = 0; i < gf_options_count(a); i++)
        if (strcmp(gf_options_key(a, i), gf_options_key(b, i)) != 0 ||
            strcmp(gf_options_value(a, i), gf_options_value(b, i)) != 0)
            return false;
    return true;
}

static int find_architecture(const gf_cli_outlook *o, const gf_options *model)
{
    for (int i = 0; i < o->architecture_count; i++)
        if (same_options(o->architectures[i].model, model)) return i;
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

static gf_status add_architecture(gf_cli_outlook *o, const gf_options *model)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_net *net = NULL;
    gf_cli_architecture *added = &o->architectures[o->architecture_count];
    *added = (gf_cli_architecture){ .model = model, .images_per_second = NAN };
    architecture_label(added->label, sizeof added->label, model);
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(gf_model_build(&net, model, "", (gf_shape){ 32, 32, 3 }, 10));
    GF_TRY(gf_net_cost(net, kernels, &added->cost, NULL));
    o->architecture_count++;
out:
    gf_net_destroy(net);
    return status;
}

/* A training step of a model, by the first stage that trains it: three passes an image. */
static void add_pace(gf_cli_architecture *arch, const gf_stage_row *row, double seconds)
{
    if (!isnan(arch->images_per_second) || row->epochs == 0 || !(seconds > 0)) return;
    arch->images_per_second = row->cost / (3 * (double)arch->cost.macs) / seconds;
}

static gf_status add_stage(gf_cli_outlook *o, const gf_plan_stage *stage, int row)
{
    gf_status status;
    double images;
    gf_cli_architecture *arch = &o->architectures[find_architecture(o, stage->model)];
    double chance = o->forecast.chance[row];
    GF_TRY(gf_cli_stage_images(&images, stage));
    images *= stage->epochs - stage->from;
    /* Validation each epoch, both splits at the end. */
    double evaluated = 0.12 * images + 15000;
    o->images += chance * images;
    o->flop += chance * 2 * (double)arch->cost.macs * (3 * images + evaluated);
    o->seconds += chance * o->forecast.seconds[row];
    o->epochs += chance * (stage->epochs - stage->from);
    add_pace(arch, &o->rows.stages[row], o->forecast.seconds[row] * o->forecast.place.threads);
out:
    return status;
}

static gf_status read_resources(gf_cli_outlook *o, const gf_plan *plan)
{
    gf_status status;
    gf_early_stopping early = { .factor = 1 };
    gf_resources resources;
    GF_TRY(gf_fields_read(&resources, gf_resources_schema.fields, plan->resources, ""));
    if (plan->early_stopping)
        GF_TRY(gf_fields_read(&early, gf_early_stopping_schema.fields, plan->early_stopping, ""));
    GF_TRY(gf_kernels_start(0));
    o->factor = early.factor;
    o->place =
        (gf_place){ .threads = resources.threads > 0 ? resources.threads : 1, .crowding = 1 };
    o->place.workers = gf_kernels_threads() / o->place.threads;
    if (o->place.workers < 1) o->place.workers = 1;
out:
    return status;
}

static gf_status outlook_init(gf_cli_outlook *o, const gf_plan *plan,
                              const gf_numerics_class *numerics)
{
    gf_status status;
    gf_history *history = NULL;
    GF_TRY_ALLOC(o->architectures = gf_alloc((size_t)plan->stage_count, sizeof *o->architectures));
    for (int i = 0; i < plan->stage_count; i++)
        if (find_architecture(o, plan->stages[i].model) < 0)
            GF_TRY(add_architecture(o, plan->stages[i].model));
    GF_TRY(read_resources(o, plan));
    GF_TRY(gf_cli_history(&history, numerics));
    GF_TRY(gf_cli_rows_init(&o->rows, plan, numerics));
    GF_TRY(
        gf_forecast_init(&o->forecast, &o->rows, plan, history, &o->place, TIMING_SECONDS, NULL));
    for (int i = 0; i < plan->stage_count; i++) GF_TRY(add_stage(o, &plan->stages[i], i));
out:
    gf_history_close(history);
    return status;
}

static void outlook_release(gf_cli_outlook *o)
{
    free(o->architectures);
    gf_forecast_release(&o->forecast);
    gf_cli_rows_release(&o->rows);
}

static gf_status simulate(gf_cli_simulation *simulation, const gf_cli_outlook *o, int count)
{
    gf_status status;
    gf_farm_task *tasks = NULL;
    int *needs = NULL;
    GF_TRY(gf_forecast_tasks(&tasks, &needs, &o->forecast, o->rows.stages, count));
    GF_TRY(gf_cli_simulate(simulation, tasks, count));
out:
    free(tasks);
    free(needs);
    return status;
}

int cmd_plan(int argc, char **argv)
{
    gf_status status;
    const char *path = NULL, **settings = NULL, *ranks = NULL, *spread = NULL;
    int setting_count = 0;
    bool json = false, told = false;
    gf_arena *arena = NULL;
    gf_plan *plan = NULL;
    gf_cli_outlook outlook = { 0 };
    gf_cli_simulation simulation = { 0 };
    gf_numerics_class numerics;
    const gf_flag flags[] = {
        { .name = "--json", .set = &json },
        { .name = "--simulate", .kind = GF_FLAG_NUMBERS, .value = &ranks },
        { .name = "--spread", .kind = GF_FLAG_VALUE, .value = &spread },
        { .name = "--set", .kind = GF_FLAG_LIST, .values = &settings, .count = &setting_count },
        { 0 },
    };
    GF_TRY(gf_arguments_read(&path, 1, 1, flags, argc, argv));
    if (ranks) GF_TRY(gf_cli_simulation_read(&simulation, ranks, spread));
    GF_TRY_ALLOC(arena = gf_arena_create());
    told = true; /* from here on load_plan prints the mistakes itself */
    GF_TRY(gf_cli_load_plan(&plan, path, settings, setting_count, arena, true));
    told = false;
    gf_cli_numerics(&numerics);
    GF_TRY(gf_plan_assign_keys(plan, &numerics));
    GF_TRY(outlook_init(&outlook, plan, &numerics));
    if (ranks) GF_TRY(simulate(&simulation, &outlook, plan->stage_count));
    if (json)
        gf_cli_plan_print_json(plan, &outlook, &simulation);
    else
        GF_TRY(gf_cli_plan_print(plan, &outlook, &simulation));
out:
    gf_cli_simulation_release(&simulation);
    outlook_release(&outlook);
    gf_plan_destroy(plan);
    gf_arena_destroy(arena);
    free(settings);
    return status == GF_OK ? GF_EXIT_DONE : told ? gf_cli_exit_code(status) : gf_cli_fail(status);
}
