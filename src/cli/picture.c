/* Looking at a sweep from outside. The plan is read once, the slots of all stages in long pieces at
 * every look, learning curves of running stages, and each result once. */
#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VALIDATION   1.04 /* an epoch and the validation behind it, to the epoch's own seconds */
#define ALMOST       0.95 /* of an epoch that takes longer than those before */
#define CLOCKS_APART 2.0  /* s */
#define START_SECONDS                                                                              \
    0.5 /* no run starts faster: so long before its first stages the last one died */

/* ---- opening ---- */

static gf_status alloc_stages(gf_picture *p)
{
    gf_status status = GF_OK;
    size_t count = (size_t)p->plan->stage_count, needs = count;
    for (size_t i = 0; i < count; i++) needs += (size_t)p->plan->stages[i].teacher_count;
    p->tasks = gf_alloc(count, sizeof *p->tasks);
    p->needs = gf_alloc(needs, sizeof *p->needs);
    p->groups = gf_alloc(count, sizeof *p->groups);
    p->parts = gf_alloc(count, sizeof *p->parts);
    p->took = gf_alloc(count, sizeof *p->took);
    GF_TRY_ALLOC(p->tasks && p->needs && p->groups && p->parts && p->took);
out:
    return status;
}

/* A stage behind a rung is run by chance, as its training has to be among the best there. */
static void fill_tasks(gf_picture *p, int factor)
{
    int *need = p->needs;
    for (int i = 0; i < p->plan->stage_count; i++) {
        const gf_stage_row *row = &p->plan->stages[i];
        gf_farm_task *task = &p->tasks[i];
        *task = (gf_farm_task){ .needs = need, .group = p->groups[i] };
        task->cost = row->seconds > 0 ? row->seconds : row->cost;
        task->chance = row->parent >= 0 ? p->tasks[row->parent].chance : 1;
        if (gf_cli_row_number(row, "segment.from") > 0) task->chance /= factor;
        task->held = task->chance < 1;
        if (row->parent >= 0) *need++ = row->parent;
        for (int t = 0; t < row->teacher_count; t++) *need++ = row->teachers[t];
        task->need_count = (int)(need - task->needs);
        p->all_work += task->cost * task->chance;
    }
}

static gf_status read_settings(gf_picture *p)
{
    gf_status status;
    gf_options *settings = NULL;
    GF_TRY(gf_options_parse(&settings, p->plan->settings));
    const char *factor = gf_options_get(settings, "early_stopping.factor");
    p->told = gf_forecast_read(p->plan->settings);
    fill_tasks(p, factor && atoi(factor) > 1 ? atoi(factor) : 1);
out:
    gf_options_destroy(settings);
    return status;
}

gf_status gf_picture_open(gf_picture *p, const char *dir)
{
    gf_status status;
    gf_stage_class *classes = NULL;
    *p = (gf_picture){ .failure = GF_OK };
    snprintf(p->dir, sizeof p->dir, "%s", dir);
    GF_TRY(gf_study_open(&p->study, dir, false));
    p->plan = gf_study_plan_get(p->study);
    GF_TRY(alloc_stages(p));
    GF_TRY(gf_cli_stage_classes(&classes, p->groups, p->plan->stages, p->plan->stage_count, 1));
    GF_TRY(read_settings(p));
out:
    free(classes);
    return status;
}

void gf_picture_release(gf_picture *p)
{
    free(p->tasks);
    free(p->needs);
    free(p->groups);
    free(p->parts);
    free(p->took);
    free(p->spans);
    free(p->running);
    gf_study_close(p->study);
    *p = (gf_picture){ .failure = GF_OK };
}

/* ---- attempts ---- */

