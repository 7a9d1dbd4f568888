/* From a plan to the tables of sweep.h5, and the question whether a study on disk is of this plan.
 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifndef GF_NUMERICS_TYPE
#define GF_NUMERICS_TYPE "float32"
#endif

void gf_cli_numerics(char out[192])
{
    char kernels[128];
    gf_kernels_class(kernels);
    snprintf(out, 192, "numerics %d, %s, shards %d, %s", GF_NUMERICS_VERSION, GF_NUMERICS_TYPE,
             GF_SHARDS, kernels);
}

/* ---- options texts ---- */

static void append_group(gf_text *text, const char *prefix, const gf_options *options)
{
    for (int i = 0; i < gf_options_count(options); i++)
        gf_text_append(text, "%s%s = %s\n", prefix, gf_options_key(options, i),
                       gf_options_value(options, i));
}

static gf_status validation_images(int *images, const gf_plan *plan)
{
    gf_data_options options;
    gf_status status = gf_fields_read(&options, gf_data_schema.fields, plan->stages[0].data, "");
    if (status == GF_OK) *images = gf_data_validation_count(&options);
    return status;
}

static gf_status settings_text(char **out, const gf_plan *plan)
{
    gf_status status;
    gf_text text = { 0 };
    int images = 0;
    GF_TRY(validation_images(&images, plan));
    for (int i = 0; i < plan->objective_count; i++)
        gf_text_append(&text, "objective.%d.metric = %s\nobjective.%d.goal = %s\n", i,
                       plan->objectives[i].metric, i, plan->objectives[i].maximize ? "max" : "min");
    gf_text_append(&text, "keep = %s\nvalidation_images = %d\n", plan->keep, images);
    append_group(&text, "resources.", plan->resources);
    GF_TRY_ALLOC(*out = gf_text_take(&text));
out:
    gf_text_release(&text);
    return status;
}

static char *provenance_text(const char *numerics)
{
    gf_text text = { 0 };
    gf_text_append(&text, "program = %s\nnumerics = %s\n", gf_cli_version_text(), numerics);
    return gf_text_take(&text);
}

/* ---- cost ---- */

/* A pass forward and two backward per epoch; evaluation once even where nothing trains. */
static double passes(const gf_plan_stage *stage)
{
    return 3.0 * stage->epochs + 0.3;
}

static gf_status root_cost(double *cost, const gf_plan_stage *stage)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_net *net = NULL;
    gf_cost net_cost;
    gf_data_options data;
    GF_TRY(gf_kernels_find(&kernels, "ref"));
    GF_TRY(gf_model_build(&net, stage->model, "", (gf_shape){ 32, 32, 3 }, 10));
    GF_TRY(gf_net_cost(net, kernels, &net_cost, NULL));
    GF_TRY(gf_fields_read(&data, gf_data_schema.fields, stage->data, ""));
    *cost = (double)net_cost.macs * gf_data_train_count(&data) * passes(stage);
out:
    gf_net_destroy(net);
    return status;
}

/* A stage of the same model and data whose cost is known already: the parent, or the chain that was
 * counted last (building a network takes milliseconds; options are shared between chains). -1 */
static int counted_before(const gf_plan *plan, int index, int last_root)
{
    const gf_plan_stage *stage = &plan->stages[index];
    if (stage->parent >= 0) return stage->parent;
    if (last_root < 0) return -1;
    const gf_plan_stage *root = &plan->stages[last_root];
    return root->model == stage->model && root->data == stage->data ? last_root : -1;
}

static gf_status fill_costs(gf_stage_row *rows, const gf_plan *plan)
{
    gf_status status = GF_OK;
    int last_root = -1;
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        int known = counted_before(plan, i, last_root);
        if (known >= 0) {
            rows[i].cost = rows[known].cost * passes(stage) / passes(&plan->stages[known]);
            continue;
        }
        GF_TRY(root_cost(&rows[i].cost, stage));
        last_root = i;
    }
out:
    return status;
}

/* ---- creating ---- */

typedef struct tables {
    gf_stage_row *stages;
    gf_trial_row *trials;
    gf_point_row *points;
    char **texts; /* owned, NULL-terminated list of what rows borrow */
    size_t text_count;
} tables;

static void tables_release(tables *t)
{
    for (size_t i = 0; i < t->text_count; i++) free(t->texts[i]);
    free(t->texts);
    free(t->stages);
    free(t->trials);
    free(t->points);
}

static gf_status keep_text(tables *t, const char **borrowed, char *text)
{
    if (!text) return gf_fail(GF_NOMEM, "out of memory");
    t->texts[t->text_count++] = text;
    *borrowed = text;
    return GF_OK;
}

static gf_status fill_stages(tables *t, const gf_plan *plan, const char *numerics)
{
    gf_status status = GF_OK;
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        t->stages[i] = (gf_stage_row){
            .key = stage->key.hex,
            .kind = stage->kind,
            .label = stage->label,
            .parent = stage->parent,
            .teachers = stage->teachers,
            .teacher_count = stage->teacher_count,
            .ordinal = stage->ordinal,
            .epochs = stage->epochs,
            .seed = (int64_t)stage->seed,
        };
        GF_TRY(keep_text(t, &t->stages[i].options, gf_plan_stage_options(plan, i, numerics)));
    }
    GF_TRY(fill_costs(t->stages, plan));
