/* farm with more ranks than cores: every task runs once, in order. Run with 8 ranks, or with those
 * of `make mpi RANKS=64`. */
#include "../test.h"

#include <gridfront/farm.h>

#include <string.h>

enum { CHAINS = 64, LENGTH = 5, TASKS = CHAINS * LENGTH };

static gf_status run_task(void *context, const gf_task *task)
{
    (void)context;
    gf_sleep(0.002 * (task->task % 5));
    return GF_OK;
}

typedef struct record {
    int done[TASKS], wrong; /* wrong: failed, or before what it needs, or on no rank of ours */
    int ranks;
    gf_farm_progress last;
} record;

static void on_ended(void *context, const gf_task_outcome *o)
{
    record *r = context;
    bool early = o->task >= CHAINS && !r->done[o->task - CHAINS];
    r->wrong += o->status != GF_OK || early || o->rank < 0 || o->rank >= r->ranks;
    r->done[o->task]++;
}

static void on_tick(void *context, const gf_farm_progress *progress)
{
    ((record *)context)->last = *progress;
}

static void lead(gf_farm *farm)
{
    gf_farm_task tasks[TASKS];
    int needs[TASKS], failed = 0;
    record r = { .ranks = gf_farm_size(farm) };
    for (int i = 0; i < TASKS; i++) {
        needs[i] = i - CHAINS;
        tasks[i] =
            (gf_farm_task){ .needs = &needs[i], .need_count = i >= CHAINS, .cost = 1 + i % 5 };
    }
    const gf_farm_master master = { .context = &r,
                                    .study = "",
                                    .tasks = tasks,
                                    .task_count = TASKS,
                                    .options = { .max_attempts = 1, .lease_seconds = 60 },
                                    .ended = on_ended,
                                    .tick = on_tick };
    REQUIRE_OK(gf_farm_lead(farm, &master, &failed));
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(r.wrong, 0);
    for (int i = 0; i < TASKS; i++) EXPECT_EQ(r.done[i], 1);
    EXPECT_EQ(r.last.done, TASKS); /* what is told last is told at the end */
    EXPECT_EQ(r.last.running, 0);
    EXPECT(r.last.busy > 0 && r.last.busy <= 1);
    EXPECT(r.last.full <= r.last.elapsed && r.last.full_busy <= 1);
}

TEST("farm: many ranks", "chains of short tasks run once each, on more ranks than cores")
{
    gf_farm *farm = NULL;
    const gf_farm_program program = { .run = run_task };
    REQUIRE_OK(gf_farm_open(&farm, NULL, NULL, &program));
    if (gf_farm_rank(farm) == 0)
        lead(farm);
    else
        REQUIRE_OK(gf_farm_serve(farm));
    gf_farm_close(farm);
}
