/* store: killed writers, several writers, readers in between, damaged files, full disks. */
#include "store_study.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* HDF5 1.10 loses some of its own memory when an object header does not check (H5C_protect). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

/* ---- a writer whose every value can be checked ---- */

static gf_status write_round(gf_study *study, int stage, int round)
{
    gf_status status;
    double values[METRICS] = { round, 2.0 * round, 3.0 * round };
    gf_stage_attempt attempt = { .attempt = round, .rank = 7 * round, .host = "node" };
    GF_TRY(gf_study_write_state(study, stage, GF_STAGE_RUNNING, (uint32_t)round));
    GF_TRY(gf_study_write_attempt(study, stage, &attempt, (uint32_t)round));
    GF_TRY(gf_study_write_result(study, stage, values, (uint32_t)round));
    for (int epoch = 1; epoch <= gf_study_plan_get(study)->stages[stage].epochs; epoch++) {
        gf_epoch_row row = { .epoch = epoch, .steps = round, .lr = 0.5 * round };
        GF_TRY(gf_study_write_epoch(study, stage, &row, (uint32_t)round));
    }
out:
    return status;
}

/* Everything that is there is whole, from whatever round. */
static void expect_whole(gf_study *study, int stage)
{
    gf_stage_state state;
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT];
    gf_epoch_row rows[40];
    double values[METRICS];
    int count = 0;
    EXPECT_STATUS(gf_study_read_state(study, stage, &state), GF_OK);
    EXPECT_STATUS(gf_study_read_attempts(study, stage, attempts, &count), GF_OK);
    for (int i = 0; i < count; i++) EXPECT_EQ(attempts[i].rank, 7 * attempts[i].attempt);
    EXPECT_STATUS(gf_study_read_epochs(study, stage, rows, &count), GF_OK);
    for (int i = 0; i < count; i++) EXPECT(rows[i].lr == 0.5 * rows[i].steps);
    gf_status status = gf_study_read_result(study, stage, values);
    EXPECT(status == GF_OK || status == GF_NOTFOUND);
    if (status == GF_OK) EXPECT(values[1] == 2 * values[0] && values[2] == 3 * values[0]);
}

/* Forks a process that writes its stage until it is killed, or `rounds` times. */
static pid_t start_writer(const char *dir, int stage, int first_round, int rounds)
{
    pid_t child = fork();
    if (child != 0) return child;
    gf_study *study = NULL;
    gf_status status = gf_study_open(&study, dir, true);
    for (int i = 0; status == GF_OK && i < rounds; i++)
        status = write_round(study, stage, first_round + i);
    _exit(status == GF_OK ? 0 : 1);
}

