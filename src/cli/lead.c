/* Leading a sweep: the study's rows are the farm's tasks, and what the farm tells goes into the
 * slots of stages whose lease has ended. */
#include "lead.h"

#include "forecast.h"
#include "rungs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEASE_BEAT_SECONDS 10.0
#define SAVE_SECONDS       300.0 /* between two times that what was measured is kept */
#define TIMING_SECONDS     0.2   /* of a model that was never trained here */

typedef struct lead {
    const char *dir;
    gf_study *study;
    const gf_study_plan *plan; /* borrowed from the study */
    gf_resources resources;
    gf_rungs *rungs; /* NULL: nothing is stopped early */
    double time_left;
    gf_place place;
    gf_history *history; /* of this kind of machine */
    gf_cli_rows rows;    /* of a study that is made now */
    int *groups;         /* [stages] */
    char run[48];        /* names this run's file in the history */
    double saved;
    gf_farm_task *tasks;
    int **needs; /* [stages], owned */
    uint32_t first_fence;
    gf_stage_attempt *running; /* [stages]: the attempt that is under way */
    int *attempts;             /* [stages]: recorded in earlier runs */
    gf_progress_display display;
    gf_summary *summary; /* borrowed */
    double beaten;
    gf_status failure; /* of a write to the study; the first one */
    bool leased, retry_failed;
} lead;

/* ---- what the farm tells ---- */

static void note_failure(lead *l, gf_status status)
{
    if (status != GF_OK && l->failure == GF_OK) {
        l->failure = status;
        gf_log(GF_ERROR, "run", "%s", gf_error_message());
    }
}

static void on_started(void *context, int task, int attempt, int rank, uint32_t fence,
                       const char *host)
{
    lead *l = context;
    gf_stage_attempt *a = &l->running[task];
    *a = (gf_stage_attempt){ .attempt = l->attempts[task] + attempt,
                             .rank = rank,
                             .started = gf_clock_wall() };
    snprintf(a->host, sizeof a->host, "%s", host);
    note_failure(l, gf_study_write_attempt(l->study, task, a, fence));
}

/* A stage that could not read or write is not to blame: the sweep is not done, and the next run
 * tries it again. */
static bool is_quarantined(lead *l, const gf_task_outcome *o)
{
    if (o->final && o->status == GF_IO) note_failure(l, gf_fail(GF_IO, "%s", o->reason));
    return o->final && o->status != GF_IO;
}

static gf_status record_attempt(lead *l, const gf_task_outcome *o)
{
    gf_status status;
    gf_stage_attempt *a = &l->running[o->task];
    a->status = o->status;
    a->signal = o->signal;
    a->ended = gf_clock_wall();
    a->peak_memory = o->peak_memory;
    snprintf(a->reason, sizeof a->reason, "%s", o->reason);
    GF_TRY(gf_study_write_attempt(l->study, o->task, a, o->fence));
    if (o->status == GF_OK) return GF_OK; /* the executor has written DONE itself */
    GF_TRY(gf_study_write_state(
        l->study, o->task, is_quarantined(l, o) ? GF_STAGE_FAILED : GF_STAGE_WAITING, o->fence));
    if (o->log) GF_TRY(gf_study_write_log(l->study, o->task, o->log, o->log_size));
out:
    return status;
}

/* For later runs: stages that were done in one go. */
static void remember(lead *l, const gf_task_outcome *o)
{
    const gf_stage_row *row = &l->plan->stages[o->task];
    char root[PATH_MAX], file[PATH_MAX], path[GF_STAGE_PATH], name[GF_STAGE_PATH + 16];
    struct stat about;
    if (l->running[o->task].attempt != 1 || o->found > 0 || row->cost <= 0) return;
    gf_cli_stage_path(path, l->plan->stages, o->task, l->place.threads);
    snprintf(name, sizeof name, "seconds/%s", path);
    gf_history_add(l->history, name, o->seconds / gf_place_cost(&l->place, row->cost));
    if (!l->rows.parameters || gf_stage_store(root, sizeof root, l->dir, l->plan->store) != GF_OK ||
        gf_store_artifact_path(file, sizeof file, root, row->key) != GF_OK || stat(file, &about))
        return;
    snprintf(name, sizeof name, "bytes/%s", path);
    gf_history_add(l->history, name,
                   (double)about.st_size / gf_forecast_artifact_unit(l->rows.parameters[o->task]));
}

