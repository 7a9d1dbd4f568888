/* store: slots of all stages at once, and how far learning curves are, beside the functions that
 * read one row at a time. */
#include "store_study.h"

#include "../../src/store/study.h"

#include <fcntl.h>
#include <math.h>

static gf_stage_attempt attempt_of(int number, double started, double ended)
{
    gf_stage_attempt a = { .attempt = number, .rank = number, .started = started, .ended = ended };
    snprintf(a.host, sizeof a.host, "node%d", number);
    return a;
}

static gf_stage_slot seen[STAGES];
static int order[STAGES], looks;

static void keep(void *context, int stage, const gf_stage_slot *slot)
{
    (void)context;
    order[looks++ % STAGES] = stage;
    seen[stage] = *slot;
}

static void scan(gf_study *study)
{
    looks = 0;
    EXPECT_STATUS(gf_study_scan(study, keep, NULL), GF_OK);
    EXPECT_EQ(looks, STAGES);
}

TEST("store: scan", "every stage comes once, as the rows that were written say")
{
    gf_study *study = small_study(path_of("scan"));
    REQUIRE(study != NULL);
    const gf_stage_attempt first = attempt_of(1, 10, 20), second = attempt_of(2, 30, 0);
    REQUIRE_OK(gf_study_write_state(study, 1, GF_STAGE_RUNNING, 3));
    REQUIRE_OK(gf_study_write_attempt(study, 1, &first, 3));
    REQUIRE_OK(gf_study_write_attempt(study, 1, &second, 9));
    REQUIRE_OK(gf_study_write_state(study, 2, GF_STAGE_DONE, 4));
    scan(study);
    for (int i = 0; i < STAGES; i++) EXPECT_EQ(order[i], i);
    EXPECT_EQ(seen[0].state, GF_STAGE_WAITING);
    EXPECT_EQ(seen[0].count, 0);
    EXPECT_EQ(seen[1].state, GF_STAGE_RUNNING);
    EXPECT_EQ(seen[1].count, 2);
    EXPECT_EQ(seen[1].fence, 9);
    EXPECT_NEAR(seen[1].attempts[1].started, 30, 0);
    EXPECT_TEXT(seen[1].attempts[0].host, "node1");
    EXPECT_EQ(seen[2].state, GF_STAGE_DONE);
    gf_study_close(study);
}

TEST("store: scan", "the last attempts are kept in order, however many there were")
{
    gf_study *study = small_study(path_of("attempts"));
    gf_stage_attempt read[GF_ATTEMPTS_KEPT];
    int count = 0;
    REQUIRE(study != NULL);
    for (int i = 1; i <= 6; i++) {
        const gf_stage_attempt a = attempt_of(i, i, i + 1);
        REQUIRE_OK(gf_study_write_attempt(study, 0, &a, (uint32_t)i));
    }
    scan(study);
    REQUIRE_OK(gf_study_read_attempts(study, 0, read, &count));
    REQUIRE(count == seen[0].count && count == GF_ATTEMPTS_KEPT);
    EXPECT(memcmp(read, seen[0].attempts, sizeof read) == 0);
    EXPECT_EQ(seen[0].fence, 6);
    gf_study_close(study);
}

/* One byte of the file changed behind the study's back. */
static void spoil(const char *dir, uint64_t at)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/sweep.h5", dir);
    EXPECT(flip_bit(path, (long)at, 3) > 0);
}

TEST("store: scan", "a torn row gives what stood before it, and other stages are not touched")
{
    const char *dir = path_of("torn");
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    const gf_stage_attempt first = attempt_of(1, 10, 20), second = attempt_of(2, 30, 0);
    REQUIRE_OK(gf_study_write_state(study, 1, GF_STAGE_RUNNING, 3));
    REQUIRE_OK(gf_study_write_state(study, 1, GF_STAGE_DONE, 3));
    REQUIRE_OK(gf_study_write_attempt(study, 1, &first, 3));
    REQUIRE_OK(gf_study_write_attempt(study, 1, &second, 4));
    REQUIRE_OK(gf_study_write_state(study, 2, GF_STAGE_FAILED, 3));
    spoil(dir, study->slots.pages + GF_PAGE + sizeof(gf_state_row));
    spoil(dir,
          study->slots.pages + GF_PAGE + offsetof(gf_slot_page, attempts) + sizeof(gf_attempt_row));
    scan(study);
    EXPECT_EQ(seen[1].state, GF_STAGE_RUNNING);
    EXPECT_EQ(seen[1].count, 1);
    EXPECT_NEAR(seen[1].attempts[0].ended, 20, 0);
    EXPECT_EQ(seen[2].state, GF_STAGE_FAILED);
    gf_study_close(study);
}