static bool grow(void **items, int count, int *capacity, size_t size)
{
    if (count < *capacity) return true;
    int wanted = *capacity ? 2 * *capacity : 64;
    void *grown = realloc(*items, (size_t)wanted * size);
    if (!grown) return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

static void add_span(gf_picture *p, const gf_stage_attempt *a, double end)
{
    if (!grow((void **)&p->spans, p->span_count, &p->span_capacity, sizeof *p->spans)) {
        p->failure = gf_fail(GF_NOMEM, "out of memory");
        return;
    }
    uint32_t rank = gf_hash32(a->host) ^ (uint32_t)a->rank * 2654435761u;
    p->spans[p->span_count++] =
        (gf_farm_span){ .begin = a->started, .end = end, .rank = (int)(rank >> 1) };
}

/* Is the newest attempt under way, in the run that is alive? */
static bool is_running(const gf_picture *p, const gf_stage_slot *slot)
{
    if (!p->live || slot->count == 0) return false;
    const gf_stage_attempt *a = &slot->attempts[slot->count - 1];
    return a->ended <= 0 && a->started > p->since - CLOCKS_APART && slot->state <= GF_STAGE_RUNNING;
}

/* Of an attempt that was killed with its run nobody knows the end. It lies before the next attempt:
 * that stands here as a negative number, to be resolved. */
static double end_of(const gf_picture *p, const gf_stage_slot *slot, int i, bool running)
{
    if (slot->attempts[i].ended > 0) return slot->attempts[i].ended;
    if (i < slot->count - 1) return -slot->attempts[i + 1].started;
    if (running) return p->now;
    return -INFINITY;
}

static void add_spans(gf_picture *p, const gf_stage_slot *slot, bool running)
{
    for (int i = 0; i < slot->count; i++)
        add_span(p, &slot->attempts[i], end_of(p, slot, i, running));
}

/* What was killed lived at least until the last beginning or end of anything before that, before
 * its rank began anew, and before the run that is alive. */
static double last_sign(const gf_picture *p, const gf_farm_span *killed)
{
    double limit = -killed->end, last = killed->begin;
    if (p->since > killed->begin) limit = fmin(limit, p->since);
    for (int i = 0; i < p->span_count; i++) {
        const gf_farm_span *s = &p->spans[i];
        if (s->rank == killed->rank && s->begin > killed->begin) limit = fmin(limit, s->begin);
    }
    limit -= START_SECONDS;
    for (int i = 0; i < p->span_count; i++) {
        const gf_farm_span *s = &p->spans[i];
        if (s->begin < limit) last = fmax(last, s->begin);
        if (s->end >= 0 && s->end < limit) last = fmax(last, s->end);
    }
    return last;
}

static gf_status close_spans(gf_picture *p)
{
    gf_status status = GF_OK;
    double *ends = gf_alloc((size_t)p->span_count, sizeof *ends);
    GF_TRY_ALLOC(ends);
    for (int i = 0; i < p->span_count; i++)
        ends[i] = p->spans[i].end < 0 ? last_sign(p, &p->spans[i]) : p->spans[i].end;
    for (int i = 0; i < p->span_count; i++) p->spans[i].end = ends[i];
out:
    free(ends);
    return status;
}

/* ---- running stages ---- */

/* s of an epoch with its validation; 0: nobody knows yet. */
static double epoch_seconds(const gf_picture *p, const gf_running_stage *r,
                            const gf_stage_progress *seen)
{
    if (seen->fenced > 0) return VALIDATION * seen->fenced_seconds / seen->fenced;
    if (seen->count > 0 && seen->last.seconds > 0) return VALIDATION * seen->last.seconds;
    return p->plan->stages[r->row].seconds / r->epochs;
}

static void measure_training(gf_picture *p, gf_running_stage *r, const gf_stage_progress *seen,
                             int from)
{
    r->guessed = seen->count == 0;
    double every = epoch_seconds(p, r, seen), epochs = VALIDATION * seen->fenced_seconds;
    double since = fmax(0, r->elapsed - epochs);
    if (seen->count > 0) {
        r->done = seen->last.epoch - from;
        r->loss = seen->last.train_loss;
        r->accuracy = seen->last.validation_accuracy;
    }
    double partial = every > 0 && r->done < r->epochs ? fmin(ALMOST, since / every) : 0;
    r->share = fmin(0.99, (r->done + partial) / r->epochs);
    if (every > 0) r->left = every * (r->epochs - r->done - partial);
    p->parts[r->row] = (gf_farm_part){ .done = r->share,
                                       .timed = (double)seen->fenced / r->epochs,
                                       .seconds = fmin(epochs, r->elapsed),
                                       .running = true };
}

/* Nothing tells how far it is but how long such a stage is thought to take. */
static void measure_other(gf_picture *p, gf_running_stage *r)
{
    double whole = p->plan->stages[r->row].seconds;
    r->guessed = true;
    r->share = whole > 0 ? fmin(ALMOST, r->elapsed / whole) : 0;
    if (whole > 0) r->left = fmax(0, whole - r->elapsed);
    p->parts[r->row] = (gf_farm_part){ .done = r->share, .running = true };
}

static void add_running(gf_picture *p, int row, const gf_stage_slot *slot)
{
    const gf_stage_row *stage = &p->plan->stages[row];
    const gf_stage_attempt *a = &slot->attempts[slot->count - 1];
    gf_stage_progress seen = { 0 };
    int from = gf_cli_row_number(stage, "segment.from");
    if (!grow((void **)&p->running, p->running_count, &p->running_capacity, sizeof *p->running)) {
        p->failure = gf_fail(GF_NOMEM, "out of memory");
        return;
    }
    gf_running_stage *r = &p->running[p->running_count++];
    *r = (gf_running_stage){ .row = row,
                             .epochs = stage->epochs > from ? stage->epochs - from : 0,
                             .elapsed = fmax(0, p->now - a->started),
                             .left = NAN,
                             .loss = NAN,
                             .accuracy = NAN,
                             .rank = a->rank };
    snprintf(r->host, sizeof r->host, "%s", a->host);
    if (r->epochs > 0 && gf_study_read_progress(p->study, row, slot->fence, &seen) == GF_OK)
        measure_training(p, r, &seen, from);
    else
        measure_other(p, r);
}

static int longest_first(const void *a, const void *b)
{
    const gf_running_stage *x = a, *y = b;
    if (x->elapsed != y->elapsed) return x->elapsed < y->elapsed ? 1 : -1;
    return x->row - y->row;
}

/* ---- every stage ---- */

/* A stage that was done in one go, by its own clock where that ran: what was only found done says
 * nothing. */
static void find_time(gf_picture *p, int row, const gf_stage_slot *slot)
{
    double values[GF_METRIC_COUNT];
    const gf_stage_attempt *a = slot->count ? &slot->attempts[slot->count - 1] : NULL;
    p->took[row] = -1;
    if (!a || a->attempt != 1 || a->ended <= a->started) return;
    if (p->plan->metric_count != GF_METRIC_COUNT ||
        gf_study_read_result(p->study, row, values) != GF_OK ||
        !isfinite(values[GF_METRIC_SECONDS]))
        return;
    p->took[row] = a->ended - a->started;
}

static void add_failure(gf_picture *p, int row, const gf_stage_slot *slot)
{
    if (p->counts[GF_STAGE_FAILED] > GF_FAILURES_SHOWN) return;
    gf_failed_stage *f = &p->failures[p->counts[GF_STAGE_FAILED] - 1];
    f->row = row;
    snprintf(f->reason, sizeof f->reason, "%s",
             slot->count ? slot->attempts[slot->count - 1].reason : "?");
    f->reason[strcspn(f->reason, "\r\n")] = '\0';
}

static void take_stage(void *context, int row, const gf_stage_slot *slot)
{
    gf_picture *p = context;
    bool running = is_running(p, slot);
    gf_stage_state state = slot->state == GF_STAGE_RUNNING ? GF_STAGE_WAITING : slot->state;
    p->paused += slot->state == GF_STAGE_RUNNING && !running;
    p->counts[running ? GF_STAGE_RUNNING : state]++;
    p->parts[row] = (gf_farm_part){ .done = state >= GF_STAGE_DONE };
    add_spans(p, slot, running);
    if (running) {
        add_running(p, row, slot);
    } else if (state == GF_STAGE_DONE) {
        /* The executor says that it is done a moment before the master says how it ended. */
        if (p->took[row] == 0 && slot->count && slot->attempts[slot->count - 1].ended > 0)
            find_time(p, row, slot);
        if (p->took[row] > 0) {
            p->parts[row].timed = 1;
            p->parts[row].seconds = p->took[row];
        }
    } else if (state == GF_STAGE_FAILED) {
        add_failure(p, row, slot);
    }
    p->done_work += p->parts[row].done * p->tasks[row].cost * p->tasks[row].chance;
}

static void clear(gf_picture *p)
{
    memset(p->counts, 0, sizeof p->counts);
    p->paused = p->running_count = p->span_count = 0;
    p->done_work = 0;
    p->failure = GF_OK;
    p->now = gf_clock_wall();
}

static double read_used_bytes(const char *dir)
{
    char path[PATH_MAX], *text = NULL;
    size_t size;
    double bytes = NAN;
    gf_options *done = NULL;
    if (snprintf(path, sizeof path, "%s/DONE", dir) < (int)sizeof path &&
        gf_file_read(&text, &size, path, 4096) == GF_OK && gf_options_parse(&done, text) == GF_OK &&
        gf_options_get(done, "bytes"))
        bytes = strtod(gf_options_get(done, "bytes"), NULL);
    gf_options_destroy(done);
    free(text);
    return bytes > 0 && isfinite(bytes) ? bytes : NAN;
}

/* As fast or slow as the run has been. */
static void correct_guesses(gf_picture *p)
{
    if (!isfinite(p->rest.seconds)) return;
    for (int i = 0; i < p->running_count; i++)
        if (p->running[i].guessed) p->running[i].left *= p->rest.factor;
}

static int workers_of(const gf_picture *p)
{
    if (p->usage.ranks > 0 && (p->live || p->told.workers == 0)) return p->usage.ranks;
    return p->told.workers > 0 ? p->told.workers : 1;
}

gf_status gf_picture_take(gf_picture *p)
{
    gf_status status;
    clear(p);
    p->since = gf_study_lease_since(p->dir);
    p->live = gf_study_lease_held(p->dir, p->holder, sizeof p->holder);
    p->finished = gf_study_is_done(p->dir);
    p->used_bytes = p->finished ? read_used_bytes(p->dir) : NAN;
    GF_TRY(gf_study_scan(p->study, take_stage, p));
    GF_TRY(p->failure);
    GF_TRY(close_spans(p));
    p->usage = gf_farm_usage_of(p->spans, p->span_count);
    if (p->running_count)
        qsort(p->running, (size_t)p->running_count, sizeof *p->running, longest_first);
    GF_TRY(gf_farm_estimate_rest(&p->rest, p->tasks, p->parts, p->plan->stage_count, workers_of(p),
                                 &p->told.doubt));
    correct_guesses(p);
    gf_error_clear();
out:
    return status;
}

/* ---- afterwards ---- */

static int append_verdict(char *out, size_t size, void (*text)(char[32], double), double told,
                          double low, double high, double real, const char *verb)
{
    char t[32], l[32], h[32], r[32];
    text(t, told);
    text(l, low);
    text(h, high);
    text(r, real);
    return snprintf(out, size, "predicted %s (%s .. %s), %s %s", t, l, h, verb, r);
}

void gf_picture_verdict(char out[200], const gf_picture *p)
{
    const gf_forecast_told *t = &p->told;
    int used = 0;
    out[0] = '\0';
    if (isfinite(t->seconds) && p->usage.seconds > 0)
        used = append_verdict(out, 100, gf_duration_text, t->seconds, t->low, t->high,
                              p->usage.seconds, "took");
    if (used >= 100) used = 99;
    if (isfinite(t->bytes) && isfinite(p->used_bytes)) {
        used += snprintf(out + used, 4, "%s", used ? "; " : "");
        append_verdict(out + used, 200 - (size_t)used, gf_bytes_text, t->bytes, t->bytes_low,
                       t->bytes_high, p->used_bytes, "is");
    }
}
