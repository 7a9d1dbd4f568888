/* gridfront run FILE: under mpirun, or alone. Every rank reads the sweep file, so that a mistake in
 * it ends all of them before MPI starts; rank 0 then leads and the others work. */
#include "cli.h"

#include "lead.h"

#include <gridfront/farm.h>

#include <stdlib.h>
#include <string.h>

typedef struct run_arguments {
    const char *path, *time_left, **settings;
    int setting_count;
    gf_run_wishes wishes;
} run_arguments;

/* ---- in executors ---- */

static void on_progress(void *context, double share, const char *line)
{
    gf_task_progress(context, share, line);
}

static bool on_may_go_on(void *context)
{
    return gf_task_may_go_on(context);
}

static bool on_lease_valid(void *context)
{
    return gf_task_lease_valid(context);
}

/* The study text that rank 0 tells everybody is the results folder. */
static gf_status run_stage(void *context, const gf_task *task)
{
    (void)context;
    gf_task copy = *task;
    const gf_stage_hooks hooks = { .context = &copy,
                                   .progress = on_progress,
                                   .may_go_on = on_may_go_on,
                                   .lease_valid = on_lease_valid };
    gf_status status = gf_kernels_start(task->threads);
    return status == GF_OK ? gf_stage_run(task->study, task->task, task->fence, &hooks) : status;
}

/* ---- in ranks ---- */

static gf_status read_arguments(run_arguments *a, int argc, char **argv)
{
    const gf_flag flags[] = {
        { .name = "--results", .kind = GF_FLAG_VALUE, .value = &a->wishes.results },
        { .name = "--store", .kind = GF_FLAG_VALUE, .value = &a->wishes.store },
        { .name = "--replay", .kind = GF_FLAG_VALUE, .value = &a->wishes.replay },
        { .name = "--time-left", .kind = GF_FLAG_VALUE, .value = &a->time_left },
        { .name = "--set",
          .kind = GF_FLAG_LIST,
          .values = &a->settings,
          .count = &a->setting_count },
        { .name = "--retry-failed", .set = &a->wishes.retry_failed },
        { 0 },
    };
    gf_status status = gf_arguments_read(&a->path, 1, 1, flags, argc, argv);
    if (status != GF_OK || gf_farm_rank_guess() != 0) return status;
    return gf_cli_time_left(&a->wishes.time_left, a->time_left);
}

/* One class of numbers for the whole sweep, or none. */
static gf_status agree_on_numerics(gf_farm *farm, const char *numerics)
{
    gf_status status;
    const char *const *texts = NULL;
    GF_TRY(gf_farm_gather(farm, numerics, &texts));
    for (int rank = 1; texts && rank < gf_farm_size(farm); rank++)
        if (strcmp(texts[rank], texts[0]) != 0)
            return gf_fail(GF_UNSUPPORTED,
                           "rank %d would compute with '%s', rank 0 with '%s': use nodes of one "
                           "kind, or pin all to the lesser with GRIDFRONT_ISA, GRIDFRONT_BF16 "
                           "and OPENBLAS_CORETYPE",
                           rank, texts[rank], texts[0]);
out:
    return status;
}

static gf_status take_part(gf_farm *farm, gf_plan *plan, const run_arguments *a,
                           gf_summary *summary)
{
    gf_status status;
    gf_numerics_class numerics;
    gf_cli_numerics(&numerics);
    GF_TRY(agree_on_numerics(farm, gf_plan_numerics(plan, &numerics)));
    if (gf_farm_rank(farm) != 0)
        GF_TRY(gf_farm_serve(farm));
    else
        GF_TRY(gf_cli_lead(farm, plan, &numerics, &a->wishes, summary));
out:
    return status;
}

/* Ranks other than 0 speak only of what rank 0 cannot know. */
static int exit_code(gf_status status, int rank, const gf_summary *summary)
{
    if (status == GF_OK) return rank == 0 && summary->failed ? GF_EXIT_FAILED : GF_EXIT_DONE;
    if (rank != 0 && (status == GF_UNSUPPORTED || status == GF_INTERRUPTED))
        return gf_cli_exit_code(status);
    int code = gf_cli_fail(status);
    if (code != GF_EXIT_FAILED) return code; /* that is for stages alone */
    return summary->dir[0] ? GF_EXIT_BROKEN : GF_EXIT_USAGE;
}

int cmd_run(int argc, char **argv)
{
    gf_status status;
    run_arguments arguments = { 0 };
    gf_arena *arena = NULL;
    gf_plan *plan = NULL;
    gf_farm *farm = NULL;
    gf_summary summary = { 0 };
    const gf_farm_program program = { .run = run_stage };
    int rank = gf_farm_rank_guess();
    status = read_arguments(&arguments, argc, argv);
    if (status != GF_OK) return rank == 0 ? gf_cli_fail(status) : gf_cli_exit_code(status);
    GF_TRY_ALLOC(arena = gf_arena_create());
    status = gf_cli_load_plan(&plan, arguments.path, arguments.settings, arguments.setting_count,
                              arena, rank == 0);
    if (status != GF_OK) {
        gf_arena_destroy(arena);
        return gf_cli_exit_code(status);
    }
    GF_TRY(gf_farm_open(&farm, &argc, &argv, &program));
    gf_log_configure(GF_WARN, rank);
    GF_TRY(take_part(farm, plan, &arguments, &summary));
out:
    gf_farm_close(farm);
    if (status == GF_OK && rank == 0 && summary.dir[0]) status = gf_cli_conclude(&summary);
    int code = exit_code(status, rank, &summary);
    if (status == GF_INTERRUPTED && rank == 0)
        fprintf(stderr, "The same command goes on from here.\n");
    gf_plan_destroy(plan);
    gf_arena_destroy(arena);
    free(arguments.settings);
    return code;
}
