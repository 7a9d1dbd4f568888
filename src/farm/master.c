/* Rank 0: hands out leases, takes them back from silent ranks, and counts. Point-to-point only;
 * it drains without a nap while messages come, then backs off (gf_farm_nap). */
#include "lead.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAVE_SECONDS 30.0 /* before the end of a job whose time is known */

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
                          .hollow = o->hollow,
                          .lease_seconds = o->lease_seconds,
                          .deadline_seconds = o->deadline_seconds,
                          .memory_limit = o->memory_limit },
    };
    r->idle = false;
    r->task = task;
    r->fence = message.fence;
    r->started = r->heard = gf_clock();
    r->share = r->first_share = 0;
    r->first_heard = r->started;
    if (l->master->started)
        l->master->started(l->master->context, task, message.attempt, rank, message.fence, r->host);
    return gf_transport_send(l->farm->transport, rank, &message);
}

static bool is_free(const rank_state *r)
{
    return r->greeted && r->idle && !r->gone && !r->retired;
}

static bool can_work(const lead *l)
{
    for (int rank = 0; rank < l->size; rank++)
        if (is_free(&l->ranks[rank])) return true;
    return false;
}

static gf_status assign_all(lead *l)
{
    gf_status status = GF_OK;
    for (int rank = 0; rank < l->size && !l->stopping; rank++) {
        if (!is_free(&l->ranks[rank])) continue;
        bool first = l->ranks[rank].fence == 0; /* a stage longer than any job has to go on too */
        int task = gf_farm_schedule_take(&l->schedule, first ? INFINITY : gf_lead_cost_left(l));
        if (task < 0) break;
        GF_TRY(assign(l, rank, task));
    }
    l->late = l->schedule.running == 0 && l->schedule.heap_size > 0 && can_work(l);
out:
    return status;
}

/* Its task goes to others, without a mark: a rank is lost to its node more often than to its task.
 */
static void lose_rank(lead *l, int rank, double silence)
{
    rank_state *r = &l->ranks[rank];
    if (r->task >= 0) {
        gf_task_outcome outcome = { .task = r->task,
                                    .attempt = l->schedule.attempts[r->task],
                                    .rank = rank,
                                    .fence = r->fence,
                                    .status = GF_LOST,
                                    .seconds = gf_clock() - r->started };
        snprintf(outcome.host, sizeof outcome.host, "%s", r->host);
        snprintf(outcome.reason, sizeof outcome.reason, "rank %d on %s was silent for %.0f s", rank,
                 r->host, silence);
        if (l->master->ended) l->master->ended(l->master->context, &outcome);
        gf_farm_schedule_return(&l->schedule, r->task);
    }
    if (r->task >= 0) l->parts[r->task] = (gf_farm_part){ 0 };
    r->task = -1;
    r->idle = false;
    r->gone = true;
}

static void expire_leases(lead *l)
{
    double now = gf_clock();
    for (int rank = 1; rank < l->size; rank++) { /* rank 0 is ourselves */
        rank_state *r = &l->ranks[rank];
        if (!r->greeted || r->gone || now - r->heard < l->master->options.lease_seconds) continue;
        gf_log(GF_WARN, "farm", "rank %d on %s has been silent for %.0f s; its task goes to others",
               rank, r->host, now - r->heard);
        lose_rank(l, rank, now - r->heard);
    }
}

static void forgive_silence(lead *l)
{
    double absence = gf_farm_absence(&l->looked), now = gf_clock();
    for (int rank = 0; rank < l->size; rank++)
        l->ranks[rank].heard = fmin(l->ranks[rank].heard + absence, now);
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
           e->status == GF_INTERNAL ||
           e->status == GF_CORRUPT; /* said as well when the process that reads a file is shot */
}

/* What was found finished took no time that says anything. */
static gf_farm_part whole_part(const lead *l, const rank_state *r, const gf_message *m)
{
    if (m->u.ending.first_share >= 1) return (gf_farm_part){ .done = 1 };
    return gf_lead_part(l, r, 1);
}

