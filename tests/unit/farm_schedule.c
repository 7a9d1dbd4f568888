/* farm: what is decided without any process: the cores of a node, the schedule, the pace of loops.
 */
#include "../../src/farm/schedule.h"
#include "../../src/farm/worker.h"
#include "../test.h"
#include "farm_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the cores of a node ---- */

TEST("farm: cores", "ranks get parts that do not overlap and leave nothing out")
{
    cpu_set_t all, met;
    CPU_ZERO(&all);
    for (int cpu = 3; cpu < 13; cpu++) CPU_SET(cpu, &all);
    for (int size = 1; size <= 10; size++) {
        CPU_ZERO(&met);
        for (int rank = 0; rank < size; rank++) {
            cpu_set_t share, both;
            int threads;
            gf_farm_take_share(&share, &threads, &all, rank, size);
            EXPECT_EQ(threads, CPU_COUNT(&share));
            EXPECT(threads == 10 / size || threads == 10 / size + 1);
            CPU_AND(&both, &met, &share);
            EXPECT_EQ(CPU_COUNT(&both), 0);
            CPU_OR(&met, &met, &share);
        }
        EXPECT(CPU_EQUAL(&met, &all));
    }
}

TEST("farm: cores", "more ranks than cores may all go anywhere, so that none idles while two meet")
{
    cpu_set_t all, share;
    int threads;
    CPU_ZERO(&all);
    CPU_SET(1, &all);
    CPU_SET(4, &all);
    for (int rank = 0; rank < 3; rank++) {
        gf_farm_take_share(&share, &threads, &all, rank, 3);
        EXPECT_EQ(threads, 1);
        EXPECT(CPU_EQUAL(&share, &all));
    }
}

/* ---- schedule ---- */

TEST("farm: schedule", "the longest remaining path goes first, and what it needs before it")
{
    gf_farm_schedule s;
    REQUIRE_OK(gf_farm_schedule_init(&s, tree, 5, 2));
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 0); /* 1 + 2 + 3 */
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 4);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), -1);
    gf_farm_schedule_done(&s, 0);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 1);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 3);
    gf_farm_schedule_done(&s, 4);
    gf_farm_schedule_done(&s, 3);
    EXPECT(!gf_farm_schedule_is_over(&s));
    gf_farm_schedule_done(&s, 1);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 2);
    gf_farm_schedule_done(&s, 2);
    EXPECT(gf_farm_schedule_is_over(&s));
    EXPECT_EQ(s.done, 5);
    gf_farm_schedule_release(&s);
}

TEST("farm: schedule",
     "a held task waits until it is let go; the urgent one goes before the longer")
{
    gf_farm_schedule s;
    gf_farm_task tasks[5];
    memcpy(tasks, tree, sizeof tasks);
    tasks[0].done = tasks[1].held = true;
    tasks[3].urgency = 1;
    REQUIRE_OK(gf_farm_schedule_init(&s, tasks, 5, 2));
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 3);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 4);
    gf_farm_schedule_done(&s, 3);
    gf_farm_schedule_done(&s, 4);
    EXPECT(gf_farm_schedule_is_over(&s));
    gf_farm_schedule_let_go(&s, 1);
    gf_farm_schedule_let_go(&s, 1);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 1);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), -1);
    gf_farm_schedule_release(&s);
}

TEST("farm: schedule", "a task that fails too often blocks all that needs it")
{
    gf_farm_schedule s;
    int blocked[5];
    REQUIRE_OK(gf_farm_schedule_init(&s, tree, 5, 2));
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 0);
    EXPECT(gf_farm_schedule_may_retry(&s, 0));
    gf_farm_schedule_retry(&s, 0);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 0);
    EXPECT(!gf_farm_schedule_may_retry(&s, 0));
    gf_farm_schedule_failed(&s, 0);
    EXPECT_EQ(gf_farm_schedule_block(&s, 0, blocked), 3);
    EXPECT_EQ(gf_farm_schedule_block(&s, 0, blocked), 0);
    EXPECT_EQ(s.failed, 1);
    EXPECT_EQ(s.blocked, 3);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 4);
    gf_farm_schedule_release(&s);
}

TEST("farm: schedule", "a task that failed in an earlier run is not run")
{
    gf_farm_schedule s;
    gf_farm_task tasks[5];
    int blocked[5];
    memcpy(tasks, tree, sizeof tasks);
    tasks[0].failed = true;
    REQUIRE_OK(gf_farm_schedule_init(&s, tasks, 5, 2));
    EXPECT_EQ(gf_farm_schedule_block(&s, 0, blocked), 3);
    EXPECT_EQ(s.failed, 1);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 4);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), -1);
    gf_farm_schedule_release(&s);
}

