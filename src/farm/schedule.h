/* Which task is next: pure functions on a table, without processes, messages or clocks. */
#ifndef GRIDFRONT_FARM_SCHEDULE_H
#define GRIDFRONT_FARM_SCHEDULE_H

#include <gridfront/farm.h>

typedef enum gf_task_state {
    GF_TASK_WAITING, /* for what it needs */
    GF_TASK_READY,
    GF_TASK_RUNNING,
    GF_TASK_DONE,
    GF_TASK_FAILED,
    GF_TASK_BLOCKED /* what it needs failed */
} gf_task_state;

typedef struct gf_farm_schedule {
    const gf_farm_task *tasks; /* borrowed */
    int count, max_attempts;
    gf_task_state *state;
    int *attempts;    /* begun so far */
    int *missing;     /* needs that are not done, and one more where it is held */
    double *priority; /* cost of the longest chain from here to an end */
    int *dependents;  /* those that need task i: dependents[first[i] .. first[i + 1]) */
    int *first;
    bool *held;
    int *heap, heap_size; /* ready tasks, the most urgent on top, and of these the longest chain */
    int done, failed, blocked, running;
} gf_farm_schedule;

/* INVALID where a task needs itself, directly or around a cycle. */
gf_status gf_farm_schedule_init(gf_farm_schedule *schedule, const gf_farm_task *tasks, int count,
                                int max_attempts);
void gf_farm_schedule_release(gf_farm_schedule *schedule);
/* The ready task of the longest chain among those that cost at most `most`; it runs from now on.
 * -1: none is ready. */
int gf_farm_schedule_take(gf_farm_schedule *schedule, double most);
void gf_farm_schedule_done(gf_farm_schedule *schedule, int task);
/* Back into the queue without a mark (interrupted, lease lost). */
void gf_farm_schedule_return(gf_farm_schedule *schedule, int task);
/* An attempt failed, and another may follow: then it goes back into the queue. */
bool gf_farm_schedule_may_retry(const gf_farm_schedule *schedule, int task);
void gf_farm_schedule_retry(gf_farm_schedule *schedule, int task);
/* A running task has failed for good. */
void gf_farm_schedule_failed(gf_farm_schedule *schedule, int task);
/* Everything that waits for a task that has failed, directly or not, is blocked; blocked[count]
 * receives what was not yet; returns how many. */
int gf_farm_schedule_block(gf_farm_schedule *schedule, int task, int *blocked);
/* A held task is held no longer; nothing where it was not. */
void gf_farm_schedule_let_go(gf_farm_schedule *schedule, int task);
/* Nothing runs and nothing is ready. */
bool gf_farm_schedule_is_over(const gf_farm_schedule *schedule);

#endif
