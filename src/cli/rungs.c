/* Counting results and deciding about arms. */
#include "rungs.h"

#include "arms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gf_rungs {
    gf_study *study;
    const gf_study_plan *plan;
    gf_early_stopping options;
    gf_arms arms;
    int *metrics; /* [objectives] */
    gf_goal *goals;
    int objectives;

    double *values; /* [arms, objectives]: means over the seeds; NaN until all are done */
    bool *let_go;   /* [stages] */
    int *released;  /* [released_count]: since the last call */
    int released_count;

    int *turns; /* [turn_count]: stages in the recorded order of a replay */
    int turn_count, turn;
    bool *arrived, *counted; /* [stages] */
    int order;               /* results counted so far */
};

/* ---- reading the study ---- */

static gf_status read_objectives(gf_rungs *r, const gf_options *settings)
{
    gf_status status = GF_OK;
    r->metrics = gf_alloc(GF_METRIC_COUNT, sizeof *r->metrics);
    r->goals = gf_alloc(GF_METRIC_COUNT, sizeof *r->goals);
    GF_TRY_ALLOC(r->metrics && r->goals);
    for (int i = 0; r->objectives < GF_METRIC_COUNT; i++) {
        char key[48];
        snprintf(key, sizeof key, "objective.%d.metric", i);
        const char *name = gf_options_get(settings, key);
        if (!name) break;
        snprintf(key, sizeof key, "objective.%d.goal", i);
        const char *goal = gf_options_get(settings, key);
        for (int m = 0; m < GF_METRIC_COUNT; m++) {
            if (strcmp(gf_metric_names[m], name) != 0 || gf_metric_is_time((gf_metric)m)) continue;
            r->metrics[r->objectives] = m;
            r->goals[r->objectives++] = goal && strcmp(goal, "max") == 0 ? GF_MAX : GF_MIN;
        }
    }
    if (r->objectives == 0)
        status = gf_fail(GF_CORRUPT, "early_stopping: there is no objective to judge a rung by");
out:
    return status;
}

/* ---- the recorded order ---- */

typedef struct turn {
    int stage, order;
} turn;

static int turn_order(const void *a, const void *b)
{
    const turn *x = a, *y = b;
    return x->order != y->order ? x->order - y->order : x->stage - y->stage;
}

static int find_key(const gf_study_plan *plan, const char *key)
{
    for (int s = 0; s < plan->stage_count; s++)
        if (strcmp(plan->stages[s].key, key) == 0) return s;
    return -1;
}

/* The stages of this sweep whose results another run of it has counted, in that order. */
static gf_status read_turns(gf_rungs *r, const char *replay)
{
    gf_status status;
    gf_study *other = NULL;
    turn *list = NULL;
    GF_TRY(gf_study_open(&other, replay, false));
    const gf_study_plan *plan = gf_study_plan_get(other);
    list = gf_alloc((size_t)plan->stage_count, sizeof *list);
    r->turns = gf_alloc((size_t)plan->stage_count, sizeof *r->turns);
    GF_TRY_ALLOC(list && r->turns);
    for (int s = 0; s < plan->stage_count; s++) {
        turn one = { .stage = find_key(r->plan, plan->stages[s].key) };
        GF_TRY(gf_study_read_order(other, s, &one.order));
        if (one.stage >= 0 && one.order > 0) list[r->turn_count++] = one;
    }
    qsort(list, (size_t)r->turn_count, sizeof *list, turn_order);
    for (int i = 0; i < r->turn_count; i++) r->turns[i] = list[i].stage;
out:
    free(list);
    gf_study_close(other);
    return status;
}

/* ---- deciding ---- */

static bool is_out(const gf_rungs *r, const gf_arm *one)
{
    return one->failed || (r->arms.rungs[one->rung].decided && !one->chosen);
}

/* Everybody who can come to this rung has come. */
static bool is_complete(const gf_rungs *r, int at)
{
    for (int a = 0; a < r->arms.count; a++) {
        const gf_arm *one = &r->arms.items[a];
        if (one->rung != at || one->failed || one->done == r->arms.seeds) continue;
        if (one->before < 0 || !is_out(r, &r->arms.items[one->before])) return false;
    }
    return true;
}

static void choose(gf_rungs *r, gf_arm *one)
{
    one->chosen = true;
    for (int s = 0; s < r->arms.seeds; s++) {
        if (r->let_go[one->next[s]]) continue;
        r->let_go[one->next[s]] = true;
        r->released[r->released_count++] = one->next[s];
    }
}

