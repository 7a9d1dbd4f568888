/* farm: how long the rest takes and how sure that is, against closed forms and against draws from
 * the very model; how busy ranks were, by hand. */
#include "../test.h"

#include <gridfront/farm.h>

#include <math.h>
#include <stdlib.h>

static const int needs_0[] = { 0 };
static const gf_doubt usual = { .run = 0.2, .group = 0.3, .task = 0.1 };

/* The second depends on the first where `chain`. */
static void two_tasks(gf_farm_task tasks[2], bool chain, int second_group)
{
    tasks[0] = (gf_farm_task){ .cost = 100 };
    tasks[1] = (gf_farm_task){ .cost = 300, .group = second_group };
    if (chain) {
        tasks[1].needs = needs_0;
        tasks[1].need_count = 1;
    }
}

/* ---- before anything has begun ---- */

TEST("farm: estimate", "one group on one rank: the sum, and the deviations as by hand")
{
    gf_farm_task tasks[2];
    gf_farm_estimate e;
    two_tasks(tasks, false, 0);
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, NULL, 2, 1, &usual));
    double mean = exp(0.1 * 0.1 / 2);
    double variance = 0.2 * 0.2 + 0.3 * 0.3 + 0.1 * 0.1 * (1 + 9) / 16.0;
    EXPECT_NEAR(e.seconds, 400 * mean, 1e-9);
    EXPECT_NEAR(e.work, 400 * mean, 1e-9);
    EXPECT_NEAR(e.deviation, sqrt(variance), 1e-12);
    EXPECT_NEAR(e.high / e.seconds, exp(1.959964 * sqrt(variance)), 1e-9);
    EXPECT_NEAR(e.seconds / e.low, exp(1.959964 * sqrt(variance)), 1e-9);
    EXPECT_NEAR(e.factor, 1, 1e-12);
}

TEST("farm: estimate", "two groups are wrong apart, so that their sum is surer")
{
    gf_farm_task tasks[2];
    gf_farm_estimate e;
    two_tasks(tasks, false, 1);
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, NULL, 2, 1, &usual));
    EXPECT_NEAR(e.deviation, sqrt(0.2 * 0.2 + (0.3 * 0.3 + 0.1 * 0.1) * (1 + 9) / 16.0), 1e-12);
}

TEST("farm: estimate", "where the longest chain decides, its own tasks' scatter does")
{
    gf_farm_task tasks[4] = { { .cost = 100 },
                              { .cost = 300, .needs = needs_0, .need_count = 1 },
                              { .cost = 50 },
                              { .cost = 50 } };
    gf_farm_estimate e;
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, NULL, 4, 2, &usual));
    EXPECT_NEAR(e.seconds, 400 * exp(0.005), 1e-9);
    EXPECT_NEAR(e.deviation, sqrt(0.04 + 0.09 + 0.01 * (1 + 9) / 16.0), 1e-12);
}

TEST("farm: estimate", "a task that is held counts by its chance, a done one not at all")
{
    gf_farm_task tasks[3] = { { .cost = 100 },
                              { .cost = 300, .held = true, .chance = 0.25 },
                              { .cost = 1000, .done = true } };
    gf_farm_estimate e;
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, NULL, 3, 1, &usual));
    EXPECT_NEAR(e.work, 175 * exp(0.005), 1e-9);
}

TEST("farm: estimate", "of what nothing is known nothing is said")
{
    gf_farm_task tasks[2];
    gf_farm_estimate e;
    const gf_doubt none = { 0 };
    two_tasks(tasks, false, 0);
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, NULL, 2, 1, &none));
    EXPECT(isnan(e.seconds) && isnan(e.low) && isnan(e.high));
    const gf_farm_part parts[2] = { { .done = 1, .timed = 1, .seconds = 700 }, { .done = 0 } };
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, parts, 2, 1, &none));
    EXPECT_NEAR(e.seconds / 2100, 1, 0.1); /* its unit is learned from one task */
}

/* ---- while it runs ---- */

