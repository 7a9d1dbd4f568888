/* farm: what earlier runs measured, kept in a folder that many processes may write and anybody may
 * spoil; and what is learned from it, against closed forms. */
#include "../test.h"

#include "../../src/farm/history.h"

#include <gridfront/farm.h>

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const gf_doubt prior = { .run = 0.2, .group = 0.3, .task = 0.1 };

/* A cache folder of its own for each test. */
static void fresh_cache(const char *name)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/%s", test_folder(), name);
    setenv("XDG_CACHE_HOME", folder, 1);
    unsetenv("GRIDFRONT_HISTORY");
}

static gf_history *open_history(void)
{
    gf_history *history = NULL;
    EXPECT_STATUS(gf_history_open(&history, "test"), GF_OK);
    return history;
}

/* A run that measured these ratios for one path. */
static void run_once(const char *run, const char *path, const double *ratios, int count)
{
    gf_history *history = open_history();
    REQUIRE(history != NULL);
    for (int i = 0; i < count; i++) EXPECT_STATUS(gf_history_add(history, path, ratios[i]), GF_OK);
    EXPECT_STATUS(gf_history_save(history, run), GF_OK);
    gf_history_close(history);
}

static bool predict(gf_prediction *p, const char *path, int depth)
{
    gf_history *history = open_history();
    bool known = history && gf_history_predict(p, history, path, depth, &prior);
    gf_history_close(history);
    return known;
}

static double shrunk(double before, double squares, double freedom)
{
    return (4 * before * before + squares) / (4 + freedom);
}

/* ---- learning ---- */

TEST("farm: history", "one path in one run: the geometric mean, and variances as by hand")
{
    gf_prediction p = { 0 };
    const double ratios[] = { 2, 8 };
    fresh_cache("one");
    run_once("a", "seconds/m/train/x", ratios, 2);
    REQUIRE(predict(&p, "seconds/m/train/x", 2));
    double task = shrunk(0.1, 2 * log(2) * log(2), 1);
    EXPECT_NEAR(p.ratio, 4, 1e-5);
    EXPECT_NEAR(p.task * p.task, task, 1e-6);
    EXPECT_NEAR(p.group * p.group, 0.2 * 0.2 + task / 2, 1e-6);
    EXPECT_EQ(p.depth, 4);
    EXPECT_EQ(p.samples, 2);
}

TEST("farm: history", "two runs: each counts as one, and their distance is that of runs")
{
    gf_prediction p = { 0 };
    const double slow[] = { 4, 4, 4 }, fast[] = { 1 };
    fresh_cache("two");
    run_once("a", "seconds/m/train/x", slow, 3);
    run_once("b", "seconds/m/train/x", fast, 1);
    REQUIRE(predict(&p, "seconds/m/train/x", 2));
    double task = shrunk(0.1, 0, 2), half = log(2), own = task * (1.0 / 3 + 1) / 2;
    double run = shrunk(0.2, 2 * half * half - own, 1);
    EXPECT_NEAR(p.ratio, 2, 1e-5);
    EXPECT_NEAR(p.group * p.group, (2 * run + task * (1.0 / 3 + 1)) / 4, 1e-5);
    gf_history *history = open_history();
    EXPECT_NEAR(gf_history_run_doubt(history, "seconds/", &prior), sqrt(run), 1e-5);
    gf_history_close(history);
}

