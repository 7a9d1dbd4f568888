/* pareto: against brute force and published values. */
#include "../test.h"

#include <gridfront/pareto.h>

#include <math.h>
#include <stdlib.h>

enum { COUNT = 300 };

static void random_points(double *points, int count, int objectives, uint64_t seed, int levels)
{
    gf_random random = { .seed = seed, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < count * objectives; i++)
        points[i] = (double)gf_random_below(&random, (uint32_t)i, 0, (uint32_t)levels) / levels;
}

static bool beats(const double *a, const double *b, const gf_goal *goals, int objectives)
{
    bool better = false;
    for (int k = 0; k < objectives; k++) {
        double gain = goals[k] == GF_MAX ? a[k] - b[k] : b[k] - a[k];
        if (!(gain >= 0)) return false;
        better |= gain > 0;
    }
    return better;
}

static const gf_goal goals[] = { GF_MAX, GF_MIN, GF_MIN };

TEST("pareto: front", "two and three objectives agree with the definition, ties included")
{
    double points[COUNT * 3];
    bool front[COUNT];
    for (int objectives = 2; objectives <= 3; objectives++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            random_points(points, COUNT, objectives, seed, seed % 2 ? 12 : 100000);
            points[5 * objectives] = NAN;
            REQUIRE_OK(gf_front_find(front, points, goals, COUNT, objectives));
            for (int i = 0; i < COUNT; i++) {
                bool beaten = i == 5;
                for (int j = 0; j < COUNT; j++)
                    beaten |= j != 5 && beats(points + j * objectives, points + i * objectives,
                                              goals, objectives);
                EXPECT_EQ(front[i], !beaten);
            }
        }
}

TEST("pareto: front", "infinite values are compared like others")
{
    const double points[] = { 0.9, INFINITY, 0.8, INFINITY, -INFINITY, 3 };
    bool front[3];
    REQUIRE_OK(gf_front_find(front, points, goals, 3, 2));
    EXPECT(front[0] && !front[1] && front[2]);
}

TEST("pareto: ranks", "rank n is the front of what is left without the ranks before")
{
    double points[COUNT * 3];
    int rank[COUNT];
    bool front[COUNT];
    for (int objectives = 1; objectives <= 3; objectives++) {
        random_points(points, COUNT, objectives, 3, 40);
        REQUIRE_OK(gf_front_rank(rank, points, goals, COUNT, objectives));
        for (int level = 0, left = COUNT; left > 0; level++) {
            REQUIRE_OK(gf_front_find(front, points, goals, COUNT, objectives));
            REQUIRE(level < COUNT);
            for (int i = 0; i < COUNT; i++) {
                EXPECT_EQ(front[i], rank[i] == level);
                left -= front[i];
                if (front[i]) points[i * objectives] = NAN;
            }
        }
    }
}

TEST("pareto: ranks", "a chain of 3,000 points has 3,000 ranks")
{
    enum { LONG = 3000 };
    double *points = gf_alloc(2 * LONG, sizeof *points);
    int *rank = gf_alloc(LONG, sizeof *rank);
    REQUIRE(points && rank);
    for (int i = 0; i < LONG; i++) points[2 * i] = i, points[2 * i + 1] = -i;
    REQUIRE_OK(gf_front_rank(rank, points, goals, LONG, 2));
    for (int i = 0; i < LONG; i++) EXPECT_EQ(rank[i], LONG - 1 - i);
    free(points);
    free(rank);
}

TEST("pareto: dominator", "it dominates, by the largest least margin")
{
    const double points[] = { 0.9, 10, 0.8, 5, 0.85, 20, 0.88, 15 };
    EXPECT_EQ(gf_front_dominator(points, goals, 4, 2, 2), 0); /* by 0.5 and 0.67; 3 by 0.3 */
    EXPECT_EQ(gf_front_dominator(points, goals, 4, 2, 3), 0);
    EXPECT_EQ(gf_front_dominator(points, goals, 4, 2, 0), -1);
    EXPECT_EQ(gf_front_dominator(points, goals, 4, 2, 1), -1);
}

/* Volume by inclusion and exclusion over all subsets. */
static double volume_by_subsets(const double *points, const double *reference, int count,
                                int objectives)
{
    double volume = 0;
    for (int subset = 1; subset < 1 << count; subset++) {
        double box = 1;
        for (int k = 0; k < objectives; k++) {
            double side = INFINITY;
            for (int i = 0; i < count; i++)
                if (subset >> i & 1) {
                    double value = points[i * objectives + k];
                    side = fmin(side,
                                goals[k] == GF_MAX ? value - reference[k] : reference[k] - value);
                }
            box *= fmax(side, 0);
        }
        volume += __builtin_popcount((unsigned)subset) % 2 ? box : -box;
    }
    return volume;
}

