/* farm: executors in one process without mpirun. */
#include "../test.h"
#include "farm_tree.h"

#include <gridfront/farm.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct counters {
    int runs[16];
} counters;

/* What task i does is letter i of the study text. */
static gf_status run_task(void *context, const gf_task *task)
{
    counters *shared = context;
    shared->runs[task->task]++;
    fprintf(stderr, "task %d, attempt %d\n", task->task, task->attempt);
    switch (task->study[task->task]) {
    case 'f':
        return gf_fail(GF_DIVERGED, "the loss is not finite in epoch 3");
    case 's':
        raise(SIGSEGV);
        break;
    case 'o': /* fails once */
        if (task->attempt == 1) abort();
        break;
    case 'h':
        for (;;) pause();
    case 'm':
        for (volatile char *block;;) {
            block = malloc(1 << 20);
            if (!block) return gf_fail(GF_NOMEM, "out of memory");
            memset((void *)block, 1, 1 << 20);
        }
    case 'w': /* works until it is told to stop */
        while (gf_task_may_go_on(task)) gf_sleep(0.01);
        return gf_fail(GF_INTERRUPTED, "saved");
    case 'p': /* prints without end */
        for (;;) fprintf(stderr, "more and more and more of the same\n");
    case 'c': /* leaves a child behind that prints into its log */
        if (fork() == 0)
            for (;;) pause();
        break;
    case 'e':
        _exit(3);
    case 'z': /* kills the zygote */
        kill(getppid(), SIGKILL);
        for (;;) pause();
    case 't':
        gf_sleep(0.3);
        break;
    default: /* found finished */
        gf_task_progress(task, 1, "done");
    }
    return GF_OK;
}

typedef struct record {
    gf_task_outcome outcomes[16];
    char logs[16][256];
    int outcome_count, blocked_count, failed;
    bool interrupt; /* raise SIGTERM at the first tick */
    gf_status status;
} record;

static void on_ended(void *context, const gf_task_outcome *outcome)
{
    record *r = context;
    snprintf(r->logs[r->outcome_count], sizeof r->logs[0], "%.*s", (int)outcome->log_size,
             outcome->log ? outcome->log : "");
    r->outcomes[r->outcome_count++] = *outcome;
}

static void on_blocked(void *context, int task)
{
    (void)task;
    ((record *)context)->blocked_count++;
}

static void on_tick(void *context, const gf_farm_progress *progress)
{
    record *r = context;
    if (r->interrupt && progress->running > 0) {
        r->interrupt = false;
        raise(SIGTERM);
    }
}

static counters *shared_counters(void)
{
    void *memory =
        mmap(NULL, sizeof(counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void run_farm(record *r, counters *c, const char *study, const gf_farm_task *tasks,
                     int count, gf_farm_options options)
{
    gf_farm *farm = NULL;
    const gf_farm_program program = { .context = c, .run = run_task };
    const gf_farm_master master = {
        .context = r,
        .study = study,
        .tasks = tasks,
        .task_count = count,
        .options = options,
        .ended = on_ended,
        .blocked = on_blocked,
        .tick = on_tick,
    };
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans become our children */
    REQUIRE_OK(gf_farm_open(&farm, NULL, NULL, &program));
    r->status = gf_farm_lead(farm, &master, &r->failed);
    gf_farm_close(farm);
    double begin = gf_clock(); /* what was just killed takes a moment to go */
    while (waitpid(-1, NULL, WNOHANG) >= 0 && gf_clock() - begin < 5) gf_sleep(0.001);
    EXPECT(waitpid(-1, NULL, WNOHANG) == -1); /* none lives on */
}

static const gf_farm_options usual = { .max_attempts = 2, .lease_seconds = 30, .threads = 1 };

TEST("farm: executors", "all tasks run once, in an order that their needs allow")
{
    record r = { 0 };
    counters *c = shared_counters();
    run_farm(&r, c, ".....", tree, 5, usual);
    EXPECT_EQ(r.status, GF_OK);
    EXPECT_EQ(r.failed, 0);
    EXPECT_EQ(r.outcome_count, 5);
    for (int i = 0; i < 5; i++) EXPECT_EQ(c->runs[i], 1);
    EXPECT_EQ(r.outcomes[0].task, 0);
    munmap(c, sizeof *c);
}

TEST("farm: executors", "an error is recorded with its message and its log, and is not retried")
{
    record r = { 0 };
    counters *c = shared_counters();
    run_farm(&r, c, "f....", tree, 5, usual);
    EXPECT_EQ(r.status, GF_OK);
    EXPECT_EQ(r.failed, 4); /* task 0 and the three that need it */
    EXPECT_EQ(r.blocked_count, 3);
    EXPECT_EQ(c->runs[0], 1);
    EXPECT_EQ(r.outcomes[0].status, GF_DIVERGED);
    EXPECT_CONTAINS(r.outcomes[0].reason, "not finite in epoch 3");
    EXPECT_CONTAINS(r.logs[0], "task 0, attempt 1");
    EXPECT_EQ(c->runs[4], 1);
    munmap(c, sizeof *c);
}

TEST("farm: executors", "a crash is recorded with its signal, and the rest goes on")
{
    record r = { 0 };
    counters *c = shared_counters();
    run_farm(&r, c, "s.", tree + 3, 1, usual);
    const gf_farm_task alone[] = { { .cost = 2 }, { .cost = 1 } };
    memset(&r, 0, sizeof r);
    memset(c, 0, sizeof *c);
    run_farm(&r, c, "s.", alone, 2, usual);
    EXPECT_EQ(r.failed, 1);
    EXPECT_EQ(c->runs[0], 2);
    EXPECT_EQ(c->runs[1], 1);
    EXPECT_EQ(r.outcomes[0].signal, SIGSEGV);
    EXPECT_CONTAINS(r.outcomes[0].reason, "Segmentation fault");
    EXPECT_CONTAINS(r.logs[0], "task 0, attempt 1");
    munmap(c, sizeof *c);
}

TEST("farm: executors", "a crash that does not come again is healed by the second attempt")
{
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 } };
    run_farm(&r, c, "o", alone, 1, usual);
    EXPECT_EQ(r.failed, 0);
    EXPECT_EQ(c->runs[0], 2);
    EXPECT_EQ(r.outcomes[0].signal, SIGABRT);
    EXPECT_EQ(r.outcomes[1].status, GF_OK);
    EXPECT(r.outcomes[1].fence > r.outcomes[0].fence);
    munmap(c, sizeof *c);
}

TEST("farm: executors", "a task that hangs ends at its deadline")
{
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 }, { .cost = 1 } };
    gf_farm_options options = usual;
    options.max_attempts = 1;
    options.deadline_seconds = 1;
    run_farm(&r, c, "h.", alone, 2, options);
    EXPECT_EQ(r.failed, 1);
    EXPECT(r.outcomes[0].hung);
    EXPECT_CONTAINS(r.outcomes[0].reason, "deadline");
    EXPECT_EQ(c->runs[1], 1);
    munmap(c, sizeof *c);
}

