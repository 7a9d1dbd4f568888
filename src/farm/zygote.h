/* The zygote: forked before MPI exists, it forks one executor per task, keeps the end of its
 * output, and reports how it ended. The rank's side of it stands here too. */
#ifndef GRIDFRONT_FARM_ZYGOTE_H
#define GRIDFRONT_FARM_ZYGOTE_H

#include "shared.h"

#include <sched.h>

typedef struct gf_zygote {
    int pid, socket;
    gf_shared *shared; /* borrowed */
} gf_zygote;

/* What the zygote is told to run. */
typedef struct gf_order {
    int32_t task, attempt, rank, threads;
    uint32_t fence;
    int64_t memory_limit; /* bytes of its own data; 0: none */
    cpu_set_t cores;
} gf_order;

/* How an executor ended. */
typedef struct gf_report_of_end {
    int32_t task;
    uint32_t fence;
    int32_t exited; /* by itself: its status stands in the shared page */
    int32_t signal;
    int64_t peak_memory;
} gf_report_of_end;

gf_status gf_zygote_start(gf_zygote *zygote, gf_shared *shared, const gf_farm_program *program);
/* Text for all later executors; kept by the zygote. */
gf_status gf_zygote_tell(gf_zygote *zygote, const char *study, int size);
gf_status gf_zygote_run(gf_zygote *zygote, const gf_order *order);
/* Ends the running executor by SIGKILL; its end is reported as usual. */
gf_status gf_zygote_kill(gf_zygote *zygote);
/* 1: an executor ended; 0: nothing yet; -1: the zygote itself is gone. Waits at most so long. */
int gf_zygote_poll(gf_zygote *zygote, gf_report_of_end *end, double seconds);
void gf_zygote_stop(gf_zygote *zygote);

#endif