TEST("farm: history", "a path that was never run goes by those that begin alike, the nearest ones")
{
    gf_prediction p = { 0 };
    const double one[] = { 1 }, nine[] = { 9 }, other[] = { 1000 };
    fresh_cache("alike");
    run_once("a", "seconds/m/train/x", one, 1);
    run_once("b", "seconds/m/train/y", nine, 1);
    run_once("c", "seconds/m/prune/x", other, 1);
    run_once("d", "seconds/m2/train/z", other, 1);
    REQUIRE(predict(&p, "seconds/m/train/z", 2));
    EXPECT_EQ(p.depth, 3);
    EXPECT_NEAR(p.ratio, 3, 1e-5);
    EXPECT_NEAR(p.group * p.group, shrunk(0.3, 2 * log(3) * log(3), 1) * 1.5, 1e-5);
    REQUIRE(predict(&p, "seconds/m/quantize/z", 2));
    EXPECT_EQ(p.depth, 2);
    EXPECT_NEAR(log(p.ratio), log(9 * 1000.0) / 3, 1e-5);
    EXPECT(!predict(&p, "seconds/m3/train/x", 2));
    EXPECT(predict(&p, "seconds/m3/train/x", 1));
    EXPECT(!predict(&p, "bytes/m/train/x", 1));
    EXPECT(!predict(&p, "seconds/m/", 3)); /* not the beginning of a name */
}

TEST("farm: history", "what was learned from many worlds holds the truth in 95 of 100 of them")
{
    enum { WORLDS = 300, RUNS = 6, TASKS = 5 };
    const gf_random random = { .seed = 3, .purpose = GF_PURPOSE_TEST };
    int inside = 0;
    for (uint32_t world = 0; world < WORLDS; world++) {
        char name[32];
        gf_prediction p = { 0 };
        snprintf(name, sizeof name, "world%u", world);
        fresh_cache(name);
        for (uint32_t run = 0; run < RUNS; run++) {
            double u = prior.run * gf_random_normal(&random, world, run), ratios[TASKS];
            for (uint32_t i = 0; i < TASKS; i++)
                ratios[i] =
                    exp(u + prior.task * gf_random_normal(&random, world, 100 + run * 10 + i));
            snprintf(name, sizeof name, "run%u", run);
            run_once(name, "seconds/m/train/x", ratios, TASKS);
        }
        REQUIRE(predict(&p, "seconds/m/train/x", 2));
        gf_history *history = open_history();
        double run = gf_history_run_doubt(history, "seconds/", &prior);
        gf_history_close(history);
        double next = prior.run * gf_random_normal(&random, world, 99) +
                      prior.task * gf_random_normal(&random, world, 999);
        double deviation = sqrt(run * run + p.group * p.group + p.task * p.task);
        inside += fabs(next - log(p.ratio)) < 1.96 * deviation;
    }
    EXPECT_NEAR((double)inside / WORLDS, 0.95, 0.035);
}

/* ---- files ---- */

TEST("farm: history", "a run does not learn from itself, and another kind of machine not from it")
{
    gf_prediction p = { 0 };
    fresh_cache("kinds");
    gf_history *history = open_history(), *other = NULL;
    REQUIRE(history != NULL);
    REQUIRE_OK(gf_history_add(history, "seconds/m/train/x", 1));
    EXPECT(!gf_history_predict(&p, history, "seconds/m/train/x", 1, &prior));
    REQUIRE_OK(gf_history_save(history, "a"));
    gf_history_close(history);
    REQUIRE_OK(gf_history_open(&other, "other"));
    EXPECT(!gf_history_predict(&p, other, "seconds/m/train/x", 1, &prior));
    gf_history_close(other);
}

TEST("farm: history", "saved again, a run replaces what it saved before")
{
    gf_prediction p = { 0 };
    fresh_cache("again");
    gf_history *history = open_history();
    REQUIRE(history != NULL);
    REQUIRE_OK(gf_history_add(history, "seconds/m/train/x", 3));
    REQUIRE_OK(gf_history_save(history, "a"));
    REQUIRE_OK(gf_history_add(history, "seconds/m/train/x", 3));
    REQUIRE_OK(gf_history_save(history, "a"));
    gf_history_close(history);
    REQUIRE(predict(&p, "seconds/m/train/x", 4));
    EXPECT_EQ(p.samples, 2);
}

