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
    bool final;          /* failed, and not tried again in this run */
    int signal;          /* that ended the executor, 0: none */
    bool hung;           /* ended because its deadline passed */
    bool exhausted;      /* ended because of its memory limit */
    int64_t peak_memory; /* bytes */
    double seconds;
    double found; /* share that had been done before: 1 where it only had to be looked up */
    char host[64];
    char reason[512]; /* error message or what killed it */
    const char *log;  /* last 64 KB of its stderr and stdout; on failure only */
    size_t log_size;
} gf_task_outcome;

/* How wrong predictions of seconds may be: log(real / predicted) of a task is a sum of three normal
 * parts, one that all tasks of a run share (a busy machine), one that its group shares (a rate that
 * was learned from something else), and its own. Standard deviations; all 0: as good as unknown. */
typedef struct gf_doubt {
    double run, group, task;
} gf_doubt;

/* The master's table. */
typedef struct gf_farm_task {
    const int *needs; /* tasks that must be done before */
    int need_count;
    double cost;   /* s that are predicted for one rank: longest remaining path goes first */
    int group;     /* 0, 1, ...: those whose predictions are wrong alike */
    bool done;     /* already: not run */
    bool failed;   /* for good, in an earlier run: not run, and those that need it are blocked */
    bool begun;    /* in an earlier run: it may go on from the middle */
    double took;   /* s that a task which is done took in an earlier run; 0: unknown */
    bool held;     /* not before `release` names it, even when all it needs is done */
    int urgency;   /* higher ones go first, whatever their paths */
    double chance; /* that it will be run, for estimates; 0 counts as 1 */
} gf_farm_task;

typedef struct gf_farm_options {
    int max_attempts;        /* 3 */
    double lease_seconds;    /* 30: a rank silent this long loses its task */
    double deadline_seconds; /* of one attempt; 0: none */
    int64_t memory_limit;    /* bytes of one executor; 0: none */
    int threads;             /* per executor; 0: the node's cores shared out */
    /* s until this job ends, 0: unknown. What is predicted not to fit is not begun, but for the
     * first task of each rank: it is saved when the job ends, and resumed by the next. */
    double time_left;
    gf_doubt doubt;       /* how wrong the tasks' costs may be */
    uint32_t first_fence; /* leases begin above what earlier runs used */
    bool hollow; /* to measure the protocol: ranks answer leases at once, without an executor, and
                    rank 0 only leads where there are others */
} gf_farm_options;

typedef struct gf_farm_progress {
    int total, done, failed, blocked, running, ranks;
    double elapsed, busy;   /* s; busy share of executor time, [0, 1] */
    double full, full_busy; /* the last time when every rank had a task, and the share until then:
                               the tail of a sweep aside; 0: never yet */
    double remaining;       /* s estimated, NaN: unknown */
    double remaining_low, remaining_high; /* 95 % interval */
    const char *line;                     /* newest progress line of an executor; may be NULL */
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
int gf_farm_threads(const gf_farm *farm); /* of this rank's executors, unless options say more */
/* Threads that share a core of this node when every rank runs so many, >= 1. */
double gf_farm_crowding(const gf_farm *farm, int threads);
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
    /* After every end, and once at start: held tasks that may go now, into tasks[task_count];
     * returns how many. NULL: nothing is held. */
    int (*release)(void *context, int *tasks);
    void (*tick)(void *context, const gf_farm_progress *progress); /* about 4 times a second */
} gf_farm_master;
/* Rank 0: until everything that can be done is done. *failed counts failed and blocked tasks.
 * INTERRUPTED after SIGUSR1, SIGTERM or SIGINT: executors have saved and left. */
gf_status gf_farm_lead(gf_farm *farm, const gf_farm_master *master, int *failed);
/* Other ranks: until the master says so or is silent for too long. */
gf_status gf_farm_serve(gf_farm *farm);
/* Ends zygote and executors; MPI_Finalize only if nobody died. */
void gf_farm_close(gf_farm *farm);

/* ---- a farm in virtual time: no processes, no clock ---- */