static void tell_ended(lead *l, const gf_message *m, const rank_state *r, bool final)
{
    const gf_ending *e = &m->u.ending;
    gf_task_outcome outcome = { .task = m->task,
                                .attempt = m->attempt,
                                .rank = m->from,
                                .fence = m->fence,
                                .status = (gf_status)e->status,
                                .final = final,
                                .signal = e->signal,
                                .hung = e->hung,
                                .exhausted = e->exhausted,
                                .peak_memory = e->peak_memory,
                                .seconds = e->seconds,
                                .found = 1 - whole_part(l, r, m).timed,
                                .log = r->log.text,
                                .log_size = r->log.text ? (size_t)r->log.size : 0 };
    snprintf(outcome.host, sizeof outcome.host, "%s", e->host);
    snprintf(outcome.reason, sizeof outcome.reason, "%s", e->reason);
    if (l->master->ended) l->master->ended(l->master->context, &outcome);
}

static void release_held(lead *l)
{
    int count = l->master->release ? l->master->release(l->master->context, l->released) : 0;
    for (int i = 0; i < count; i++) gf_farm_schedule_let_go(&l->schedule, l->released[i]);
}

static void block_dependents(lead *l, int task)
{
    int count = gf_farm_schedule_block(&l->schedule, task, l->blocked);
    for (int i = 0; i < count && l->master->blocked; i++)
        l->master->blocked(l->master->context, l->blocked[i]);
}

/* How an attempt ended, and what becomes of its task. */
typedef enum verdict { VERDICT_DONE, VERDICT_RETURN, VERDICT_RETRY, VERDICT_FAILED } verdict;

static verdict judge(const lead *l, int task, const gf_ending *e)
{
    if (e->status == GF_OK) return VERDICT_DONE;
    if (gf_status_scope((gf_status)e->status) == GF_SCOPE_SWEEP) return VERDICT_RETURN;
    if (is_worth_a_retry(e) && gf_farm_schedule_may_retry(&l->schedule, task)) return VERDICT_RETRY;
    return VERDICT_FAILED;
}

/* What is wrong with more than this task ends the sweep: a full disk, say. */
static gf_status take_return(lead *l, const gf_message *m)
{
    const gf_ending *e = &m->u.ending;
    gf_farm_schedule_return(&l->schedule, m->task);
    if (e->status == GF_INTERRUPTED || e->status == GF_LOST) return GF_OK;
    l->fatal = (gf_status)e->status;
    snprintf(l->fatal_reason, sizeof l->fatal_reason, "%s", e->reason);
    return stop_all(l);
}

static gf_status take_ended(lead *l, const gf_message *m)
{
    gf_status status = GF_OK;
    rank_state *r = &l->ranks[m->from];
    r->idle = true;
    if (r->task != m->task || r->fence != m->fence) return GF_OK; /* of a lease that ran out */
    gf_lead_note_full(l);
    l->parts[m->task] = m->u.ending.status == GF_OK ? whole_part(l, r, m) : (gf_farm_part){ 0 };
    l->stale = true;
    r->busy += m->u.ending.seconds;
    verdict fate = judge(l, m->task, &m->u.ending);
    tell_ended(l, m, r, fate == VERDICT_FAILED);
    r->task = -1;
    if (fate == VERDICT_DONE) {
        gf_farm_schedule_done(&l->schedule, m->task);
    } else if (fate == VERDICT_RETRY) {
        gf_farm_schedule_retry(&l->schedule, m->task);
    } else if (fate == VERDICT_FAILED) {
        gf_farm_schedule_failed(&l->schedule, m->task);
        block_dependents(l, m->task);
    } else {
        status = take_return(l, m);
    }
    release_held(l);
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
    if (r->share == 0 && m->share > 0) {
        r->first_share = m->share;
        r->first_heard = gf_clock();
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
        r->retired = true;
        return GF_OK;
    default:
        return GF_OK;
    }
}

/* ---- the loop ---- */

static gf_status drain(lead *l)
{
    gf_status status = GF_OK;
    gf_message message;
    while (gf_transport_receive(l->farm->transport, &message)) {
        if (message.kind != GF_MESSAGE_BEAT && message.kind != GF_MESSAGE_RENEW)
            gf_farm_news(&l->quiet);
        GF_TRY(take_message(l, &message));
    }
out:
    return status;
}