static int exit_code(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void count_line(void *context, const char *line)
{
    (void)line;
    ++*(int *)context;
}

/* ---- killed, together, in between ---- */

TEST("store: faults",
     "a writer killed at 40 random instants never leaves a row that does not check")
{
    const char *dir = path_of("killed");
    gf_study *study = small_study(dir);
    gf_random random = { .seed = 1, .purpose = GF_PURPOSE_TEST };
    int faults = 0;
    REQUIRE(study != NULL);
    for (int i = 0; i < 40; i++) {
        pid_t writer = start_writer(dir, i % STAGES, 100000 * (i + 1), 100000);
        REQUIRE(writer > 0);
        gf_sleep(0.02 * gf_random_uniform(&random, (uint32_t)i, 0));
        kill(writer, SIGKILL);
        EXPECT_EQ(exit_code(writer), 128 + SIGKILL);
        for (int stage = 0; stage < STAGES; stage++) expect_whole(study, stage);
    }
    EXPECT_STATUS(gf_study_verify(dir, count_line, &faults), GF_OK);
    EXPECT_EQ(faults, 0);
    gf_study_close(study);
}

TEST("store: faults", "four processes write their slots at once, and every value arrives")
{
    enum { ROUNDS = 12 };
    const char *dir = path_of("together");
    gf_study *study = small_study(dir);
    pid_t writers[STAGES];
    double values[METRICS] = { 0 };
    gf_epoch_row rows[40];
    int count = 0, faults = 0;
    REQUIRE(study != NULL);
    for (int i = 0; i < STAGES; i++) writers[i] = start_writer(dir, i, 1, ROUNDS);
    for (int i = 0; i < STAGES; i++) EXPECT_EQ(exit_code(writers[i]), 0);
    for (int i = 0; i < STAGES; i++) {
        EXPECT_STATUS(gf_study_read_result(study, i, values), GF_OK);
        EXPECT_NEAR(values[2], 3 * ROUNDS, 0);
        EXPECT_STATUS(gf_study_read_epochs(study, i, rows, &count), GF_OK);
        EXPECT_EQ(count, i % 2 ? 0 : 40);
        if (count) EXPECT_EQ(rows[39].steps, ROUNDS);
    }
    EXPECT_STATUS(gf_study_verify(dir, count_line, &faults), GF_OK);
    gf_study_close(study);
}

TEST("store: faults", "a reader that opens and reads while rows are written sees whole rows only")
{
    const char *dir = path_of("reading");
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    gf_study_close(study);
    pid_t writer = start_writer(dir, 0, 1, 100000);
    REQUIRE(writer > 0);
    for (int i = 0; i < 60; i++) {
        study = NULL;
        EXPECT_STATUS(gf_study_open(&study, dir, false), GF_OK);
        if (study) expect_whole(study, 0);
        gf_study_close(study);
    }
    kill(writer, SIGKILL);
    EXPECT_EQ(exit_code(writer), 128 + SIGKILL);
}

static int save_for_ever(const char *path)
{
    gf_artifact artifact = { 0 };
    static float data[20000];
    for (int i = 0; i < 20000; i++) data[i] = (float)i;
    gf_status status =
        gf_tensors_add(&artifact.tensors, NULL, "w", GF_F32, 1, (int64_t[]){ 20000 }, data);
    while (status == GF_OK) {
        ((float *)artifact.tensors.items[0].data)[7] += 1;
        status = gf_artifact_save(path, &artifact);
    }
    return 1;
}

TEST("store: faults",
     "an artifact whose writer is killed is the old one or the new one, never half")
{
    const char *path = path_of("half.h5");
    gf_artifact artifact = { 0 };
    REQUIRE_OK(gf_artifact_save(path, &artifact));
    for (int i = 0; i < 25; i++) {
        pid_t writer = fork();
        if (writer == 0) _exit(save_for_ever(path));
        gf_sleep(0.003 + 0.0007 * i);
        kill(writer, SIGKILL);
        EXPECT_EQ(exit_code(writer), 128 + SIGKILL);
        EXPECT_STATUS(gf_artifact_load(&artifact, path), GF_OK);
        gf_artifact_release(&artifact);
    }
}

/* ---- torn rows ---- */

/* Damages the bytes in which the file now differs from `before`. */
static void tear_what_changed(const char *path, const char *before, size_t size)
{
    char *after = NULL;
    size_t after_size = 0, at = 0;
    EXPECT_STATUS(gf_file_read(&after, &after_size, path, 1 << 24), GF_OK);
    while (after && at < size && before[at] == after[at]) at++;
    FILE *file = fopen(path, "r+b");
    EXPECT(file && after_size == size && at < size);
    if (file) {
        fseek(file, (long)at, SEEK_SET);
        fputc(after[at] ^ 0x10, file);
        fclose(file);
    }
    free(after);
}

TEST("store: faults", "a torn state or result gives the one before it, and verify names the row")
{
    const char *dir = path_of("torn"), *path = path_of("torn/sweep.h5");
    char *before = NULL;
    size_t size;
    gf_stage_state state;
    double values[METRICS];
    int faults = 0;
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_write_state(study, 2, GF_STAGE_RUNNING, 1));
    REQUIRE_OK(gf_study_write_result(study, 2, (double[METRICS]){ 1 }, 1));
    REQUIRE_OK(gf_file_read(&before, &size, path, 1 << 24));
    REQUIRE_OK(gf_study_write_state(study, 2, GF_STAGE_DONE, 1));
    tear_what_changed(path, before, size);
    REQUIRE_OK(gf_study_read_state(study, 2, &state));
    EXPECT_EQ(state, GF_STAGE_RUNNING);
    free(before);
    REQUIRE_OK(gf_file_read(&before, &size, path, 1 << 24));
    REQUIRE_OK(gf_study_write_result(study, 2, (double[METRICS]){ 2 }, 1));
    tear_what_changed(path, before, size);
    REQUIRE_OK(gf_study_read_result(study, 2, values));
    EXPECT_NEAR(values[0], 1, 0);
    EXPECT_STATUS(gf_study_verify(dir, count_line, &faults), GF_CORRUPT);
    EXPECT_EQ(faults, 2);
    REQUIRE_OK(gf_study_write_state(study, 2, GF_STAGE_DONE, 2));
    REQUIRE_OK(gf_study_write_result(study, 2, (double[METRICS]){ 3 }, 2));
    REQUIRE_OK(gf_study_read_result(study, 2, values));
    EXPECT_NEAR(values[0], 3, 0);
    gf_study_close(study);
    free(before);
}