TEST("farm: estimate", "one finished task moves the rest of its group as the posterior says")
{
    gf_farm_task tasks[2];
    gf_farm_estimate e;
    two_tasks(tasks, false, 0);
    const gf_farm_part parts[2] = { { .done = 1, .timed = 1, .seconds = 150 }, { .done = 0 } };
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, parts, 2, 1, &usual));
    /* y = u + w + v: a normal with prior variance 0.04 + 0.09, seen with 0.01. */
    double prior = 0.13, seen = 0.01, y = log(1.5);
    double mean = y * prior / (prior + seen), variance = prior * seen / (prior + seen);
    EXPECT_NEAR(e.seconds, 300 * exp(mean + 0.005), 1e-9);
    EXPECT_NEAR(e.deviation, sqrt(variance + 0.01), 1e-12);
    EXPECT_NEAR(e.factor, exp(y * 0.04 / (prior + seen)), 1e-12);
}

TEST("farm: estimate", "another group learns from it only what the run is to blame for")
{
    gf_farm_task tasks[2];
    gf_farm_estimate e;
    two_tasks(tasks, false, 1);
    const gf_farm_part parts[2] = { { .done = 1, .timed = 1, .seconds = 150 }, { .done = 0 } };
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, parts, 2, 1, &usual));
    double y = log(1.5), u = y * 0.04 / 0.14, variance = 0.04 - 0.04 * 0.04 / 0.14;
    EXPECT_NEAR(e.seconds, 300 * exp(u + 0.005), 1e-9);
    EXPECT_NEAR(e.deviation, sqrt(variance + 0.09 + 0.01), 1e-12);
}

TEST("farm: estimate", "half a task counts a quarter, and half of it is left")
{
    gf_farm_task tasks[1] = { { .cost = 100 } };
    gf_farm_estimate e;
    const gf_farm_part parts[1] = {
        { .done = 0.5, .timed = 0.5, .seconds = 100, .running = true }
    };
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, parts, 1, 1, &usual));
    double mean = log(2) * 0.13 / (0.13 + 0.01 / 0.25);
    EXPECT_NEAR(e.seconds, 50 * exp(mean + 0.005), 1e-9);
}

TEST("farm: estimate", "a task that runs keeps its rank, however long others are")
{
    gf_farm_task tasks[3] = { { .cost = 10 }, { .cost = 100 }, { .cost = 100 } };
    gf_farm_estimate e;
    const gf_farm_part parts[3] = { { .running = true }, { .running = true }, { .done = 0 } };
    const gf_doubt exact = { .run = 1e-9, .group = 0, .task = 0 };
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, parts, 3, 2, &exact));
    EXPECT_NEAR(e.seconds, 110, 1e-3); /* 10, then the third until 110 */
}

TEST("farm: estimate", "many that agree outweigh what was thought; their scatter is learned")
{
    enum { COUNT = 400 };
    gf_farm_task tasks[COUNT];
    gf_farm_part parts[COUNT] = { { 0 } };
    gf_farm_estimate e;
    const gf_random random = { .seed = 1, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < COUNT; i++) {
        tasks[i] = (gf_farm_task){ .cost = 10 };
        double z = gf_random_normal(&random, (uint32_t)i, 0);
        if (i < COUNT / 2)
            parts[i] = (gf_farm_part){ .done = 1, .timed = 1, .seconds = 30 * exp(0.4 * z) };
    }
    REQUIRE_OK(gf_farm_estimate_rest(&e, tasks, parts, COUNT, 1, &usual));
    EXPECT_NEAR(e.seconds / (200 * 30 * exp(0.4 * 0.4 / 2)), 1, 0.06);
    /* Own scatter over 200 tasks, and the mean of 200 that were seen. */
    EXPECT_NEAR(e.deviation, 0.4 * sqrt(1.0 / 200 + 1.0 / 200), 0.006);
}

/* ---- against draws from the model ---- */

enum { GROUPS = 5, EACH = 6, ALL = GROUPS * EACH, WORLDS = 2000 };

