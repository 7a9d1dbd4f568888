/* store: the lease of a run, verify over artifacts, gc. */
#include "store_study.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- helpers ---- */

typedef struct lines {
    int count;
    char text[8192];
} lines;

static void keep_line(void *context, const char *line)
{
    lines *kept = context;
    size_t size = strlen(kept->text);
    kept->count++;
    snprintf(kept->text + size, sizeof kept->text - size, "%s\n", line);
}

static void save_at(const char *path, float value)
{
    gf_artifact artifact = { 0 };
    EXPECT_STATUS(gf_tensors_add(&artifact.tensors, NULL, "w", GF_F32, 0, NULL, &value), GF_OK);
    EXPECT_STATUS(gf_artifact_save(path, &artifact), GF_OK);
    gf_artifact_release(&artifact);
}

static void save_artifact(const char *root, const char *key)
{
    char path[PATH_MAX], store[PATH_MAX];
    snprintf(store, sizeof store, "%s/stages", root);
    EXPECT_STATUS(gf_store_artifact_path(path, sizeof path, store, key), GF_OK);
    save_at(path, 1);
}

static void save_checkpoint(const char *root, const char *key, const char *id)
{
    char path[PATH_MAX], store[PATH_MAX];
    snprintf(store, sizeof store, "%s/stages", root);
    EXPECT_STATUS(gf_store_checkpoint_path(path, sizeof path, store, key, id), GF_OK);
    save_at(path, 1);
}

static bool is_there(const char *root, const char *rest)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/stages/%s", root, rest);
    return gf_file_exists(path);
}

static int exit_code(pid_t child)
{
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void write_lease(const char *dir, const char *host, double beat)
{
    char path[PATH_MAX], text[256];
    snprintf(path, sizeof path, "%s/lease", dir);
    int size = snprintf(text, sizeof text,
                        "host = %s\nboot = b\npid = 4242\nstart = 1\nbeat = %f\n", host, beat);
    EXPECT_STATUS(gf_folder_make(dir), GF_OK);
    EXPECT_STATUS(gf_file_write(path, text, (size_t)size), GF_OK);
}

/* ---- lease ---- */

TEST("store: lease", "a live run refuses a second one by host and process; released it does not")
{
    const char *dir = path_of("lease");
    char who[128], pid[32];
    REQUIRE_OK(gf_folder_make(dir));
    REQUIRE_OK(gf_study_lease_take(dir));
    REQUIRE_OK(gf_study_lease_take(dir)); /* our own is fine */
    REQUIRE_OK(gf_study_lease_beat(dir));
    EXPECT(gf_study_lease_held(dir, who, sizeof who));
    snprintf(pid, sizeof pid, "process %ld on ", (long)getpid());
    EXPECT_CONTAINS(who, pid);
    pid_t child = fork();
    if (child == 0) {
        bool refused = gf_study_lease_take(dir) == GF_CONFLICT && strstr(gf_error_message(), pid);
        gf_study_lease_release(dir); /* not the child's */
        _exit(refused && gf_study_lease_beat(dir) == GF_LOST ? 0 : 1);
    }
    EXPECT_EQ(exit_code(child), 0);
    EXPECT(gf_study_lease_held(dir, who, sizeof who));
    gf_study_lease_release(dir);
    EXPECT(!gf_study_lease_held(dir, who, sizeof who));
    child = fork();
    if (child == 0) _exit(gf_study_lease_take(dir) == GF_OK ? 0 : 1);
    EXPECT_EQ(exit_code(child), 0);
}

TEST("store: lease", "the lease of a killed process is taken over at once")
{
    const char *dir = path_of("dead");
    char who[128];
    REQUIRE_OK(gf_folder_make(dir));
    pid_t child = fork();
    if (child == 0) {
        if (gf_study_lease_take(dir) == GF_OK) raise(SIGKILL);
        _exit(1);
    }
    EXPECT_EQ(exit_code(child), 128 + SIGKILL);
    EXPECT(gf_file_exists(path_of("dead/lease")));
    EXPECT(!gf_study_lease_held(dir, who, sizeof who));
    REQUIRE_OK(gf_study_lease_take(dir));
    gf_study_lease_release(dir);
}

TEST("store: lease", "of another host a fresh heartbeat counts, one of more than 60 s does not")
{
    const char *dir = path_of("far");
    char host[256] = "";
    write_lease(dir, "node7", gf_clock_wall() - 30);
    EXPECT_STATUS(gf_study_lease_take(dir), GF_CONFLICT);
    EXPECT_CONTAINS(gf_error_message(), "process 4242 on node7");
    write_lease(dir, "node7", gf_clock_wall() - 90);
    EXPECT_STATUS(gf_study_lease_take(dir), GF_OK);
    gf_study_lease_release(dir);
    REQUIRE(gethostname(host, sizeof host - 1) == 0);
    write_lease(dir, host, gf_clock_wall()); /* ours, before a reboot */
    EXPECT_STATUS(gf_study_lease_take(dir), GF_OK);
    EXPECT_STATUS(gf_file_write(path_of("far/lease"), "rubbish", 7), GF_OK);
    EXPECT_STATUS(gf_study_lease_take(dir), GF_OK);
    gf_study_lease_release(dir);
}

TEST("store: lease", "of eight processes that race for a dead run's lease exactly one wins")
{
    enum { RACERS = 8 };
    const char *dir = path_of("race");
    pid_t racers[RACERS];
    int winners = 0, gate[2];
    char byte;
    write_lease(dir, "node7", 0);
    REQUIRE(pipe(gate) == 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = fork();
        if (racers[i] != 0) continue;
        close(gate[1]);
        ssize_t none = read(gate[0], &byte, 1); /* all start when the pipe closes */
        bool won = none == 0 && gf_study_lease_take(dir) == GF_OK;
        gf_sleep(0.5); /* a winner is alive while the others try */
        _exit(won ? 0 : 1);
    }
    close(gate[1]);
    for (int i = 0; i < RACERS; i++) winners += exit_code(racers[i]) == 0;
    EXPECT_EQ(winners, 1);
    close(gate[0]);
}

/* ---- verify ---- */

TEST("store: verify", "artifacts of finished stages are checked: missing, damaged, whole")
{
    const char *root = path_of("verify"), *dir = path_of("verify/small");
    char path[PATH_MAX];
    lines found = { 0 };
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_write_state(study, 1, GF_STAGE_DONE, 1));
    REQUIRE_OK(gf_study_write_state(study, 2, GF_STAGE_RUNNING, 1));
    EXPECT_STATUS(gf_study_verify(dir, keep_line, &found), GF_CORRUPT);
    EXPECT_EQ(found.count, 1);
    EXPECT_CONTAINS(found.text, "stage 1 is done, but ");
    EXPECT_CONTAINS(found.text, small_key(1));
    save_artifact(root, small_key(1));
    EXPECT_STATUS(gf_study_verify(dir, keep_line, &found), GF_OK);
    snprintf(path, sizeof path, "%s/stages/a0/%s.h5", root, small_key(1));
    EXPECT(flip_bit(path, 900, 3) > 900);
    found = (lines){ 0 };
    EXPECT_STATUS(gf_study_verify(dir, keep_line, &found), GF_CORRUPT);
    EXPECT_CONTAINS(found.text, "length or digest");
    gf_study_close(study);
}

