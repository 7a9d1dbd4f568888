/* A picture as lines of text: how far it is, what runs, what failed, the front. Nothing is wider
 * than the frame; where lines are few, what runs and the front share them. */
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNNING_PLAIN = 20, FRONT_PLAIN = 10, BAR = 30 };

typedef enum shade { PLAIN, BOLD, DIM, GREEN, YELLOW, RED } shade;

typedef struct canvas {
    gf_text *out;
    const gf_status_frame *frame;
    int column, lines; /* where we are in this line; lines so far */
} canvas;

/* ---- words and lines ---- */

static void paint(const canvas *c, shade color)
{
    static const char *const codes[] = { "0", "1", "2", "32", "33", "31" };
    if (c->frame->color) gf_text_append(c->out, "\033[%sm", codes[color]);
}

/* What is below the window is not drawn. */
static bool is_full(const canvas *c)
{
    return c->frame->lines && c->lines >= c->frame->lines;
}

/* What does not fit into the line is cut off. */
static void put(canvas *c, shade color, const char *format, ...) GF_PRINTF(3, 4);
static void put(canvas *c, shade color, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (is_full(c)) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int size = gf_text_fit(text, c->frame->columns - c->column);
    text[size] = '\0';
    c->column += gf_text_columns(text);
    if (color) paint(c, color);
    gf_text_append(c->out, "%s", text);
    if (color) paint(c, PLAIN);
}

/* Left-justified in a field of so many columns. */
static void put_field(canvas *c, shade color, const char *text, int columns)
{
    int size = gf_text_fit(text, columns);
    put(c, color, "%.*s", size, text);
    put(c, PLAIN, "%*s",
        columns - (gf_text_columns(text) < columns ? gf_text_columns(text) : columns), "");
}

static void end_line(canvas *c)
{
    if (is_full(c)) return;
    gf_text_append(c->out, "\n");
    c->column = 0;
    c->lines++;
}

static void put_cells(canvas *c, shade color, const char *cell, int count)
{
    for (int i = 0; i < count; i++) put(c, color, "%s", cell);
}

/* done and begun: shares; begun is drawn behind done. */
static void put_bar(canvas *c, int cells, double done, double begun)
{
    int full = (int)(cells * fmin(1, done) + 1e-9);
    int some = (int)(cells * fmin(1, done + begun) + 0.5) - full;
    if (some < 0) some = 0;
    put_cells(c, GREEN, "█", full);
    put_cells(c, YELLOW, "▒", some);
    put_cells(c, DIM, "░", cells - full - some);
}

/* ---- how far it is ---- */

static double running_work(const gf_picture *p)
{
    double work = 0;
    for (int i = 0; i < p->running_count; i++) {
        int row = p->running[i].row;
        work += p->parts[row].done * p->tasks[row].cost * p->tasks[row].chance;
    }
    return work;
}

static void put_eta(canvas *c, const gf_picture *p)
{
    char eta[32], low[32], high[32];
    if (p->finished || !isfinite(p->rest.seconds)) return;
    gf_duration_text(eta, p->rest.seconds);
    gf_duration_text(low, p->rest.low);
    gf_duration_text(high, p->rest.high);
    put(c, BOLD, "  %s %s", p->live ? "ETA" : "needs", eta);
    put(c, PLAIN, " (%s .. %s)", low, high);
}

static void draw_progress(canvas *c, const gf_picture *p)
{
    double running = running_work(p), all = p->all_work > 0 ? p->all_work : 1;
    double done = p->finished ? 1 : (p->done_work - running) / all;
    put(c, BOLD, "%s", p->plan->name);
    put(c, PLAIN, "  ");
    put_bar(c, c->frame->columns < 90 ? BAR - 10 : BAR, done, running / all);
    put(c, BOLD, " %3.0f %%", 100 * fmin(1, p->finished ? 1 : p->done_work / all));
    put_eta(c, p);
    end_line(c);
}

static void put_count(canvas *c, shade color, int count, const char *word)
{
    if (!count) return;
    put(c, PLAIN, ", ");
    put(c, color, "%d %s", count, word);
}

static void draw_counts(canvas *c, const gf_picture *p)
{
    put(c, PLAIN, "  ");
    put(c, GREEN, "%d of %d stages finished", p->counts[GF_STAGE_DONE], p->plan->stage_count);
    put_count(c, YELLOW, p->counts[GF_STAGE_RUNNING], "running");
    put_count(c, PLAIN, p->counts[GF_STAGE_WAITING], "waiting");
    if (p->paused) put(c, PLAIN, " (%d saved half-way)", p->paused);
    put_count(c, RED, p->counts[GF_STAGE_FAILED], "failed");
    put_count(c, RED, p->counts[GF_STAGE_BLOCKED], "blocked");
    put_count(c, PLAIN, p->counts[GF_STAGE_STOPPED], "stopped early");
    end_line(c);
}

