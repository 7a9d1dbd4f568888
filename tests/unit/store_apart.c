/* store: files that somebody made to harm are read in a process that may die of them; and nothing
 * is written or removed where a results folder that came from elsewhere says so. */
#include "store_study.h"

#include "../../src/store/study.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const char *any_file(void)
{
    const char *path = path_of("any.h5");
    EXPECT_STATUS(gf_file_write(path, "any", 3), GF_OK);
    return path;
}

/* ---- the reader's process ---- */

static gf_status crash(gf_parcel_out *parcel, void *context)
{
    (void)parcel, (void)context;
    raise(SIGSEGV);
    return GF_OK;
}

TEST("store: a reader's process", "a crash means a corrupt file")
{
    EXPECT_STATUS(gf_read_apart(any_file(), crash, NULL, NULL), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "made to harm");
}

static gf_status loop(gf_parcel_out *parcel, void *context)
{
    (void)context;
    for (volatile uint64_t i = 0; !parcel->full; i++) continue;
    return GF_OK;
}

/* The limit is what is left of ours, in a process of our own as it cannot be raised again. */
TEST("store: a reader's process", "an endless loop means a corrupt file")
{
    const char *path = any_file();
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit second = { 1, 1 };
        setrlimit(RLIMIT_CPU, &second);
        _exit(gf_read_apart(path, loop, NULL, NULL) == GF_CORRUPT ? 0 : 1);
    }
    int ended = 1;
    REQUIRE(child > 0 && waitpid(child, &ended, 0) == child);
    EXPECT_EQ(ended, 0);
}

/* Never touched: the limit is met, not the machine's memory. */
static gf_status hoard(gf_parcel_out *parcel, void *context)
{
    enum { BLOCK = 64 << 20, BLOCKS = 1 << 14 };
    (void)parcel, (void)context;
    for (int i = 0; i < BLOCKS; i++)
        if (!malloc(BLOCK)) return gf_fail(GF_NOMEM, "no more");
    return GF_OK;
}

TEST("store: a reader's process", "memory without end is refused to it")
{
    if (SANITIZED) SKIP("address space cannot be limited under AddressSanitizer");
    EXPECT_STATUS(gf_read_apart(any_file(), hoard, NULL, NULL), GF_NOMEM);
    EXPECT_TEXT(gf_error_message(), "no more");
}

static gf_status write_file(gf_parcel_out *parcel, void *context)
{
    FILE *file = fopen(context, "w");
    (void)parcel;
    if (file) fputs("harm", file);
    if (file) fclose(file);
    return GF_OK;
}

TEST("store: a reader's process", "it cannot write into a file")
{
    char *target = gf_strdup(path_of("target"));
    struct stat about;
    (void)gf_read_apart(any_file(), write_file, NULL, target);
    EXPECT(stat(target, &about) != 0 || about.st_size == 0);
    free(target);
}

static gf_status tell_number(gf_parcel_out *parcel, void *context)
{
    (void)context;
    gf_parcel_put_number(parcel, 7);
    return GF_OK;
}

static gf_status take_number(gf_parcel *parcel, void *context)
{
    *(uint64_t *)context = gf_parcel_number(parcel, 7);
    return GF_OK;
}

TEST("store: a reader's process", "what it puts is taken, and nothing may be left")
{
    uint64_t number = 0;
    REQUIRE_OK(gf_read_apart(any_file(), tell_number, take_number, &number));
    EXPECT_EQ(number, 7);
    EXPECT_STATUS(gf_read_apart(any_file(), tell_number, NULL, NULL), GF_CORRUPT);
    EXPECT_STATUS(gf_read_apart(path_of("none.h5"), tell_number, NULL, NULL), GF_NOTFOUND);
    EXPECT_STATUS(gf_read_apart(test_folder(), tell_number, NULL, NULL), GF_IO);
}