/* values[arm_count, objectives]: of the arms of this rung; NaN for all others. */
static int gather(const gf_rungs *r, int at, double *values)
{
    int size = 0;
    for (int a = 0; a < r->arms.count; a++) {
        const gf_arm *one = &r->arms.items[a];
        bool here = one->rung == at && one->done == r->arms.seeds && !one->failed;
        for (int k = 0; k < r->objectives; k++)
            values[a * r->objectives + k] = here ? r->values[a * r->objectives + k] : NAN;
        size += here;
    }
    return size;
}

static gf_status decide_rung(gf_rungs *r, int at)
{
    gf_status status = GF_OK;
    bool complete = is_complete(r, at);
    bool *go_on = gf_alloc((size_t)r->arms.count, sizeof *go_on);
    double *values = gf_alloc((size_t)r->arms.count * (size_t)r->objectives, sizeof *values);
    GF_TRY_ALLOC(go_on && values);
    if (!complete && r->options.halving == GF_HALVING_SYNCHRONOUS) goto out;
    int keep = gather(r, at, values) / r->options.factor;
    if (complete && keep < 1) keep = 1;
    GF_TRY(gf_halving_choose(go_on, values, r->goals, r->arms.count, r->objectives, keep,
                             r->options.safe));
    for (int a = 0; a < r->arms.count; a++)
        if (go_on[a] && !r->arms.items[a].chosen) choose(r, &r->arms.items[a]);
    r->arms.rungs[at].decided = complete;
out:
    free(go_on);
    free(values);
    return status;
}

/* In the order of chains, so that a rung which becomes complete can complete later ones. */
static gf_status decide(gf_rungs *r)
{
    gf_status status = GF_OK;
    for (int at = 0; at < r->arms.rung_count; at++)
        if (!r->arms.rungs[at].decided) GF_TRY(decide_rung(r, at));
out:
    return status;
}

/* Means over the seeds. */
static gf_status read_values(gf_rungs *r, int index)
{
    gf_status status = GF_OK;
    const gf_arm *one = &r->arms.items[index];
    double values[GF_METRIC_COUNT], *means = &r->values[index * r->objectives];
    for (int k = 0; k < r->objectives; k++) means[k] = 0;
    for (int s = 0; s < r->arms.seeds; s++) {
        GF_TRY(gf_study_read_result(r->study, one->members[s], values));
        for (int k = 0; k < r->objectives; k++) means[k] += values[r->metrics[k]] / r->arms.seeds;
    }
out:
    return status;
}

/* A result's turn has come. */
static gf_status count_result(gf_rungs *r, int stage, uint32_t fence)
{
    gf_status status;
    int index = r->arms.of[stage], known = 0;
    r->counted[stage] = true;
    GF_TRY(gf_study_read_order(r->study, stage, &known));
    if (++r->order != known) GF_TRY(gf_study_write_order(r->study, stage, r->order, fence));
    if (index < 0 || ++r->arms.items[index].done < r->arms.seeds) return GF_OK;
    GF_TRY(read_values(r, index));
    GF_TRY(decide(r));
out:
    return status;
}

/* In a replay the recorded ones go first, in their order; the others follow when all are through.
 */
static gf_status count_arrived(gf_rungs *r, uint32_t fence)
{
    gf_status status = GF_OK;
    for (; r->turn < r->turn_count && r->arrived[r->turns[r->turn]]; r->turn++)
        if (!r->counted[r->turns[r->turn]]) GF_TRY(count_result(r, r->turns[r->turn], fence));
    for (int s = 0; r->turn == r->turn_count && s < r->plan->stage_count; s++)
        if (r->arrived[s] && !r->counted[s]) GF_TRY(count_result(r, s, fence));
out:
    return status;
}

gf_status gf_rungs_finished(gf_rungs *r, int stage, uint32_t fence)
{
    if (!r || r->arrived[stage]) return GF_OK;
    r->arrived[stage] = true;
    return count_arrived(r, fence);
}

gf_status gf_rungs_blocked(gf_rungs *r, int stage)
{
    if (!r) return GF_OK;
    if (r->arms.of[stage] >= 0) r->arms.items[r->arms.of[stage]].failed = true;
    if (r->arms.let_go_by[stage] >= 0) r->arms.items[r->arms.let_go_by[stage]].failed = true;
    return decide(r);
}

/* ---- the farm's side ---- */

