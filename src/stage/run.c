/* One stage, from its row in the study to its artifact in the store. The order of writes makes a
 * kill at any instant harmless: epochs, artifact (by rename), result, DONE, and last of all the
 * checkpoint is removed. */
#include "work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECKPOINT_SECONDS 60

bool gf_stage_lease_valid(const gf_stage_work *work)
{
    return !work->hooks->lease_valid || work->hooks->lease_valid(work->hooks->context);
}

bool gf_stage_may_go_on(const gf_stage_work *work)
{
    return !work->hooks->may_go_on || work->hooks->may_go_on(work->hooks->context);
}

static void say(const gf_stage_work *work, double share, const char *line)
{
    if (work->hooks->progress) work->hooks->progress(work->hooks->context, share, line);
}

/* ---- what training asks of us ---- */

static gf_status on_epoch(void *context, const gf_epoch_row *row)
{
    gf_status status;
    gf_stage_work *work = context;
    char line[128];
    GF_TRY(gf_curve_add(work->curve, row));
    if (!gf_stage_lease_valid(work)) {
        status = gf_fail(GF_LOST, "the lease ran out in epoch %d", row->epoch);
        goto out;
    }
    GF_TRY(gf_study_write_epoch(work->study, work->index, row, work->fence));
    snprintf(line, sizeof line, "%s: epoch %d/%d, loss %.3f, validation %.1f %%", work->row->label,
             row->epoch, work->row->epochs, row->train_loss, 100 * row->validation_accuracy);
    say(work, (double)(row->epoch - work->segment.from) / (work->row->epochs - work->segment.from),
        line);
    gf_log(GF_INFO, "stage", "stage = %d, epoch = %d, loss = %.4f, validation = %.4f, s = %.1f",
           work->index, row->epoch, row->train_loss, row->validation_accuracy, row->seconds);
out:
    return status;
}

static bool on_stop(void *context, double share)
{
    const gf_stage_work *work = context;
    say(work, share, NULL);
    return !gf_stage_may_go_on(work);
}

/* The training state as it is, with the learning curve so far beside it. */
static gf_status on_save(void *context, const gf_artifact *state)
{
    gf_status status;
    gf_stage_work *work = context;
    gf_artifact saved = *state;
    char *text = NULL;
    saved.facts = NULL;
    GF_TRY_ALLOC(text = state->facts ? gf_options_text(state->facts) : gf_strdup(""));
    GF_TRY(gf_options_parse(&saved.facts, text));
    GF_TRY(gf_curve_copy(saved.facts, work->curve));
    if (gf_stage_lease_valid(work)) GF_TRY(gf_artifact_save(work->checkpoint_path, &saved));
out:
    gf_options_destroy(saved.facts);
    free(text);
    return status;
}

static gf_train_hooks training_hooks(gf_stage_work *work)
{
    return (gf_train_hooks){ .context = work,
                             .epoch = on_epoch,
                             .stop = on_stop,
                             .save = on_save,
                             .checkpoint_seconds = CHECKPOINT_SECONDS };
}

/* ---- doing it ---- */

static gf_status run_training(gf_stage_work *work, const gf_schema *schema)
{
    const gf_train_job job = {
        .net = work->net,
        .data = work->data,
        .kernels = work->kernels,
        .options = work->options,
        .prefix = "",
        .schema = schema,
        .seed = (uint64_t)work->row->seed,
        .ordinal = (uint32_t)work->row->ordinal,
        .resume = work->checkpoint.facts ? &work->checkpoint : NULL,
        .from = work->segment.from,
        .until = work->segment.until,
        .left = &work->left,
        .hooks = training_hooks(work),
    };
    return gf_train(&job);
}

static gf_status run_method(gf_stage_work *work, const gf_method *method)
{
    gf_status status;
    void *options = gf_alloc(1, method->options_size);
    GF_TRY_ALLOC(options);
    GF_TRY(gf_fields_read(options, method->schema.fields, work->options, ""));
    const gf_method_call call = {
        .net = work->net,
        .data = work->data,
        .kernels = work->kernels,
        .options = work->options,
        .seed = (uint64_t)work->row->seed,
        .ordinal = (uint32_t)work->row->ordinal,
        .teachers = work->teachers,
        .teacher_count = work->row->teacher_count,
        .resume = work->checkpoint.facts ? &work->checkpoint : NULL,
        .hooks = training_hooks(work),
    };
    GF_TRY(method->apply(&call, options));
out:
    free(options);
    return status;
}

