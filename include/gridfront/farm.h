/* farm (L1): master, worker ranks, zygotes and executors. Hands out task numbers, knows nothing of
 * networks, and nothing else includes mpi.h.
 *
 * Each rank forks a zygote before MPI_Init; the zygote forks one executor per task. The executor
 * calls `run` and never calls MPI. Rank 0 is master and worker at once; without mpirun it is the
 * only rank. Messages are point-to-point and under 4 KB; tasks are leased with a fence. */
#ifndef GRIDFRONT_FARM_H
#define GRIDFRONT_FARM_H

#include <gridfront/base.h>

typedef struct gf_farm gf_farm;

/* What an executor is told and may tell. */
typedef struct gf_task {
    int task;       /* its number in the master's table */
    int attempt;    /* 1, 2, ... */
    uint32_t fence; /* grows with every lease of this task */
    int rank;
    int threads;       /* this executor's share of the node's cores */
    const char *study; /* text that the master broadcasts at start (folder, numerics) */
} gf_task;
/* In the executor: share in [0, 1] of the task done and a line for people. Cheap. */
void gf_task_progress(const gf_task *task, double share, const char *line);
/* In the executor: false once the lease has run out or people asked to stop: save and return. */
bool gf_task_may_go_on(const gf_task *task);
bool gf_task_lease_valid(const gf_task *task); /* before each write */

typedef struct gf_task_outcome {
    int task, attempt, rank;
    uint32_t fence;
    gf_status status;    /* GF_OK; INTERRUPTED: saved and left; else failed */
    int signal;          /* that ended the executor, 0: none */
    bool hung;           /* ended because its deadline passed */
    bool exhausted;      /* ended because of its memory limit */
    int64_t peak_memory; /* bytes */
    double seconds;
    char host[64];
    char reason[512]; /* error message or what killed it */
    const char *log;  /* last 64 KB of its stderr and stdout; on failure only */
    size_t log_size;
} gf_task_outcome;

/* The master's table. */
typedef struct gf_farm_task {
    const int *needs; /* tasks that must be done before */
    int need_count;
    double cost; /* seconds or any unit: longest remaining path goes first */
    bool done;   /* already: not run */
} gf_farm_task;

typedef struct gf_farm_options {
    int max_attempts;        /* 3 */
    double lease_seconds;    /* 30: a rank silent this long loses its task */
    double deadline_seconds; /* of one attempt; 0: none */
    int64_t memory_limit;    /* bytes of one executor; 0: none */
    int threads;             /* per executor; 0: the node's cores shared out */
    double time_left;        /* s until this job ends; 0: unknown */
    uint32_t first_fence;    /* leases begin above what earlier runs used */
} gf_farm_options;

typedef struct gf_farm_progress {
    int total, done, failed, blocked, running, ranks;
    double elapsed, busy; /* s; busy share of executor time, [0, 1] */
    double remaining;     /* s estimated, NaN: unknown */
    double remaining_low, remaining_high;
    const char *line; /* newest progress line of an executor; may be NULL */
} gf_farm_progress;

typedef struct gf_farm_program {
    void *context;
    /* In the executor (zygote's child): do the task. Its text goes to the log. */
    gf_status (*run)(void *context, const gf_task *task);
    /* In the zygote, once, before MPI exists; set-up shared by all its executors; may be NULL. */
    gf_status (*prepare)(void *context);
} gf_farm_program;

/* Call first thing, before any thread or library that starts one: forks the zygote, then
 * MPI_Init. */
gf_status gf_farm_open(gf_farm **farm, int *argc, char ***argv, const gf_farm_program *program);
int gf_farm_rank(const gf_farm *farm);
int gf_farm_size(const gf_farm *farm);
/* Rank as far as the environment tells before gf_farm_open: OMPI_COMM_WORLD_RANK, else 0. */
int gf_farm_rank_guess(void);
/* At start, before tasks: every rank gives a text (its numerics class), rank 0 gets all of them.
 * texts[size], owned by farm. */
gf_status gf_farm_gather(gf_farm *farm, const char *text, const char *const **texts);

typedef struct gf_farm_master {
    void *context;
    const char *study; /* told to every executor */
    const gf_farm_task *tasks;
    int task_count;
    gf_farm_options options;
    /* All in rank 0, from the master's loop; short. */
    void (*started)(void *context, int task, int attempt, int rank, uint32_t fence,
                    const char *host);
    void (*ended)(void *context, const gf_task_outcome *outcome);
    void (*blocked)(void *context, int task);
    void (*tick)(void *context, const gf_farm_progress *progress); /* about 4 times a second */
} gf_farm_master;
/* Rank 0: until everything that can be done is done. *failed counts failed and blocked tasks.
 * INTERRUPTED after SIGUSR1, SIGTERM or SIGINT: executors have saved and left. */
gf_status gf_farm_lead(gf_farm *farm, const gf_farm_master *master, int *failed);
/* Other ranks: until the master says so or is silent for too long. */
gf_status gf_farm_serve(gf_farm *farm);
/* Ends zygote and executors; MPI_Finalize only if nobody died. */
void gf_farm_close(gf_farm *farm);

#endif