TEST("store: a reader's process", "a parcel that promises more than it holds is bad")
{
    uint64_t words[2] = { 1000, 0 };
    gf_parcel parcel = { .at = (const char *)words, .left = sizeof words };
    gf_tensors tensors = { 0 };
    EXPECT_TEXT(gf_parcel_text(&parcel), "");
    EXPECT(parcel.bad);
    parcel = (gf_parcel){ .at = (const char *)words, .left = sizeof words };
    EXPECT_EQ(gf_parcel_number(&parcel, 999), 0);
    EXPECT(parcel.bad);
    EXPECT_STATUS(gf_parcel_tensor(&tensors, &parcel), GF_CORRUPT);
    gf_tensors_release(&tensors);
}

/* ---- plans ---- */

/* Refused when it is made: a file that was forged meets the same check. */
static void expect_refused(const gf_study_plan *plan, const char *reason)
{
    EXPECT_STATUS(gf_plan_check(plan, "x", GF_CORRUPT), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), reason);
}

TEST("store: hostile plans", "a store that is a path out of the results folder is refused")
{
    static const char *const stores[] = { "../../home",     "..",    "",
                                          "stages",         "/a/..", "/srv/../home",
                                          "../stages/../x", "./x",   "/a\nb" };
    gf_study_plan plan = small_plan();
    for (size_t i = 0; i < GF_COUNT(stores); i++) {
        plan.store = stores[i];
        expect_refused(&plan, "artifacts");
    }
    plan.store = "/scratch/me/stages";
    EXPECT_STATUS(gf_plan_check(&plan, "x", GF_CORRUPT), GF_OK);
}

TEST("store: hostile plans", "numbers that readers index or allocate by are refused")
{
    gf_study_plan plan = small_plan();
    gf_trial_row trials[2] = { plan.trials[0], plan.trials[1] };
    plan.trials = trials;
    trials[1].seed_index = -1;
    expect_refused(&plan, "seed number -1");
    trials[1].seed_index = 1 << 23;
    expect_refused(&plan, "seed number");
    trials[1] = small_plan().trials[1];
    trials[0].stage_count = 0;
    expect_refused(&plan, "no stages");
}

TEST("store: hostile plans", "what terminals obey is refused in every text that is printed")
{
    gf_study_plan plan = small_plan();
    gf_point_row points[2] = { plan.points[0], plan.points[1] };
    plan.points = points;
    points[0].label = "\x1b]52;c;cm0gLXJm\x07";
    expect_refused(&plan, "control characters");
    points[0].label = "\xc2\x9b"
                      "2J";
    expect_refused(&plan, "control characters");
    char *endless = calloc(1, (64 << 10) + 2);
    REQUIRE(endless != NULL);
    points[0].options = memset(endless, 'a', (64 << 10) + 1);
    points[0].label = "caf\xc3\xa9";
    expect_refused(&plan, "no end");
    free(endless);
    points[0].options = "";
    EXPECT_STATUS(gf_plan_check(&plan, "x", GF_CORRUPT), GF_OK);
}

TEST("store: hostile rows", "control characters in hosts, reasons and logs are shown as such")
{
    gf_study *study = small_study(path_of("escapes"));
    gf_stage_attempt attempt = { .attempt = 1, .host = "\x1b[2J", .reason = "a\nb\x07" }, read[4];
    int count = 0;
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_write_attempt(study, 0, &attempt, 1));
    REQUIRE_OK(gf_study_read_attempts(study, 0, read, &count));
    REQUIRE(count == 1);
    EXPECT_TEXT(read[0].host, "?[2J");
    EXPECT_TEXT(read[0].reason, "a\nb?");
    char *log = NULL;
    REQUIRE_OK(gf_study_write_log(study, 0, "loss\x1b]0;x\n", 10));
    REQUIRE_OK(gf_study_read_log(study, 0, &log));
    EXPECT_TEXT(log, "loss?]0;x\n");
    free(log);
    gf_study_close(study);
}

