/* Longest remaining path first (Graham's list scheduling with critical-path priorities) among the
 * tasks of highest urgency. */
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

/* ---- the heap of ready tasks: most urgent, then highest priority on top, lower number first among
 * equals ---- */

static bool comes_before(const gf_farm_schedule *s, int a, int b)
{
    if (s->tasks[a].urgency != s->tasks[b].urgency)
        return s->tasks[a].urgency > s->tasks[b].urgency;
    return s->priority[a] > s->priority[b] || (s->priority[a] == s->priority[b] && a < b);
}

static void swap(int *a, int *b)
{
    int kept = *a;
    *a = *b;
    *b = kept;
}

static void rise(gf_farm_schedule *s, int at)
{
    for (int up = (at - 1) / 2; at > 0 && comes_before(s, s->heap[at], s->heap[up]);
         at = up, up = (at - 1) / 2)
        swap(&s->heap[at], &s->heap[up]);
}

static void sink(gf_farm_schedule *s, int at)
{
    for (;;) {
        int best = at, left = 2 * at + 1, right = left + 1;
        if (left < s->heap_size && comes_before(s, s->heap[left], s->heap[best])) best = left;
        if (right < s->heap_size && comes_before(s, s->heap[right], s->heap[best])) best = right;
        if (best == at) return;
        swap(&s->heap[at], &s->heap[best]);
        at = best;
    }
}

static void push_ready(gf_farm_schedule *s, int task)
{
    s->heap[s->heap_size++] = task;
    s->state[task] = GF_TASK_READY;
    rise(s, s->heap_size - 1);
}

static int remove_ready(gf_farm_schedule *s, int at)
{
    int task = s->heap[at];
    s->heap[at] = s->heap[--s->heap_size];
    if (at < s->heap_size) {
        rise(s, at);
        sink(s, at);
    }
    return task;
}

/* Place in the heap of the first task that costs at most `most`; usually the top. */
static int find_ready(const gf_farm_schedule *s, double most)
{
    int best = -1;
    for (int at = 0; at < s->heap_size; at++) {
        if (s->tasks[s->heap[at]].cost > most) continue;
        if (best < 0 || comes_before(s, s->heap[at], s->heap[best])) best = at;
        if (at == 0) break;
    }
    return best;
}

/* ---- set-up ---- */

static void list_dependents(gf_farm_schedule *s)
{
    for (int i = 0; i < s->count; i++)
        for (int k = 0; k < s->tasks[i].need_count; k++) s->first[s->tasks[i].needs[k] + 1]++;
    for (int i = 0; i < s->count; i++) s->first[i + 1] += s->first[i];
    int *next = s->heap; /* free until tasks are ready */
    memcpy(next, s->first, (size_t)s->count * sizeof *next);
    for (int i = 0; i < s->count; i++)
        for (int k = 0; k < s->tasks[i].need_count; k++)
            s->dependents[next[s->tasks[i].needs[k]]++] = i;
}

/* Kahn's order; priorities are filled from its end. */
static gf_status set_priorities(gf_farm_schedule *s)
{
    gf_status status = GF_OK;
    int *order = gf_alloc((size_t)s->count, sizeof *order);
    int *left = gf_alloc((size_t)s->count, sizeof *left), size = 0;
    GF_TRY_ALLOC(order && left);
    for (int i = 0; i < s->count; i++) {
        left[i] = s->tasks[i].need_count;
        if (left[i] == 0) order[size++] = i;
    }
    for (int at = 0; at < size; at++)
        for (int k = s->first[order[at]]; k < s->first[order[at] + 1]; k++)
            if (--left[s->dependents[k]] == 0) order[size++] = s->dependents[k];
    if (size < s->count) {
        status = gf_fail(GF_INVALID, "%d tasks need each other in a circle", s->count - size);
        goto out;
    }
    for (int at = size - 1; at >= 0; at--) {
        double longest = 0;
        for (int k = s->first[order[at]]; k < s->first[order[at] + 1]; k++)
            if (s->priority[s->dependents[k]] > longest) longest = s->priority[s->dependents[k]];
        s->priority[order[at]] = longest + s->tasks[order[at]].cost;
    }
out:
    free(order);
    free(left);
    return status;
}