/* Fails when tasks wait and nobody is left to do them. */
static gf_status check_workers(const lead *l)
{
    bool waits = gf_clock() - l->begin < l->patience;
    for (int rank = 0; rank < l->size; rank++) {
        const rank_state *r = &l->ranks[rank];
        if (r->greeted ? !r->gone && !r->retired : waits) return GF_OK;
    }
    if (l->schedule.running > 0) return GF_OK;
    return gf_fail(GF_LOST, "no rank is left that can work");
}

static bool is_over(const lead *l)
{
    return gf_farm_schedule_is_over(&l->schedule) ||
           ((l->stopping || l->late) && l->schedule.running == 0);
}

/* Whoever asks us to save before a job ends may be late, or be lost while we start. */
static bool is_time_up(const lead *l)
{
    double whole = l->master->options.time_left;
    return whole > 2 * SAVE_SECONDS && gf_clock() - l->begin > whole - SAVE_SECONDS;
}

static gf_status heed_signals(lead *l)
{
    if (gf_farm_asked() == GF_ASKED_NOW)
        return gf_fail(GF_INTERRUPTED, "interrupted twice: left without saving");
    return gf_farm_asked() == GF_ASKED_SAVE || is_time_up(l) ? stop_all(l) : GF_OK;
}

static gf_status lead_loop(lead *l)
{
    gf_status status = GF_OK;
    while (!is_over(l)) {
        forgive_silence(l);
        GF_TRY(drain(l));
        GF_TRY(heed_signals(l));
        expire_leases(l);
        GF_TRY(assign_all(l));
        GF_TRY(check_workers(l));
        GF_TRY(gf_worker_tick(&l->farm->worker, gf_farm_nap(&l->quiet)));
        gf_lead_tick(l);
    }
out:
    return status;
}

static void note_done_before(lead *l)
{
    for (int i = 0; i < l->master->task_count; i++) {
        const gf_farm_task *task = &l->master->tasks[i];
        if (task->done)
            l->parts[i] =
                (gf_farm_part){ .done = 1, .timed = task->took > 0, .seconds = task->took };
    }
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
    l->released = gf_alloc((size_t)l->master->task_count, sizeof *l->released);
    l->parts = gf_alloc((size_t)l->master->task_count, sizeof *l->parts);
    GF_TRY_ALLOC(l->ranks && l->fences && l->blocked && l->released && l->parts);
    note_done_before(l);
    for (int rank = 0; rank < l->size; rank++) l->ranks[rank].task = -1;
    GF_TRY(gf_farm_schedule_init(&l->schedule, l->master->tasks, l->master->task_count,
                                 l->master->options.max_attempts));
    for (int task = 0; task < l->master->task_count; task++)
        if (l->master->tasks[task].failed) block_dependents(l, task);
    release_held(l);
    snprintf(hello.u.line, sizeof hello.u.line, "%s", farm->worker.host);
    if (!l->master->options.hollow || l->size == 1)
        GF_TRY(gf_transport_send(farm->transport, 0, &hello));
    l->begin = gf_clock();
    l->patience = gf_farm_patience();
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
    free(l->released);
    free(l->parts);
}

gf_status gf_farm_lead(gf_farm *farm, const gf_farm_master *master, int *failed)
{
    gf_status status;
    lead l = { .farm = farm, .master = master, .fatal = GF_OK };
    GF_TRY(lead_init(&l));
    GF_TRY(lead_loop(&l));
    gf_lead_tell(&l);
    *failed = l.schedule.failed + l.schedule.blocked;
    if (l.fatal != GF_OK)
        status = gf_fail(l.fatal, "%s", l.fatal_reason);
    else if (l.stopping)
        status = gf_fail(GF_INTERRUPTED, "interrupted; everything is saved");
    else if (l.late)
        status = gf_fail(GF_INTERRUPTED, "what is left does not fit into the time left");
out:
    lead_release(&l);
    return status;
}
