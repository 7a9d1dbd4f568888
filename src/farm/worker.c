/* The worker's side of the protocol. */
#include "worker.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEAT_SECONDS  1.0
#define LEASE_MARGIN  0.75 /* our lease ends this much earlier than the master's */
#define DEAF_SECONDS  30.0 /* for a zygote to report an executor that has ended */
#define ABSENCE_LEAST 5.0  /* s; loops look a hundred times a second */
#define BRISK_LOOKS   16   /* without a nap between them, where news comes fast */
#define NAP_LOOKS                                                                                  \
    28               /* and with naps, each a quarter longer than the one before: where two loops  \
                      * wait for each other, what one oversleeps is a quarter of the other's       \
                      * wait, and dies away; with naps that double both end at the longest */
#define NEWS_LOOKS 9 /* taken back by news: the next wait begins with a seventh of this nap */
#define NEWS_MOST  (BRISK_LOOKS + 8) /* or 0.1 ms: one long wait says little about the next */
#define NAP_LEAST  20e-6
#define NAP_GROWTH 1.25
#define NAP_MOST   10e-3 /* what a message may wait in quiet times; 0.3 % of a core */

/* ---- pace ---- */

double gf_farm_nap(int *looks)
{
    int naps = *looks - BRISK_LOOKS;
    if (naps < NAP_LOOKS) ++*looks;
    return naps < 0 ? 0 : fmin(NAP_LEAST * pow(NAP_GROWTH, naps), NAP_MOST);
}

void gf_farm_news(int *looks)
{
    int left = *looks > NEWS_LOOKS ? *looks - NEWS_LOOKS : 0;
    *looks = left < NEWS_MOST ? left : NEWS_MOST;
}

double gf_farm_absence(double *looked)
{
    double now = gf_clock(), away = *looked > 0 ? now - *looked : 0;
    *looked = now;
    return away > ABSENCE_LEAST ? away : 0;
}

/* ---- from start to end ---- */

void gf_worker_init(gf_worker *w, gf_transport *transport, gf_zygote *zygote, gf_shared *shared)
{
    *w = (gf_worker){ .transport = transport, .zygote = zygote, .shared = shared };
    gethostname(w->host, sizeof w->host - 1);
    w->heard = gf_clock();
}

void gf_worker_release(gf_worker *w)
{
    gf_assembly_release(&w->study);
}

/* ---- leases ---- */

static gf_message answer(const gf_worker *w, gf_message_kind kind)
{
    return (gf_message){
        .kind = kind, .task = w->lease.task, .attempt = w->lease.attempt, .fence = w->lease.fence
    };
}

/* The lease goes back unused: nothing is wrong with the task. */
static gf_status give_back(gf_worker *w)
{
    gf_message message = answer(w, GF_MESSAGE_ENDED);
    gf_ending *ending = &message.u.ending;
    ending->status = w->stopping ? GF_INTERRUPTED : GF_LOST;
    snprintf(ending->host, sizeof ending->host, "%s", w->host);
    snprintf(ending->reason, sizeof ending->reason, "rank %d takes no more tasks",
             gf_transport_rank(w->transport));
    w->busy = false;
    return gf_transport_send(w->transport, 0, &message);
}

/* Only the protocol is measured. */
static gf_status answer_at_once(gf_worker *w)
{
    gf_message message = answer(w, GF_MESSAGE_ENDED);
    message.u.ending.status = GF_OK;
    snprintf(message.u.ending.host, sizeof message.u.ending.host, "%s", w->host);
    return gf_transport_send(w->transport, 0, &message);
}

static gf_status begin_task(gf_worker *w, const gf_message *assign)
{
    double now = gf_clock();
    const gf_assignment *a = &assign->u.assignment;
    int threads = a->threads > 0 ? a->threads : w->threads;
    w->lease = *assign;
    if (w->retired) return give_back(w); /* it crossed our BYE */
    if (a->hollow) return answer_at_once(w);
    w->busy = true;
    w->revoked = w->hung = w->exhausted = false;
    w->started = w->beat_sent = w->zygote_heard = now;
    gf_shared_reset(w->shared, now + LEASE_MARGIN * a->lease_seconds);
    const gf_order order = { .task = assign->task,
                             .attempt = assign->attempt,
                             .rank = gf_transport_rank(w->transport),
                             .threads = threads,
                             .fence = assign->fence,
                             .memory_limit = a->memory_limit ? a->memory_limit : w->memory_share,
                             .cores = w->cores };
    gf_zygote_run(w->zygote, &order); /* where the zygote is gone, the next poll says so */
    return GF_OK;
}

