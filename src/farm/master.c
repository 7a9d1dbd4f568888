/* Rank 0: hands out leases, takes them back from silent ranks, and counts. Point-to-point only;
 * it drains without a nap while messages come, then backs off from 20 us to 1 ms. */
#include "farm_private.h"
#include "schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICK_SECONDS 0.25
#define NAP_LEAST    20e-6
#define NAP_MOST     1e-3

typedef struct rank_state {
    bool greeted, idle, gone; /* gone: left or silent beyond its lease */
    int task;                 /* -1: none */
    uint32_t fence;
    double heard, started, busy; /* gf_clock; busy: s of finished attempts */
    double share;
    char host[64], line[128];
    gf_assembly log;
} rank_state;

typedef struct lead {
    gf_farm *farm;
    const gf_farm_master *master;
    gf_farm_schedule schedule;
    rank_state *ranks;
    int size;
    uint32_t *fences; /* [tasks]: newest lease of each */
    int *blocked;     /* [tasks]: scratch */
    double begin, ticked, nap;
    double cost_done, seconds_done; /* of tasks that finished in this run */
    double ratio_squares;           /* sum of squares of seconds per cost, for the interval */
    int timed;
    int newest; /* rank of the newest line */
    bool stopping;
    gf_status fatal; /* what ends the sweep */
    char fatal_reason[512];
} lead;

/* ---- leases ---- */

/* Grows with every lease of a task, also across runs. */
static uint32_t next_fence(lead *l, int task)
{
    uint32_t first = l->master->options.first_fence;
    l->fences[task] = (l->fences[task] > first ? l->fences[task] : first) + 1;
    return l->fences[task];
}

static gf_status send_study(lead *l, int rank)
{
    const gf_message head = { .kind = GF_MESSAGE_STUDY };
    return gf_transport_send_text(l->farm->transport, rank, &head, l->master->study,
                                  (int)strlen(l->master->study));
}

static gf_status assign(lead *l, int rank, int task)
{
    rank_state *r = &l->ranks[rank];
    const gf_farm_options *o = &l->master->options;
    const gf_message message = {
        .kind = GF_MESSAGE_ASSIGN,
        .task = task,
        .attempt = l->schedule.attempts[task],
        .fence = next_fence(l, task),
        .u.assignment = { .threads = o->threads,
                          .lease_seconds = o->lease_seconds,
                          .deadline_seconds = o->deadline_seconds,
                          .memory_limit = o->memory_limit },
    };
    r->idle = false;
    r->task = task;
    r->fence = message.fence;
    r->started = r->heard = gf_clock();
    r->share = 0;
    if (l->master->started)
        l->master->started(l->master->context, task, message.attempt, rank, message.fence, r->host);
    return gf_transport_send(l->farm->transport, rank, &message);
}

static gf_status assign_all(lead *l)
{
    gf_status status = GF_OK;
    for (int rank = 0; rank < l->size && !l->stopping; rank++) {
        if (!l->ranks[rank].greeted || !l->ranks[rank].idle || l->ranks[rank].gone) continue;
        int task = gf_farm_schedule_take(&l->schedule);
        if (task < 0) return GF_OK;
        GF_TRY(assign(l, rank, task));
    }
out:
    return status;
}

static void lose_rank(lead *l, int rank)
{
    rank_state *r = &l->ranks[rank];
    if (r->task >= 0) gf_farm_schedule_return(&l->schedule, r->task);
    r->task = -1;
    r->idle = false;
    r->gone = true;
    l->farm->finalize = false;
}

static void expire_leases(lead *l)
{
    double now = gf_clock();
    for (int rank = 0; rank < l->size; rank++) {
        rank_state *r = &l->ranks[rank];
        if (!r->greeted || r->gone || now - r->heard < l->master->options.lease_seconds) continue;
        gf_log(GF_WARN, "farm", "rank %d on %s has been silent for %.0f s; its task goes to others",
               rank, r->host, now - r->heard);
        lose_rank(l, rank);
    }
}

static gf_status send_kind(lead *l, int rank, gf_message_kind kind, uint32_t fence, int value)
{
    const gf_message message = { .kind = kind, .fence = fence, .value = value };
    return gf_transport_send(l->farm->transport, rank, &message);
}

static gf_status stop_all(lead *l)
{
    gf_status status = GF_OK;
    if (l->stopping) return GF_OK;
    l->stopping = true;
    for (int rank = 0; rank < l->size; rank++)
        if (!l->ranks[rank].gone) GF_TRY(send_kind(l, rank, GF_MESSAGE_STOP, 0, 0));
out:
    return status;
}

/* ---- ends of attempts ---- */

/* Another attempt of the same pure function ends the same, unless its surroundings were to blame.
 */
