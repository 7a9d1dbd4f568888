/* report: a small study with two seeds, a failed stage and a blocked one, in every format. */
#include "../test.h"

#include <gridfront/report.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 5, SEEDS = 2, METRICS = 4, STAGES = 1 + POINTS * SEEDS };

static const gf_metric_row metrics[METRICS] = {
    { .name = "accuracy", .help = "validation accuracy", .maximize = true },
    { .name = "test_accuracy", .help = "test accuracy", .maximize = true },
    { .name = "bytes", .help = "packed" },
    { .name = "seconds", .help = "time", .time = true },
};
static const char *const metric_names[] = { "accuracy", "test_accuracy", "bytes", "seconds", NULL };

/* accuracy, bytes of each point; the fourth fails, the fifth is blocked; </script> is hostile */
static const double accuracy[] = { 0.90, 0.80, 0.85, 0, 0 },
                    bytes[] = { 900e3, 100e3, 950e3, 0, 0 };
static const gf_point_row points[POINTS] = {
    { "width 16", "model.width = 16\n" },
    { "width \"8\", small", "model.width = 8\n" },
    { "</script><b>", "model.width = 12\nprune.amount = 0.5\n" },
    { "fails", "model.width = 3\n" },
    { "blocked by a stage that failed before it, which is a label that goes on and on and on",
      "model.width = 4\n" },
};

static char keys[STAGES][33];

/* Stage 0 is shared; stage 1 + point * SEEDS + seed ends each trial. */
static void create(const char *dir)
{
    gf_stage_row stages[STAGES];
    gf_trial_row trials[POINTS * SEEDS];
    int32_t chains[POINTS * SEEDS][2];
    for (int s = 0; s < STAGES; s++) {
        snprintf(keys[s], sizeof keys[s], "%032x", s + 1);
        stages[s] = (gf_stage_row){ .key = keys[s],
                                    .kind = s ? "finetune" : "train",
                                    .label = "lr 0.1",
                                    .options = "seed = 1\n",
                                    .parent = s ? 0 : -1,
                                    .epochs = 2,
                                    .seed = 1,
                                    .cost = 1 };
    }
    for (int t = 0; t < POINTS * SEEDS; t++) {
        chains[t][0] = 0;
        chains[t][1] = 1 + t;
        trials[t] = (gf_trial_row){ .point = t / SEEDS,
                                    .seed_index = t % SEEDS,
                                    .seed = 1 + t % SEEDS,
                                    .stages = chains[t],
                                    .stage_count = 2 };
    }
    const gf_study_plan plan = {
        .name = "tiny",
        .text = "name = \"tiny\"; # </script>\n",
        .settings = "objective.0.metric = accuracy\nobjective.0.goal = max\n"
                    "objective.1.metric = bytes\nobjective.1.goal = min\nkeep = all\n",
        .provenance = "program = test\nnumerics = none\n",
        .stages = stages,
        .trials = trials,
        .points = points,
        .stage_count = STAGES,
        .trial_count = POINTS * SEEDS,
        .point_count = POINTS,
        .metrics = metric_names,
        .metric_count = METRICS,
        .store = "../stages",
    };
    REQUIRE_OK(gf_folder_make(dir));
    REQUIRE_OK(gf_study_create(dir, &plan));
}

static void finish_trials(gf_study *study, int count, double seconds)
{
    const gf_epoch_row row = {
        .epoch = 1, .steps = 9, .lr = 0.1, .train_loss = 2, .validation_accuracy = 0.5
    };
    REQUIRE_OK(gf_study_write_state(study, 0, GF_STAGE_DONE, 1));
    for (int t = 0; t < count; t++) {
        double better = t % SEEDS ? 0.01 : -0.01;
        const double values[METRICS] = { accuracy[t / SEEDS] + better, 0.7, bytes[t / SEEDS],
                                         seconds };
        REQUIRE_OK(gf_study_write_epoch(study, 1 + t, &row, 1));
        REQUIRE_OK(gf_study_write_result(study, 1 + t, values, 1));
        REQUIRE_OK(gf_study_write_state(study, 1 + t, GF_STAGE_DONE, 1));
    }
}

static void fail_the_rest(gf_study *study)
{
    const gf_stage_attempt crash = { .attempt = 1,
                                     .status = GF_FAILED,
                                     .signal = 11,
                                     .started = 1,
                                     .ended = 2,
                                     .host = "node7",
                                     .reason = "killed by signal 11" };
    for (int s = 0; s < SEEDS; s++) {
        REQUIRE_OK(gf_study_write_attempt(study, 7 + s, &crash, 1));
        REQUIRE_OK(gf_study_write_state(study, 7 + s, GF_STAGE_FAILED, 1));
        REQUIRE_OK(gf_study_write_log(study, 7 + s, "last words", 10));
        REQUIRE_OK(gf_study_write_state(study, 9 + s, GF_STAGE_BLOCKED, 1));
    }
}

