/* farm: a rank falls silent in the middle of its task. Without further ado it is only slow
 * (stopped, and let go again later); under `mpirun --enable-recovery` it is killed. Run with 1, 2,
 * 4 ranks. */
#include "../test.h"

#include <gridfront/farm.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TASKS = 8 };
#define LEASE   3.0
#define SILENCE 4.5 /* how long the slow rank is stopped */

static gf_status run_task(void *context, const gf_task *task)
{
    (void)context;
    double begin = gf_clock();
    while (gf_clock() - begin < 0.7) {
        if (!gf_task_may_go_on(task)) return gf_fail(GF_LOST, "the lease ran out");
        gf_sleep(0.01);
    }
    return gf_task_lease_valid(task) ? GF_OK : gf_fail(GF_LOST, "the lease ran out");
}

typedef struct record {
    pid_t victim; /* rank 1; 0: there is none */
    bool kill_it;
    int victim_task, lost, done[TASKS];
    double hit; /* gf_clock */
    bool let_go;
} record;

static void on_started(void *context, int task, int attempt, int rank, uint32_t fence,
                       const char *host)
{
    record *r = context;
    (void)attempt, (void)fence, (void)host;
    if (rank != 1 || r->hit > 0 || !r->victim) return;
    r->victim_task = task;
    r->hit = gf_clock();
    kill(r->victim, r->kill_it ? SIGKILL : SIGSTOP);
}

static void on_ended(void *context, const gf_task_outcome *outcome)
{
    record *r = context;
    r->done[outcome->task] += outcome->status == GF_OK;
    r->lost += outcome->status == GF_LOST && outcome->task == r->victim_task;
}

static void on_tick(void *context, const gf_farm_progress *progress)
{
    record *r = context;
    (void)progress;
    if (r->hit == 0 || r->kill_it || r->let_go || gf_clock() - r->hit < SILENCE) return;
    r->let_go = true;
    kill(r->victim, SIGCONT);
}

static void lead(gf_farm *farm, const char *const *pids)
{
    gf_farm_task tasks[TASKS] = { { .cost = 1 } };
    record r = { .victim = gf_farm_size(farm) > 1 ? atoi(pids[1]) : 0,
                 .kill_it = getenv("OMPI_MCA_orte_enable_recovery") != NULL,
                 .victim_task = -1 };
    int failed = 0;
    const gf_farm_master master = { .context = &r,
                                    .study = "",
                                    .tasks = tasks,
                                    .task_count = TASKS,
                                    .options = { .max_attempts = 2, .lease_seconds = LEASE },
                                    .started = on_started,
                                    .ended = on_ended,
                                    .tick = on_tick };
    EXPECT_STATUS(gf_farm_lead(farm, &master, &failed), GF_OK);
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(r.lost, r.victim > 0);
    for (int i = 0; i < TASKS; i++) EXPECT_EQ(r.done[i], 1);
    if (r.victim && !r.kill_it) kill(r.victim, SIGCONT);
}

TEST("farm: ranks", "the task of a silent rank goes to another, and is done once")
{
    gf_farm *farm = NULL;
    char pid[16];
    const char *const *pids = NULL;
    const gf_farm_program program = { .run = run_task };
    REQUIRE_OK(gf_farm_open(&farm, NULL, NULL, &program));
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    REQUIRE_OK(gf_farm_gather(farm, pid, &pids));
    if (gf_farm_rank(farm) == 0)
        lead(farm, pids);
    else
        REQUIRE_OK(gf_farm_serve(farm));
    gf_farm_close(farm);
}