TEST("store: faults", "a torn first result is corrupt, a torn epoch is left out")
{
    const char *dir = path_of("torn1"), *path = path_of("torn1/sweep.h5");
    char *before = NULL;
    size_t size;
    double values[METRICS];
    gf_epoch_row rows[40];
    int count = 0;
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_file_read(&before, &size, path, 1 << 24));
    REQUIRE_OK(gf_study_write_result(study, 0, (double[METRICS]){ 2 }, 1));
    tear_what_changed(path, before, size);
    EXPECT_STATUS(gf_study_read_result(study, 0, values), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "stage 0");
    free(before);
    REQUIRE_OK(gf_study_write_epoch(study, 0, &(gf_epoch_row){ .epoch = 1 }, 1));
    REQUIRE_OK(gf_file_read(&before, &size, path, 1 << 24));
    REQUIRE_OK(gf_study_write_epoch(study, 0, &(gf_epoch_row){ .epoch = 2 }, 1));
    tear_what_changed(path, before, size);
    REQUIRE_OK(gf_study_read_epochs(study, 0, rows, &count));
    EXPECT_EQ(count, 1);
    gf_study_close(study);
    free(before);
}

TEST("store: faults", "a torn attempt is left out, and emptied when it is mended")
{
    const char *dir = path_of("torn2"), *path = path_of("torn2/sweep.h5");
    char *before = NULL;
    size_t size;
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT], one = { .attempt = 1 }, two = { .attempt = 2 };
    int count = 0;
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_write_attempt(study, 0, &one, 1));
    REQUIRE_OK(gf_file_read(&before, &size, path, 1 << 24));
    REQUIRE_OK(gf_study_write_attempt(study, 0, &two, 2));
    tear_what_changed(path, before, size);
    EXPECT_STATUS(gf_study_verify(dir, count_line, &count), GF_CORRUPT);
    REQUIRE_OK(gf_study_mend_attempts(study, 0));
    EXPECT_STATUS(gf_study_verify(dir, NULL, NULL), GF_OK);
    REQUIRE_OK(gf_study_read_attempts(study, 0, attempts, &count));
    EXPECT_EQ(count, 1);
    EXPECT_EQ(attempts[0].attempt, 1);
    gf_study_close(study);
    free(before);
}

/* ---- damaged sweep.h5 ---- */

