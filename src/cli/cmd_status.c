/* gridfront status DIR: how far a sweep is, read from its files alone, at any time. */
#include "cli.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tally {
    const char *name;
    int total, counts[GF_STAGE_BLOCKED + 1];
    double cost, cost_left;    /* of all stages; of those that are not done */
    double seconds, cost_done; /* of those whose time is known */
    bool live;
    char holder[160];
} tally;

/* A running stage and its newest epoch. */
static void print_running(gf_study *study, int row, const gf_stage_row *stage)
{
    int count = 0;
    gf_epoch_row *rows = gf_alloc((size_t)stage->epochs + 1, sizeof *rows);
    if (!rows || gf_study_read_epochs(study, row, rows, &count) != GF_OK) count = 0;
    printf("  running  stage %-5d %-9s %-36.36s", row, stage->kind, stage->label);
    if (count)
        printf(" epoch %d/%d, loss %.3f, validation %.1f %%", rows[count - 1].epoch, stage->epochs,
               rows[count - 1].train_loss, 100 * rows[count - 1].validation_accuracy);
    printf("\n");
    free(rows);
}

static gf_status count_stage(tally *t, gf_study *study, int row)
{
    gf_status status;
    gf_stage_state state;
    double values[GF_METRIC_COUNT];
    const gf_stage_row *stage = &gf_study_plan_get(study)->stages[row];
    GF_TRY(gf_study_read_state(study, row, &state));
    t->counts[state]++;
    t->cost += stage->cost;
    if (state == GF_STAGE_WAITING || state == GF_STAGE_RUNNING) t->cost_left += stage->cost;
    if (state == GF_STAGE_DONE && gf_study_read_result(study, row, values) == GF_OK &&
        isfinite(values[GF_METRIC_SECONDS])) {
        t->seconds += values[GF_METRIC_SECONDS];
        t->cost_done += stage->cost;
    }
out:
    return status;
}

static gf_status take_tally(tally *t, gf_study *study, const char *dir)
{
    gf_status status = GF_OK;
    const gf_study_plan *plan = gf_study_plan_get(study);
    t->name = plan->name;
    t->total = plan->stage_count;
    t->live = gf_study_lease_held(dir, t->holder, sizeof t->holder);
    for (int row = 0; row < plan->stage_count; row++) GF_TRY(count_stage(t, study, row));
out:
    return status;
}

/* s of one worker that are left; NaN while no time is known. */
static double seconds_left(const tally *t)
{
    return t->cost_done > 0 ? t->cost_left * t->seconds / t->cost_done : NAN;
}

static gf_status print_text(const tally *t, gf_study *study, const char *dir)
{
    gf_status status = GF_OK;
    char left[32];
    gf_report *report = NULL;
    gf_text text = { 0 };
    const gf_study_plan *plan = gf_study_plan_get(study);
    const int *c = t->counts;
    gf_duration_text(left, seconds_left(t));
    printf("%s: %d/%d stages done, %d running, %d waiting, %d failed, %d blocked\n", t->name,
           c[GF_STAGE_DONE], t->total, c[GF_STAGE_RUNNING], c[GF_STAGE_WAITING], c[GF_STAGE_FAILED],
           c[GF_STAGE_BLOCKED]);
    if (t->cost_left > 0) printf("  left: %s of one worker's time\n", left);
    if (gf_study_is_done(dir))
        printf("  finished\n");
    else if (t->live)
        printf("  running: %s\n", t->holder);
    else
        printf("  no run is alive; 'gridfront run' goes on\n");
    for (int row = 0; t->live && row < plan->stage_count; row++) {
        gf_stage_state state;
        GF_TRY(gf_study_read_state(study, row, &state));
        if (state == GF_STAGE_RUNNING) print_running(study, row, &plan->stages[row]);
    }
    GF_TRY(gf_cli_load_report(&report, dir, true, false, false));
    GF_TRY(gf_report_best(report, &text));
    if (text.data) printf("  %s\n", text.data);
out:
    gf_text_release(&text);
    gf_report_destroy(report);
    return status;
}

static void print_json(const tally *t, const char *dir)
{
    const int *c = t->counts;
    double left = seconds_left(t);
    json_t *root =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:o}", "name", t->name, "stages",
                  t->total, "done", c[GF_STAGE_DONE], "running", c[GF_STAGE_RUNNING], "waiting",
                  c[GF_STAGE_WAITING], "failed", c[GF_STAGE_FAILED], "blocked", c[GF_STAGE_BLOCKED],
                  "alive", t->live, "finished", gf_study_is_done(dir), "worker_seconds_left",
                  isfinite(left) ? json_real(left) : json_null());
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}

static gf_status print_once(const char *dir, bool json)
{
    gf_status status;
    gf_study *study = NULL;
    tally t = { 0 };
    GF_TRY(gf_study_open(&study, dir, false));
    GF_TRY(take_tally(&t, study, dir));
    if (json)
        print_json(&t, dir);
    else
        GF_TRY(print_text(&t, study, dir));
    fflush(stdout);
out:
    gf_study_close(study);
    return status;
}

int cmd_status(int argc, char **argv)
{
    gf_status status;
    const char *dir = NULL;
    bool watch = false, json = false;
    const gf_flag flags[] = { { .name = "--watch", .set = &watch },
                              { .name = "--json", .set = &json },
                              { 0 } };
    GF_TRY(gf_arguments_read(&dir, 1, 1, flags, argc, argv));
    for (;;) {
        if (watch) printf("\033[H\033[2J");
        GF_TRY(print_once(dir, json));
        if (!watch || gf_study_is_done(dir)) break;
        gf_sleep(2);
    }
out:
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