/* A home that is full or not there costs predictions, no results. */
static void save_history(lead *l)
{
    l->saved = gf_clock();
    if (gf_history_save(l->history, l->run) == GF_OK) return;
    gf_log(GF_INFO, "run", "what was measured is not kept: %s", gf_error_message());
    gf_error_clear();
}

static void on_ended(void *context, const gf_task_outcome *o)
{
    lead *l = context;
    const gf_stage_row *row = &l->plan->stages[o->task];
    note_failure(l, record_attempt(l, o));
    if (o->status == GF_OK) remember(l, o);
    if (o->status == GF_OK) note_failure(l, gf_rungs_finished(l->rungs, o->task, o->fence));
    if (o->status != GF_OK && o->status != GF_INTERRUPTED && o->status != GF_LOST)
        gf_progress_note(&l->display, "stage %d (%s %s): attempt %d failed: %s", o->task, row->kind,
                         row->label, o->attempt, o->reason);
}

static void on_blocked(void *context, int task)
{
    lead *l = context;
    note_failure(l, gf_study_write_state(l->study, task, GF_STAGE_BLOCKED, l->first_fence + 1));
    note_failure(l, gf_rungs_blocked(l->rungs, task));
}

static int on_release(void *context, int *tasks)
{
    const lead *l = context;
    return gf_rungs_release(l->rungs, tasks);
}

static void on_tick(void *context, const gf_farm_progress *progress)
{
    lead *l = context;
    if (gf_clock() - l->beaten > LEASE_BEAT_SECONDS) {
        l->beaten = gf_clock();
        note_failure(l, gf_study_lease_beat(l->dir));
    }
    if (gf_clock() - l->saved > SAVE_SECONDS) save_history(l);
    l->summary->workers = progress->ranks;
    l->summary->busy = progress->busy;
    l->summary->full_busy = progress->full_busy;
    gf_progress_show(&l->display, progress);
}

/* ---- from rows to tasks ---- */

static gf_status task_needs(lead *l, int row)
{
    gf_status status = GF_OK;
    const gf_stage_row *stage = &l->plan->stages[row];
    int count = 0;
    l->needs[row] = gf_alloc((size_t)stage->teacher_count + 1, sizeof **l->needs);
    GF_TRY_ALLOC(l->needs[row]);
    if (stage->parent >= 0) l->needs[row][count++] = stage->parent;
    for (int i = 0; i < stage->teacher_count; i++) {
        bool known = false;
        for (int k = 0; k < count; k++) known |= l->needs[row][k] == stage->teachers[i];
        if (!known) l->needs[row][count++] = stage->teachers[i];
    }
    l->tasks[row].needs = l->needs[row];
    l->tasks[row].need_count = count;
    l->tasks[row].cost = stage->seconds > 0 ? stage->seconds : stage->cost;
    l->tasks[row].group = l->groups[row];
out:
    return status;
}

static gf_status artifact_path(char path[PATH_MAX], const lead *l, int row)
{
    gf_status status;
    char root[PATH_MAX];
    GF_TRY(gf_stage_store(root, sizeof root, l->dir, l->plan->store));
    GF_TRY(gf_store_artifact_path(path, PATH_MAX, root, l->plan->stages[row].key));
out:
    return status;
}

