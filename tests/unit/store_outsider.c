/* store: an outsider reads everything with h5py, by the documented schema (tests/e2e/outsider.py).
 */
#include "store_study.h"

#include <sys/wait.h>

#define PYTHON                                                                                     \
    "python=python3; python3 -c 'import h5py' 2>/dev/null || python=/usr/bin/python3; "            \
    "$python -c 'import h5py' 2>/dev/null || exit 77; "

/* The script's exit code; what it printed in *output, the caller's to free. */
static int read_as_outsider(char **output, const char *dir)
{
    char command[2 * PATH_MAX], line[512];
    gf_text text = { 0 };
    snprintf(command, sizeof command, PYTHON "$python tests/e2e/outsider.py '%s' 2>&1", dir);
    FILE *pipe = popen(command, "r");
    while (pipe && fgets(line, sizeof line, pipe)) gf_text_append(&text, "%s", line);
    int status = pipe ? pclose(pipe) : -1;
    *output = gf_text_take(&text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void save_stage_1(void)
{
    char path[PATH_MAX];
    gf_artifact artifact = { .graph = gf_strdup("input\n") };
    float weights[600] = { 1, 2, 3 };
    EXPECT_STATUS(gf_store_artifact_path(path, sizeof path, path_of("stages"), small_key(1)),
                  GF_OK);
    EXPECT_STATUS(gf_options_parse(&artifact.facts, "accuracy = 0.75\nbits = 8\n"), GF_OK);
    EXPECT_STATUS(gf_tensors_add(&artifact.tensors, NULL, "conv.weight", GF_F32, 2,
                                 (int64_t[]){ 6, 100 }, weights),
                  GF_OK);
    EXPECT_STATUS(gf_tensors_add(&artifact.tensors, NULL, "bn.mean", GF_F64, 1, (int64_t[]){ 3 },
                                 (double[]){ 1, 2, 3 }),
                  GF_OK);
    EXPECT_STATUS(gf_artifact_save(path, &artifact), GF_OK);
    gf_artifact_release(&artifact);
}

static void write_everything(gf_study *study)
{
    gf_stage_attempt attempt = {
        .attempt = 1, .signal = 11, .host = "node7", .reason = "killed by signal 11"
    };
    EXPECT_STATUS(gf_study_write_attempt(study, 1, &attempt, 1), GF_OK);
    EXPECT_STATUS(gf_study_write_state(study, 1, GF_STAGE_RUNNING, 1), GF_OK);
    EXPECT_STATUS(gf_study_write_state(study, 1, GF_STAGE_DONE, 1), GF_OK);
    EXPECT_STATUS(gf_study_write_result(study, 1, (double[METRICS]){ 0.5 }, 1), GF_OK);
    EXPECT_STATUS(gf_study_write_result(study, 1, (double[METRICS]){ 0.75, 351000, 0.03 }, 1),
                  GF_OK);
    for (int epoch = 1; epoch <= 40; epoch++) {
        gf_epoch_row row = { .epoch = epoch, .lr = 0.25 * epoch };
        EXPECT_STATUS(gf_study_write_epoch(study, 2, &row, 1), GF_OK);
    }
    save_stage_1();
}

TEST("store: outsider", "h5py reads plan, rows, artifact and tensors, and every checksum agrees")
{
    const char *dir = path_of("outside");
    char *output = NULL;
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    write_everything(study);
    int code = read_as_outsider(&output, dir);
    if (code == 77) SKIP("no python3 with h5py here");
    EXPECT_EQ(code, 0);
    REQUIRE(output != NULL);
    EXPECT_CONTAINS(output, "4 stages, 2 trials, 2 points");
    EXPECT_CONTAINS(output, "trial 1: width 32, caf\xc3\xa9, seed -8, stages [0, 1, 3]");
    EXPECT_CONTAINS(output, "stage 1: DONE prune filter-l1 0.5");
    EXPECT_CONTAINS(output, "attempt 1 on node7: killed by signal 11");
    EXPECT_CONTAINS(output, "accuracy 0.75, bytes 351000, score.nominal 0.03");
    EXPECT_CONTAINS(output, "40 epochs, last: 40 lr 10");
    EXPECT_CONTAINS(output, "artifact of stage 1: 2 tensors, 603 values, 2 facts");
    EXPECT_CONTAINS(output, "stage 3: WAITING");
    gf_study_close(study);
    free(output);
}

TEST("store: outsider", "a flipped bit in a row shows by its CRC")
{
    const char *dir = path_of("outside2");
    char *output = NULL, *bytes = NULL;
    size_t size, at = 0;
    gf_study *study = small_study(dir);
    REQUIRE(study != NULL);
    write_everything(study);
    REQUIRE_OK(gf_file_read(&bytes, &size, path_of("outside2/sweep.h5"), 1 << 24));
    while (at + 5 < size && memcmp(bytes + at, "node7", 5) != 0) at++;
    EXPECT_EQ(flip_bit(path_of("outside2/sweep.h5"), (long)at, 1), size);
    int code = read_as_outsider(&output, dir);
    if (code == 77) SKIP("no python3 with h5py here");
    EXPECT_EQ(code, 1);
    EXPECT_CONTAINS(output ? output : "", "WRONG stage 1: a row does not check");
    gf_study_close(study);
    free(output);
    free(bytes);
}