out:
    return status;
}

static gf_status fill_points(tables *t, const gf_plan *plan)
{
    gf_status status = GF_OK;
    for (int i = 0; i < plan->point_count; i++) {
        t->points[i].label = plan->points[i].label;
        GF_TRY(keep_text(t, &t->points[i].options, gf_options_text(plan->points[i].axes)));
    }
out:
    return status;
}

static gf_status tables_init(tables *t, const gf_plan *plan, const char *numerics)
{
    gf_status status;
    size_t texts = (size_t)plan->stage_count + (size_t)plan->point_count;
    t->stages = gf_alloc((size_t)plan->stage_count, sizeof *t->stages);
    t->trials = gf_alloc((size_t)plan->trial_count, sizeof *t->trials);
    t->points = gf_alloc((size_t)plan->point_count, sizeof *t->points);
    t->texts = gf_alloc(texts, sizeof *t->texts);
    GF_TRY_ALLOC(t->stages && t->trials && t->points && t->texts);
    GF_TRY(fill_stages(t, plan, numerics));
    GF_TRY(fill_points(t, plan));
    for (int i = 0; i < plan->trial_count; i++) {
        const gf_plan_trial *trial = &plan->trials[i];
        t->trials[i] = (gf_trial_row){ .point = trial->point,
                                       .seed_index = trial->seed_index,
                                       .seed = (int64_t)trial->seed,
                                       .stages = trial->stages,
                                       .stage_count = trial->stage_count };
    }
out:
    return status;
}

gf_status gf_cli_create_study(const char *dir, const gf_plan *plan, const char *store,
                              const char *numerics)
{
    gf_status status;
    tables t = { 0 };
    char *settings = NULL, *provenance = NULL;
    GF_TRY(tables_init(&t, plan, numerics));
    GF_TRY(settings_text(&settings, plan));
    GF_TRY_ALLOC(provenance = provenance_text(numerics));
    const gf_study_plan study = {
        .name = plan->name,
        .text = plan->text,
        .settings = settings,
        .provenance = provenance,
        .stages = t.stages,
        .trials = t.trials,
        .points = t.points,
        .stage_count = plan->stage_count,
        .trial_count = plan->trial_count,
        .point_count = plan->point_count,
        .metrics = gf_metric_names,
        .metric_count = GF_METRIC_COUNT,
        .store = store,
    };
    GF_TRY(gf_folder_make(dir));
    GF_TRY(gf_study_create(dir, &study));
out:
    free(settings);
    free(provenance);
    tables_release(&t);
    return status;
}

/* ---- comparing ---- */

static gf_status compare_numerics(const char *dir, const gf_study_plan *stored,
                                  const char *numerics)
{
    gf_status status;
    gf_options *provenance = NULL;
    GF_TRY(gf_options_parse(&provenance, stored->provenance));
    const char *old = gf_options_get(provenance, "numerics");
    if (!old || strcmp(old, numerics) != 0)
        status = gf_fail(GF_CONFLICT,
                         "%s was computed with '%s', this machine would compute with '%s': resume "
                         "it where it was begun, or give another --results",
                         dir, old ? old : "?", numerics);
out:
    gf_options_destroy(provenance);
    return status;
}

static gf_status compare_stages(const char *dir, const gf_study_plan *stored, const gf_plan *plan)
{
    gf_status status = GF_OK;
    gf_plan_difference difference = { 0 };
    const char **keys = gf_alloc((size_t)stored->stage_count, sizeof *keys);
    GF_TRY_ALLOC(keys);
    for (int i = 0; i < stored->stage_count; i++) keys[i] = stored->stages[i].key;
    GF_TRY(gf_plan_compare(&difference, plan, keys, stored->stage_count, stored->text));
    if (difference.added || difference.gone || stored->trial_count != plan->trial_count)
        status = gf_fail(GF_CONFLICT,
                         "%s holds another version of this sweep: of its %d stages %d are gone, %d "
                         "are new. Give another --results; finished stages are reused from the "
                         "store.\n%s",
                         dir, stored->stage_count, difference.gone, difference.added,
                         difference.lines ? difference.lines : "");
out:
    gf_plan_difference_release(&difference);
    free(keys);
    return status;
}

gf_status gf_cli_compare_study(const char *dir, const gf_plan *plan, const char *numerics)
{
    gf_status status;
    gf_study *study = NULL;
    GF_TRY(gf_study_open(&study, dir, false));
    GF_TRY(compare_numerics(dir, gf_study_plan_get(study), numerics));
    GF_TRY(compare_stages(dir, gf_study_plan_get(study), plan));
out:
    gf_study_close(study);
    return status;
}

/* ---- the lease ---- */

/* A process that was killed a moment ago takes a while to be gone. */
gf_status gf_cli_take_lease(const char *dir)
{
    enum { LOOKS = 50 };
    gf_status status = gf_study_lease_take(dir);
    for (int i = 1; i < LOOKS && status == GF_CONFLICT; i++) {
        gf_sleep(0.1);
        status = gf_study_lease_take(dir);
    }
    return status;
}
