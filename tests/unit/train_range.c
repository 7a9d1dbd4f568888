/* nn, the range test: bounds of synthetic curves whose corners are known, noise included. */
#include "../test.h"

#include <gridfront/nn.h>

#include <math.h>
#include <stdlib.h>

enum { COUNT = 400 };
static const double first = 1e-4, last = 10, chance = 2.3, floor_ = 1.0;

/* Rates from first to last in equal steps of the logarithm. */
static double rate_of(int i)
{
    return first * pow(last / first, i / (COUNT - 1.0));
}

/* In [-1, 1]. */
static double noise(int i)
{
    const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_TEST };
    return 2 * gf_random_uniform(&random, (uint32_t)i, 0) - 1;
}

/* Flat up to 0.001, down in a straight line to 0.1 (over the logarithm), flat to 1, up to 10. */
static double basin(double rate)
{
    double decades = log10(rate);
    if (decades < -3) return chance;
    if (decades < -1) return chance - (chance - floor_) * (decades + 3) / 2;
    if (decades < 0) return floor_;
    return floor_ + (chance - floor_) * decades;
}

static void fill(gf_range_point *points, double rough)
{
    for (int i = 0; i < COUNT; i++)
        points[i] = (gf_range_point){ rate_of(i), basin(rate_of(i)) + rough * noise(i) };
}

/* Within so many per cent. */
#define EXPECT_RATE(got, want, part) EXPECT_NEAR(log((got) / (want)), 0, log(1 + (part)))

TEST("range: bounds",
     "they stand where a tenth of the fall is done, and where a tenth is lost again")
{
    gf_range range;
    gf_range_point points[COUNT];
    for (int rough = 0; rough <= 1; rough++) {
        fill(points, 0.05 * rough);
        REQUIRE_OK(gf_range_find(&range, points, COUNT));
        EXPECT_RATE(range.low, pow(10, -2.8), 0.2);
        EXPECT_RATE(range.high, pow(10, 0.1), 0.2);
        EXPECT_EQ(range.end, GF_RANGE_RISES);
    }
}

TEST("range: bounds", "a loss that turns ragged ends them, though its mean stays where it was")
{
    gf_range range;
    gf_range_point points[COUNT];
    fill(points, 0.05);
    for (int i = 0; i < COUNT; i++)
        if (rate_of(i) > 0.25) points[i].loss += 0.5 * noise(COUNT + i);
    REQUIRE_OK(gf_range_find(&range, points, COUNT));
    EXPECT_EQ(range.end, GF_RANGE_RAGGED);
    EXPECT_RATE(range.high, 0.25, 0.35);
}

TEST("range: bounds", "half of the rate at which it explodes is the highest there is")
{
    gf_range range;
    gf_range_point points[COUNT];
    fill(points, 0.05);
    for (int i = 0; i < COUNT; i++)
        if (rate_of(i) > 0.04) points[i].loss = 1e3;
    REQUIRE_OK(gf_range_find(&range, points, COUNT));
    EXPECT_EQ(range.end, GF_RANGE_EXPLODES);
    EXPECT_RATE(range.high, 0.02, 0.5); /* smoothing sees it coming */
    for (int i = 0; i < COUNT; i++)
        if (rate_of(i) > 0.04) points[i].loss = NAN;
    REQUIRE_OK(gf_range_find(&range, points, COUNT));
    EXPECT_EQ(range.end, GF_RANGE_EXPLODES);
    EXPECT_RATE(range.high, 0.02, 0.1);
}

TEST("range: bounds", "a ramp that ends while the loss still falls says so")
{
    gf_range range;
    gf_range_point points[COUNT];
    fill(points, 0.05);
    int count = 0;
    while (rate_of(count) < 0.05) count++;
    REQUIRE_OK(gf_range_find(&range, points, count));
    EXPECT_EQ(range.end, GF_RANGE_OPEN);
    EXPECT(range.high == points[count - 1].rate);
}

TEST("range: bounds", "a loss that never falls has none, and neither has a short ramp")
{
    gf_range range;
    gf_range_point points[COUNT];
    for (int i = 0; i < COUNT; i++)
        points[i] = (gf_range_point){ rate_of(i), chance + 0.05 * noise(i) };
    EXPECT_STATUS(gf_range_find(&range, points, COUNT), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "does not fall between rates of 0.0001 and 10");
    EXPECT_STATUS(gf_range_find(&range, points, 19), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "takes 20 steps with finite losses, this one has 19");
    points[5].loss = NAN;
    EXPECT_STATUS(gf_range_find(&range, points, COUNT), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "has 5");
}

TEST("range: smoothing", "a straight line stays one up to its ends, what is not finite stays out")
{
    gf_range_point points[COUNT];
    for (int i = 0; i < COUNT; i++) points[i] = (gf_range_point){ rate_of(i), 3 - 0.005 * i };
    points[COUNT - 10].loss = INFINITY;
    double *smooth = gf_range_smooth(points, COUNT);
    REQUIRE(smooth != NULL);
    for (int i = 0; i < COUNT - 10; i++) EXPECT_NEAR(smooth[i], 3 - 0.005 * i, 1e-12);
    EXPECT(isnan(smooth[COUNT - 10]) && isnan(smooth[COUNT - 1]));
    free(smooth);
}
