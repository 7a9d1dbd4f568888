/* One point in full: `gridfront show DIR POINT[.SEED] [--log]`. */
#include "model.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void append_configuration(const gf_report *r, gf_text *out, int p)
{
    const gf_report_point *point = &r->points[p];
    gf_text_append(out, "point %d: %s%s%s\n", p, point->label,
                   point->front ? "  (on the front)" : "", p == r->knee ? "  (the knee)" : "");
    for (const char *at = point->options; *at;) {
        size_t size = strcspn(at, "\n");
        gf_text_append(out, "  %.*s\n", (int)size, at);
        at += size + (at[size] == '\n');
    }
    if (point->dominator >= 0)
        gf_text_append(out, "  dominated by point %d: %s\n", point->dominator,
                       r->points[point->dominator].label);
}

static void append_results(const gf_report *r, gf_text *out, int p)
{
    const gf_report_point *point = &r->points[p];
    gf_text_append(out, "\n  %-16s %20s", "", "mean");
    for (int s = 0; s < r->seeds; s++) gf_text_append(out, "  %12s %d", "seed index", s);
    gf_text_append(out, "\n");
    for (int m = 0; m < r->options.metric_count; m++) {
        char cell[64];
        if (!gf_report_shows(r, m) || isnan(point->estimates[m].mean)) continue;
        gf_report_value_text(cell, r, m, &point->estimates[m]);
        int shift = strstr(cell, "±") ? 1 : 0; /* two bytes, one column */
        gf_text_append(out, "  %-16s %*s", r->metrics[m].name, 20 + shift, cell);
        for (int s = 0; s < r->seeds; s++) {
            const gf_estimate one = { .mean = point->values[s * r->options.metric_count + m],
                                      .half = NAN };
            gf_report_value_text(cell, r, m, &one);
            gf_text_append(out, "  %14s", cell);
        }
        gf_text_append(out, "\n");
    }
}

static void append_attempt(const gf_report *r, gf_text *out, const gf_stage_attempt *a)
{
    char size[32], took[32];
    gf_bytes_text(size, (double)a->peak_memory);
    gf_duration_text(took, a->ended - a->started);
    gf_text_append(out, "      attempt %d", a->attempt);
    if (r->options.times) gf_text_append(out, " on %s, rank %d", a->host, a->rank);
    if (a->ended <= 0)
        gf_text_append(out, ": under way, or cut off");
    else if (r->options.times)
        gf_text_append(out, ": %s after %s, %s", gf_status_text((gf_status)a->status), took, size);
    if (a->reason[0]) gf_text_append(out, "; %s", a->reason);
    gf_text_append(out, "\n");
}

static void append_curve(const gf_report *r, gf_text *out, int row)
{
    int count = 0, epochs = r->plan->stages[row].epochs;
    gf_epoch_row *rows = gf_alloc((size_t)epochs + 1, sizeof *rows);
    if (rows && epochs > 0 && gf_study_read_epochs(r->study, row, rows, &count) == GF_OK)
        for (int i = 0; i < count; i++)
            gf_text_append(out,
                           "      epoch %3d  lr %-10.4g train %.4f %6.2f %%  validation %.4f "
                           "%6.2f %%\n",
                           rows[i].epoch, rows[i].lr, rows[i].train_loss,
                           100 * rows[i].train_accuracy, rows[i].validation_loss,
                           100 * rows[i].validation_accuracy);
    free(rows);
}

/* Where the last `lines` lines begin. */
static const char *tail_of(const char *text, int lines)
{
    const char *at = text + strlen(text);
    if (at > text && at[-1] == '\n') at--;
    while (at > text && (at[-1] != '\n' || --lines > 0)) at--;
    return at;
}

static void append_log(const gf_report *r, gf_text *out, int row, bool whole)
{
    enum { LAST_LINES = 24 };
    char *log = NULL;
    if (gf_study_read_log(r->study, row, &log) == GF_OK && log)
        gf_text_append(out, "      ---- %s ----\n%s\n      -------------\n",
                       whole ? "log" : "end of its log (all: --log)",
                       whole ? log : tail_of(log, LAST_LINES));
    free(log);
}

static void append_stage(const gf_report *r, gf_text *out, int row, bool log)
{
    const gf_stage_row *stage = &r->plan->stages[row];
    const gf_report_stage *s = &r->stages[row];
    bool told = strncmp(stage->label, stage->kind, strlen(stage->kind)) == 0; /* "train width 8" */
    gf_text_append(out, "    stage %d: %s%s%s: %s\n", row, told ? "" : stage->kind, told ? "" : " ",
                   stage->label, gf_report_state_word(s->state));
    for (int i = 0; i < s->attempt_count; i++)
        if (s->state != GF_STAGE_DONE || s->attempts[i].status != GF_OK)
            append_attempt(r, out, &s->attempts[i]);
    append_curve(r, out, row);
    if (log || s->state == GF_STAGE_FAILED) append_log(r, out, row, log);
    if (s->state == GF_STAGE_FAILED)
        gf_text_append(out, "      again, alone: gridfront stage %s %d\n", r->dir, row);
}

gf_status gf_report_show(const gf_report *r, gf_text *out, int point, int seed_index, bool log)
{
    if (point < 0 || point >= r->plan->point_count)
        return gf_fail(GF_INVALID, "show: point %d; %s has 0 to %d", point, r->dir,
                       r->plan->point_count - 1);
    if (seed_index >= r->seeds)
        return gf_fail(GF_INVALID, "show: seed index %d; there are 0 to %d", seed_index,
                       r->seeds - 1);
    append_configuration(r, out, point);
    append_results(r, out, point);
    for (int s = 0; s < r->seeds; s++) {
        const gf_trial_row *trial = gf_report_trial(r, point, s);
        if (!trial || (seed_index >= 0 && s != seed_index)) continue;
        gf_text_append(out, "\n  seed %" PRId64 "\n", trial->seed);
        for (int i = 0; i < trial->stage_count; i++) append_stage(r, out, trial->stages[i], log);
    }
    return gf_text_check(out);
}