static gf_report *load(const char *dir, bool times, bool all)
{
    gf_report *report = NULL;
    const gf_report_options options = { .metrics = metrics,
                                        .metric_count = METRICS,
                                        .validation_images = 1000,
                                        .times = times,
                                        .all = all,
                                        .version = "test" };
    gf_test_status(gf_report_load(&report, dir, &options), GF_OK, "load", __FILE__, __LINE__);
    return report;
}

/* A study of which so many trials finished; when all that can, the others failed. */
static const char *folder_of(const char *name, int finished, double seconds)
{
    static char dir[600];
    gf_study *study = NULL;
    snprintf(dir, sizeof dir, "%s/%s", test_folder(), name);
    if (gf_study_exists(dir)) return dir;
    create(dir);
    gf_test_status(gf_study_open(&study, dir, true), GF_OK, "open", __FILE__, __LINE__);
    if (study && finished > 0) finish_trials(study, finished, seconds);
    if (study && finished == 3 * SEEDS) fail_the_rest(study);
    gf_study_close(study);
    return dir;
}

static const char *folder(const char *name, double seconds)
{
    return folder_of(name, seconds > 0 ? 3 * SEEDS : 0, seconds);
}

static char *written(const char *dir, gf_format format, bool times, bool all)
{
    gf_text text = { 0 };
    gf_report *report = load(dir, times, all);
    if (report)
        gf_test_status(gf_report_write(report, format, &text), GF_OK, "write", __FILE__, __LINE__);
    gf_report_destroy(report);
    return gf_text_take(&text);
}

TEST("report: text", "the front is a table, best first, with intervals over the seeds")
{
    char *text = written(folder("done", 3), GF_FORMAT_TEXT, true, false);
    EXPECT_TEXT(text, "front of 2 out of 3 points, 2 failed (2 seeds each)\n"
                      "selected on validation, 1,000 images; test is only reported\n"
                      " point          val %        test %   bytes  P(front)  what it is\n"
                      "     0  90.00 ± 12.71  70.00 ± 0.00  900 kB      1.00  width 16\n"
                      "     1  80.00 ± 12.71  70.00 ± 0.00  100 kB      1.00  width \"8\", small\n"
                      "± is the 95 % interval over seeds (Student's t)\n");
    free(text);
}

TEST("report: text", "a study without results says so in one line")
{
    char *text = written(folder("empty", 0), GF_FORMAT_TEXT, true, false);
    EXPECT_TEXT(text, "tiny: no point is finished yet\n");
    free(text);
}

TEST("report: text", "one seed's interval is of its images, and P(front) is of those that have all")
{
    char *text = written(folder_of("partial", 3, 3), GF_FORMAT_TEXT, true, true);
    EXPECT_CONTAINS(text, "front of 2 out of 2 points, 3 not finished (2 seeds each)\n");
    EXPECT_CONTAINS(text, "90.00 ± 12.71  70.00 ± 0.00  900 kB      1.00  width 16\n");
    EXPECT_CONTAINS(text, " 79.00 ± 2.63         70.00  100 kB         -  width \"8\", small  "
                          "(1 of 2 seeds)\n");
    EXPECT_CONTAINS(text, "(Student's t); with one seed, of the validation images\n");
    free(text);
}

TEST("report: text", "no line is longer than 100 columns")
{
    char *text = written(folder("done", 3), GF_FORMAT_TEXT, true, true);
    EXPECT_CONTAINS(text, " which is a label that goes on and on and on\n");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        EXPECT(strcspn(line, "\n") <= 100 + 3); /* ± is one column and two bytes */
    free(text);
}

TEST("report: columns", "a study whose columns are others is refused by name")
{
    gf_report *report = NULL;
    gf_metric_row renamed[METRICS];
    memcpy(renamed, metrics, sizeof renamed);
    renamed[2].name = "octets";
    const gf_report_options options = { .metrics = renamed, .metric_count = METRICS };
    EXPECT_STATUS(gf_report_load(&report, folder("done", 3), &options), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(),
                    "column 2 of the results is 'bytes'; this program has 'octets'");
}

TEST("report: CSV", "labels are quoted, what is not there is empty, times are left out on demand")
{
    char *text = written(folder("done", 3), GF_FORMAT_CSV, false, true);
    EXPECT_CONTAINS(text, "point,label,front,rank,seeds,accuracy,accuracy.half,test_accuracy,"
                          "test_accuracy.half,bytes,bytes.half,probability,options\n"
                          "0,\"width 16\",1,0,2,0.9,0.12706204736");
    EXPECT_CONTAINS(text, ",0.7,0,900000,0,1,"
                          "\"model.width = 16\"\n"
                          "1,\"width \"\"8\"\", small\",1,0,2,");
    EXPECT_CONTAINS(text, "\"model.width = 12; prune.amount = 0.5\"\n"
                          "3,\"fails\",0,-1,0,,,,,,,,\"model.width = 3\"\n");
    EXPECT(strstr(text, "seconds") == NULL);
    free(text);
}