static void renew(gf_worker *w, const gf_message *message)
{
    if (w->busy && message->fence == w->lease.fence)
        atomic_store(&w->shared->lease_until,
                     w->beat_sent + LEASE_MARGIN * w->lease.u.assignment.lease_seconds);
}

static gf_status revoke_lease(gf_worker *w, const gf_message *message)
{
    if (!w->busy || message->fence != w->lease.fence) return GF_OK;
    w->revoked = true;
    gf_zygote_kill(w->zygote);
    return GF_OK;
}

void gf_worker_stop(gf_worker *w)
{
    w->stopping = true;
    if (w->busy) atomic_store(&w->shared->stop, true);
}

gf_status gf_worker_retire(gf_worker *w)
{
    const gf_message bye = { .kind = GF_MESSAGE_BYE };
    if (w->retired) return GF_OK;
    w->retired = true;
    return gf_transport_send(w->transport, 0, &bye);
}

static gf_status part(gf_worker *w)
{
    const gf_message bye = { .kind = GF_MESSAGE_BYE, .value = 1 };
    w->parting = gf_clock();
    w->retired = true;
    return gf_transport_send(w->transport, 0, &bye);
}

gf_status gf_worker_handle(gf_worker *w, const gf_message *message)
{
    w->heard = gf_clock();
    if (message->kind != GF_MESSAGE_RENEW) gf_farm_news(&w->quiet);
    switch (message->kind) {
    case GF_MESSAGE_STUDY:
        if (gf_assembly_add(&w->study, &message->u.piece) && !w->broken)
            gf_zygote_tell(w->zygote, w->study.text, w->study.size);
        return GF_OK;
    case GF_MESSAGE_ASSIGN:
        return begin_task(w, message);
    case GF_MESSAGE_RENEW:
        renew(w, message);
        return GF_OK;
    case GF_MESSAGE_REVOKE:
        return revoke_lease(w, message);
    case GF_MESSAGE_STOP:
        gf_worker_stop(w);
        return GF_OK;
    case GF_MESSAGE_LEAVE:
        return part(w);
    case GF_MESSAGE_FAREWELL:
        w->left = true;
        w->finalize = message->value;
        return GF_OK;
    default:
        return GF_OK;
    }
}

/* ---- ends ---- */

static bool may_be_memory(const gf_worker *w, gf_status status)
{
    return w->exhausted || status == GF_NOMEM;
}

static void describe_end(const gf_worker *w, gf_ending *ending, const gf_report_of_end *end)
{
    gf_status status = (gf_status)ending->status;
    char size[32], time[32];
    gf_bytes_text(size, (double)end->peak_memory);
    gf_duration_text(time, ending->seconds);
    if (status == GF_LOST)
        snprintf(ending->reason, sizeof ending->reason, "its lease was over after %s", time);
    else if (w->hung)
        snprintf(ending->reason, sizeof ending->reason, "no end after %s: over its deadline", time);
    else if (w->exhausted)
        snprintf(ending->reason, sizeof ending->reason, "over its memory limit, at %s", size);
    else if (end->signal)
        snprintf(ending->reason, sizeof ending->reason, "killed by signal %d (%s) at %s, after %s",
                 end->signal, strsignal(end->signal), size, time);
    else if (status != GF_OK && w->shared->reason[0])
        snprintf(ending->reason, sizeof ending->reason, "%s", w->shared->reason);
    else if (status != GF_OK)
        snprintf(ending->reason, sizeof ending->reason, "ended itself without a result, after %s",
                 time);
}

static void fill_ending(const gf_worker *w, gf_message *message, const gf_report_of_end *end)
{
    gf_ending *ending = &message->u.ending;
    gf_status status = end->exited ? (gf_status)atomic_load(&w->shared->status) : GF_FAILED;
    if (w->hung || w->exhausted) status = GF_FAILED;
    if (w->revoked && status != GF_OK) status = GF_LOST;
    *ending = (gf_ending){ .status = status,
                           .signal = end->signal,
                           .hung = w->hung,
                           .exhausted = may_be_memory(w, status),
                           .peak_memory = end->peak_memory,
                           .seconds = gf_clock() - w->started,
                           .first_share = atomic_load(&w->shared->first_share) };
    snprintf(ending->host, sizeof ending->host, "%s", w->host);
    describe_end(w, ending, end);
}