TEST("farm: executors", "a task that allocates without end meets its limit")
{
#ifdef __SANITIZE_ADDRESS__
    SKIP("AddressSanitizer's own map is above any limit on data");
#endif
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 }, { .cost = 1 } };
    gf_farm_options options = usual;
    options.max_attempts = 1;
    options.memory_limit = 256 << 20;
    run_farm(&r, c, "m.", alone, 2, options);
    EXPECT_EQ(r.failed, 1);
    EXPECT(r.outcomes[0].exhausted);
    EXPECT(r.outcomes[0].peak_memory < (int64_t)512 << 20);
    EXPECT_EQ(c->runs[1], 1);
    munmap(c, sizeof *c);
}

TEST("farm: executors", "a task that prints without end meets its deadline, with its last words")
{
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 } };
    gf_farm_options options = usual;
    options.max_attempts = 1;
    options.deadline_seconds = 1;
    run_farm(&r, c, "p", alone, 1, options);
    EXPECT(r.outcomes[0].hung);
    EXPECT_EQ(r.outcomes[0].log_size, 64 << 10);
    EXPECT_CONTAINS(r.logs[0], "more of the same");
    munmap(c, sizeof *c);
}

TEST("farm: executors", "what a task forks does not outlive it; an exit of its own is a failure")
{
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 2 }, { .cost = 1 } };
    run_farm(&r, c, "ce", alone, 2, usual);
    EXPECT_EQ(r.failed, 1);
    EXPECT_EQ(r.outcomes[0].status, GF_OK);
    EXPECT_CONTAINS(r.outcomes[1].reason, "without a result");
    munmap(c, sizeof *c);
}

TEST("farm: executors", "without its zygote the last rank gives up, and says why")
{
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 } };
    run_farm(&r, c, "z", alone, 1, usual);
    EXPECT_EQ(r.status, GF_LOST);
    EXPECT_CONTAINS(gf_error_message(), "no rank is left");
    munmap(c, sizeof *c);
}

TEST("farm: executors", "what does not fit into the time left is not begun")
{
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 },
                                   { .cost = 1e6, .needs = needs_0, .need_count = 1 } };
    gf_farm_options options = usual;
    options.time_left = 60;
    run_farm(&r, c, "t.", alone, 2, options);
    EXPECT_EQ(r.status, GF_INTERRUPTED);
    EXPECT_CONTAINS(gf_error_message(), "does not fit");
    EXPECT_EQ(c->runs[0], 1);
    EXPECT_EQ(c->runs[1], 0);
    munmap(c, sizeof *c);
}

TEST("farm: executors", "a task found finished says nothing about the pace of the others")
{
    record r = { 0 };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 },
                                   { .cost = 1e6, .needs = needs_0, .need_count = 1 } };
    gf_farm_options options = usual;
    options.time_left = 60;
    run_farm(&r, c, "..", alone, 2, options);
    EXPECT_EQ(r.status, GF_OK);
    EXPECT_EQ(c->runs[1], 1);
    munmap(c, sizeof *c);
}

TEST("farm: executors", "asked to stop, a task saves and the farm says that it was interrupted")
{
    record r = { .interrupt = true };
    counters *c = shared_counters();
    const gf_farm_task alone[] = { { .cost = 1 }, { .cost = 1 } };
    run_farm(&r, c, "ww", alone, 2, usual);
    EXPECT_EQ(r.status, GF_INTERRUPTED);
    EXPECT_EQ(r.outcome_count, 1);
    EXPECT_EQ(r.outcomes[0].status, GF_INTERRUPTED);
    EXPECT_EQ(c->runs[0] + c->runs[1], 1);
    munmap(c, sizeof *c);
}