TEST("store: verify", "a study that kept only its leaves may miss artifacts")
{
    const char *dir = path_of("leaves");
    gf_study_plan plan = small_plan();
    gf_study *study = NULL;
    plan.settings = "keep = leaves\n";
    REQUIRE_OK(gf_study_create(dir, &plan));
    REQUIRE_OK(gf_study_open(&study, dir, true));
    REQUIRE_OK(gf_study_write_state(study, 0, GF_STAGE_DONE, 1));
    EXPECT_STATUS(gf_study_verify(dir, NULL, NULL), GF_OK);
    EXPECT_STATUS(gf_study_verify(path_of("not-there"), NULL, NULL), GF_NOTFOUND);
    gf_study_close(study);
}

/* ---- gc ---- */

#define STRAY "c0000000000000000000000000000009"

/* A root with one study, an artifact it refers to, a stray one, checkpoints and a temporary. */
static gf_study *make_root(const char *root)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s/small", root);
    gf_study *study = small_study(dir);
    if (!study) return NULL;
    save_artifact(root, small_key(0));
    save_artifact(root, STRAY);
    save_checkpoint(root, small_key(1), gf_study_id(study)); /* waiting: wanted */
    save_checkpoint(root, small_key(2), gf_study_id(study)); /* done: not */
    save_checkpoint(root, small_key(1), "0123456789abcdef"); /* of a study that is gone */
    EXPECT_STATUS(gf_study_write_state(study, 2, GF_STAGE_DONE, 1), GF_OK);
    snprintf(dir, sizeof dir, "%s/stages/a0/%s.h5.node.1.tmp", root, small_key(0));
    EXPECT_STATUS(gf_file_write(dir, "x", 1), GF_OK);
    snprintf(dir, sizeof dir, "%s/stages/a0/notes.txt", root);
    EXPECT_STATUS(gf_file_write(dir, "x", 1), GF_OK);
    return study;
}