TEST("farm: schedule", "a returned task keeps its attempts; done tasks are not run")
{
    gf_farm_schedule s;
    gf_farm_task tasks[5];
    memcpy(tasks, tree, sizeof tasks);
    tasks[0].done = tasks[1].done = true;
    REQUIRE_OK(gf_farm_schedule_init(&s, tasks, 5, 1));
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 4);
    gf_farm_schedule_return(&s, 4);
    EXPECT_EQ(s.attempts[4], 0);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 4);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 2);
    gf_farm_schedule_release(&s);
}

TEST("farm: schedule", "a task that costs too much is passed over for the next that fits")
{
    gf_farm_schedule s;
    const gf_farm_task tasks[] = { { .cost = 9 }, { .cost = 5 }, { .cost = 2 }, { .cost = 4 } };
    REQUIRE_OK(gf_farm_schedule_init(&s, tasks, 4, 1));
    EXPECT_EQ(gf_farm_schedule_take(&s, 4.5), 3);
    EXPECT_EQ(gf_farm_schedule_take(&s, 1), -1);
    EXPECT_EQ(gf_farm_schedule_take(&s, INFINITY), 0);
    EXPECT_EQ(gf_farm_schedule_take(&s, 5), 1);
    EXPECT_EQ(gf_farm_schedule_take(&s, 5), 2);
    EXPECT_EQ(gf_farm_schedule_take(&s, 5), -1);
    gf_farm_schedule_release(&s);
}

TEST("farm: schedule", "a circle of needs is refused")
{
    gf_farm_schedule s;
    const gf_farm_task circle[] = { { .needs = needs_1, .need_count = 1 },
                                    { .needs = needs_0, .need_count = 1 } };
    EXPECT_STATUS(gf_farm_schedule_init(&s, circle, 2, 1), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "in a circle");
    gf_farm_schedule_release(&s);
}

/* ---- pace ---- */

static double naps(int *looks, int count)
{
    double waited = 0;
    for (int i = 0; i < count; i++) waited += gf_farm_nap(looks);
    return waited;
}

TEST("farm: pace", "a quiet loop naps longer and longer, up to 10 ms; news wakes it by degrees")
{
    int looks = 0;
    EXPECT_NEAR(naps(&looks, 16), 0, 0); /* a burst costs no nap */
    EXPECT_NEAR(gf_farm_nap(&looks), 20e-6, 1e-12);
    EXPECT_NEAR(gf_farm_nap(&looks), 25e-6, 1e-12);
    naps(&looks, 1000);
    EXPECT_NEAR(gf_farm_nap(&looks), 10e-3, 1e-12);
    gf_farm_news(&looks);
    double after_one = gf_farm_nap(&looks);
    EXPECT(after_one > 50e-6 && after_one < 200e-6);
    for (int i = 0; i < 20; i++) gf_farm_news(&looks);
    EXPECT_NEAR(gf_farm_nap(&looks), 0, 0);
}

/* Two loops that answer each other, one of them late once: each wait is the answer's way and what
 * the other has overslept. Naps that double never found back from the longest. */
TEST("farm: pace", "after one long wait two loops soon answer each other at once again")
{
    int looks[2] = { 0 };
    double wait = 0.1, total = 0; /* s */
    for (int turn = 0; turn < 40; turn++) {
        double slept = 0;
        for (int look = 0; look < 10000 && slept < wait; look++)
            slept += 1e-6 + gf_farm_nap(&looks[turn % 2]);
        gf_farm_news(&looks[turn % 2]);
        wait = 5e-6 + slept - wait;
        total += turn < 20 ? 0 : wait;
    }
    EXPECT(total / 20 < 100e-6);
}

TEST("farm: pace",
     "a loop that was stopped itself knows for how long; one that was slow does not mind")
{
    double looked = 0;
    EXPECT_NEAR(gf_farm_absence(&looked), 0, 0);
    looked -= 3;
    EXPECT_NEAR(gf_farm_absence(&looked), 0, 0);
    looked -= 100;
    EXPECT_NEAR(gf_farm_absence(&looked), 100, 1);
    EXPECT_NEAR(gf_farm_absence(&looked), 0, 0);
}