/* ---- links ---- */

/* DIR/name -> a folder elsewhere, which is returned. */
static const char *lay_link(const char *dir, const char *name)
{
    char link[PATH_MAX];
    const char *elsewhere = path_of("elsewhere");
    mkdir(elsewhere, 0777);
    snprintf(link, sizeof link, "%s/%s", dir, name);
    EXPECT(symlink(elsewhere, link) == 0);
    return elsewhere;
}

TEST("store: links", "no artifact, checkpoint or log is written through one")
{
    char path[PATH_MAX];
    const char *root = path_of("linked"), *dir = path_of("linked/small");
    REQUIRE_OK(gf_folder_make(root));
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    lay_link(root, "stages");
    lay_link(dir, "logs");
    EXPECT_STATUS(gf_store_artifact_path(path, sizeof path, path_of("linked/stages"), small_key(0)),
                  GF_UNSUPPORTED);
    EXPECT_STATUS(gf_study_write_log(study, 0, "log", 3), GF_UNSUPPORTED);
    EXPECT_STATUS(gf_store_collect(root, false, NULL, NULL), GF_UNSUPPORTED);
    gf_study_close(study);
    const char *store = path_of("store");
    REQUIRE_OK(gf_folder_make(store));
    lay_link(store, "a0");
    EXPECT_STATUS(gf_store_artifact_path(path, sizeof path, store, small_key(0)), GF_UNSUPPORTED);
    EXPECT_STATUS(
        gf_store_checkpoint_path(path, sizeof path, store, small_key(0), "0123456789abcdef"),
        GF_UNSUPPORTED);
}

TEST("store: links", "a sweep.h5 that is one is read, and not written")
{
    char link[PATH_MAX], target[PATH_MAX];
    gf_study *study = small_study(path_of("true")), *other = NULL;
    const char *dir = path_of("false");
    REQUIRE(study != NULL);
    gf_study_close(study);
    REQUIRE_OK(gf_folder_make(dir));
    snprintf(target, sizeof target, "%s/sweep.h5", path_of("true"));
    snprintf(link, sizeof link, "%s/sweep.h5", dir);
    REQUIRE(symlink(target, link) == 0);
    REQUIRE_OK(gf_study_open(&other, dir, false));
    gf_study_close(other);
    EXPECT_STATUS(gf_study_open(&other, dir, true), GF_UNSUPPORTED);
}

/* ---- copied ids ---- */

static void copy_file(const char *to, const char *from)
{
    char *data = NULL;
    size_t size = 0;
    EXPECT_STATUS(gf_file_read(&data, &size, from, 1 << 24), GF_OK);
    EXPECT_STATUS(gf_file_write(to, data, size), GF_OK);
    free(data);
}

TEST("store: links", "dropping artifacts spares those of a study with the same id beside it")
{
    char path[PATH_MAX];
    const bool drop[STAGES] = { true, true, true, true };
    gf_artifact empty = { 0 };
    gf_study *study = small_study(path_of("ids/one"));
    REQUIRE(study != NULL);
    gf_study_close(study);
    REQUIRE_OK(gf_folder_make(path_of("ids/two")));
    copy_file(path_of("ids/two/sweep.h5"), path_of("ids/one/sweep.h5"));
    REQUIRE_OK(gf_store_artifact_path(path, sizeof path, path_of("ids/stages"), small_key(0)));
    REQUIRE_OK(gf_artifact_save(path, &empty));
    REQUIRE_OK(gf_study_drop(path_of("ids/one"), drop, NULL, NULL));
    EXPECT(gf_file_exists(path));
    EXPECT(unlink(path_of("ids/two/sweep.h5")) == 0);
    REQUIRE_OK(gf_study_drop(path_of("ids/one"), drop, NULL, NULL));
    EXPECT(!gf_file_exists(path));
}