static bool is_worth_a_retry(const gf_ending *e)
{
    return e->signal || e->hung || e->exhausted || e->status == GF_IO || e->status == GF_NOMEM ||
           e->status == GF_INTERNAL;
}

static void tell_ended(lead *l, const gf_message *m, const rank_state *r)
{
    const gf_ending *e = &m->u.ending;
    gf_task_outcome outcome = { .task = m->task,
                                .attempt = m->attempt,
                                .rank = m->from,
                                .fence = m->fence,
                                .status = (gf_status)e->status,
                                .signal = e->signal,
                                .hung = e->hung,
                                .exhausted = e->exhausted,
                                .peak_memory = e->peak_memory,
                                .seconds = e->seconds,
                                .log = r->log.text,
                                .log_size = r->log.text ? (size_t)r->log.size : 0 };
    snprintf(outcome.host, sizeof outcome.host, "%s", e->host);
    snprintf(outcome.reason, sizeof outcome.reason, "%s", e->reason);
    if (l->master->ended) l->master->ended(l->master->context, &outcome);
}

static void count_time(lead *l, int task, double seconds)
{
    double cost = l->master->tasks[task].cost;
    l->cost_done += cost;
    l->seconds_done += seconds;
    if (cost > 0) {
        l->ratio_squares += seconds / cost * (seconds / cost);
        l->timed++;
    }
}

static gf_status take_failure(lead *l, const gf_message *m)
{
    int count = 0;
    const gf_ending *e = &m->u.ending;
    if (gf_status_scope((gf_status)e->status) == GF_SCOPE_SWEEP) {
        gf_farm_schedule_return(&l->schedule, m->task);
        l->fatal = (gf_status)e->status;
        snprintf(l->fatal_reason, sizeof l->fatal_reason, "%s", e->reason);
        return stop_all(l);
    }
    gf_farm_schedule_failed(&l->schedule, m->task, is_worth_a_retry(e), l->blocked, &count);
    for (int i = 0; i < count && l->master->blocked; i++)
        l->master->blocked(l->master->context, l->blocked[i]);
    return GF_OK;
}

static gf_status take_ended(lead *l, const gf_message *m)
{
    gf_status status = GF_OK;
    rank_state *r = &l->ranks[m->from];
    r->idle = true;
    if (r->task != m->task || r->fence != m->fence) return GF_OK; /* of a lease that ran out */
    r->task = -1;
    r->busy += m->u.ending.seconds;
    if (m->value) { /* revoked: nothing was wrong with it */
        gf_farm_schedule_return(&l->schedule, m->task);
        return GF_OK;
    }
    tell_ended(l, m, r);
    if (m->u.ending.status == GF_OK) {
        gf_farm_schedule_done(&l->schedule, m->task);
        count_time(l, m->task, m->u.ending.seconds);
    } else if (m->u.ending.status == GF_INTERRUPTED || m->u.ending.status == GF_LOST) {
        gf_farm_schedule_return(&l->schedule, m->task);
    } else {
        status = take_failure(l, m);
    }
    gf_assembly_release(&r->log);
    return status;
}

/* ---- other messages ---- */

static gf_status take_beat(lead *l, const gf_message *m)
{
    rank_state *r = &l->ranks[m->from];
    if (m->task >= 0 && (r->task != m->task || r->fence != m->fence)) {
        r->gone = false; /* back from the dead, with a task that is no longer its own */
        return send_kind(l, m->from, GF_MESSAGE_REVOKE, m->fence, 0);
    }
    if (m->task < 0 && r->gone) {
        r->gone = false;
        r->idle = true;
    }
    r->share = m->share;
    if (m->u.line[0]) {
        memcpy(r->line, m->u.line, sizeof r->line);
        l->newest = m->from;
    }
    return send_kind(l, m->from, GF_MESSAGE_RENEW, m->fence, 0);
}

static gf_status take_hello(lead *l, const gf_message *m)
{
    rank_state *r = &l->ranks[m->from];
    r->greeted = r->idle = true;
    snprintf(r->host, sizeof r->host, "%.63s", m->u.line);
    return send_study(l, m->from);
}

static gf_status take_message(lead *l, const gf_message *m)
{
    rank_state *r = &l->ranks[m->from];
    if (m->kind > GF_MESSAGE_TO_MASTER) return gf_worker_handle(&l->farm->worker, m);
    r->heard = gf_clock();
    switch (m->kind) {
    case GF_MESSAGE_HELLO:
        return take_hello(l, m);
    case GF_MESSAGE_BEAT:
        return take_beat(l, m);
    case GF_MESSAGE_LOG:
        gf_assembly_add(&r->log, &m->u.piece);
        return GF_OK;
    case GF_MESSAGE_ENDED:
        return take_ended(l, m);
    case GF_MESSAGE_BYE:
        lose_rank(l, m->from);
        l->farm->finalize = true; /* it leaves in order */
        return GF_OK;
    default:
        return GF_OK;
    }
}

