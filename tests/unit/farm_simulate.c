/* farm: sweeps in virtual time, by hand and against the bounds of scheduling theory. */
#include "../test.h"
#include "farm_tree.h"

#include <math.h>
#include <stdlib.h>

TEST("farm: simulation", "one rank is always busy and takes as long as all the work")
{
    gf_farm_simulated s;
    REQUIRE_OK(gf_farm_simulate(&s, tree, 5, 1, 0, 0));
    EXPECT_NEAR(s.makespan, 11, 1e-12);
    EXPECT_NEAR(s.bound, 11, 1e-12);
    EXPECT_NEAR(s.busy, 1, 1e-12);
    EXPECT_NEAR(s.full, 11, 1e-12);
}

TEST("farm: simulation", "two ranks share a tree as by hand: the longest chain first")
{
    /* rank 0: task 0 until 1, 1 until 3, 2 until 6; rank 1: task 4 until 4, 3 until 5 */
    gf_farm_simulated s;
    REQUIRE_OK(gf_farm_simulate(&s, tree, 5, 2, 0, 0));
    EXPECT_NEAR(s.makespan, 6, 1e-12);
    EXPECT_NEAR(s.path, 6, 1e-12);
    EXPECT_NEAR(s.bound, 6, 1e-12);
    EXPECT_NEAR(s.busy, 11.0 / 12, 1e-12);
    EXPECT_NEAR(s.full, 5, 1e-12);
    EXPECT_NEAR(s.full_busy, 1, 1e-12);
}

TEST("farm: simulation", "a wait before the last full moment counts, the tail behind it does not")
{
    /* rank 0: task 0 until 1, then 1 until 3; rank 1 idle until 1, then 2 until 2. */
    gf_farm_simulated s;
    const gf_farm_task fork[] = { { .cost = 1 },
                                  { .needs = needs_0, .need_count = 1, .cost = 2 },
                                  { .needs = needs_0, .need_count = 1, .cost = 1 } };
    REQUIRE_OK(gf_farm_simulate(&s, fork, 3, 2, 0, 0));
    EXPECT_NEAR(s.full, 2, 1e-12);
    EXPECT_NEAR(s.full_busy, 0.75, 1e-12);
    EXPECT_NEAR(s.makespan, 3, 1e-12);
}

TEST("farm: simulation", "what is done already takes no time, and nothing at all takes none")
{
    gf_farm_simulated s;
    const gf_farm_task rest[] = { { .cost = 5, .done = true },
                                  { .needs = needs_0, .need_count = 1, .cost = 2 } };
    REQUIRE_OK(gf_farm_simulate(&s, rest, 2, 4, 0, 0));
    EXPECT_NEAR(s.makespan, 2, 1e-12);
    EXPECT_NEAR(s.work, 2, 1e-12);
    REQUIRE_OK(gf_farm_simulate(&s, rest, 1, 4, 0, 0));
    EXPECT_NEAR(s.makespan, 0, 0);
    EXPECT_NEAR(s.busy, 1, 0);
}

TEST("farm: simulation", "no ranks and a circle of needs are refused")
{
    gf_farm_simulated s;
    const gf_farm_task circle[] = { { .needs = needs_1, .need_count = 1 },
                                    { .needs = needs_0, .need_count = 1 } };
    EXPECT_STATUS(gf_farm_simulate(&s, tree, 5, 0, 0, 0), GF_INVALID);
    EXPECT_STATUS(gf_farm_simulate(&s, circle, 2, 1, 0, 0), GF_INVALID);
}

/* ---- random graphs ---- */

enum { MOST = 10000, NEEDS = 3 };

typedef struct graph {
    gf_farm_task tasks[MOST];
    int needs[MOST][NEEDS];
} graph;

/* Each task needs up to three of the forty before it; costs over three orders of magnitude. */
static void make_graph(graph *g, int count, uint64_t seed)
{
    const gf_random random = { .seed = seed, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < count; i++) {
        gf_farm_task *task = &g->tasks[i];
        uint32_t at = (uint32_t)i, reach = at < 40 ? at : 40;
        int need_count = reach ? (int)gf_random_below(&random, at, 0, NEEDS + 1) : 0;
        for (int k = 0; k < need_count; k++)
            g->needs[i][k] = i - 1 - (int)gf_random_below(&random, at, 1 + (uint32_t)k, reach);
        *task = (gf_farm_task){ .needs = g->needs[i],
                                .need_count = need_count,
                                .cost = pow(10, 3 * gf_random_uniform(&random, at, 9)) };
    }
}

/* Graham 1969: list scheduling ends by work / m + (1 - 1 / m) path <= (2 - 1 / m) optimum. */
static bool keeps_bounds(const gf_farm_simulated *s, int ranks)
{
    double most = s->work / ranks + (1 - 1.0 / ranks) * s->path;
    return s->makespan >= s->bound * (1 - 1e-9) && s->makespan <= most * (1 + 1e-9) &&
           most <= (2 - 1.0 / ranks) * s->bound * (1 + 1e-9);
}

TEST("farm: simulation", "random graphs stay within Graham's bounds, with exact and spread times")
{
    graph *g = malloc(sizeof *g);
    REQUIRE(g != NULL);
    for (int seed = 0; seed < 40; seed++) {
        int ranks = 1 + seed * seed;
        gf_farm_simulated s;
        make_graph(g, 300, (uint64_t)seed);
        REQUIRE_OK(gf_farm_simulate(&s, g->tasks, 300, ranks, seed % 2 ? 0.5 : 0, 7));
        EXPECT(keeps_bounds(&s, ranks));
        EXPECT_NEAR(s.busy * s.makespan * ranks / s.work, 1, 1e-9);
        EXPECT(s.full <= s.makespan && s.full_busy <= 1 + 1e-12);
    }
    free(g);
}

TEST("farm: simulation", "as many ranks as tasks take as long as the longest chain")
{
    graph *g = malloc(sizeof *g);
    gf_farm_simulated s;
    REQUIRE(g != NULL);
    make_graph(g, MOST, 3);
    REQUIRE_OK(gf_farm_simulate(&s, g->tasks, MOST, MOST, 0, 0));
    EXPECT_NEAR(s.makespan / s.path, 1, 1e-12);
    EXPECT(keeps_bounds(&s, MOST));
    free(g);
}

TEST("farm: simulation", "spread times keep their mean, and depend on the seed alone")
{
    graph *g = malloc(sizeof *g);
    gf_farm_simulated exact, one, again, other;
    REQUIRE(g != NULL);
    make_graph(g, MOST, 5);
    REQUIRE_OK(gf_farm_simulate(&exact, g->tasks, MOST, 64, 0, 0));
    REQUIRE_OK(gf_farm_simulate(&one, g->tasks, MOST, 64, 0.3, 1));
    REQUIRE_OK(gf_farm_simulate(&again, g->tasks, MOST, 64, 0.3, 1));
    REQUIRE_OK(gf_farm_simulate(&other, g->tasks, MOST, 64, 0.3, 2));
    EXPECT_NEAR(one.work / exact.work, 1, 0.02);
    EXPECT_NEAR(one.makespan, again.makespan, 0);
    EXPECT(one.makespan != other.makespan);
    free(g);
}