TEST("pareto: hypervolume", "WFG equals inclusion and exclusion in two and three dimensions")
{
    double points[10 * 3], volume;
    const double reference[] = { 0.1, 0.9, 0.8 };
    for (int objectives = 2; objectives <= 3; objectives++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            random_points(points, 10, objectives, seed, 30);
            REQUIRE_OK(gf_hypervolume(&volume, points, reference, goals, 10, objectives));
            EXPECT_NEAR(volume, volume_by_subsets(points, reference, 10, objectives), 1e-12);
        }
}

TEST("pareto: knee", "it is the corner of an elbow; two points have none")
{
    const double points[] = { 0.5, 1, 0.9, 2, 0.92, 10, 0.93, 20 };
    const bool front[] = { true, true, true, true }, two[] = { true, true, false, false };
    EXPECT_EQ(gf_front_knee(front, points, goals, 4, 2), 1);
    EXPECT_EQ(gf_front_knee(two, points, goals, 4, 2), -1);
}

TEST("pareto: knee", "a front that bulges away from the ideal has none")
{
    const double points[] = { 0.5, 1, 0.55, 12, 0.6, 18, 0.93, 20 };
    const bool front[] = { true, true, true, true };
    EXPECT_EQ(gf_front_knee(front, points, goals, 4, 2), -1);
}

TEST("pareto: intervals", "Student's t of two, three and ten samples are the table's")
{
    const double two[] = { 1, 3 }, three[] = { 1, 2, 3 }, gap[] = { 1, NAN, 3 };
    double ten[10];
    for (int i = 0; i < 10; i++) ten[i] = i;
    EXPECT_NEAR(gf_estimate_seeds(two, 2).half, 12.7062 * sqrt(2) / sqrt(2), 1e-3);
    EXPECT_NEAR(gf_estimate_seeds(three, 3).half, 4.302653 / sqrt(3), 1e-5);
    EXPECT_NEAR(gf_estimate_seeds(ten, 10).half, 2.262157 * 3.0276503541 / sqrt(10), 1e-5);
    EXPECT_NEAR(gf_estimate_seeds(gap, 3).mean, 2, 0);
    EXPECT_EQ(gf_estimate_seeds(gap, 3).samples, 2);
    EXPECT(isnan(gf_estimate_seeds(two, 1).half));
}

TEST("pareto: intervals", "Wilson's interval of 81 of 263 reaches from 0.255 to 0.366")
{
    gf_estimate e = gf_estimate_binomial(81 / 263.0, 263); /* Newcombe 1998, table I */
    EXPECT_NEAR(e.mean + e.half, 0.3662, 1e-4);
    EXPECT(e.binomial);
}

TEST("pareto: probability", "a clear winner is always on the front, a tie about as often as not")
{
    /* three points, four seeds, (accuracy, bytes); the second wins two seeds of four */
    const double values[] = { 0.9, 5, 0.9, 5, 0.9,  5, 0.9,  5, 0.80, 4, 0.9,  4,
                              0.8, 4, 0.9, 4, 0.85, 9, 0.85, 9, 0.95, 9, 0.95, 9 };
    double probability[3];
    const gf_random random = { .seed = 1, .purpose = GF_PURPOSE_STATISTICS };
    REQUIRE_OK(gf_front_probability(probability, values, goals, 3, 4, 2, 2000, &random));
    EXPECT_NEAR(probability[1], 1, 0);               /* least bytes */
    EXPECT_NEAR(probability[0], 1 - 1.0 / 16, 0.03); /* beaten when the second draws 0.9 only */
    EXPECT_NEAR(probability[2], 5.0 / 16, 0.05);     /* three or four of 0.95 beat 0.9 */
}

TEST("pareto: halving", "one objective keeps the best, the first of equal ones")
{
    const double points[] = { 0.2, 0.9, NAN, 0.9, 0.5 };
    bool go_on[5];
    REQUIRE_OK(gf_halving_choose(go_on, points, goals, 5, 1, 1, false));
    EXPECT(go_on[1] && !go_on[3] && !go_on[0] && !go_on[2] && !go_on[4]);
    REQUIRE_OK(gf_halving_choose(go_on, points, goals, 5, 1, 3, false));
    EXPECT(go_on[1] && go_on[3] && go_on[4] && !go_on[0] && !go_on[2]);
}

TEST("pareto: halving", "several objectives keep by ranks; the safe mode keeps the whole front")
{
    /* the front: 0.9 at 9, 0.8 at 5, 0.5 at 1; behind it 0.7 at 6 */
    const double points[] = { 0.8, 5, 0.5, 1, 0.7, 6, 0.9, 9 };
    bool go_on[4];
    REQUIRE_OK(gf_halving_choose(go_on, points, goals, 4, 2, 2, false));
    EXPECT(go_on[3] && go_on[0] && !go_on[1] && !go_on[2]);
    REQUIRE_OK(gf_halving_choose(go_on, points, goals, 4, 2, 0, true));
    EXPECT(go_on[3] && go_on[0] && go_on[1] && !go_on[2]);
}