static void draw_run(canvas *c, const gf_picture *p)
{
    char time[32];
    gf_duration_text(time, p->usage.seconds);
    put(c, PLAIN, "  ");
    if (p->usage.ranks)
        put(c, PLAIN, "%d %s %.1f %% busy, ", p->usage.ranks,
            p->usage.ranks == 1 ? "worker" : "workers", 100 * p->usage.busy);
    if (p->finished)
        put(c, GREEN, "finished after %s", time);
    else if (p->live)
        put(c, PLAIN, "running for %s: %s", time, p->holder);
    else
        put(c, RED, "no run is alive");
    if (!p->live && !p->finished) put(c, PLAIN, "; 'gridfront run' goes on from here");
    end_line(c);
}

static void draw_verdict(canvas *c, const gf_picture *p)
{
    char verdict[200], told[32];
    if (p->finished) {
        gf_picture_verdict(verdict, p);
        if (!verdict[0]) return;
        put(c, PLAIN, "  %s", verdict);
    } else {
        if (!isfinite(p->told.seconds)) return;
        gf_duration_text(told, p->told.seconds);
        put(c, DIM, "  predicted %s at the start, for %d %s", told, p->told.workers,
            p->told.workers == 1 ? "worker" : "workers");
    }
    end_line(c);
}

/* ---- what runs ---- */

/* How wide the columns of the running stages are: as their contents ask, the description has the
 * rest. */
typedef struct widths {
    int label, seed, bar, epochs, left; /* seed 0: there is one only */
} widths;

static void left_text(char out[32], const gf_running_stage *r)
{
    if (r->epochs && r->done == r->epochs)
        snprintf(out, 32, "ending");
    else if (isfinite(r->left))
        gf_duration_text(out, r->left);
    else
        snprintf(out, 32, "-");
}

static void epochs_text(char out[32], const gf_running_stage *r)
{
    snprintf(out, 32, r->epochs ? "%d/%d" : "", r->done, r->epochs);
}

static bool has_seeds(const gf_study_plan *plan)
{
    for (int i = 0; i < plan->trial_count; i++)
        if (plan->trials[i].seed_index > 0) return true;
    return false;
}

static int wider(int width, const char *text)
{
    return gf_text_columns(text) > width ? gf_text_columns(text) : width;
}

static widths measure_columns(const canvas *c, const gf_picture *p, int rows)
{
    enum { FIXED = 9 + 2 + 5 + 2 + 7 + 7 + 2 }; /* number, percent, loss, validation, gaps */
    widths w = { .bar = c->frame->columns < 90 ? 8 : 14, .epochs = 5, .left = 6 };
    if (has_seeds(p->plan)) w.seed = 4;
    for (int i = 0; i < rows; i++) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)p->plan->stages[p->running[i].row].seed);
        if (w.seed) w.seed = wider(w.seed, text);
        epochs_text(text, &p->running[i]);
        w.epochs = wider(w.epochs, text);
        left_text(text, &p->running[i]);
        w.left = wider(w.left, text);
    }
    w.label = c->frame->columns - FIXED - w.bar - w.epochs - w.left - (w.seed ? w.seed + 2 : 0);
    if (w.label < 12) w.label = 12;
    return w;
}

static void draw_heading(canvas *c, const widths *w)
{
    put(c, DIM, "  stage  ");
    put_field(c, DIM, "running", w->label);
    if (w->seed) put(c, DIM, "  %*s", w->seed, "seed");
    put(c, DIM, "  %*s  %*s  %5s  %5s  %*s", w->bar + 5, "", w->epochs, "epoch", "loss", "val %",
        w->left, "left");
    end_line(c);
}

static void put_number(canvas *c, const char *format, double value)
{
    char text[32];
    snprintf(text, sizeof text, format, value);
    put(c, PLAIN, "  %5s", isfinite(value) ? text : "-");
}

/* A label may begin with the kind already. */
static void append_stage(gf_text *out, const gf_stage_row *stage)
{
    bool same = strncmp(stage->label, stage->kind, strlen(stage->kind)) == 0;
    gf_text_append(out, "%s%s%s", same ? "" : stage->kind, same || !stage->label[0] ? "" : " ",
                   stage->label);
}

/* "finetune after prune magnitude 0.5 after train width 16, lr 0.1", as much as fits. */
static void what_text(char out[256], const gf_study_plan *plan, int row)
{
    gf_text text = { 0 };
    append_stage(&text, &plan->stages[row]);
    for (int at = plan->stages[row].parent; at >= 0 && text.size < 255;
         at = plan->stages[at].parent) {
        gf_text_append(&text, " after ");
        append_stage(&text, &plan->stages[at]);
    }
    snprintf(out, 256, "%s", text.data ? text.data : "");
    gf_text_release(&text);
}