TEST("report: JSON", "dominated points name their dominator, failures are there")
{
    char *text = written(folder("done", 3), GF_FORMAT_JSON, true, true);
    EXPECT_CONTAINS(text, "\"dominator\": 0,\n   \"seeds\": 2,\n   \"interval\": \"seeds\",\n"
                          "   \"failed\": false,\n");
    EXPECT_CONTAINS(text, "\"bytes\": {\n     \"mean\": 950000.0,\n     \"half\": 0.0,\n");
    EXPECT_CONTAINS(text, "\"state\": \"blocked\"");
    EXPECT_CONTAINS(text, "killed by signal 11");
    free(text);
}

TEST("report: no times", "two runs of other speed and hosts give the same bytes")
{
    static const gf_format formats[] = { GF_FORMAT_TEXT, GF_FORMAT_CSV, GF_FORMAT_JSON,
                                         GF_FORMAT_LATEX, GF_FORMAT_HTML };
    for (size_t i = 0; i < GF_COUNT(formats); i++) {
        char *fast = written(folder("done", 3), formats[i], false, true);
        char *slow = written(folder("slow", 300), formats[i], false, true);
        EXPECT(strcmp(fast, slow) == 0);
        EXPECT(strstr(fast, "node7") == NULL);
        free(fast);
        free(slow);
    }
}

TEST("report: no times", "an objective that is a time takes no part")
{
    const char *dir = folder("done", 3);
    gf_report *report = NULL;
    gf_metric_row timed[METRICS];
    memcpy(timed, metrics, sizeof timed);
    timed[2].time = true; /* bytes, the second objective */
    gf_report_options options = { .metrics = timed, .metric_count = METRICS, .times = true };
    bool front[POINTS];
    REQUIRE_OK(gf_report_load(&report, dir, &options));
    gf_report_front(report, front);
    EXPECT(front[0] && front[1] && !front[2]);
    gf_report_destroy(report);
    options.times = false;
    REQUIRE_OK(gf_report_load(&report, dir, &options));
    gf_report_front(report, front);
    EXPECT(front[0] && !front[1] && !front[2]);
    gf_report_destroy(report);
    timed[0].time = true;
    EXPECT_STATUS(gf_report_load(&report, dir, &options), GF_INVALID);
}

TEST("report: LaTeX", "it is a booktabs table, with its special characters escaped")
{
    char *text = written(folder("done", 3), GF_FORMAT_LATEX, true, false);
    EXPECT_CONTAINS(text, "\\begin{tabular}{rrrrl}");
    EXPECT_CONTAINS(text, "0 & 90.00 $\\pm$ 12.71 &");
    EXPECT_CONTAINS(text, "val \\%");
    free(text);
}

TEST("report: HTML", "the page stands alone, and hostile texts cannot leave its data")
{
    char *text = written(folder("done", 3), GF_FORMAT_HTML, true, true);
    EXPECT_CONTAINS(text, "\\u003c/script>\\u003cb>");
    EXPECT(strstr(text, "</script><b>") == NULL);
    EXPECT(strstr(text, "src=\"http") == NULL && strstr(text, "href=\"http") == NULL);
    EXPECT(strstr(text, "@DATA@") == NULL && strstr(text, "@JS@") == NULL);
    free(text);
}

TEST("report: show", "a failed point tells its reason, its log and the command that repeats it")
{
    gf_text text = { 0 };
    gf_report *report = load(folder("done", 3), true, true);
    REQUIRE_OK(gf_report_show(report, &text, 3, 0, true));
    EXPECT_CONTAINS(text.data, "killed by signal 11");
    EXPECT_CONTAINS(text.data, "last words");
    EXPECT_CONTAINS(text.data, "gridfront stage ");
    EXPECT_STATUS(gf_report_show(report, &text, 9, 0, true), GF_INVALID);
    gf_text_release(&text);
    gf_report_destroy(report);
}

TEST("report: best", "one line names the best and the smallest of the front")
{
    gf_text text = { 0 };
    gf_report *report = load(folder("done", 3), true, true);
    REQUIRE_OK(gf_report_best(report, &text));
    EXPECT_TEXT(text.data, "best so far: 90.0 % at 900 kB (point 0), 80.0 % at 100 kB (point 1); "
                           "front of 2 points");
    gf_text_release(&text);
    gf_report_destroy(report);
}