/* Its learning curve and its result are there and check; the time that one attempt took. */
static gf_status has_rows(bool *there, lead *l, int row)
{
    gf_status status;
    const gf_stage_row *stage = &l->plan->stages[row];
    int count = 0;
    gf_options *options = NULL;
    double *values = gf_alloc((size_t)l->plan->metric_count, sizeof *values);
    gf_epoch_row *rows = gf_alloc((size_t)stage->epochs + 1, sizeof *rows);
    GF_TRY_ALLOC(values && rows);
    GF_TRY(gf_options_parse(&options, stage->options));
    GF_TRY(gf_study_read_epochs(l->study, row, rows, &count));
    *there = count == stage->epochs - gf_stage_segment(options).from &&
             gf_study_read_result(l->study, row, values) == GF_OK;
    if (*there && l->attempts[row] == 1 && l->plan->metric_count == GF_METRIC_COUNT &&
        isfinite(values[GF_METRIC_SECONDS]))
        l->tasks[row].took = values[GF_METRIC_SECONDS];
out:
    gf_options_destroy(options);
    free(values);
    free(rows);
    return status;
}

/* A stage is done when its slot says so and its artifact is still there; it has failed when the
 * slot says so and nobody wants it tried again. Rows that are damaged are taken from the artifact
 * by doing it again. */
static gf_status read_outcome(lead *l, int row)
{
    gf_status status;
    gf_stage_state state;
    gf_farm_task *task = &l->tasks[row];
    char path[PATH_MAX];
    GF_TRY(gf_study_read_state(l->study, row, &state));
    task->failed = state == GF_STAGE_FAILED && !l->retry_failed;
    if (state != GF_STAGE_DONE) return GF_OK;
    GF_TRY(has_rows(&task->done, l, row));
    GF_TRY(artifact_path(path, l, row));
    task->done &= gf_file_exists(path);
out:
    return status;
}

/* What a stage that will run needs has to be whole, or is made again. Those that need a stage stand
 * behind it. */
static gf_status check_needed(lead *l)
{
    gf_status status = GF_OK;
    char path[PATH_MAX];
    bool *needed = gf_alloc((size_t)l->plan->stage_count, sizeof *needed);
    GF_TRY_ALLOC(needed);
    for (int row = l->plan->stage_count - 1; row >= 0; row--) {
        gf_farm_task *task = &l->tasks[row];
        if (task->done && needed[row]) {
            GF_TRY(artifact_path(path, l, row));
            task->done = gf_artifact_check(path) == GF_OK;
            if (!task->done)
                gf_log(GF_WARN, "run", "stage %d is done again: %s", row, gf_error_message());
        }
        for (int i = 0; i < task->need_count && !task->done; i++) needed[task->needs[i]] = true;
    }
out:
    free(needed);
    return status;
}

static gf_status count_attempts(lead *l, int row)
{
    gf_status status;
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT];
    int count = 0;
    GF_TRY(gf_study_mend_attempts(l->study, row));
    GF_TRY(gf_study_read_attempts(l->study, row, attempts, &count));
    for (int i = 0; i < count; i++)
        if (attempts[i].attempt > l->attempts[row]) l->attempts[row] = attempts[i].attempt;
out:
    return status;
}

static gf_status make_tasks(lead *l)
{
    gf_status status = GF_OK;
    size_t count = (size_t)l->plan->stage_count;
    gf_stage_class *classes = NULL;
    l->tasks = gf_alloc(count, sizeof *l->tasks);
    l->needs = gf_alloc(count, sizeof *l->needs);
    l->running = gf_alloc(count, sizeof *l->running);
    l->attempts = gf_alloc(count, sizeof *l->attempts);
    l->groups = gf_alloc(count, sizeof *l->groups);
    GF_TRY_ALLOC(l->tasks && l->needs && l->running && l->attempts && l->groups);
    GF_TRY(gf_cli_stage_classes(&classes, l->groups, l->plan->stages, l->plan->stage_count,
                                l->place.threads));
    for (int row = 0; row < l->plan->stage_count; row++) {
        GF_TRY(task_needs(l, row));
        GF_TRY(count_attempts(l, row));
        l->tasks[row].begun = l->attempts[row] > 0;
        GF_TRY(read_outcome(l, row));
    }
    GF_TRY(check_needed(l));
out:
    free(classes);
    return status;
}

/* ---- the study ---- */

