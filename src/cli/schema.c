/* The language of sweep files, put together from what the rooms register. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static const gf_field resource_fields[] = {
    GF_FIELD(gf_resources, threads, "0", "[0, 1024]", "threads",
             "of each worker; 0: the node's cores shared out"),
    GF_FIELD(gf_resources, max_attempts, "3", "[1, 100]", "",
             "attempts before a stage counts as failed"),
    GF_FIELD(gf_resources, memory, "0", "[0, 16777216]", "MiB", "limit of one stage; 0: none"),
    GF_FIELD(gf_resources, deadline, "0", "[0, inf)", "s", "limit of one attempt; 0: none"),
    GF_FIELD(gf_resources, lease, "30", "[2, 3600]", "s",
             "a rank silent this long loses its stage"),
    GF_FIELD_WORD(gf_resources, latency, "front", "none|front|all",
                  "points whose latency is measured when the sweep is done"),
    GF_FIELD_END,
};
const gf_schema gf_resources_schema = {
    .name = "resources",
    .summary = "how the sweep runs; never changes a result",
    .fields = resource_fields,
};

static gf_status check_data(const gf_options *data)
{
    gf_data_options options;
    gf_status status = gf_fields_read(&options, gf_data_schema.fields, data, "");
    return status == GF_OK ? gf_data_check(&options) : status;
}

static gf_status check_chain(const gf_options *data, const gf_options *model,
                             const gf_stage_view *stages, int count, bool has_parent, int *at)
{
    gf_status status = GF_OK;
    const char **kinds = gf_alloc((size_t)count, sizeof *kinds);
    const gf_options **options = gf_alloc((size_t)count, sizeof *options);
    GF_TRY_ALLOC(kinds && options);
    *at = GF_AT_DATA;
    GF_TRY(check_data(data));
    for (int i = 0; i < count; i++) {
        kinds[i] = stages[i].kind;
        options[i] = stages[i].options;
    }
    status = gf_stage_check_chain(model, kinds, options, count, has_parent, at);
out:
    free(kinds);
    free(options);
    return status;
}

static int stage_epochs(const gf_stage_view *stage)
{
    return gf_stage_epochs(stage->kind, stage->options);
}

gf_status gf_cli_schema(gf_sweep_schema *schema, gf_arena *arena)
{
    gf_status status;
    const gf_schema *const *stages = NULL;
    GF_TRY(gf_stage_schemas(&stages, arena));
    *schema = (gf_sweep_schema){
        .data = &gf_data_schema,
        .model = &gf_model_schema,
        .resources = &gf_resources_schema,
        .stages = stages,
        .metrics = gf_metric_names,
        .metric_maximize = gf_metric_maximize,
        .check_chain = check_chain,
        .epochs = stage_epochs,
    };
out:
    return status;
}

static void print_mistakes(const char *mistakes)
{
    int count = 0;
    for (const char *at = mistakes; *at; at++) count += *at == '\n';
    fputs(mistakes, stderr);
    fprintf(stderr, "%d %s; nothing was started\n", count, count == 1 ? "error" : "errors");
}

gf_status gf_cli_load_plan(gf_plan **plan, const char *path, const char *const *settings,
                           int setting_count, gf_arena *arena, bool loud)
{
    gf_status status;
    gf_sweep_schema schema;
    char *mistakes = NULL;
    GF_TRY(gf_cli_schema(&schema, arena));
    status = gf_plan_load(plan, &mistakes, path, settings, setting_count, &schema);
    if (status != GF_OK && loud) {
        if (mistakes && *mistakes)
            print_mistakes(mistakes);
        else
            gf_cli_fail(status);
    }
out:
    free(mistakes);
    return status;
}