typedef struct gf_farm_simulated {
    double makespan;   /* s, or the unit of the costs */
    double work, path; /* all tasks after each other; the longest chain */
    double bound;      /* max(path, work / ranks): no order is faster */
    double busy;       /* share of makespan x ranks spent in tasks */
    double full;       /* the last time when every rank had a task: what follows is the tail */
    double full_busy;  /* the share until then */
} gf_farm_simulated;
/* The order in which gf_farm_lead hands tasks out, were each to take its cost, or its cost times a
 * log-normal factor of mean 1 (spread: standard deviation of its logarithm; 0: exact), which the
 * schedule does not know. Same arguments, same result. INVALID: a circle of needs. */
gf_status gf_farm_simulate(gf_farm_simulated *simulated, const gf_farm_task *tasks, int count,
                           int ranks, double spread, uint64_t seed);

/* ---- how long the rest takes: from inside and outside a run, and before it ---- */

/* What a task has shown so far. */
typedef struct gf_farm_part {
    double done;    /* share of it, [0, 1]; 1 also where it will never be run */
    double timed;   /* the share of it whose time is known, [0, 1] */
    double seconds; /* that this share took */
    bool running;
} gf_farm_part;

typedef struct gf_farm_estimate {
    double seconds, low, high; /* until all is done, 95 % interval; NaN: known to no factor of 5 */
    double work;               /* rank seconds that are left */
    double factor;             /* real seconds per predicted one, as the run has shown */
    double deviation;          /* of log(seconds) */
} gf_farm_estimate;
/* The rest of `tasks` on `ranks` ranks: the predicted costs, corrected by what parts[count] (NULL:
 * nothing has begun) have shown, as the posterior of the model of gf_doubt; in the order of the
 * real schedule. INVALID as gf_farm_simulate. */
gf_status gf_farm_estimate_rest(gf_farm_estimate *estimate, const gf_farm_task *tasks,
                                const gf_farm_part *parts, int count, int ranks,
                                const gf_doubt *doubt);

/* Time that a rank had a task. */
typedef struct gf_farm_span {
    double begin, end; /* s since 1970, or any other clock */
    int rank;          /* a number of its own for each rank and host */
} gf_farm_span;
typedef struct gf_farm_usage {
    double seconds; /* that the sweep ran: pauses between runs left out */
    double busy;    /* share of these, of all ranks, [0, 1] */
    int ranks;      /* of the last run: those that have had a task */
} gf_farm_usage;
/* Sorts spans. A second without any task is a pause, and what follows another run. */
gf_farm_usage gf_farm_usage_of(gf_farm_span *spans, int count);

/* ---- what earlier runs measured ---- */

/* Ratios of something real to something that it should be proportional to (seconds per cost, bytes
 * per parameter), by paths: "seconds/resnet18 width 16/train/threads 1". What was never measured is
 * predicted from the paths that begin alike. Kept in the user's cache folder, a file per run, so
 * that runs on several hosts with one home never write the same file and nobody has to lock.
 * GRIDFRONT_HISTORY=off: nothing is read or written. */
typedef struct gf_history gf_history;
/* kind: of machine; only runs on the same one are read, the newest ones. One without a home, or
 * that cannot be read, is empty. */
gf_status gf_history_open(gf_history **history, const char *kind);
void gf_history_close(gf_history *history);
/* One more ratio, > 0, of this run; it is not used for predictions of this run. */
gf_status gf_history_add(gf_history *history, const char *path, double ratio);
/* Writes those of this run, whose name is of letters, digits, '-'. Nothing where there are none. */
gf_status gf_history_save(gf_history *history, const char *run);

typedef struct gf_prediction {
    double ratio;       /* median */
    double group, task; /* as in gf_doubt; group: of everything that is predicted from this path */
    int depth;          /* how many parts of the path are alike */
    int samples;        /* it was learned from */
} gf_prediction;
/* prior: how far off it is thought to be before anything is seen; group: of paths that differ in
 * their last part. False: no path begins like this one for at least `depth` parts. */
bool gf_history_predict(gf_prediction *prediction, const gf_history *history, const char *path,
                        int depth, const gf_doubt *prior);
/* How far runs are off together; of the quantity that the path's first part names. */
double gf_history_run_doubt(const gf_history *history, const char *path, const gf_doubt *prior);

#endif
