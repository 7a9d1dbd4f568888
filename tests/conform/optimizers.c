/* Every registered optimizer, alone and inside Lookahead: the same bits on any number of threads,
 * and after being stopped and resumed; other bits than any other; and what it says of itself. A new
 * file in src/nn/optim is tested by being there. */
#include "../unit/train_fixture.h"

enum { MOST = 32 };

static void option_text(char *out, size_t size, const gf_optimizer_kind *kind, int lookahead)
{
    snprintf(out, size,
             "epochs = 2\nbatch = 20\nlr = 0.01\noptimizer.method = %s\noptimizer.lookahead = %d\n",
             kind->schema.name, lookahead);
}

static gf_key trained(const char *options, int threads)
{
    fixture f;
    gf_key key = { "" };
    omp_set_num_threads(threads);
    if (fixture_init(&f, options, 300) &&
        gf_test_status(run(&f, NULL), GF_OK, options, __FILE__, __LINE__))
        key = net_key(f.net);
    fixture_release(&f);
    omp_set_num_threads(2);
    return key;
}

static gf_key resumed(const char *options, int steps)
{
    fixture f, g;
    gf_key key = { "" };
    if (!fixture_init(&f, options, 300) || !fixture_init(&g, options, 300)) return key;
    f.stop_after = steps;
    EXPECT_STATUS(run(&f, NULL), GF_INTERRUPTED);
    EXPECT_STATUS(run(&g, &f.saved), GF_OK);
    key = net_key(g.net);
    fixture_release(&f);
    fixture_release(&g);
    return key;
}

static void expect_new(gf_key *seen, int *count, gf_key key, const char *options)
{
    for (int i = 0; i < *count; i++)
        gf_test_check(strcmp(seen[i].hex, key.hex) != 0, __FILE__, __LINE__,
                      "the same network as another optimizer's: %s", options);
    if (*count < MOST) seen[(*count)++] = key;
}

TEST("conform: optimizers", "threads, kills and resumes change no bit, another optimizer does")
{
    int count = 0;
    gf_key seen[MOST];
    for (const gf_optimizer_kind *const *kind = gf_optimizer_kinds; *kind; kind++)
        for (int lookahead = 0; lookahead <= 3; lookahead += 3) {
            char options[256];
            option_text(options, sizeof options, *kind, lookahead);
            gf_key one = trained(options, 1);
            EXPECT_TEXT(trained(options, 3).hex, one.hex);
            for (int steps = 2; steps <= 8; steps += 3)
                EXPECT_TEXT(resumed(options, steps).hex, one.hex);
            expect_new(seen, &count, one, options);
        }
    EXPECT(count >= 6);
}

TEST("conform: optimizers", "each says what it is, whose it is, and what it keeps")
{
    for (const gf_optimizer_kind *const *kind = gf_optimizer_kinds; *kind; kind++) {
        EXPECT((*kind)->schema.summary && (*kind)->schema.paper);
        EXPECT((*kind)->step && (*kind)->states[0]);
        for (const char *const *state = (*kind)->states; *state; state++)
            EXPECT(strcmp(*state, "slow") != 0 && strcmp(*state, "average") != 0);
    }
}

TEST("conform: optimizers", "a checkpoint of another optimizer is refused")
{
    fixture f, g;
    REQUIRE(fixture_linear(&f, "epochs = 2\nbatch = 20\n", 100, 0));
    REQUIRE_OK(run(&f, NULL));
    REQUIRE(fixture_linear(&g, "epochs = 2\nbatch = 20\noptimizer.method = adam\n", 100, 0));
    EXPECT_STATUS(run(&g, &f.saved), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "moment1:fc.weight is missing");
    fixture_release(&g);
    REQUIRE(fixture_linear(&g, "epochs = 2\nbatch = 20\noptimizer.lookahead = 5\n", 100, 0));
    EXPECT_STATUS(run(&g, &f.saved), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "slow:fc.weight is missing");
    fixture_release(&f);
    fixture_release(&g);
}

TEST("conform: optimizers", "one that there is not is named")
{
    fixture f;
    REQUIRE(fixture_linear(&f, "optimizer.method = adamax\n", 100, 0));
    EXPECT_STATUS(run(&f, NULL), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "optimizer.method = \"adamax\": no such optimizer");
    fixture_release(&f);
}
