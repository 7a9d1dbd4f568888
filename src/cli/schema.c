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

static const gf_field early_stopping_fields[] = {
    GF_FIELD(gf_early_stopping, first, "1", "[1, 100000]", "epochs", "of the first rung"),
    GF_FIELD(gf_early_stopping, factor, "3", "[2, 16]", "",
             "a rung has so many times the epochs of the one before, and one in so many goes on"),
    GF_FIELD_WORD(gf_early_stopping, halving, "asynchronous", "asynchronous|synchronous",
                  "decide whenever a result comes (ASHA), or when a rung is complete: the same "
                  "whatever the order"),
    GF_FIELD(gf_early_stopping, safe, "false", NULL, "",
             "members of a rung's own front always go on"),
    GF_FIELD_END,
};
const gf_schema gf_early_stopping_schema = {
    .name = "early_stopping",
    .summary =
        "successive halving on the epochs of `train` stages; no stage's result depends on it",
    .fields = early_stopping_fields,
};

/* Only `train` is cut: what comes later depends on what it is given. */
static int stage_rungs(int *rungs, const gf_options *options, const gf_stage_view *stage)
{
    gf_early_stopping early;
    int count = 0, epochs = gf_stage_epochs(stage->kind, stage->options);
    if (strcmp(stage->kind, gf_train_schema.name) != 0 ||
        gf_fields_read(&early, early_stopping_fields, options, "") != GF_OK)
        return 0;
    for (int64_t rung = early.first; rung < epochs && count < GF_RUNGS_MOST; rung *= early.factor)
        rungs[count++] = (int)rung;
    return count;
}

static gf_status check_data(gf_data_options *options, const gf_options *data)
{
    gf_status status = gf_fields_read(options, gf_data_schema.fields, data, "");
    return status == GF_OK ? gf_data_check(options) : status;
}

/* A schedule that looks at validation images must have some. */
static gf_status check_observed(const gf_data_options *data, const gf_stage_view *stages, int count,
                                int *at)
{
    if (gf_data_validation_count(data) > 0) return GF_OK;
    for (*at = 0; *at < count; ++*at)
        if (gf_train_observes(stages[*at].options, ""))
            return gf_fail(GF_INVALID,
                           "schedule.policy = \"%s\" looks at validation images: data.validation "
                           "must not be 0",
                           gf_options_get(stages[*at].options, "schedule.policy"));
    return GF_OK;
}

static gf_status check_chain(const gf_options *data, const gf_options *model,
                             const gf_stage_view *stages, int count, bool has_parent, int *at)
{
    gf_status status = GF_OK;
    gf_data_options images;
    const char **kinds = gf_alloc((size_t)count, sizeof *kinds);
    const gf_options **options = gf_alloc((size_t)count, sizeof *options);
    GF_TRY_ALLOC(kinds && options);
    *at = GF_AT_DATA;
    GF_TRY(check_data(&images, data));
    GF_TRY(check_observed(&images, stages, count, at));
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
        .early_stopping = &gf_early_stopping_schema,
        .stages = stages,
        .metrics = gf_metric_names,
        .metric_maximize = gf_metric_maximize,
        .check_chain = check_chain,
        .epochs = stage_epochs,
        .rungs = stage_rungs,
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

/* A rung is judged by what does not hang on the machine. */
static gf_status check_rungs(const gf_plan *plan, const char *path)
{
    for (int i = 0; i < plan->objective_count; i++)
        for (int m = 0; m < GF_METRIC_COUNT; m++)
            if (strcmp(gf_metric_names[m], plan->objectives[i].metric) == 0 &&
                !gf_metric_is_time((gf_metric)m))
                return GF_OK;
    if (!plan->early_stopping) return GF_OK;
    return gf_fail(GF_INVALID,
                   "%s: early_stopping: every objective is a time; a rung is judged by what does "
                   "not hang on the machine",
                   path);
}

gf_status gf_cli_load_plan(gf_plan **plan, const char *path, const char *const *settings,
                           int setting_count, gf_arena *arena, bool loud)
{
    gf_status status;
    gf_sweep_schema schema;
    char *mistakes = NULL;
    GF_TRY(gf_cli_schema(&schema, arena));
    status = gf_plan_load(plan, &mistakes, path, settings, setting_count, &schema);
    if (status == GF_OK && (status = check_rungs(*plan, path)) != GF_OK) {
        gf_plan_destroy(*plan);
        *plan = NULL;
    }
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
