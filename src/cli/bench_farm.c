/* gridfront bench farm, under mpirun: tasks per second and round trips of tasks that do nothing.
 * Either the protocol alone (the other ranks answer a lease at once; rank 0 only leads), or with
 * an executor forked for every task, on all ranks, as in a real sweep. */
#include "bench.h"

#include <gridfront/farm.h>

#include <stdlib.h>
#include <sys/resource.h>

enum { PROTOCOL_TASKS = 20000, EXECUTOR_TASKS = 1000 };

typedef struct measured {
    double *begun, *trips; /* [tasks]: gf_clock of the lease; s until its end was known here */
    double first, last;    /* gf_clock of the first lease and the last end */
    double cpu;            /* s of this process between them */
    int tasks, ranks;
} measured;

static double cpu_seconds(void)
{
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use) != 0) return 0;
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static gf_status do_nothing(void *context, const gf_task *task)
{
    (void)context;
    (void)task;
    return GF_OK;
}

static void on_started(void *context, int task, int attempt, int rank, uint32_t fence,
                       const char *host)
{
    measured *m = context;
    (void)attempt, (void)rank, (void)fence, (void)host;
    m->begun[task] = gf_clock();
    if (m->first > 0) return;
    m->first = m->begun[task];
    m->cpu = -cpu_seconds();
}

static void on_ended(void *context, const gf_task_outcome *outcome)
{
    measured *m = context;
    m->last = gf_clock();
    m->trips[outcome->task] = m->last - m->begun[outcome->task];
}

static gf_status lead(measured *m, gf_farm *farm, const gf_bench *bench)
{
    gf_status status;
    int failed = 0;
    gf_farm_task *tasks = gf_alloc((size_t)m->tasks, sizeof *tasks);
    m->begun = gf_alloc((size_t)m->tasks, sizeof *m->begun);
    m->trips = gf_alloc((size_t)m->tasks, sizeof *m->trips);
    GF_TRY_ALLOC(tasks && m->begun && m->trips);
    const gf_farm_master master = { .context = m,
                                    .study = "",
                                    .tasks = tasks,
                                    .task_count = m->tasks,
                                    .options = { .max_attempts = 1,
                                                 .lease_seconds = 30,
                                                 .threads = 1,
                                                 .hollow = !bench->executors },
                                    .started = on_started,
                                    .ended = on_ended };
    GF_TRY(gf_farm_lead(farm, &master, &failed));
    m->cpu += cpu_seconds();
    if (failed) status = gf_fail(GF_FAILED, "bench: %d of %d empty tasks failed", failed, m->tasks);
out:
    free(tasks);
    return status;
}

/* ---- printing ---- */

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print(measured *m, const gf_bench *bench)
{
    double seconds = m->last - m->first;
    qsort(m->trips, (size_t)m->tasks, sizeof *m->trips, compare);
    double p50 = m->trips[m->tasks / 2], p99 = m->trips[(int)(0.99 * m->tasks)];
    int workers = bench->executors || m->ranks == 1 ? m->ranks : m->ranks - 1;
    if (bench->json) {
        gf_bench_print_json(json_pack("{s:s, s:b, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f}", "bench",
                                      bench->what, "executors", bench->executors, "ranks", m->ranks,
                                      "workers", workers, "tasks", m->tasks, "seconds", seconds,
                                      "tasks_per_second", m->tasks / seconds, "round_trip_p50", p50,
                                      "round_trip_p99", p99, "master_cpu_share", m->cpu / seconds));
        return;
    }
    printf("farm, %d %s, %d %s, %d empty tasks, %s: %.0f tasks/s\n", m->ranks,
           m->ranks == 1 ? "rank" : "ranks", workers, workers == 1 ? "worker" : "workers", m->tasks,
           bench->executors ? "an executor for each" : "the protocol alone", m->tasks / seconds);
    printf("  round trip %.3f ms, 99 %% within %.3f ms; rank 0 used %.0f %% of a core\n", p50 * 1e3,
           p99 * 1e3, 100 * m->cpu / seconds);
}

gf_status gf_bench_farm(const gf_bench *bench)
{
    gf_status status;
    gf_farm *farm = NULL;
    const char *const *ready = NULL;
    measured m = { .tasks = bench->tasks       ? bench->tasks
                            : bench->executors ? EXECUTOR_TASKS
                                               : PROTOCOL_TASKS };
    const gf_farm_program program = { .run = do_nothing };
    GF_TRY(gf_farm_open(&farm, NULL, NULL, &program));
    gf_log_configure(GF_ERROR, gf_farm_rank(farm));
    m.ranks = gf_farm_size(farm);
    GF_TRY(gf_farm_gather(farm, "ready", &ready)); /* no rank is still in MPI_Init from here on */
    if (gf_farm_rank(farm) != 0)
        GF_TRY(gf_farm_serve(farm));
    else
        GF_TRY(lead(&m, farm, bench));
out:
    gf_farm_close(farm);
    if (status == GF_OK && m.begun) print(&m, bench);
    free(m.begun);
    free(m.trips);
    return status;
}