/* Real seconds of all tasks in one world. */
static void draw_world(double *real, uint32_t world, const gf_doubt *doubt)
{
    const gf_random random = { .seed = 7, .purpose = GF_PURPOSE_TEST };
    double u = doubt->run * gf_random_normal(&random, world, 0);
    for (int i = 0; i < ALL; i++) {
        uint32_t at = (uint32_t)i;
        double w = doubt->group * gf_random_normal(&random, world, 1 + at / EACH);
        real[i] = (10 + i) * exp(u + w + doubt->task * gf_random_normal(&random, world, 100 + at));
    }
}

/* Share of the worlds whose truth lies in the interval, after `seen` tasks have ended. */
static double coverage(int ranks, int seen)
{
    int inside = 0;
    for (uint32_t world = 0; world < WORLDS; world++) {
        gf_farm_task tasks[ALL], truth[ALL];
        gf_farm_part parts[ALL] = { { 0 } };
        gf_farm_estimate e = { 0 };
        gf_farm_simulated s = { 0 };
        double real[ALL];
        draw_world(real, world, &usual);
        for (int i = 0; i < ALL; i++) {
            bool done = i * 7 % ALL < seen;
            tasks[i] = (gf_farm_task){ .cost = 10 + i, .group = i / EACH };
            truth[i] = (gf_farm_task){ .cost = real[i], .done = done };
            if (done) parts[i] = (gf_farm_part){ .done = 1, .timed = 1, .seconds = real[i] };
        }
        EXPECT_STATUS(gf_farm_estimate_rest(&e, tasks, parts, ALL, ranks, &usual), GF_OK);
        EXPECT_STATUS(gf_farm_simulate(&s, truth, ALL, ranks, 0, 0), GF_OK);
        inside += s.makespan >= e.low && s.makespan <= e.high;
    }
    return (double)inside / WORLDS;
}

TEST("farm: estimate", "the interval holds 95 of 100 worlds, before a run and in the middle of it")
{
    EXPECT_NEAR(coverage(1, 0), 0.95, 0.02);
    EXPECT_NEAR(coverage(4, 0), 0.95, 0.02);
    EXPECT_NEAR(coverage(1, 10), 0.95, 0.02);
    EXPECT_NEAR(coverage(3, 20), 0.95, 0.035);
}

TEST("farm: estimate", "the first tasks move it by no more than they should")
{
    /* A first task of three times its prediction, of a hundred in twenty groups. */
    enum { COUNT = 100 };
    gf_farm_task tasks[COUNT];
    gf_farm_part parts[COUNT] = { { 0 } };
    gf_farm_estimate before, after;
    for (int i = 0; i < COUNT; i++) tasks[i] = (gf_farm_task){ .cost = 10, .group = i % 20 };
    REQUIRE_OK(gf_farm_estimate_rest(&before, tasks, parts, COUNT, 2, &usual));
    parts[0] = (gf_farm_part){ .done = 1, .timed = 1, .seconds = 30 };
    REQUIRE_OK(gf_farm_estimate_rest(&after, tasks, parts, COUNT, 2, &usual));
    EXPECT(after.seconds > before.seconds);
    EXPECT(after.seconds < before.high);
}

/* ---- how busy ---- */

TEST("farm: usage", "two ranks, a wait and a tail, as by hand")
{
    gf_farm_span spans[] = { { 4, 10, 1 }, { 0, 4, 1 }, { 0, 3, 2 }, { 5, 7, 2 } };
    gf_farm_usage u = gf_farm_usage_of(spans, 4);
    EXPECT_EQ(u.ranks, 2);
    EXPECT_NEAR(u.seconds, 10, 1e-12);
    EXPECT_NEAR(u.busy, (4 + 6 + 3 + 2) / 20.0, 1e-12);
}

TEST("farm: usage", "a pause belongs to no run, and each run has its own ranks")
{
    gf_farm_span spans[] = { { 0, 10, 1 }, { 0, 10, 2 }, { 100, 105, 7 }, { 105.2, 110, 7 } };
    gf_farm_usage u = gf_farm_usage_of(spans, 4);
    EXPECT_EQ(u.ranks, 1);
    EXPECT_NEAR(u.seconds, 20, 1e-12);
    EXPECT_NEAR(u.busy, (20 + 9.8) / 30, 1e-12);
    EXPECT_NEAR(gf_farm_usage_of(spans, 0).busy, 0, 0);
}