static void draw_running(canvas *c, const gf_picture *p, const gf_running_stage *r, const widths *w)
{
    char what[256], epochs[32], left[32];
    what_text(what, p->plan, r->row);
    epochs_text(epochs, r);
    left_text(left, r);
    put(c, PLAIN, "%7d  ", r->row);
    put_field(c, PLAIN, what, w->label);
    if (w->seed) put(c, PLAIN, "  %*lld", w->seed, (long long)p->plan->stages[r->row].seed);
    put(c, PLAIN, "  ");
    put_bar(c, w->bar, r->share, 0);
    put(c, PLAIN, " %3.0f%%  %*s", 100 * r->share, w->epochs, epochs);
    put_number(c, "%.3f", r->loss);
    put_number(c, "%.1f", 100 * r->accuracy);
    put(c, PLAIN, "  %*s", w->left, left);
    end_line(c);
}

static void draw_all_running(canvas *c, const gf_picture *p, int rows)
{
    if (p->running_count == 0 || rows < 1) return;
    int shown = p->running_count <= rows ? p->running_count : rows - 1;
    const widths w = measure_columns(c, p, shown);
    end_line(c);
    draw_heading(c, &w);
    for (int i = 0; i < shown; i++) draw_running(c, p, &p->running[i], &w);
    if (shown == p->running_count) return;
    put(c, DIM, "         and %d more", p->running_count - shown);
    end_line(c);
}

/* ---- what failed, and the front ---- */

static int failure_lines(const canvas *c, const gf_picture *p)
{
    bool low = c->frame->lines && c->frame->lines < 20;
    int failed = p->counts[GF_STAGE_FAILED], most = low ? 1 : GF_FAILURES_SHOWN;
    return failed < most ? failed : most;
}

static void draw_failures(canvas *c, const gf_picture *p)
{
    if (failure_lines(c, p)) end_line(c);
    for (int i = 0; i < failure_lines(c, p); i++) {
        gf_text what = { 0 };
        append_stage(&what, &p->plan->stages[p->failures[i].row]);
        put(c, RED, "%7d  %s failed: ", p->failures[i].row, what.data ? what.data : "");
        put(c, PLAIN, "%s", p->failures[i].reason);
        end_line(c);
        gf_text_release(&what);
    }
}

static gf_status draw_front(canvas *c, const gf_report *report, int rows)
{
    gf_status status;
    gf_text table = { 0 };
    GF_TRY(gf_report_short(report, &table, rows, c->frame->columns - 2));
    end_line(c);
    for (char *line = table.data, *end; line && *line; line = end + 1) {
        if (!(end = strchr(line, '\n'))) break;
        *end = '\0';
        put(c, line == table.data ? BOLD : PLAIN, "  %s", line);
        end_line(c);
    }
out:
    gf_text_release(&table);
    return status;
}

/* ---- the whole ---- */

/* Lines for running stages and for points of the front: each gets what the other leaves, at least
 * half of what there is. Both have two or three lines around them. */
static void share_lines(int *running, int *front, const canvas *c, const gf_picture *p,
                        const gf_report *report)
{
    int wish_running = p->running_count, wish_front = report ? gf_report_front_size(report) : 0;
    *running = wish_running < RUNNING_PLAIN ? wish_running : RUNNING_PLAIN;
    *front = wish_front < FRONT_PLAIN ? wish_front : FRONT_PLAIN;
    if (!c->frame->lines) return;
    int failures = failure_lines(c, p) + (failure_lines(c, p) > 0);
    int left = c->frame->lines - c->lines - failures - 2; /* the foot */
    if (wish_running) left -= 2;
    if (report) left -= 3;
    if (left < 0) left = 0;
    *running = wish_running;
    *front = wish_front;
    if (wish_running + wish_front <= left) return;
    int half = left / 2;
    if (wish_front <= half) {
        *running = left - wish_front;
    } else if (wish_running <= half) {
        *front = left - wish_running;
    } else {
        *running = left - half;
        *front = half;
    }
}

gf_status gf_status_draw(gf_text *out, const gf_picture *p, const gf_report *report,
                         const gf_status_frame *frame)
{
    gf_status status = GF_OK;
    canvas c = { .out = out, .frame = frame };
    int running, front;
    draw_progress(&c, p);
    draw_counts(&c, p);
    draw_run(&c, p);
    draw_verdict(&c, p);
    share_lines(&running, &front, &c, p, report);
    draw_all_running(&c, p, running);
    draw_failures(&c, p);
    if (report && front > 0) GF_TRY(draw_front(&c, report, front));
    if (frame->watched && !p->finished) {
        end_line(&c);
        put(&c, DIM, "  Ctrl-C leaves; the sweep goes on");
        end_line(&c);
    }
    GF_TRY(gf_text_check(out));
out:
    return status;
}