TEST("farm: history", "many processes that save at once lose nothing")
{
    enum { PROCESSES = 16 };
    gf_prediction p = { 0 };
    fresh_cache("many");
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0) continue;
        char name[16];
        const double one[] = { 2 };
        snprintf(name, sizeof name, "run-%d", i);
        for (int k = 0; k < 5; k++) run_once(name, "seconds/m/train/x", one, 1);
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) wait(NULL);
    REQUIRE(predict(&p, "seconds/m/train/x", 4));
    EXPECT_EQ(p.samples, PROCESSES);
    EXPECT_NEAR(p.ratio, 2, 1e-5);
}

static void write_run(const char *text)
{
    char path[PATH_MAX], folder[PATH_MAX];
    REQUIRE_OK(gf_cache_path(folder, "history-1-test"));
    REQUIRE_OK(gf_folder_make(folder));
    REQUIRE(snprintf(path, sizeof path, "%s/run.txt", folder) < (int)sizeof path);
    REQUIRE_OK(gf_file_write(path, text, strlen(text)));
}

TEST("farm: history", "only lines that we would have written count")
{
    static const char *const wrong[] = {
        "",
        "gridfront history 2\n1 0.000000 0.000000 seconds/m/train/x\n",
        "gridfront history 1\n0 0.000000 0.000000 seconds/m/train/x\n",
        "gridfront history 1\n1 nan 0.000000 seconds/m/train/x\n",
        "gridfront history 1\n1 0.000000 -1.000000 seconds/m/train/x\n",
        "gridfront history 1\n1 0.0 0.000000 seconds/m/train/x\n",
        "gridfront history 1\n1 1e308 0.000000 seconds/m/train/x\n",
        "gridfront history 1\n01 0.000000 0.000000 seconds/m/train/x\n",
        "gridfront history 1\n1 0.000000 0.000000",
        "gridfront history 1\n1 0.000000 0.00",
    };
    gf_prediction p = { 0 };
    fresh_cache("wrong");
    for (size_t i = 0; i < GF_COUNT(wrong); i++) {
        write_run(wrong[i]);
        EXPECT(!predict(&p, "seconds/m/train/x", 1));
    }
    write_run("gridfront history 1\n1 0.500000 0.000000 seconds/m/train/x\nrubbish\n1 0.5");
    EXPECT(predict(&p, "seconds/m/train/x", 4));
    EXPECT_NEAR(p.ratio, exp(0.5), 1e-9);
}

static int count_files(const char *folder)
{
    int count = 0;
    DIR *list = opendir(folder);
    for (const struct dirent *entry; list && (entry = readdir(list));)
        count += strstr(entry->d_name, ".txt") != NULL;
    if (list) closedir(list);
    return count;
}

TEST("farm: history", "old runs are removed, so that the folder does not grow for ever")
{
    char folder[PATH_MAX], name[32];
    const double one[] = { 1 };
    fresh_cache("old");
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "run-%d", i);
        run_once(name, "seconds/m/train/x", one, 1);
    }
    REQUIRE_OK(gf_cache_path(folder, "history-1-test"));
    EXPECT_EQ(count_files(folder), 256);
}

TEST("farm: history", "switched off, or without a home, there is none, and that is no error")
{
    gf_prediction p = { 0 };
    const double one[] = { 1 };
    fresh_cache("off");
    run_once("a", "seconds/m/train/x", one, 1);
    setenv("GRIDFRONT_HISTORY", "off", 1);
    EXPECT(!predict(&p, "seconds/m/train/x", 1));
    run_once("b", "seconds/m/train/x", one, 1);
    unsetenv("GRIDFRONT_HISTORY");
    REQUIRE(predict(&p, "seconds/m/train/x", 4));
    EXPECT_EQ(p.samples, 1);
    char *home = gf_strdup(getenv("HOME") ? getenv("HOME") : "/");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    EXPECT(!predict(&p, "seconds/m/train/x", 1));
    run_once("c", "seconds/m/train/x", one, 1);
    setenv("HOME", home, 1);
    free(home);
}