TEST("store: progress", "the newest epoch, and the seconds of those that this lease has written")
{
    gf_study *study = small_study(path_of("progress"));
    gf_stage_progress p = { 0 };
    REQUIRE(study != NULL);
    for (int e = 1; e <= 5; e++) {
        const gf_epoch_row row = { .epoch = e, .train_loss = 10.0 / e, .seconds = 100 * e };
        REQUIRE_OK(gf_study_write_epoch(study, 0, &row, e <= 3 ? 1 : 2));
    }
    const gf_epoch_row found = { .epoch = 6, .train_loss = 1, .seconds = NAN };
    REQUIRE_OK(gf_study_write_epoch(study, 0, &found, 2));
    REQUIRE_OK(gf_study_read_progress(study, 0, 2, &p));
    EXPECT_EQ(p.count, 6);
    EXPECT_EQ(p.last.epoch, 6);
    EXPECT_EQ(p.fenced, 2);
    EXPECT_NEAR(p.fenced_seconds, 400 + 500, 1e-12);
    REQUIRE_OK(gf_study_read_progress(study, 1, 2, &p)); /* a stage without epochs */
    EXPECT_EQ(p.count, 0);
    EXPECT_STATUS(gf_study_read_progress(study, STAGES, 1, &p), GF_INVALID);
    gf_study_close(study);
}

TEST("store: plan", "predicted seconds are kept, and refused where they are none")
{
    gf_study_plan plan = small_plan();
    gf_stage_row stages[STAGES];
    gf_study *study = NULL;
    memcpy(stages, plan.stages, sizeof stages);
    plan.stages = stages;
    stages[2].seconds = 12.5;
    REQUIRE_OK(gf_study_create(path_of("predicted"), &plan));
    REQUIRE_OK(gf_study_open(&study, path_of("predicted"), false));
    EXPECT_NEAR(gf_study_plan_get(study)->stages[2].seconds, 12.5, 0);
    EXPECT_NEAR(gf_study_plan_get(study)->stages[1].seconds, 0, 0);
    gf_study_close(study);
    stages[2].seconds = -1;
    EXPECT_STATUS(gf_study_create(path_of("negative"), &plan), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "s predicted");
    stages[2].seconds = NAN;
    EXPECT_STATUS(gf_study_create(path_of("negative"), &plan), GF_INVALID);
}

TEST("store: lease", "since when the live run has it does not change with its heartbeats")
{
    const char *dir = path_of("since");
    REQUIRE_OK(gf_folder_make(dir));
    EXPECT_NEAR(gf_study_lease_since(dir), 0, 0);
    double before = gf_clock_wall();
    REQUIRE_OK(gf_study_lease_take(dir));
    double since = gf_study_lease_since(dir);
    EXPECT(since > before - 0.01 && since < gf_clock_wall() + 0.01);
    gf_sleep(0.01);
    REQUIRE_OK(gf_study_lease_beat(dir));
    EXPECT_NEAR(gf_study_lease_since(dir), since, 0);
    gf_study_lease_release(dir);
    EXPECT_NEAR(gf_study_lease_since(dir), 0, 0);
}

TEST("store: plan", "how long sweep.h5 will be is known before, to some percent")
{
    enum { MANY = 500 };
    static char keys[MANY][33];
    gf_study_plan plan = small_plan();
    gf_stage_row *stages = gf_alloc(MANY, sizeof *stages);
    char path[PATH_MAX], *bytes = NULL;
    size_t size = 0;
    REQUIRE(stages != NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i], sizeof keys[i], "%032x", i);
        stages[i] = plan.stages[i % 2];
        stages[i].key = keys[i];
        stages[i].parent = -1;
    }
    plan.stages = stages;
    plan.stage_count = MANY;
    REQUIRE_OK(gf_study_create(path_of("long"), &plan));
    snprintf(path, sizeof path, "%s/sweep.h5", path_of("long"));
    REQUIRE_OK(gf_file_read(&bytes, &size, path, 1 << 28));
    EXPECT_NEAR(gf_study_expect_bytes(stages, MANY, METRICS) / (double)size, 1, 0.03);
    free(bytes);
    free(stages);
}
