/* How far a sweep is and how long it will take: what was predicted, corrected by what is measured.
 */
#include "lead.h"

#include <math.h>
#include <time.h>

#define TICK_SECONDS     0.25
#define ESTIMATE_SECONDS 1.0
#define ESTIMATE_SHARE   0.003 /* of a core */

/* ---- the rest ---- */

gf_farm_part gf_lead_part(const lead *l, const rank_state *r, double done)
{
    double now = gf_clock();
    bool first = l->fences[r->task] == l->master->options.first_fence + 1;
    if (first && !l->master->tasks[r->task].begun)
        return (gf_farm_part){ .done = done, .timed = done, .seconds = now - r->started };
    return (gf_farm_part){ .done = done,
                           .timed = r->share > 0 ? done - r->first_share : 0,
                           .seconds = now - r->first_heard };
}

static void note_running(lead *l)
{
    for (int rank = 0; rank < l->size; rank++) {
        const rank_state *r = &l->ranks[rank];
        if (r->task < 0) continue;
        l->parts[r->task] = gf_lead_part(l, r, fmin(r->share, 0.99));
        l->parts[r->task].running = true;
    }
}

static void note_lost(lead *l)
{
    for (int task = 0; task < l->schedule.count; task++)
        if (l->schedule.state[task] >= GF_TASK_FAILED) l->parts[task].done = 1;
}

static int count_ranks(const lead *l)
{
    int ranks = 0;
    for (int rank = 0; rank < l->size; rank++)
        ranks += l->ranks[rank].greeted && !l->ranks[rank].gone;
    return ranks;
}

static void estimate(lead *l, double now)
{
    clock_t begin = clock(); /* of the processor: the trainings beside us make us slow, not dear */
    int ranks = count_ranks(l);
    note_running(l);
    note_lost(l);
    if (gf_farm_estimate_rest(&l->estimate, l->master->tasks, l->parts, l->schedule.count,
                              ranks > 0 ? ranks : 1, &l->master->options.doubt) != GF_OK)
        l->estimate.seconds = l->estimate.low = l->estimate.high = NAN;
    l->estimated = now;
    l->stale = false;
    l->estimate_cost = (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* Now and then, for a small part of the time; in between the clock runs down. */
static void fill_remaining(lead *l, gf_farm_progress *p, double now)
{
    double pause = fmax(ESTIMATE_SECONDS, l->estimate_cost / ESTIMATE_SHARE);
    if (l->estimated == 0 || now - l->estimated > pause) estimate(l, now);
    double since = now - l->estimated;
    p->remaining = fmax(0, l->estimate.seconds - since);
    p->remaining_low = fmax(0, l->estimate.low - since);
    p->remaining_high = fmax(0, l->estimate.high - since);
    if (isnan(l->estimate.seconds)) p->remaining = p->remaining_low = p->remaining_high = NAN;
}

/* ---- the share of the time that ranks are busy ---- */

/* Rank seconds in tasks so far. */
static double busy_seconds(const lead *l, double now)
{
    double busy = 0;
    for (int rank = 0; rank < l->size; rank++)
        busy += l->ranks[rank].busy + (l->ranks[rank].task >= 0 ? now - l->ranks[rank].started : 0);
    return busy;
}

void gf_lead_note_full(lead *l)
{
    double now = gf_clock();
    for (int rank = 0; rank < l->size; rank++) {
        const rank_state *r = &l->ranks[rank];
        if (r->task < 0 && r->greeted && !r->gone && !r->retired) return;
    }
    l->full = now - l->begin;
    l->full_busy = busy_seconds(l, now) / (l->full * l->size);
}

void gf_lead_tell(lead *l)
{
    double now = gf_clock();
    gf_farm_progress p = { .total = l->schedule.count,
                           .done = l->schedule.done,
                           .failed = l->schedule.failed,
                           .blocked = l->schedule.blocked,
                           .running = l->schedule.running,
                           .elapsed = now - l->begin,
                           .line = l->ranks[l->newest].line };
    l->ticked = now;
    p.ranks = count_ranks(l);
    gf_lead_note_full(l);
    p.busy = busy_seconds(l, now) / (p.elapsed * l->size);
    p.full = l->full;
    p.full_busy = l->full_busy;
    fill_remaining(l, &p, now);
    if (l->master->tick) l->master->tick(l->master->context, &p);
}

void gf_lead_tick(lead *l)
{
    if (gf_clock() - l->ticked >= TICK_SECONDS) gf_lead_tell(l);
}

double gf_lead_cost_left(lead *l)
{
    double time_left = l->master->options.time_left, now = gf_clock();
    if (time_left <= 0) return INFINITY;
    if (l->stale) estimate(l, now);
    return isfinite(l->estimate.seconds) ? (time_left - (now - l->begin)) / l->estimate.factor
                                         : INFINITY;
}
