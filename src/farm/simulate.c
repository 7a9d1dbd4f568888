/* A sweep in virtual time: the code that decides for a real farm (schedule.c), with durations
 * instead of executors and a heap of ends instead of messages. Graham, "Bounds on multiprocessing
 * timing anomalies" (1969): no order that keeps ranks busy takes more than 2 - 1/ranks times the
 * shortest. Left out: failures, lost ranks, and what dispatch costs (bench farm measures that). */
#include "schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct ending {
    double at;
    int task;
} ending;

typedef struct simulation {
    gf_farm_schedule schedule;
    gf_farm_task *tasks; /* [count]: as given, with the durations that are drawn */
    ending *heap;        /* running tasks, the next end on top */
    int heap_size, ranks;
    double now;
} simulation;

/* ---- the heap of ends: earlier first, lower task first among equals ---- */

static bool comes_before(const ending *a, const ending *b)
{
    return a->at < b->at || (a->at == b->at && a->task < b->task);
}

static void swap(ending *a, ending *b)
{
    ending kept = *a;
    *a = *b;
    *b = kept;
}

static void push_end(simulation *s, ending added)
{
    int at = s->heap_size++;
    s->heap[at] = added;
    for (int up = (at - 1) / 2; at > 0 && comes_before(&s->heap[at], &s->heap[up]);
         at = up, up = (at - 1) / 2)
        swap(&s->heap[at], &s->heap[up]);
}

static ending pop_end(simulation *s)
{
    ending top = s->heap[0];
    s->heap[0] = s->heap[--s->heap_size];
    for (int at = 0;;) {
        int best = at, left = 2 * at + 1, right = left + 1;
        if (left < s->heap_size && comes_before(&s->heap[left], &s->heap[best])) best = left;
        if (right < s->heap_size && comes_before(&s->heap[right], &s->heap[best])) best = right;
        if (best == at) return top;
        swap(&s->heap[at], &s->heap[best]);
        at = best;
    }
}

/* ---- durations ---- */

/* Log-normal around 1: times of the same work differ by factors, and never below 0. */
static void draw_durations(simulation *s, int count, double spread, uint64_t seed)
{
    const gf_random random = { .seed = seed, .purpose = GF_PURPOSE_STATISTICS };
    for (int i = 0; spread > 0 && i < count; i++) {
        double z = gf_random_normal(&random, (uint32_t)i, 0);
        s->tasks[i].cost *= exp(spread * z - spread * spread / 2);
    }
}

/* The longest chain, by the durations that were drawn: priorities of a schedule that knew them. */
static gf_status measure_bounds(gf_farm_simulated *out, const simulation *s, int count)
{
    gf_status status;
    gf_farm_schedule knowing;
    GF_TRY(gf_farm_schedule_init(&knowing, s->tasks, count, 1));
    for (int i = 0; i < count; i++) {
        if (s->tasks[i].done) continue;
        out->work += s->tasks[i].cost;
        out->path = fmax(out->path, knowing.priority[i]);
    }
    out->bound = fmax(out->path, out->work / s->ranks);
out:
    gf_farm_schedule_release(&knowing);
    return status;
}

/* ---- time ---- */

static void start_ready(simulation *s)
{
    while (s->heap_size < s->ranks) {
        int task = gf_farm_schedule_take(&s->schedule, INFINITY);
        if (task < 0) return;
        push_end(s, (ending){ .at = s->now + s->tasks[task].cost, .task = task });
    }
}

/* All that end at one instant end before anything is handed out, as when the master drains. */
static void end_next(simulation *s)
{
    s->now = s->heap[0].at;
    while (s->heap_size > 0 && s->heap[0].at <= s->now)
        gf_farm_schedule_done(&s->schedule, pop_end(s).task);
}

static void run_out(gf_farm_simulated *out, simulation *s)
{
    double begin = 0, busy = 0; /* rank seconds */
    for (start_ready(s); s->heap_size > 0; start_ready(s)) {
        int running = s->heap_size;
        end_next(s);
        busy += running * (s->now - begin);
        if (running == s->ranks) {
            out->full = s->now;
            out->full_busy = busy / (s->ranks * s->now);
        }
        begin = s->now;
    }
    out->makespan = s->now;
    out->busy = s->now > 0 ? busy / (s->ranks * s->now) : 1;
}

gf_status gf_farm_simulate(gf_farm_simulated *out, const gf_farm_task *tasks, int count, int ranks,
                           double spread, uint64_t seed)
{
    gf_status status;
    simulation s = { .ranks = ranks };
    gf_farm_simulated made = { 0 };
    if (ranks < 1) return gf_fail(GF_INVALID, "a sweep needs at least one rank");
    s.tasks = gf_alloc((size_t)count, sizeof *s.tasks);
    s.heap = gf_alloc((size_t)(ranks < count ? ranks : count), sizeof *s.heap);
    GF_TRY_ALLOC(s.tasks && s.heap);
    if (count > 0) memcpy(s.tasks, tasks, (size_t)count * sizeof *tasks);
    draw_durations(&s, count, spread, seed);
    GF_TRY(measure_bounds(&made, &s, count));
    GF_TRY(gf_farm_schedule_init(&s.schedule, tasks, count, 1));
    run_out(&made, &s);
    *out = made;
out:
    gf_farm_schedule_release(&s.schedule);
    free(s.tasks);
    free(s.heap);
    return status;
}
