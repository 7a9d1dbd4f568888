/* store: a study's plan and slots, as one process sees them. */
#include "store_study.h"

#include <math.h>
#include <sys/stat.h>

/* ---- the plan ---- */

TEST("store: study", "the plan is read back as it was given")
{
    const char *dir = path_of("plan");
    gf_study_plan plan = small_plan();
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    const gf_study_plan *read = gf_study_plan_get(study);
    EXPECT_TEXT(read->name, "small");
    EXPECT_TEXT(read->text, plan.text);
    EXPECT_TEXT(read->settings, plan.settings);
    EXPECT_TEXT(read->provenance, "");
    EXPECT_TEXT(read->store, "../stages");
    REQUIRE(read->metric_count == METRICS && read->stage_count == STAGES);
    REQUIRE(read->trial_count == 2 && read->point_count == 2);
    for (int i = 0; i < METRICS; i++) EXPECT_TEXT(read->metrics[i], plan.metrics[i]);
    EXPECT_TEXT(read->points[1].label, plan.points[1].label);
    EXPECT_TEXT(read->points[0].options, plan.points[0].options);
    EXPECT_EQ(strlen(gf_study_id(study)), 16);
    gf_study_close(study);
}

TEST("store: study", "every column of stages and trials comes back")
{
    gf_study_plan plan = small_plan();
    gf_study *study = small_study(path_of("columns"));
    REQUIRE(study != NULL);
    const gf_study_plan *read = gf_study_plan_get(study);
    for (int i = 0; i < STAGES; i++) {
        const gf_stage_row *a = &plan.stages[i], *b = &read->stages[i];
        EXPECT_TEXT(b->key, a->key);
        EXPECT_TEXT(b->kind, a->kind);
        EXPECT_TEXT(b->label, a->label);
        EXPECT_TEXT(b->options, a->options);
        EXPECT(b->parent == a->parent && b->ordinal == a->ordinal && b->epochs == a->epochs);
        EXPECT(b->seed == a->seed && b->cost == a->cost && b->teacher_count == a->teacher_count);
    }
    EXPECT_EQ(read->stages[3].teachers[1], 1);
    EXPECT_EQ(read->trials[1].seed, -8);
    EXPECT_EQ(read->trials[1].stage_count, 3);
    EXPECT_EQ(read->trials[1].stages[2], 3);
    EXPECT_EQ(read->trials[0].stage_count, 2);
    gf_study_close(study);
}

TEST("store: study", "a second study in the same folder is a conflict and changes nothing")
{
    const char *dir = path_of("twice");
    gf_study_plan plan = small_plan();
    char id[17] = "";
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    snprintf(id, sizeof id, "%s", gf_study_id(study));
    gf_study_close(study);
    EXPECT_STATUS(gf_study_create(dir, &plan), GF_CONFLICT);
    EXPECT_CONTAINS(gf_error_message(), "sweep.h5");
    REQUIRE_OK(gf_study_open(&study, dir, false));
    EXPECT_TEXT(gf_study_id(study), id);
    gf_study_close(study);
}

TEST("store: study", "a folder without a study is not found")
{
    gf_study *study = NULL;
    EXPECT(!gf_study_exists(path_of("nothing")));
    EXPECT_STATUS(gf_study_open(&study, path_of("nothing"), false), GF_NOTFOUND);
    EXPECT(study == NULL);
}

TEST("store: study", "row numbers out of range are refused before anything is written")
{
    const char *dir = path_of("wrong");
    gf_study_plan plan = small_plan();
    gf_stage_row stages[STAGES];
    memcpy(stages, plan.stages, sizeof stages);
    plan.stages = stages;
    stages[1].parent = 1;
    EXPECT_STATUS(gf_study_create(dir, &plan), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "parent 1 is outside [-1, 1)");
    stages[1].parent = 0;
    stages[2].key = "B0000000000000000000000000000003";
    EXPECT_STATUS(gf_study_create(dir, &plan), GF_INVALID);
    stages[2].key = small_key(2);
    plan.stage_count = 3;
    EXPECT_STATUS(gf_study_create(dir, &plan), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "trial 1: stage 3");
    plan.stage_count = 0;
    EXPECT_STATUS(gf_study_create(dir, &plan), GF_INVALID);
    EXPECT(!gf_study_exists(dir));
}

