#include "use_study.h"

#include <gridfront/report.h>

#define STAGES  4
#define METRICS 3

static const char *const metrics[METRICS] = { "accuracy", "bytes", "score.nominal" };

gf_study_plan fuzz_plan(void)
{
    static const int32_t teacher[] = { 0, 1 }, first[] = { 0, 1 }, second[] = { 2, 3 };
    static const char *const keys[STAGES] = { "a0000000000000000000000000000001",
                                              "a0000000000000000000000000000002",
                                              "b0000000000000000000000000000003",
                                              "b0000000000000000000000000000004" };
    static gf_stage_row stages[STAGES];
    static gf_trial_row trials[2] = { { .point = 0, .stages = first, .stage_count = 2 },
                                      { .point = 1, .stages = second, .stage_count = 2 } };
    static gf_point_row points[2] = { { "width 16", "model.width = 16\n" },
                                      { "width 32", "model.width = 32\n" } };
    for (int i = 0; i < STAGES; i++)
        stages[i] = (gf_stage_row){ .key = keys[i],
                                    .kind = i % 2 ? "prune" : "train",
                                    .label = i % 2 ? "filter-l1 0.5" : "",
                                    .options = i % 2 ? "amount = 0.5\n" : "epochs = 3\n",
                                    .parent = i % 2 ? i - 1 : -1,
                                    .teachers = i == 3 ? teacher : NULL,
                                    .teacher_count = i == 3 ? 2 : 0,
                                    .ordinal = i / 2,
                                    .epochs = i % 2 ? 0 : 3,
                                    .seed = 7,
                                    .cost = 1e12 };
    return (gf_study_plan){ .name = "small",
                            .text = "name = \"small\";\n",
                            .settings = "objective.0.metric = accuracy\nobjective.0.goal = max\n"
                                        "objective.1.metric = bytes\nobjective.1.goal = min\n"
                                        "keep = all\nvalidation_images = 100\n",
                            .provenance = "program = gridfront\n",
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

static void use_rows(gf_study *study)
{
    const gf_study_plan *plan = gf_study_plan_get(study);
    double *values = gf_alloc((size_t)plan->metric_count, sizeof *values);
    for (int i = 0; i < plan->stage_count && i < 64; i++) {
        gf_stage_state state;
        gf_stage_attempt attempts[GF_ATTEMPTS_KEPT];
        int count = 0;
        char *log = NULL;
        gf_epoch_row *rows = gf_alloc((size_t)plan->stages[i].epochs + 1, sizeof *rows);
        if (gf_study_read_state(study, i, &state) == GF_OK)
            FUZZ_REQUIRE((int)state >= 0 && state <= GF_STAGE_BLOCKED);
        if (gf_study_read_attempts(study, i, attempts, &count) == GF_OK)
            for (int a = 0; a < count; a++) FUZZ_REQUIRE(strlen(attempts[a].reason) < GF_REASON);
        if (gf_study_read_epochs(study, i, rows, &count) == GF_OK)
            FUZZ_REQUIRE(count <= plan->stages[i].epochs);
        if (gf_study_read_result(study, i, values) == GF_OK) FUZZ_REQUIRE(values != NULL);
        if (gf_study_read_log(study, i, &log) == GF_OK) free(log);
        free(rows);
    }
    free(values);
}

static void use_report(const char *dir)
{
    static const gf_metric_row rows[METRICS] = { { "accuracy", "", true, false },
                                                 { "bytes", "", false, false },
                                                 { "score.nominal", "", false, false } };
    const gf_report_options options = {
        .metrics = rows, .metric_count = METRICS, .times = true, .all = true, .version = ""
    };
    gf_report *report = NULL;
    if (gf_report_load(&report, dir, &options) != GF_OK) return;
    for (int format = GF_FORMAT_TEXT; format <= GF_FORMAT_HTML; format++) {
        gf_text text = { 0 };
        (void)gf_report_write(report, (gf_format)format, &text);
        gf_text_release(&text);
    }
    for (int point = 0; point < 2; point++) {
        gf_text text = { 0 };
        (void)gf_report_show(report, &text, point, -1, true);
        gf_text_release(&text);
    }
    gf_report_destroy(report);
}

void fuzz_use_study(const char *dir)
{
    gf_study *study = NULL;
    uint32_t fence;
    if (gf_study_open(&study, dir, false) != GF_OK) return;
    (void)gf_study_highest_fence(study, &fence);
    use_rows(study);
    gf_study_close(study);
    (void)gf_study_verify(dir, NULL, NULL);
    use_report(dir);
}
