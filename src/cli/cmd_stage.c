/* gridfront stage DIR ROW: one stage in this very process, so that a failure can be reproduced,
 * traced and debugged without MPI. It writes its slot like any holder of a lease. */
#include "cli.h"

#include <stdlib.h>

static void print_progress(void *context, double share, const char *line)
{
    (void)context;
    if (line) fprintf(stderr, "%3.0f %%  %s\n", 100 * share, line);
}

static gf_status look_at_study(uint32_t *fence, const char *dir, const char *store)
{
    gf_status status;
    gf_study *study = NULL;
    char root[PATH_MAX];
    GF_TRY(gf_cli_resolve_store(root, store));
    GF_TRY(gf_study_open(&study, dir, false));
    GF_TRY(gf_cli_agree_on_store(dir, gf_study_plan_get(study)->store, root));
    GF_TRY(gf_study_highest_fence(study, fence));
    (*fence)++;
out:
    gf_study_close(study);
    return status;
}

int cmd_stage(int argc, char **argv)
{
    gf_status status;
    const char *words[2] = { 0 };
    const char *store = NULL;
    const gf_flag flags[] = { { .name = "--store", .kind = GF_FLAG_VALUE, .value = &store },
                              { 0 } };
    char *end = NULL;
    uint32_t fence = 0;
    bool leased = false;
    const gf_stage_hooks hooks = { .progress = print_progress };
    gf_log_configure(GF_INFO, -1);
    GF_TRY(gf_arguments_read(words, 2, 2, flags, argc, argv));
    long row = strtol(words[1], &end, 10);
    if (end == words[1] || *end || row < 0 || row > INT32_MAX) {
        status = gf_fail(GF_INVALID, "stage: '%s' is not the number of a stage", words[1]);
        goto out;
    }
    GF_TRY(gf_cli_take_lease(words[0]));
    leased = true;
    GF_TRY(look_at_study(&fence, words[0], store));
    GF_TRY(gf_kernels_start(0));
    GF_TRY(gf_stage_run(words[0], (int)row, fence, &hooks));
    printf("stage %ld: done\n", row);
out:
    if (leased) gf_study_lease_release(words[0]);
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