TEST("store: study", "a study of three thousand stages opens and knows its last one")
{
    enum { MANY = 3000 };
    gf_study_plan plan = small_plan();
    gf_stage_row *stages = calloc(MANY, sizeof *stages);
    char(*keys)[33] = calloc(MANY, sizeof *keys);
    gf_study *study = NULL;
    REQUIRE(stages != NULL && keys != NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i], sizeof keys[i], "%032x", i);
        stages[i] = (gf_stage_row){ .key = keys[i],
                                    .kind = "train",
                                    .label = "l",
                                    .options = "epochs = 3\nseed = 1\n",
                                    .parent = i - 1,
                                    .epochs = 3 };
    }
    plan.stages = stages;
    plan.stage_count = MANY;
    REQUIRE_OK(gf_study_create(path_of("many"), &plan));
    REQUIRE_OK(gf_study_open(&study, path_of("many"), true));
    EXPECT_TEXT(gf_study_plan_get(study)->stages[MANY - 1].key, keys[MANY - 1]);
    REQUIRE_OK(gf_study_write_epoch(study, MANY - 1, &(gf_epoch_row){ .epoch = 3 }, 1));
    gf_study_close(study);
    free(stages);
    free(keys);
}

/* ---- slots ---- */

TEST("store: slots", "a state is WAITING until written, then the last one written")
{
    gf_stage_state state = GF_STAGE_DONE;
    gf_study *study = small_study(path_of("state"));
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_read_state(study, 3, &state));
    EXPECT_EQ(state, GF_STAGE_WAITING);
    for (int i = 0; i < 5; i++) {
        gf_stage_state wanted = i % 2 ? GF_STAGE_FAILED : GF_STAGE_RUNNING;
        REQUIRE_OK(gf_study_write_state(study, 3, wanted, 1));
        REQUIRE_OK(gf_study_read_state(study, 3, &state));
        EXPECT_EQ(state, wanted);
    }
    REQUIRE_OK(gf_study_read_state(study, 2, &state));
    EXPECT_EQ(state, GF_STAGE_WAITING);
    EXPECT_STATUS(gf_study_write_state(study, STAGES, GF_STAGE_DONE, 1), GF_INVALID);
    EXPECT_STATUS(gf_study_read_state(study, -1, &state), GF_INVALID);
    gf_study_close(study);
}

TEST("store: slots", "the last four attempts are kept, oldest first, and may be rewritten")
{
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT];
    int count = -1;
    gf_study *study = small_study(path_of("attempts"));
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_read_attempts(study, 0, attempts, &count));
    EXPECT_EQ(count, 0);
    for (int i = 1; i <= 6; i++) {
        gf_stage_attempt attempt = { .attempt = i, .started = 100.5 + i, .host = "node1" };
        REQUIRE_OK(gf_study_write_attempt(study, 0, &attempt, 1));
    }
    gf_stage_attempt ended = { .attempt = 6, .ended = 9, .signal = 11, .reason = "a\xc3\xa9" };
    REQUIRE_OK(gf_study_write_attempt(study, 0, &ended, 1));
    REQUIRE_OK(gf_study_read_attempts(study, 0, attempts, &count));
    REQUIRE(count == 4);
    for (int i = 0; i < 4; i++) EXPECT_EQ(attempts[i].attempt, i + 3);
    EXPECT_TEXT(attempts[0].host, "node1");
    EXPECT_TEXT(attempts[3].reason, "a\xc3\xa9");
    EXPECT_EQ(attempts[3].signal, 11);
    gf_study_close(study);
}

TEST("store: slots", "epochs come back in order, missing ones left out, NaN kept")
{
    gf_epoch_row rows[40];
    int count = -1;
    gf_study *study = small_study(path_of("epochs"));
    REQUIRE(study != NULL);
    for (int epoch = 40; epoch >= 2; epoch -= 2) {
        gf_epoch_row row = { .epoch = epoch, .steps = 9, .lr = 0.1 * epoch, .seconds = NAN };
        REQUIRE_OK(gf_study_write_epoch(study, 2, &row, 1));
    }
    REQUIRE_OK(gf_study_read_epochs(study, 2, rows, &count));
    REQUIRE(count == 20);
    EXPECT_EQ(rows[19].epoch, 40);
    EXPECT_NEAR(rows[4].lr, 1.0, 1e-12);
    EXPECT(isnan(rows[0].seconds));
    REQUIRE_OK(gf_study_read_epochs(study, 0, rows, &count));
    EXPECT_EQ(count, 0);
    EXPECT_STATUS(gf_study_write_epoch(study, 2, &(gf_epoch_row){ .epoch = 41 }, 1), GF_INVALID);
    EXPECT_STATUS(gf_study_write_epoch(study, 1, &(gf_epoch_row){ .epoch = 1 }, 1), GF_INVALID);
    gf_study_close(study);
}

TEST("store: slots", "a result is not found until written, then the newest")
{
    double values[METRICS] = { 0 };
    gf_study *study = small_study(path_of("result"));
    REQUIRE(study != NULL);
    EXPECT_STATUS(gf_study_read_result(study, 1, values), GF_NOTFOUND);
    REQUIRE_OK(gf_study_write_result(study, 1, (double[]){ 0.5, NAN, -1 }, 1));
    REQUIRE_OK(gf_study_write_result(study, 1, (double[]){ 0.75, 2, NAN }, 2));
    REQUIRE_OK(gf_study_read_result(study, 1, values));
    EXPECT_NEAR(values[0], 0.75, 0);
    EXPECT_NEAR(values[1], 2, 0);
    EXPECT(isnan(values[2]));
    EXPECT_STATUS(gf_study_read_result(study, 0, values), GF_NOTFOUND);
    gf_study_close(study);
}

