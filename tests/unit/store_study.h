/* A small plan for the tests of studies: 4 stages (two chains of two), 2 trials, 2 points. */
#ifndef GRIDFRONT_TESTS_STORE_STUDY_H
#define GRIDFRONT_TESTS_STORE_STUDY_H

#include "../test.h"

#include <gridfront/store.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAGES  4
#define METRICS 3

static inline const char *small_key(int row)
{
    static const char *const keys[STAGES] = { "a0000000000000000000000000000001",
                                              "a0000000000000000000000000000002",
                                              "b0000000000000000000000000000003",
                                              "b0000000000000000000000000000004" };
    return keys[row];
}

static inline gf_study_plan small_plan(void)
{
    static const int32_t teacher[] = { 0, 1 }, first[] = { 0, 1 }, second[] = { 0, 1, 3 };
    static const char *const metrics[METRICS] = { "accuracy", "bytes", "score.nominal" };
    static gf_stage_row stages[STAGES];
    static const gf_trial_row trials[2] = {
        { .point = 0, .seed_index = 0, .seed = 7, .stages = first, .stage_count = 2 },
        { .point = 1, .seed_index = 1, .seed = -8, .stages = second, .stage_count = 3 },
    };
    static const gf_point_row points[2] = { { "width 16", "model.width = 16\n" },
                                            { "width 32, caf\xc3\xa9", "model.width = 32\n" } };
    for (int i = 0; i < STAGES; i++)
        stages[i] = (gf_stage_row){ .key = small_key(i),
                                    .kind = i % 2 ? "prune" : "train",
                                    .label = i % 2 ? "filter-l1 0.5" : "",
                                    .options = i % 2 ? "prune.amount = 0.5\n" : "epochs = 40\n",
                                    .parent = i % 2 ? i - 1 : -1,
                                    .teachers = i == 3 ? teacher : NULL,
                                    .teacher_count = i == 3 ? 2 : 0,
                                    .ordinal = i / 2,
                                    .epochs = i % 2 ? 0 : 40,
                                    .seed = (int64_t)1 << 40,
                                    .cost = 1e12 * (i + 1) };
    return (gf_study_plan){ .name = "small",
                            .text = "name = \"small\";\n",
                            .settings = "objectives.0 = accuracy\n",
                            .provenance = "",
                            .stages = stages,
                            .trials = trials,
                            .points = points,
                            .stage_count = STAGES,
                            .trial_count = 2,
                            .point_count = 2,
                            .metrics = metrics,
                            .metric_count = METRICS,
                            .store = "../stages" };
}

/* test_folder()/name; eight at a time. */
static inline const char *path_of(const char *name)
{
    static char paths[8][PATH_MAX];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_MAX, "%s/%s", test_folder(), name);
    return path;
}

/* Flips one bit and returns the file's size, 0 when there is no such file. */
static inline long flip_bit(const char *path, long at, int bit)
{
    FILE *file = fopen(path, "r+b");
    if (!file) return 0;
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ (1 << bit), file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fclose(file);
    return size;
}

/* A new study with the small plan, open for writing; NULL after a failure. */
static inline gf_study *small_study(const char *dir)
{
    gf_study_plan plan = small_plan();
    gf_study *study = NULL;
    EXPECT_STATUS(gf_study_create(dir, &plan), GF_OK);
    EXPECT_STATUS(gf_study_open(&study, dir, true), GF_OK);
    return study;
}

#endif