static void set_states(gf_farm_schedule *s)
{
    for (int i = 0; i < s->count; i++) {
        s->held[i] = s->tasks[i].held && !s->tasks[i].done;
        s->missing[i] = s->held[i];
        for (int k = 0; k < s->tasks[i].need_count; k++)
            s->missing[i] += !s->tasks[s->tasks[i].needs[k]].done;
        s->state[i] = s->tasks[i].done     ? GF_TASK_DONE
                      : s->tasks[i].failed ? GF_TASK_FAILED
                                           : GF_TASK_WAITING;
        s->done += s->state[i] == GF_TASK_DONE;
        s->failed += s->state[i] == GF_TASK_FAILED;
    }
    for (int i = 0; i < s->count; i++)
        if (s->state[i] == GF_TASK_WAITING && s->missing[i] == 0) push_ready(s, i);
}

gf_status gf_farm_schedule_init(gf_farm_schedule *s, const gf_farm_task *tasks, int count,
                                int max_attempts)
{
    gf_status status;
    size_t n = (size_t)count, needs = 0;
    *s = (gf_farm_schedule){ .tasks = tasks, .count = count, .max_attempts = max_attempts };
    for (int i = 0; i < count; i++) needs += (size_t)tasks[i].need_count;
    s->state = gf_alloc(n, sizeof *s->state);
    s->attempts = gf_alloc(n, sizeof *s->attempts);
    s->missing = gf_alloc(n, sizeof *s->missing);
    s->priority = gf_alloc(n, sizeof *s->priority);
    s->first = gf_alloc(n + 1, sizeof *s->first);
    s->dependents = gf_alloc(needs, sizeof *s->dependents);
    s->heap = gf_alloc(n, sizeof *s->heap);
    s->held = gf_alloc(n, sizeof *s->held);
    GF_TRY_ALLOC(s->state && s->attempts && s->missing && s->priority && s->first &&
                 s->dependents && s->heap && s->held);
    list_dependents(s);
    GF_TRY(set_priorities(s));
    set_states(s);
out:
    return status;
}

void gf_farm_schedule_release(gf_farm_schedule *s)
{
    free(s->state);
    free(s->attempts);
    free(s->missing);
    free(s->priority);
    free(s->first);
    free(s->dependents);
    free(s->heap);
    free(s->held);
    *s = (gf_farm_schedule){ 0 };
}

/* ---- events ---- */

int gf_farm_schedule_take(gf_farm_schedule *s, double most)
{
    int at = find_ready(s, most);
    if (at < 0) return -1;
    int task = remove_ready(s, at);
    s->state[task] = GF_TASK_RUNNING;
    s->attempts[task]++;
    s->running++;
    return task;
}

static void miss_one_less(gf_farm_schedule *s, int task)
{
    if (--s->missing[task] == 0 && s->state[task] == GF_TASK_WAITING) push_ready(s, task);
}

void gf_farm_schedule_done(gf_farm_schedule *s, int task)
{
    s->state[task] = GF_TASK_DONE;
    s->running--;
    s->done++;
    for (int k = s->first[task]; k < s->first[task + 1]; k++) miss_one_less(s, s->dependents[k]);
}

void gf_farm_schedule_let_go(gf_farm_schedule *s, int task)
{
    if (!s->held[task]) return;
    s->held[task] = false;
    miss_one_less(s, task);
}

void gf_farm_schedule_return(gf_farm_schedule *s, int task)
{
    s->running--;
    s->attempts[task]--;
    push_ready(s, task);
}

bool gf_farm_schedule_may_retry(const gf_farm_schedule *s, int task)
{
    return s->attempts[task] < s->max_attempts;
}

void gf_farm_schedule_retry(gf_farm_schedule *s, int task)
{
    s->running--;
    push_ready(s, task);
}

void gf_farm_schedule_failed(gf_farm_schedule *s, int task)
{
    s->running--;
    s->state[task] = GF_TASK_FAILED;
    s->failed++;
}

int gf_farm_schedule_block(gf_farm_schedule *s, int task, int *blocked)
{
    int size = 0, at = 0;
    for (int from = task;; from = blocked[at++]) { /* breadth first; `blocked` is the queue */
        for (int k = s->first[from]; k < s->first[from + 1]; k++) {
            int dependent = s->dependents[k];
            if (s->state[dependent] != GF_TASK_WAITING) continue;
            s->state[dependent] = GF_TASK_BLOCKED;
            s->blocked++;
            blocked[size++] = dependent;
        }
        if (at == size) return size;
    }
}

bool gf_farm_schedule_is_over(const gf_farm_schedule *s)
{
    return s->running == 0 && s->heap_size == 0;
}