static gf_status resolve_folder(char *dir, size_t size, const gf_plan *plan, const char *results)
{
    int length = results ? snprintf(dir, size, "%s", results)
                         : snprintf(dir, size, "results/%s", plan->name);
    if (length <= 0 || (size_t)length >= size)
        return gf_fail(GF_INVALID, "--results: '%.80s' is no folder", results ? results : "");
    while (length > 1 && dir[length - 1] == '/') dir[--length] = '\0';
    return GF_OK;
}

/* What is in the store does not depend on it. */
static gf_status explain_damage(const char *dir, gf_status status)
{
    if (status != GF_CORRUPT) return status;
    return gf_fail(
        status,
        "%s\nMove %s/sweep.h5 and DONE away and run again: stages that the store has are "
        "not done again.",
        gf_error_message(), dir);
}

/* Stages whose artifact another sweep has left. */
static gf_status find_there(bool *there, const lead *l, const gf_plan *plan, const char *store)
{
    gf_status status = GF_OK;
    char root[PATH_MAX], path[PATH_MAX];
    GF_TRY(gf_stage_store(root, sizeof root, l->dir, store));
    for (int i = 0; i < plan->stage_count; i++) {
        GF_TRY(gf_store_artifact_path(path, sizeof path, root, plan->stages[i].key.hex));
        there[i] = gf_file_exists(path);
    }
out:
    return status;
}

static gf_status create_study(lead *l, const gf_plan *plan, const char *store,
                              const gf_numerics_class *numerics)
{
    gf_status status;
    gf_forecast forecast = { 0 };
    bool *there = gf_alloc((size_t)plan->stage_count, sizeof *there);
    GF_TRY_ALLOC(there);
    GF_TRY(find_there(there, l, plan, store));
    GF_TRY(gf_cli_rows_init(&l->rows, plan, numerics));
    GF_TRY(
        gf_forecast_init(&forecast, &l->rows, plan, l->history, &l->place, TIMING_SECONDS, there));
    GF_TRY(gf_cli_create_study(l->dir, plan, &l->rows, &forecast, store, numerics));
out:
    gf_forecast_release(&forecast);
    free(there);
    return status;
}

/* Of a study that is there, for what its artifacts teach; nothing where its rows stand in another
 * order, as when somebody has moved lines of the sweep. */
static gf_status know_rows(lead *l, const gf_plan *plan, const gf_numerics_class *numerics)
{
    gf_status status = GF_OK;
    if (l->rows.stages) return GF_OK;
    GF_TRY(gf_cli_rows_init(&l->rows, plan, numerics));
    for (int i = 0; i < plan->stage_count; i++)
        if (strcmp(l->rows.stages[i].key, l->plan->stages[i].key) != 0) {
            gf_cli_rows_release(&l->rows);
            l->rows = (gf_cli_rows){ 0 };
            break;
        }
out:
    return status;
}

static gf_status open_study(lead *l, gf_plan *plan, const gf_numerics_class *numerics,
                            const char *store)
{
    gf_status status;
    char root[PATH_MAX];
    GF_TRY(gf_cli_resolve_store(root, store));
    GF_TRY(gf_plan_assign_keys(plan, numerics));
    if (gf_study_exists(l->dir)) {
        GF_TRY(explain_damage(l->dir, gf_cli_compare_study(l->dir, plan, numerics)));
    } else {
        GF_TRY(gf_cli_find_images(plan, l->dir, root));
        GF_TRY(gf_folder_make(l->dir));
    }
    GF_TRY(gf_cli_take_lease(l->dir));
    l->leased = true;
    if (!gf_study_exists(l->dir)) GF_TRY(create_study(l, plan, root, numerics));
    GF_TRY(gf_study_open(&l->study, l->dir, true));
    l->plan = gf_study_plan_get(l->study);
    GF_TRY(gf_cli_agree_on_store(l->dir, l->plan->store, root));
    GF_TRY(gf_study_highest_fence(l->study, &l->first_fence));
    snprintf(l->run, sizeof l->run, "%s-%.0f", gf_study_id(l->study), gf_clock_wall());
out:
    return status;
}