TEST("store: slots", "a writer whose fence is old is told that its lease is lost")
{
    gf_stage_state state;
    gf_study *study = small_study(path_of("fence"));
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_write_state(study, 0, GF_STAGE_RUNNING, 5));
    EXPECT_STATUS(gf_study_write_state(study, 0, GF_STAGE_DONE, 4), GF_LOST);
    EXPECT_CONTAINS(gf_error_message(), "fence 4 is older than 5");
    REQUIRE_OK(gf_study_read_state(study, 0, &state));
    EXPECT_EQ(state, GF_STAGE_RUNNING);
    REQUIRE_OK(gf_study_write_epoch(study, 0, &(gf_epoch_row){ .epoch = 1 }, 5));
    EXPECT_STATUS(gf_study_write_epoch(study, 0, &(gf_epoch_row){ .epoch = 1 }, 4), GF_LOST);
    REQUIRE_OK(gf_study_write_result(study, 0, (double[METRICS]){ 1 }, 5));
    EXPECT_STATUS(gf_study_write_result(study, 0, (double[METRICS]){ 2 }, 4), GF_LOST);
    gf_study_close(study);
}

TEST("store: slots", "the highest fence is found in whatever row it stands")
{
    uint32_t fence = 99;
    gf_study *study = small_study(path_of("fences"));
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_highest_fence(study, &fence));
    EXPECT_EQ(fence, 0);
    REQUIRE_OK(gf_study_write_state(study, 0, GF_STAGE_RUNNING, 3));
    REQUIRE_OK(gf_study_write_attempt(study, 1, &(gf_stage_attempt){ .attempt = 2 }, 4));
    REQUIRE_OK(gf_study_highest_fence(study, &fence));
    EXPECT_EQ(fence, 4);
    REQUIRE_OK(gf_study_write_result(study, 3, (double[METRICS]){ 1 }, 5));
    REQUIRE_OK(gf_study_highest_fence(study, &fence));
    EXPECT_EQ(fence, 5);
    REQUIRE_OK(gf_study_write_epoch(study, 2, &(gf_epoch_row){ .epoch = 40 }, 6));
    REQUIRE_OK(gf_study_highest_fence(study, &fence));
    EXPECT_EQ(fence, 6);
    gf_study_close(study);
}

TEST("store: slots", "writing never changes the size of the file, and needs write access")
{
    struct stat before, after;
    gf_study *study = small_study(path_of("frozen")), *reader = NULL;
    REQUIRE(study != NULL);
    REQUIRE(stat(path_of("frozen/sweep.h5"), &before) == 0);
    for (int i = 0; i < STAGES; i++) {
        EXPECT_STATUS(gf_study_write_state(study, i, GF_STAGE_DONE, 1), GF_OK);
        EXPECT_STATUS(gf_study_write_result(study, i, (double[METRICS]){ i }, 1), GF_OK);
    }
    REQUIRE(stat(path_of("frozen/sweep.h5"), &after) == 0);
    EXPECT_EQ(before.st_size, after.st_size);
    REQUIRE_OK(gf_study_open(&reader, path_of("frozen"), false));
    EXPECT_STATUS(gf_study_write_state(reader, 0, GF_STAGE_DONE, 1), GF_IO);
    gf_study_close(reader);
    gf_study_close(study);
}

/* ---- marks and logs ---- */

TEST("store: marks", "DONE is there once it is made")
{
    gf_study *study = small_study(path_of("done"));
    EXPECT(!gf_study_is_done(path_of("done")));
    REQUIRE_OK(gf_study_mark_done(path_of("done"), "4 stages\n"));
    EXPECT(gf_study_is_done(path_of("done")));
    gf_study_close(study);
}

TEST("store: marks", "of a log the last 64 KB are kept")
{
    enum { SIZE = 100000 };
    char *log = malloc(SIZE), *read = NULL;
    gf_study *study = small_study(path_of("log"));
    REQUIRE(study != NULL && log != NULL);
    memset(log, 'x', SIZE);
    memcpy(log + SIZE - 4, "end\n", 4);
    EXPECT_STATUS(gf_study_read_log(study, 1, &read), GF_NOTFOUND);
    REQUIRE_OK(gf_study_write_log(study, 1, log, SIZE));
    REQUIRE_OK(gf_study_read_log(study, 1, &read));
    EXPECT_EQ(strlen(read), 64 << 10);
    EXPECT_TEXT(read + (64 << 10) - 4, "end\n");
    gf_study_close(study);
    free(read);
    free(log);
}
