/* sweep.h5 as a file: any bytes; its length is put right in its first page. */
#include "use_study.h"

#include <sys/stat.h>

enum { PAGE = 4096 };

static const char *dir_of(void)
{
    static char dir[128];
    snprintf(dir, sizeof dir, "%s/study", fuzz_folder());
    mkdir(dir, 0700);
    return dir;
}

const int fuzz_short = 300;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char head[64];
    char *bytes = malloc(size + PAGE);
    memcpy(bytes, data, size);
    const char *dir = dir_of();
    if (size > PAGE) {
        int written = snprintf(head, sizeof head, "gridfront study 1\nbytes = %zu\n", size - PAGE);
        memcpy(bytes, head, (size_t)written);
    }
    fuzz_file("study/sweep.h5", bytes, size);
    fuzz_use_study(dir);
    free(bytes);
    return 0;
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    char path[160];
    const gf_study_plan plan = fuzz_plan();
    const gf_stage_attempt attempt = { .attempt = 1, .host = "node", .reason = "it failed" };
    const gf_epoch_row epoch = { .epoch = 1, .steps = 3, .lr = 0.1, .train_loss = 2 };
    const double values[3] = { 0.5, 1000, 0.1 };
    gf_study *study = NULL;
    FUZZ_REQUIRE(gf_study_create(dir_of(), &plan) == GF_OK);
    FUZZ_REQUIRE(gf_study_open(&study, dir_of(), true) == GF_OK);
    for (int i = 0; i < plan.stage_count; i++) {
        FUZZ_REQUIRE(gf_study_write_attempt(study, i, &attempt, 1) == GF_OK);
        FUZZ_REQUIRE(gf_study_write_result(study, i, values, 1) == GF_OK);
        FUZZ_REQUIRE(gf_study_write_state(study, i, i == 3 ? GF_STAGE_FAILED : GF_STAGE_DONE, 1) ==
                     GF_OK);
        if (plan.stages[i].epochs) FUZZ_REQUIRE(gf_study_write_epoch(study, i, &epoch, 1) == GF_OK);
    }
    gf_study_close(study);
    snprintf(path, sizeof path, "%s/sweep.h5", dir_of());
    fuzz_add_file(corpus, path);
}
