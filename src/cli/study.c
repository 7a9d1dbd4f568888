/* Making sweep.h5 from a plan, and the question whether a study on disk is of this plan. */
#include "forecast.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifndef GF_NUMERICS_TYPE
#define GF_NUMERICS_TYPE "float32"
#endif

void gf_cli_numerics(gf_numerics_class *out)
{
    char kernels[128];
    gf_kernels_class(kernels);
    snprintf(out->f32, sizeof out->f32, "numerics %d, %s, shards %d, %s", GF_NUMERICS_VERSION,
             GF_NUMERICS_TYPE, GF_SHARDS, kernels);
    snprintf(out->bf16, sizeof out->bf16, "%s, bf16 %d %s", out->f32, GF_BF16_VERSION,
             gf_kernels_bf16());
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

static gf_status settings_text(char **out, const gf_plan *plan, const gf_forecast *forecast)
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
    if (plan->early_stopping) append_group(&text, "early_stopping.", plan->early_stopping);
    gf_forecast_write(forecast, &text);
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

/* ---- creating ---- */

gf_status gf_cli_create_study(const char *dir, const gf_plan *plan, const gf_cli_rows *rows,
                              const gf_forecast *forecast, const char *store,
                              const gf_numerics_class *numerics)
{
    gf_status status;
    char *settings = NULL, *provenance = NULL;
    GF_TRY(settings_text(&settings, plan, forecast));
    GF_TRY_ALLOC(provenance = provenance_text(gf_plan_numerics(plan, numerics)));
    const gf_study_plan study = {
        .name = plan->name,
        .text = plan->text,
        .settings = settings,
        .provenance = provenance,
        .stages = rows->stages,
        .trials = rows->trials,
        .points = rows->points,
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

gf_status gf_cli_compare_study(const char *dir, const gf_plan *plan,
                               const gf_numerics_class *numerics)
{
    gf_status status;
    gf_study *study = NULL;
    GF_TRY(gf_study_open(&study, dir, false));
    GF_TRY(compare_numerics(dir, gf_study_plan_get(study), gf_plan_numerics(plan, numerics)));
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
