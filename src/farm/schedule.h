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
    int *missing;     /* needs that are not done */
    double *priority; /* cost of the longest chain from here to an end */
    int *dependents;  /* those that need task i: dependents[first[i] .. first[i + 1]) */
    int *first;
    int *heap, heap_size; /* ready tasks, the longest chain on top */
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
/* An attempt failed. retry: another might not. True: the task has now failed for good, and those
 * that need it are blocked; blocked[count] receives them, *blocked_count of them. */
bool gf_farm_schedule_failed(gf_farm_schedule *schedule, int task, bool retry, int *blocked,
                             int *blocked_count);
/* Nothing runs and nothing is ready. */
bool gf_farm_schedule_is_over(const gf_farm_schedule *schedule);

#endif