static gf_status transform(gf_stage_work *work)
{
    const char *kind = work->row->kind;
    if (strcmp(kind, gf_train_schema.name) == 0) return run_training(work, &gf_train_schema);
    if (strcmp(kind, gf_finetune_schema.name) == 0) return run_training(work, &gf_finetune_schema);
    const char *name = gf_options_get(work->options, "method");
    const gf_method *method = name ? gf_method_find(kind, name) : NULL;
    if (!method)
        return gf_fail(GF_UNSUPPORTED, "%s: this program has no method '%s'", kind,
                       name ? name : "");
    return run_method(work, method);
}

static gf_status compute(gf_stage_work *work)
{
    gf_status status;
    GF_TRY(gf_stage_load_inputs(work));
    GF_TRY(transform(work));
    GF_TRY(gf_stage_measure(work));
    GF_TRY(gf_stage_save_artifact(work));
out:
    return status;
}

static gf_status publish(gf_stage_work *work)
{
    gf_status status;
    if (!gf_stage_lease_valid(work))
        return gf_fail(GF_LOST, "the lease ran out before the result was written");
    if (!work->found) work->values[GF_METRIC_SECONDS] = gf_clock() - work->begin;
    work->values[GF_METRIC_PEAK_MEMORY] = (double)gf_peak_memory();
    GF_TRY(gf_study_write_result(work->study, work->index, work->values, work->fence));
    GF_TRY(gf_study_write_state(work->study, work->index, GF_STAGE_DONE, work->fence));
    unlink(work->checkpoint_path);
out:
    return status;
}

static gf_status find_paths(gf_stage_work *work)
{
    gf_status status;
    char root[PATH_MAX];
    GF_TRY(gf_stage_store(root, sizeof root, work->dir, gf_study_plan_get(work->study)->store));
    GF_TRY(gf_store_artifact_path(work->artifact_path, sizeof work->artifact_path, root,
                                  work->row->key));
    GF_TRY(gf_store_checkpoint_path(work->checkpoint_path, sizeof work->checkpoint_path, root,
                                    work->row->key, gf_study_id(work->study)));
out:
    return status;
}

static gf_status open_work(gf_stage_work *work)
{
    gf_status status;
    status = gf_study_open(&work->study, work->dir, true);
    GF_TRY(status == GF_NOTFOUND ? GF_IO : status); /* the run has it open: its folder is gone */
    const gf_study_plan *plan = gf_study_plan_get(work->study);
    if (work->index < 0 || work->index >= plan->stage_count) {
        status = gf_fail(GF_INVALID, "stage %d: the study has 0 to %d", work->index,
                         plan->stage_count - 1);
        goto out;
    }
    work->row = &plan->stages[work->index];
    GF_TRY(gf_options_parse(&work->options, work->row->options));
    work->segment = gf_stage_segment(work->options);
    GF_TRY_ALLOC(work->curve = gf_options_create());
    for (int m = 0; m < GF_METRIC_COUNT; m++) work->values[m] = NAN;
    GF_TRY(find_paths(work));
    GF_TRY(gf_study_write_state(work->study, work->index, GF_STAGE_RUNNING, work->fence));
out:
    return status;
}

gf_status gf_stage_run(const char *dir, int row, uint32_t fence, const gf_stage_hooks *hooks)
{
    gf_status status;
    gf_stage_work work = {
        .dir = dir, .hooks = hooks, .index = row, .fence = fence, .begin = gf_clock()
    };
    GF_TRY(open_work(&work));
    say(&work, 0, work.row->label);
    work.found = gf_stage_reuse_artifact(&work) == GF_OK;
    if (work.found) {
        say(&work, 1, NULL);
        GF_TRY(gf_curve_publish(&work));
    } else {
        GF_TRY(compute(&work));
    }
    GF_TRY(publish(&work));
out:
    if (work.row) gf_stage_release_inputs(&work);
    gf_options_destroy(work.curve);
    gf_options_destroy(work.options);
    gf_study_close(work.study);
    return status;
}
