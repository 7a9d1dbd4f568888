/* How far a sweep is and how long it will take: costs of tasks, corrected by the measured pace. */
#include "lead.h"

#include <math.h>

#define TICK_SECONDS 0.25

static double remaining_cost(const lead *l)
{
    double cost = 0;
    for (int task = 0; task < l->schedule.count; task++)
        if (l->schedule.state[task] <= GF_TASK_RUNNING) cost += l->master->tasks[task].cost;
    for (int rank = 0; rank < l->size; rank++)
        if (l->ranks[rank].task >= 0)
            cost -= l->ranks[rank].share * l->master->tasks[l->ranks[rank].task].cost;
    return cost;
}

/* No number of ranks is faster than the longest chain that is left. */
static double longest_path(const lead *l)
{
    double longest = 0;
    for (int task = 0; task < l->schedule.count; task++) {
        if (l->schedule.state[task] != GF_TASK_READY) continue;
        longest = fmax(longest, l->schedule.priority[task]);
    }
    for (int rank = 0; rank < l->size; rank++) {
        int task = l->ranks[rank].task;
        if (task < 0) continue;
        longest = fmax(longest, l->schedule.priority[task] -
                                    l->ranks[rank].share * l->master->tasks[task].cost);
    }
    return longest;
}

/* Seconds per cost so far, running tasks by their shares included; NaN before any is known. */
static double seconds_per_cost(const lead *l, double now)
{
    double cost = l->cost_done, seconds = l->seconds_done;
    for (int rank = 0; rank < l->size; rank++) {
        const rank_state *r = &l->ranks[rank];
        if (r->task >= 0 && r->share - r->first_share > 0.02) {
            cost += (r->share - r->first_share) * l->master->tasks[r->task].cost;
            seconds += now - r->first_heard;
        }
    }
    return cost > 0 ? seconds / cost : NAN;
}

static void estimate_remaining(const lead *l, gf_farm_progress *p, double now)
{
    double rate = seconds_per_cost(l, now), half = 0.5;
    int workers = p->ranks > 0 ? p->ranks : 1;
    p->remaining = rate * fmax(remaining_cost(l) / workers, longest_path(l));
    if (l->timed > 1 && l->cost_done > 0) {
        double variance = l->ratio_squares / l->timed - rate * rate;
        half = 0.05 + 1.96 * sqrt(variance > 0 ? variance : 0) / rate / sqrt(l->timed);
    }
    if (half > 0.5) half = 0.5;
    p->remaining_low = p->remaining * (1 - half);
    p->remaining_high = p->remaining * (1 + half);
}

void gf_lead_tick(lead *l)
{
    double now = gf_clock(), busy = 0;
    gf_farm_progress p = { .total = l->schedule.count,
                           .done = l->schedule.done,
                           .failed = l->schedule.failed,
                           .blocked = l->schedule.blocked,
                           .running = l->schedule.running,
                           .elapsed = now - l->begin };
    if (!l->master->tick || now - l->ticked < TICK_SECONDS) return;
    l->ticked = now;
    for (int rank = 0; rank < l->size; rank++) {
        const rank_state *r = &l->ranks[rank];
        p.ranks += r->greeted && !r->gone;
        busy += r->busy + (r->task >= 0 ? now - r->started : 0);
    }
    p.busy = busy / (p.elapsed * l->size);
    p.line = l->ranks[l->newest].line;
    estimate_remaining(l, &p, now);
    l->master->tick(l->master->context, &p);
}

double gf_lead_cost_left(const lead *l)
{
    double now = gf_clock(), rate = seconds_per_cost(l, now);
    double left = l->master->options.time_left - (now - l->begin);
    return l->master->options.time_left > 0 && isfinite(rate) && rate > 0 ? left / rate : INFINITY;
}