static void hold_tasks(const gf_rungs *r, gf_farm_task *tasks)
{
    for (int s = 0; s < r->plan->stage_count; s++) {
        int parent = r->plan->stages[s].parent;
        tasks[s].held = r->arms.let_go_by[s] >= 0;
        tasks[s].urgency = (parent < 0 ? 0 : tasks[parent].urgency) + tasks[s].held;
        tasks[s].chance =
            (parent < 0 ? 1 : tasks[parent].chance) / (tasks[s].held ? r->options.factor : 1);
    }
}

gf_status gf_rungs_begin(gf_rungs *r, gf_farm_task *tasks, uint32_t fence)
{
    gf_status status = GF_OK;
    int count = 0;
    turn *list = NULL;
    if (!r) return GF_OK;
    hold_tasks(r, tasks);
    GF_TRY_ALLOC(list = gf_alloc((size_t)r->plan->stage_count, sizeof *list));
    for (int s = 0; s < r->plan->stage_count; s++) {
        if (!tasks[s].done) continue;
        list[count].stage = s;
        GF_TRY(gf_study_read_order(r->study, s, &list[count].order));
        if (list[count].order == 0)
            list[count].order = INT32_MAX; /* killed before it was counted */
        count++;
    }
    qsort(list, (size_t)count, sizeof *list, turn_order);
    for (int i = 0; i < count; i++) GF_TRY(gf_rungs_finished(r, list[i].stage, fence));
out:
    free(list);
    return status;
}

int gf_rungs_release(gf_rungs *r, int *tasks)
{
    int count = r ? r->released_count : 0;
    for (int i = 0; i < count; i++) tasks[i] = r->released[i];
    if (r) r->released_count = 0;
    return count;
}

gf_status gf_rungs_conclude(gf_rungs *r, uint32_t fence, int *stopped_count)
{
    gf_status status = GF_OK;
    bool *stopped = NULL;
    if (!r) return GF_OK;
    GF_TRY_ALLOC(stopped = gf_alloc((size_t)r->plan->stage_count, sizeof *stopped));
    for (int s = 0; s < r->plan->stage_count; s++) {
        int parent = r->plan->stages[s].parent, before = r->arms.let_go_by[s];
        gf_stage_state state;
        stopped[s] =
            (parent >= 0 && stopped[parent]) || (before >= 0 && is_out(r, &r->arms.items[before]));
        *stopped_count += stopped[s];
        GF_TRY(gf_study_read_state(r->study, s, &state));
        if (stopped[s] && state == GF_STAGE_WAITING)
            GF_TRY(gf_study_write_state(r->study, s, GF_STAGE_STOPPED, fence));
    }
out:
    free(stopped);
    return status;
}

/* ---- making ---- */

static gf_status alloc_tables(gf_rungs *r)
{
    gf_status status = GF_OK;
    size_t stages = (size_t)r->plan->stage_count;
    size_t values = (size_t)r->arms.count * (size_t)r->objectives;
    r->let_go = gf_alloc(stages, sizeof *r->let_go);
    r->released = gf_alloc(stages, sizeof *r->released);
    r->arrived = gf_alloc(stages, sizeof *r->arrived);
    r->counted = gf_alloc(stages, sizeof *r->counted);
    r->values = gf_alloc(values, sizeof *r->values);
    GF_TRY_ALLOC(r->let_go && r->released && r->arrived && r->counted && r->values);
    for (size_t i = 0; i < values; i++) r->values[i] = NAN;
out:
    return status;
}

gf_status gf_rungs_create(gf_rungs **rungs, gf_study *study, const char *replay)
{
    gf_status status;
    gf_options *settings = NULL;
    gf_rungs *r = NULL;
    GF_TRY(gf_options_parse(&settings, gf_study_plan_get(study)->settings));
    if (!gf_options_get(settings, "early_stopping.factor")) goto out;
    GF_TRY_ALLOC(r = gf_alloc(1, sizeof *r));
    r->study = study;
    r->plan = gf_study_plan_get(study);
    GF_TRY(
        gf_fields_read(&r->options, gf_early_stopping_schema.fields, settings, "early_stopping."));
    GF_TRY(read_objectives(r, settings));
    GF_TRY(gf_arms_init(&r->arms, r->plan));
    GF_TRY(alloc_tables(r));
    if (replay) GF_TRY(read_turns(r, replay));
    *rungs = r;
    r = NULL;
out:
    gf_options_destroy(settings);
    gf_rungs_destroy(r);
    return status;
}

void gf_rungs_destroy(gf_rungs *r)
{
    if (!r) return;
    gf_arms_release(&r->arms);
    free(r->metrics);
    free(r->goals);
    free(r->values);
    free(r->let_go);
    free(r->released);
    free(r->turns);
    free(r->arrived);
    free(r->counted);
    free(r);
}