static gf_status send_log(gf_worker *w)
{
    gf_status status = GF_OK;
    char *log = malloc(GF_LOG_KEPT);
    const gf_message head = answer(w, GF_MESSAGE_LOG);
    GF_TRY_ALLOC(log);
    int size = (int)gf_shared_log_read(w->shared, log);
    GF_TRY(gf_transport_send_text(w->transport, 0, &head, log, size));
out:
    free(log);
    return status;
}

static gf_status end_task(gf_worker *w, const gf_report_of_end *end)
{
    gf_status status = GF_OK;
    gf_message message = answer(w, GF_MESSAGE_ENDED);
    w->busy = false;
    gf_farm_news(&w->quiet); /* the next lease may come at once */
    fill_ending(w, &message, end);
    gf_status status_of_task = (gf_status)message.u.ending.status;
    if (status_of_task != GF_OK && status_of_task != GF_INTERRUPTED && status_of_task != GF_LOST)
        GF_TRY(send_log(w));
    GF_TRY(gf_transport_send(w->transport, 0, &message));
out:
    return status;
}

/* ---- watching ---- */

static int64_t resident(int pid)
{
    char path[64];
    long pages = 0, all = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%ld %ld", &all, &pages) != 2) pages = 0;
    fclose(file);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* True: the executor has to go now. */
static bool is_over_limit(gf_worker *w, double now)
{
    const gf_assignment *a = &w->lease.u.assignment;
    int64_t limit = a->memory_limit ? a->memory_limit : w->memory_share;
    w->hung |= a->deadline_seconds > 0 && now - w->started > a->deadline_seconds;
    w->exhausted |= limit > 0 && resident(atomic_load(&w->shared->executor)) > limit;
    return w->hung || w->exhausted;
}

static gf_status send_beat(gf_worker *w, double now)
{
    gf_message beat = answer(w, GF_MESSAGE_BEAT);
    if (!w->busy) beat.task = -1;
    beat.share = atomic_load(&w->shared->share);
    gf_shared_line(w->shared, beat.u.line);
    w->beat_sent = now;
    return gf_transport_send(w->transport, 0, &beat);
}

/* A zygote that is stopped, or stuck, neither reports nor kills: it goes, and with it its executor;
 * the closed socket then says the rest. An ended executor has no memory left. */
static void watch_zygote(gf_worker *w, double now)
{
    int executor = atomic_load(&w->shared->executor);
    bool runs = executor > 0 && resident(executor) > 0;
    if (runs && !w->revoked && !w->hung && !w->exhausted) w->zygote_heard = now;
    if (now - w->zygote_heard < DEAF_SECONDS) return;
    gf_log(GF_WARN, "farm", "the zygote of rank %d on %s is stuck", gf_transport_rank(w->transport),
           w->host);
    kill(w->zygote->pid, SIGKILL);
}

static gf_status watch(gf_worker *w)
{
    gf_status status = GF_OK;
    double now = gf_clock();
    if (now - w->beat_sent < BEAT_SECONDS) return GF_OK;
    GF_TRY(send_beat(w, now));
    if (!w->busy || w->broken) return GF_OK;
    watch_zygote(w, now);
    w->revoked |= now > atomic_load(&w->shared->lease_until);
    if (w->revoked || is_over_limit(w, now)) gf_zygote_kill(w->zygote);
out:
    return status;
}

/* No other can be forked once MPI runs: this rank takes no more tasks. */
static gf_status lose_zygote(gf_worker *w)
{
    gf_status status = GF_OK;
    gf_log(GF_WARN, "farm", "the zygote of rank %d on %s died; this rank takes no more tasks",
           gf_transport_rank(w->transport), w->host);
    w->broken = true;
    if (w->busy) GF_TRY(give_back(w));
    GF_TRY(gf_worker_retire(w));
out:
    return status;
}

/* While we were stopped nobody could be heard, and nothing was done that a deadline counts. */
static void forgive_absence(gf_worker *w)
{
    double absence = gf_farm_absence(&w->looked), now = gf_clock();
    w->heard = fmin(w->heard + absence, now);
    w->zygote_heard = fmin(w->zygote_heard + absence, now);
    w->started = fmin(w->started + absence, now);
}

gf_status gf_worker_tick(gf_worker *w, double seconds)
{
    gf_status status;
    gf_report_of_end end;
    int ended = w->broken ? 0 : gf_zygote_poll(w->zygote, &end, seconds);
    if (w->broken) gf_sleep(seconds);
    forgive_absence(w);
    if (ended < 0) GF_TRY(lose_zygote(w));
    if (ended > 0 && w->busy && end.fence == w->lease.fence) GF_TRY(end_task(w, &end));
    GF_TRY(watch(w));
out:
    return status;
}