TEST("store: gc", "what no sweep needs goes, what one needs and what is not ours stays")
{
    const char *root = path_of("gc");
    char kept[PATH_MAX];
    lines found = { 0 };
    gf_study *study = make_root(root);
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_store_collect(root, true, keep_line, &found));
    EXPECT(is_there(root, "c0/" STRAY ".h5"));
    EXPECT_CONTAINS(found.text, "would remove");
    EXPECT_EQ(found.count, 5);
    REQUIRE_OK(gf_store_collect(root, false, keep_line, &found));
    EXPECT(!is_there(root, "c0/" STRAY ".h5"));
    EXPECT(is_there(root, "a0/a0000000000000000000000000000001.h5"));
    EXPECT(!is_there(root, "a0/a0000000000000000000000000000002.0123456789abcdef.part.h5"));
    EXPECT(!is_there(root, "a0/a0000000000000000000000000000001.h5.node.1.tmp"));
    EXPECT(is_there(root, "a0/notes.txt"));
    snprintf(kept, sizeof kept, "a0/%s.%s.part.h5", small_key(1), gf_study_id(study));
    EXPECT(is_there(root, kept));
    snprintf(kept, sizeof kept, "b0/%s.%s.part.h5", small_key(2), gf_study_id(study));
    EXPECT(!is_there(root, kept));
    gf_study_close(study);
}

TEST("store: gc", "a live run keeps its checkpoints and all temporary files")
{
    const char *root = path_of("gclive"), *dir = path_of("gclive/small");
    char kept[PATH_MAX];
    gf_study *study = make_root(root);
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_study_lease_take(dir));
    REQUIRE_OK(gf_store_collect(root, false, NULL, NULL));
    EXPECT(is_there(root, "a0/a0000000000000000000000000000001.h5.node.1.tmp"));
    snprintf(kept, sizeof kept, "b0/%s.%s.part.h5", small_key(2), gf_study_id(study));
    EXPECT(is_there(root, kept));
    EXPECT(!is_there(root, "c0/" STRAY ".h5"));
    gf_study_lease_release(dir);
    gf_study_close(study);
}

TEST("store: gc", "nothing is removed while one sweep.h5 cannot be read")
{
    const char *root = path_of("gcbad");
    gf_study *study = make_root(root);
    REQUIRE(study != NULL);
    REQUIRE_OK(gf_folder_make(path_of("gcbad/other")));
    REQUIRE_OK(gf_file_write(path_of("gcbad/other/sweep.h5"), "rubbish", 7));
    EXPECT_STATUS(gf_store_collect(root, false, NULL, NULL), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), "other/sweep.h5");
    EXPECT(is_there(root, "c0/" STRAY ".h5"));
    gf_study_close(study);
}

/* ---- tidying up ---- */

static void write_at(const char *root, const char *format, const char *first, const char *second)
{
    char name[PATH_MAX], path[2 * PATH_MAX];
    snprintf(name, sizeof name, format, first, second);
    snprintf(path, sizeof path, "%s/%s", root, name);
    EXPECT_STATUS(gf_file_write(path, "x", 1), GF_OK);
}

TEST("store: tidy", "what killed processes of a study left goes, what others left stays")
{
    const char *root = path_of("tidy"), *dir = path_of("tidy/small");
    char kept[PATH_MAX];
    gf_study *study = make_root(root);
    REQUIRE(study != NULL);
    const char *id = gf_study_id(study);
    write_at(root, "stages/b0/%s.%s.part.h5.node.7.tmp", small_key(2), id);
    write_at(root, "stages/a0/%s.%s.part.h5.node.7.tmp", small_key(1), id);
    write_at(root, "stages/b0/%s.%s.part.h5.node.7.tmp", small_key(2), "0123456789abcdef");
    write_at(root, "small/%s%s.node.7.tmp", "DONE", "");
    write_at(root, "small/%s%s.node.7.tmp", "mine", "");
    REQUIRE_OK(gf_folder_make(path_of("tidy/small/logs")));
    write_at(root, "small/logs/%s%s.node.7.tmp", "2", ".log");
    REQUIRE_OK(gf_study_tidy(dir, path_of("tidy/stages")));
    snprintf(kept, sizeof kept, "b0/%s.%s.part.h5", small_key(2), id);
    EXPECT(!is_there(root, kept)); /* done */
    snprintf(kept, sizeof kept, "b0/%s.%s.part.h5.node.7.tmp", small_key(2), id);
    EXPECT(!is_there(root, kept));
    snprintf(kept, sizeof kept, "a0/%s.%s.part.h5.node.7.tmp", small_key(1), id);
    EXPECT(!is_there(root, kept));
    EXPECT(!is_there(root, "../small/DONE.node.7.tmp"));
    EXPECT(!is_there(root, "../small/logs/2.log.node.7.tmp"));
    snprintf(kept, sizeof kept, "a0/%s.%s.part.h5", small_key(1), id);
    EXPECT(is_there(root, kept)); /* waiting */
    snprintf(kept, sizeof kept, "b0/%s.0123456789abcdef.part.h5.node.7.tmp", small_key(2));
    EXPECT(is_there(root, kept));
    EXPECT(is_there(root, "c0/" STRAY ".h5"));
    EXPECT(is_there(root, "a0/a0000000000000000000000000000001.h5.node.1.tmp"));
    EXPECT(is_there(root, "../small/mine.node.7.tmp"));
    gf_study_close(study);
}
