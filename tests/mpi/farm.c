/* farm under mpirun: every rank is a worker, rank 0 leads as well. Run with 1, 2 and 4 ranks. */
#include "../test.h"

#include <gridfront/farm.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TASKS = 24 };

/* Task 5 crashes always, task 7 hangs, task 9 crashes once; the others sleep a little. */
static gf_status run_task(void *context, const gf_task *task)
{
    (void)context;
    if (strcmp(task->study, "three words here") != 0)
        return gf_fail(GF_FAILED, "the study text is '%.40s'", task->study);
    if (task->task == 5) raise(SIGSEGV);
    if (task->task == 9 && task->attempt == 1) abort();
    while (task->task == 7) pause();
    gf_sleep(0.02);
    return GF_OK;
}

typedef struct record {
    int done[TASKS], failures[TASKS], blocked[TASKS];
    int early; /* tasks that ended before what they need */
    const gf_farm_task *tasks;
} record;

static void on_ended(void *context, const gf_task_outcome *outcome)
{
    record *r = context;
    const gf_farm_task *task = &r->tasks[outcome->task];
    for (int k = 0; k < task->need_count; k++) r->early += !r->done[task->needs[k]];
    if (outcome->status == GF_OK)
        r->done[outcome->task]++;
    else if (!outcome->hung || outcome->task == 7) /* a busy machine can make any task late */
        r->failures[outcome->task]++;
}

static void on_blocked(void *context, int task)
{
    ((record *)context)->blocked[task]++;
}

/* A binary tree: task i needs (i - 1) / 2. */
static void make_tasks(gf_farm_task *tasks, int *needs)
{
    for (int i = 0; i < TASKS; i++) {
        needs[i] = (i - 1) / 2;
        tasks[i] = (gf_farm_task){ .needs = &needs[i], .need_count = i > 0, .cost = 1 };
    }
}

static bool hangs_below(int task, int failed)
{
    for (; task > failed; task = (task - 1) / 2)
        ;
    return task == failed;
}

static void lead(gf_farm *farm)
{
    gf_farm_task tasks[TASKS];
    int needs[TASKS], failed = 0;
    record r = { .tasks = tasks };
    make_tasks(tasks, needs);
    const gf_farm_master master = {
        .context = &r,
        .study = "three words here",
        .tasks = tasks,
        .task_count = TASKS,
        .options = { .max_attempts = 2, .lease_seconds = 30, .deadline_seconds = 5, .threads = 1 },
        .ended = on_ended,
        .blocked = on_blocked,
    };
    REQUIRE_OK(gf_farm_lead(farm, &master, &failed));
    EXPECT_EQ(r.early, 0);
    EXPECT_EQ(r.failures[9], 1);
    for (int i = 0; i < TASKS; i++) {
        bool lost = hangs_below(i, 5) || hangs_below(i, 7);
        EXPECT_EQ(r.done[i], !lost);
        EXPECT_EQ(r.failures[i], i == 5 || i == 7 ? 2 : i == 9);
        EXPECT_EQ(r.blocked[i], lost && i != 5 && i != 7);
    }
}

TEST("farm: ranks", "texts of all ranks are gathered, tasks run once, faults stay where they are")
{
    gf_farm *farm = NULL;
    char text[64];
    const char *const *texts = NULL;
    const gf_farm_program program = { .run = run_task };
    int guess = gf_farm_rank_guess();
    REQUIRE_OK(gf_farm_open(&farm, NULL, NULL, &program));
    EXPECT_EQ(gf_farm_rank(farm), guess);
    snprintf(text, sizeof text, "rank %d", guess);
    REQUIRE_OK(gf_farm_gather(farm, text, &texts));
    if (guess == 0) {
        for (int rank = 0; rank < gf_farm_size(farm); rank++) {
            snprintf(text, sizeof text, "rank %d", rank);
            EXPECT_TEXT(texts[rank], text);
        }
        lead(farm);
    } else {
        REQUIRE_OK(gf_farm_serve(farm));
    }
    gf_farm_close(farm);
}
