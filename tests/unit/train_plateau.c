/* nn, the policy that watches validation: its rates in a training, and that neither a kill nor a
 * cut at rungs changes them. */
#include "train_fixture.h"

/* No epoch divides the loss by ten, so that only the first counts as better: the rate falls after
 * each from the second on. */
#define FALLING                                                                                    \
    "epochs = 6\nbatch = 20\nlr = 0.8\nschedule.policy = plateau\nschedule.metric = loss\n"        \
    "schedule.patience = 0\nschedule.gamma = 0.5\nschedule.threshold = 0.9\n"

enum { EPOCHS = 6 };

static void expect_rates(const fixture *f, int first, const double want[EPOCHS])
{
    for (int i = 0; i < f->row_count; i++) EXPECT_NEAR(f->rows[i].lr, want[first + i], 1e-12);
}

TEST("train: plateau", "the rate falls when validation has not improved for long enough")
{
    fixture f;
    REQUIRE(fixture_linear(&f, FALLING, 300, 200));
    REQUIRE_OK(run(&f, NULL));
    EXPECT_EQ(f.row_count, EPOCHS);
    expect_rates(&f, 0, (double[]){ 0.8, 0.8, 0.4, 0.2, 0.1, 0.05 });
    fixture_release(&f);
    REQUIRE(fixture_linear(&f, FALLING "schedule.patience = 1\n", 300, 200));
    REQUIRE_OK(run(&f, NULL));
    expect_rates(&f, 0, (double[]){ 0.8, 0.8, 0.8, 0.4, 0.4, 0.2 });
    fixture_release(&f);
}

TEST("train: plateau", "epochs of the warm-up are not looked at")
{
    fixture f;
    REQUIRE(fixture_linear(&f, FALLING "schedule.warmup = 2\n", 300, 200));
    REQUIRE_OK(run(&f, NULL));
    expect_rates(&f, 0, (double[]){ 0.4, 0.8, 0.8, 0.8, 0.4, 0.2 });
    fixture_release(&f);
}

TEST("train: plateau", "stopped after any step and resumed, rates and bits are the same")
{
    fixture whole;
    REQUIRE(fixture_linear(&whole, FALLING, 300, 200));
    REQUIRE_OK(run(&whole, NULL));
    gf_key key = net_key(whole.net);
    for (int steps = 1; steps < EPOCHS * 5; steps++) {
        fixture f, g;
        REQUIRE(fixture_linear(&f, FALLING, 300, 200));
        f.stop_after = steps;
        EXPECT_STATUS(run(&f, NULL), GF_INTERRUPTED);
        REQUIRE(fixture_linear(&g, FALLING, 300, 200));
        EXPECT_STATUS(run(&g, &f.saved), GF_OK);
        EXPECT_TEXT(net_key(g.net).hex, key.hex);
        for (int i = 0; i < g.row_count; i++)
            EXPECT(g.rows[i].lr == whole.rows[EPOCHS - g.row_count + i].lr);
        fixture_release(&f);
        fixture_release(&g);
    }
    fixture_release(&whole);
}

TEST("train: plateau", "cut at a rung, a training goes on as if it had not been")
{
    fixture whole, first, second;
    gf_artifact left = { 0 };
    REQUIRE(fixture_linear(&whole, FALLING, 300, 200));
    REQUIRE_OK(run(&whole, NULL));
    REQUIRE(fixture_linear(&first, FALLING, 300, 200));
    gf_train_job job = job_of(&first, NULL);
    job.until = 3;
    job.left = &left;
    REQUIRE_OK(gf_train(&job));
    REQUIRE(fixture_linear(&second, FALLING, 300, 200));
    job = job_of(&second, &left);
    job.from = 3;
    REQUIRE_OK(gf_train(&job));
    expect_rates(&second, 3, (double[]){ 0.8, 0.8, 0.4, 0.2, 0.1, 0.05 });
    EXPECT_TEXT(net_key(second.net).hex, net_key(whole.net).hex);
    gf_artifact_release(&left);
    fixture_release(&whole);
    fixture_release(&first);
    fixture_release(&second);
}

TEST("train: plateau", "without validation images, or what it had learned, it is refused")
{
    fixture f, g;
    REQUIRE(fixture_linear(&f, FALLING, 100, 0));
    EXPECT_STATUS(run(&f, NULL), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "schedule.policy = \"plateau\" needs validation images");
    EXPECT(gf_train_observes(f.options, ""));
    fixture_release(&f);
    REQUIRE(fixture_linear(&f, "epochs = 6\nbatch = 20\n", 300, 200));
    EXPECT(!gf_train_observes(f.options, ""));
    REQUIRE_OK(run(&f, NULL));
    REQUIRE(fixture_linear(&g, FALLING, 300, 200));
    EXPECT_STATUS(run(&g, &f.saved), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "schedule.factor is missing");
    fixture_release(&f);
    fixture_release(&g);
}