/* ---- progress ---- */

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

/* Seconds per cost so far, running tasks by their shares included; NaN before any is known. */
static double seconds_per_cost(const lead *l, double now)
{
    double cost = l->cost_done, seconds = l->seconds_done;
    for (int rank = 0; rank < l->size; rank++) {
        const rank_state *r = &l->ranks[rank];
        if (r->task >= 0 && r->share > 0.02) {
            cost += r->share * l->master->tasks[r->task].cost;
            seconds += now - r->started;
        }
    }
    return cost > 0 ? seconds / cost : NAN;
}

static void estimate_remaining(const lead *l, gf_farm_progress *p, double now)
{
    double rate = seconds_per_cost(l, now), half = 0.5;
    int workers = p->ranks > 0 ? p->ranks : 1;
    p->remaining = rate * remaining_cost(l) / workers;
    if (l->timed > 1 && l->cost_done > 0) {
        double variance = l->ratio_squares / l->timed - rate * rate;
        half = 0.05 + 1.96 * sqrt(variance > 0 ? variance : 0) / rate / sqrt(l->timed);
    }
    if (half > 0.5) half = 0.5;
    p->remaining_low = p->remaining * (1 - half);
    p->remaining_high = p->remaining * (1 + half);
}

static void tick(lead *l)
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

/* ---- the loop ---- */

static gf_status drain(lead *l)
{
    gf_status status = GF_OK;
    gf_message message;
    while (gf_transport_receive(l->farm->transport, &message)) {
        l->nap = NAP_LEAST;
        GF_TRY(take_message(l, &message));
    }
out:
    return status;
}

static gf_status lead_loop(lead *l)
{
    gf_status status = GF_OK;
    while (!gf_farm_schedule_is_over(&l->schedule) && !(l->stopping && l->schedule.running == 0)) {
        GF_TRY(drain(l));
        if (gf_farm_signals() > 0) GF_TRY(stop_all(l));
        if (gf_farm_signals() > 1)
            return gf_fail(GF_INTERRUPTED, "interrupted twice: left without saving");
        expire_leases(l);
        GF_TRY(assign_all(l));
        GF_TRY(gf_worker_tick(&l->farm->worker, l->nap));
        l->nap = l->nap * 2 < NAP_MOST ? l->nap * 2 : NAP_MOST;
        tick(l);
    }
out:
    return status;
}

static gf_status lead_init(lead *l)
{
    gf_status status;
    gf_farm *farm = l->farm;
    gf_message hello = { .kind = GF_MESSAGE_HELLO };
    l->size = gf_transport_size(farm->transport);
    l->ranks = gf_alloc((size_t)l->size, sizeof *l->ranks);
    l->fences = gf_alloc((size_t)l->master->task_count, sizeof *l->fences);
    l->blocked = gf_alloc((size_t)l->master->task_count, sizeof *l->blocked);
    GF_TRY_ALLOC(l->ranks && l->fences && l->blocked);
    for (int rank = 0; rank < l->size; rank++) l->ranks[rank].task = -1;
    GF_TRY(gf_farm_schedule_init(&l->schedule, l->master->tasks, l->master->task_count,
                                 l->master->options.max_attempts));
    snprintf(hello.u.line, sizeof hello.u.line, "%s", farm->worker.host);
    GF_TRY(gf_transport_send(farm->transport, 0, &hello));
    l->begin = gf_clock();
    l->nap = NAP_LEAST;
out:
    return status;
}

static void lead_release(lead *l)
{
    for (int rank = 0; l->ranks && rank < l->size; rank++) gf_assembly_release(&l->ranks[rank].log);
    gf_farm_schedule_release(&l->schedule);
    free(l->ranks);
    free(l->fences);
    free(l->blocked);
}

static void dismiss_all(lead *l)
{
    for (int rank = 1; rank < l->size; rank++)
        send_kind(l, rank, GF_MESSAGE_LEAVE, 0, l->farm->finalize);
    l->farm->led = true;
}

gf_status gf_farm_lead(gf_farm *farm, const gf_farm_master *master, int *failed)
{
    gf_status status;
    lead l = { .farm = farm, .master = master, .fatal = GF_OK };
    GF_TRY(lead_init(&l));
    GF_TRY(lead_loop(&l));
    *failed = l.schedule.failed + l.schedule.blocked;
    if (l.fatal != GF_OK)
        status = gf_fail(l.fatal, "%s", l.fatal_reason);
    else if (l.stopping)
        status = gf_fail(GF_INTERRUPTED, "interrupted; everything is saved");
out:
    if (l.ranks) dismiss_all(&l);
    lead_release(&l);
    return status;
}
