/* Leading a sweep: the study's rows are the farm's tasks, and what the farm tells goes into the
 * slots of stages whose lease has ended. */
#include "lead.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_BEAT_SECONDS 10.0

typedef struct lead {
    const char *dir;
    gf_study *study;
    const gf_study_plan *plan; /* borrowed from the study */
    gf_resources resources;
    gf_farm_task *tasks;
    int **needs; /* [stages], owned */
    uint32_t first_fence;
    gf_stage_attempt *running; /* [stages]: the attempt that is under way */
    int *attempts;             /* [stages]: recorded in earlier runs */
    gf_progress_display display;
    double beaten;
    gf_status failure; /* of a write to the study; the first one */
    bool leased;
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

static gf_status record_attempt(lead *l, const gf_task_outcome *o)
{
    gf_status status;
    gf_stage_attempt *a = &l->running[o->task];
    bool saved = o->status == GF_INTERRUPTED || o->status == GF_LOST;
    a->status = o->status;
    a->signal = o->signal;
    a->ended = gf_clock_wall();
    a->peak_memory = o->peak_memory;
    snprintf(a->reason, sizeof a->reason, "%s", o->reason);
    GF_TRY(gf_study_write_attempt(l->study, o->task, a, o->fence));
    if (o->status == GF_OK) return GF_OK; /* the executor has written DONE itself */
    GF_TRY(gf_study_write_state(l->study, o->task, saved ? GF_STAGE_WAITING : GF_STAGE_FAILED,
                                o->fence));
    if (!saved && o->log) GF_TRY(gf_study_write_log(l->study, o->task, o->log, o->log_size));
out:
    return status;
}

static void on_ended(void *context, const gf_task_outcome *o)
{
    lead *l = context;
    const gf_stage_row *row = &l->plan->stages[o->task];
    note_failure(l, record_attempt(l, o));
    if (o->status != GF_OK && o->status != GF_INTERRUPTED && o->status != GF_LOST)
        gf_progress_note(&l->display, "stage %d (%s %s): attempt %d failed: %s", o->task, row->kind,
                         row->label, o->attempt, o->reason);
}

static void on_blocked(void *context, int task)
{
    lead *l = context;
    note_failure(l, gf_study_write_state(l->study, task, GF_STAGE_BLOCKED, l->first_fence + 1));
}

static void on_tick(void *context, const gf_farm_progress *progress)
{
    lead *l = context;
    if (gf_clock() - l->beaten > LEASE_BEAT_SECONDS) {
        l->beaten = gf_clock();
        note_failure(l, gf_study_lease_beat(l->dir));
    }
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
    l->tasks[row].cost = stage->cost;
out:
    return status;
}

/* A stage is done when its slot says so and its artifact is still there for those that need it. */
static gf_status is_done(bool *done, lead *l, int row)
{
    gf_status status;
    gf_stage_state state;
    char root[PATH_MAX], path[PATH_MAX];
    double *values = NULL;
    *done = false;
    GF_TRY(gf_study_read_state(l->study, row, &state));
    if (state != GF_STAGE_DONE) return GF_OK;
    GF_TRY_ALLOC(values = gf_alloc((size_t)l->plan->metric_count, sizeof *values));
    GF_TRY(gf_stage_store(root, sizeof root, l->dir, l->plan->store));
    GF_TRY(gf_store_artifact_path(path, sizeof path, root, l->plan->stages[row].key));
    *done = gf_file_exists(path) && gf_study_read_result(l->study, row, values) == GF_OK;
out:
    free(values);
    return status;
}

static gf_status count_attempts(lead *l, int row)
{
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT];
    int count = 0;
    gf_status status = gf_study_read_attempts(l->study, row, attempts, &count);
    for (int i = 0; status == GF_OK && i < count; i++)
        if (attempts[i].attempt > l->attempts[row]) l->attempts[row] = attempts[i].attempt;
    return status;
}

static gf_status make_tasks(lead *l)
{
    gf_status status = GF_OK;
    size_t count = (size_t)l->plan->stage_count;
    l->tasks = gf_alloc(count, sizeof *l->tasks);
    l->needs = gf_alloc(count, sizeof *l->needs);
    l->running = gf_alloc(count, sizeof *l->running);
    l->attempts = gf_alloc(count, sizeof *l->attempts);
    GF_TRY_ALLOC(l->tasks && l->needs && l->running && l->attempts);
    for (int row = 0; row < l->plan->stage_count; row++) {
        GF_TRY(task_needs(l, row));
        GF_TRY(is_done(&l->tasks[row].done, l, row));
        GF_TRY(count_attempts(l, row));
    }
out:
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

/* The store stands beside the results unless it is named. */
static gf_status resolve_store(char out[PATH_MAX], const char *store)
{
    gf_status status;
    if (!store) {
        snprintf(out, PATH_MAX, "../stages");
        return GF_OK;
    }
    GF_TRY(gf_folder_make(store));
    if (!realpath(store, out)) status = gf_fail(GF_IO, "--store: %s is no folder", store);
out:
    return status;
}

static gf_status open_study(lead *l, gf_plan *plan, const char *numerics, const char *store)
{
    gf_status status;
    char root[PATH_MAX];
    GF_TRY(resolve_store(root, store));
    GF_TRY(gf_plan_assign_keys(plan, numerics));
    if (gf_study_exists(l->dir)) {
        GF_TRY(gf_cli_compare_study(l->dir, plan, numerics));
    } else {
        GF_TRY(gf_cli_find_images(plan, l->dir, root));
        GF_TRY(gf_folder_make(l->dir));
    }
    GF_TRY(gf_cli_take_lease(l->dir));
    l->leased = true;
    if (!gf_study_exists(l->dir)) GF_TRY(gf_cli_create_study(l->dir, plan, root, numerics));
    GF_TRY(gf_study_open(&l->study, l->dir, true));
    l->plan = gf_study_plan_get(l->study);
    GF_TRY(gf_study_highest_fence(l->study, &l->first_fence));
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
                     .first_fence = l->first_fence },
        .started = on_started,
        .ended = on_ended,
        .blocked = on_blocked,
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
    gf_study_close(l->study);
    if (l->leased) gf_study_lease_release(l->dir);
}

gf_status gf_cli_lead(gf_farm *farm, gf_plan *plan, const char *numerics, const char *results,
                      const char *store, bool retry_failed, gf_summary *summary)
{
    gf_status status;
    char dir[PATH_MAX];
    double begin = gf_clock();
    lead l = { .dir = dir, .failure = GF_OK };
    GF_TRY(resolve_folder(dir, sizeof dir, plan, results));
    GF_TRY(gf_fields_read(&l.resources, gf_resources_schema.fields, plan->resources, ""));
    GF_TRY(open_study(&l, plan, numerics, store));
    snprintf(summary->dir, sizeof summary->dir, "%s", dir);
    summary->stages = l.plan->stage_count;
    if (gf_study_is_done(dir) && !retry_failed) {
        summary->nothing_to_do = true;
        goto out;
    }
    GF_TRY(make_tasks(&l));
    GF_TRY(gf_cli_find_images_again(l.plan, l.tasks, dir));
    gf_progress_init(&l.display, plan->name, dir);
    const gf_farm_master master = farm_master(&l);
    status = gf_farm_lead(farm, &master, &summary->failed);
    gf_progress_end(&l.display);
    GF_TRY(status);
    GF_TRY(l.failure);
    summary->seconds = gf_clock() - begin;
out:
    lead_release(&l);
    return status;
}
