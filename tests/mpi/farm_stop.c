/* farm: SIGUSR1 reaches every rank, as mpirun forwards it. Run with 1, 2 and 4 ranks. */
#include "../test.h"

#include <gridfront/farm.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS = 12 };

/* Works until it is told to stop, and saves. */
static gf_status run_task(void *context, const gf_task *task)
{
    (void)context;
    while (gf_task_may_go_on(task)) gf_sleep(0.01);
    return gf_fail(GF_INTERRUPTED, "saved");
}

typedef struct record {
    const char *const *pids; /* of the ranks */
    int ranks, outcomes, saved;
    bool asked;
} record;

static void on_ended(void *context, const gf_task_outcome *outcome)
{
    record *r = context;
    r->outcomes++;
    r->saved += outcome->status == GF_INTERRUPTED;
}

static void on_tick(void *context, const gf_farm_progress *progress)
{
    record *r = context;
    if (r->asked || progress->running < r->ranks) return;
    r->asked = true;
    for (int rank = 0; rank < r->ranks; rank++) kill(atoi(r->pids[rank]), SIGUSR1);
}

static void lead(gf_farm *farm, const char *const *pids)
{
    const gf_farm_task tasks[TASKS] = { { .cost = 1 } };
    record r = { .pids = pids, .ranks = gf_farm_size(farm) };
    int failed = 0;
    const gf_farm_master master = { .context = &r,
                                    .study = "",
                                    .tasks = tasks,
                                    .task_count = TASKS,
                                    .options = { .max_attempts = 1, .lease_seconds = 30 },
                                    .ended = on_ended,
                                    .tick = on_tick };
    EXPECT_STATUS(gf_farm_lead(farm, &master, &failed), GF_INTERRUPTED);
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(r.outcomes, r.ranks);
    EXPECT_EQ(r.saved, r.ranks);
}

TEST("farm: ranks", "after SIGUSR1 every running task saves, and all leave in order")
{
    gf_farm *farm = NULL;
    char pid[16];
    const char *const *pids = NULL;
    const gf_farm_program program = { .run = run_task };
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans become our children */
    REQUIRE_OK(gf_farm_open(&farm, NULL, NULL, &program));
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    REQUIRE_OK(gf_farm_gather(farm, pid, &pids));
    if (gf_farm_rank(farm) == 0)
        lead(farm, pids);
    else
        REQUIRE_OK(gf_farm_serve(farm));
    gf_farm_close(farm);
    EXPECT(waitpid(-1, NULL, WNOHANG) == -1); /* no executor, no zygote */
}