TEST("store: faults", "any flipped bit of sweep.h5 is found by verify, with a line that names it")
{
    const char *dir = path_of("bits"), *path = path_of("bits/sweep.h5");
    gf_study *study = small_study(dir);
    struct stat about;
    REQUIRE(study != NULL);
    for (int stage = 0; stage < STAGES; stage++) EXPECT_STATUS(write_round(study, stage, 1), GF_OK);
    gf_study_close(study);
    REQUIRE(stat(path, &about) == 0);
    for (uint64_t i = 0; i < 300; i++) {
        int lines = 0;
        long at = (long)(i * 2654435761u % (uint64_t)about.st_size);
        flip_bit(path, at, (int)(i % 8));
        EXPECT_STATUS(gf_study_verify(dir, count_line, &lines), GF_CORRUPT);
        EXPECT(lines > 0);
        flip_bit(path, at, (int)(i % 8));
    }
    EXPECT_STATUS(gf_study_verify(dir, NULL, NULL), GF_OK);
}

TEST("store: faults", "a sweep.h5 cut anywhere, emptied or replaced is corrupt, and says so")
{
    const char *dir = path_of("cut"), *path = path_of("cut/sweep.h5");
    gf_study *study = small_study(dir);
    struct stat about;
    gf_study_close(study);
    study = NULL;
    REQUIRE(stat(path, &about) == 0);
    for (off_t size = about.st_size - 1; size > 0; size = size * 3 / 4) {
        REQUIRE(truncate(path, size) == 0);
        EXPECT_STATUS(gf_study_open(&study, dir, true), GF_CORRUPT);
        EXPECT_CONTAINS(gf_error_message(), "cut/sweep.h5");
        EXPECT_STATUS(gf_study_verify(dir, NULL, NULL), GF_CORRUPT);
    }
    REQUIRE_OK(gf_file_write(path, "", 0));
    EXPECT_STATUS(gf_study_open(&study, dir, true), GF_CORRUPT);
    gf_artifact other = { 0 };
    REQUIRE_OK(gf_artifact_save(path, &other));
    EXPECT_STATUS(gf_study_open(&study, dir, true), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "does not begin with 'gridfront study 1'");
}

/* ---- full disks ---- */

/* What a full disk has to lead to, in `folder`; 0 when it does. */
static int fill_disk(const char *folder)
{
    enum { COUNT = 1 << 20 };
    char path[PATH_MAX], command[PATH_MAX + 64];
    gf_artifact artifact = { 0 };
    gf_study_plan plan = small_plan();
    uint32_t *noise = malloc(COUNT * sizeof *noise);
    if (!noise) return 1;
    for (uint32_t i = 0; i < COUNT; i++) noise[i] = i * i * 2654435761u + (i >> 3) * 40503u;
    snprintf(path, sizeof path, "%s/a.h5", folder);
    if (gf_artifact_save(path, &artifact) != GF_OK) return 2;
    if (gf_tensors_add(&artifact.tensors, NULL, "w", GF_I32, 1, (int64_t[]){ COUNT }, noise))
        return 3;
    if (gf_artifact_save(path, &artifact) != GF_FULL) return 4;
    if (gf_artifact_load(&artifact, path) != GF_OK || artifact.tensors.count) return 5;
    snprintf(path, sizeof path, "%s/study", folder);
    if (gf_study_create(path, &plan) != GF_FULL) return 6;
    if (gf_study_exists(path)) return 7;
    snprintf(command, sizeof command, "! find '%s' -name '*.tmp' | grep -q .", folder);
    return system(command) == 0 ? 0 : 8;
}

TEST("store: faults", "a full disk is FULL, keeps the old file and leaves no temporary one")
{
    const char *folder = path_of("small");
    REQUIRE(mkdir(folder, 0777) == 0);
    pid_t child = fork();
    if (child == 0) {
        bool own = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
        if (!own || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", folder, "tmpfs", 0, "size=40k") != 0)
            _exit(99);
        _exit(fill_disk(folder));
    }
    int code = exit_code(child);
    if (code == 99) SKIP("no right to mount a small tmpfs here");
    EXPECT_EQ(code, 0);
}

TEST("store: faults", "a file size limit is FULL as well")
{
    const char *folder = path_of("limited");
    REQUIRE(mkdir(folder, 0777) == 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = { 40 << 10, 40 << 10 };
        _exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 ? fill_disk(folder) : 98);
    }
    EXPECT_EQ(exit_code(child), 0);
}