static gf_farm_master farm_master(lead *l)
{
    const gf_resources *r = &l->resources;
    return (gf_farm_master){
        .context = l,
        .study = l->dir,
        .tasks = l->tasks,
        .task_count = l->plan->stage_count,
        .options = { .max_attempts = r->max_attempts,
                     .lease_seconds = r->lease,
                     .deadline_seconds = r->deadline,
                     .memory_limit = (int64_t)r->memory << 20,
                     .threads = r->threads,
                     .time_left = l->time_left,
                     .doubt = gf_forecast_read(l->plan->settings).doubt,
                     .first_fence = l->first_fence },
        .started = on_started,
        .ended = on_ended,
        .blocked = on_blocked,
        .release = on_release,
        .tick = on_tick,
    };
}

static void lead_release(lead *l)
{
    for (int row = 0; l->needs && row < l->plan->stage_count; row++) free(l->needs[row]);
    free(l->needs);
    free(l->tasks);
    free(l->running);
    free(l->attempts);
    free(l->groups);
    gf_cli_rows_release(&l->rows);
    gf_history_close(l->history);
    gf_rungs_destroy(l->rungs);
    gf_study_close(l->study);
}

/* Of a run before: those that it could not do. */
static gf_status count_failed(int *failed, const lead *l)
{
    gf_status status = GF_OK;
    *failed = 0;
    for (int row = 0; row < l->plan->stage_count; row++) {
        gf_stage_state state;
        GF_TRY(gf_study_read_state(l->study, row, &state));
        *failed += state == GF_STAGE_FAILED || state == GF_STAGE_BLOCKED;
    }
out:
    return status;
}

static gf_place place_of(const gf_farm *farm, const gf_resources *resources)
{
    gf_place place = { .workers = gf_farm_size(farm), .threads = resources->threads };
    if (place.threads <= 0) place.threads = gf_farm_threads(farm);
    place.crowding = gf_farm_crowding(farm, place.threads);
    return place;
}

gf_status gf_cli_lead(gf_farm *farm, gf_plan *plan, const gf_numerics_class *numerics,
                      const gf_run_wishes *wishes, gf_summary *summary)
{
    gf_status status;
    char dir[PATH_MAX];
    double begin = gf_clock();
    lead l = { .dir = dir,
               .summary = summary,
               .failure = GF_OK,
               .time_left = wishes->time_left,
               .retry_failed = wishes->retry_failed };
    GF_TRY(resolve_folder(dir, sizeof dir, plan, wishes->results));
    GF_TRY(gf_fields_read(&l.resources, gf_resources_schema.fields, plan->resources, ""));
    l.place = place_of(farm, &l.resources);
    GF_TRY(gf_cli_history(&l.history, numerics));
    GF_TRY(open_study(&l, plan, numerics, wishes->store));
    snprintf(summary->dir, sizeof summary->dir, "%s", dir);
    summary->stages = l.plan->stage_count;
    if (gf_study_is_done(dir) && !wishes->retry_failed) {
        summary->nothing_to_do = true;
        status = count_failed(&summary->failed, &l);
        goto out;
    }
    gf_study_unmark_done(dir);
    GF_TRY(know_rows(&l, plan, numerics));
    GF_TRY(make_tasks(&l));
    GF_TRY(gf_rungs_create(&l.rungs, l.study, wishes->replay));
    GF_TRY(gf_rungs_begin(l.rungs, l.tasks, l.first_fence + 1));
    GF_TRY(gf_cli_find_images_again(l.plan, l.tasks, dir));
    l.saved = gf_clock();
    gf_progress_init(&l.display, plan->name, dir);
    const gf_farm_master master = farm_master(&l);
    status = gf_farm_lead(farm, &master, &summary->failed);
    gf_progress_end(&l.display);
    save_history(&l);
    GF_TRY(status);
    GF_TRY(l.failure);
    GF_TRY(gf_rungs_conclude(l.rungs, l.first_fence + 1, &summary->stopped));
    summary->seconds = gf_clock() - begin;
out:
    lead_release(&l);
    if (l.leased && status != GF_OK)
        gf_study_lease_release(dir); /* else there is an end to write */
    return status;
}
