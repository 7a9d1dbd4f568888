/* The subcommand table. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const gf_command gf_commands[] = {
    { "plan", "FILE [--simulate [RANKS,...] [--spread S]] [--json] [--set KEY=VALUE ...]",
      "what a sweep would run, and what it would cost", cmd_plan },
    { "run",
      "FILE [--results DIR] [--store DIR] [--set KEY=VALUE ...] [--retry-failed] [--time-left "
      "TIME] "
      "[--replay DIR]",
      "run or resume a sweep; under mpirun, or alone", cmd_run },
    { "status", "DIR [--watch | --json]", "how far a sweep is, from another terminal", cmd_status },
    { "show", "DIR POINT[.SEED] [--log]", "one point: configuration, results, stages, log",
      cmd_show },
    { "report", "DIR [--format text|csv|json|latex|html] [--all] [--no-times] [-o FILE]",
      "the Pareto front", cmd_report },
    { "verify", "DIR", "check every row and every artifact of a sweep", cmd_verify },
    { "gc", "ROOT [--dry-run]", "remove artifacts that no sweep under ROOT refers to", cmd_gc },
    { "methods", "[--json | --markdown]", "every stage, model, schedule, augmentation and method",
      cmd_methods },
    { "help", "[KEY]", "commands, or what a key or method of a sweep file means", cmd_help },
    { "bench",
      "[train|infer|kernels|data] [--arch A] [--width W] [--batch B] [--threads T] [--steps N] "
      "[--numerics f32|bf16] [--json] | farm [--tasks N] [--executors] [--json]",
      "images per second on this machine; under mpirun, empty tasks per second", cmd_bench },
    { "range",
      "FILE [--from R] [--to R] [--epochs N] [--shape log|linear] [--set KEY=VALUE ...] "
      "[--threads T] [--json]",
      "between which learning rates a sweep's first training learns", cmd_range },
    { "tune", "[--arch A] [--width W] [--batch B] [--threads T] [--seconds S]",
      "measure how convolutions are best cut on this machine; changes no result", cmd_tune },
    { "stage", "DIR ROW [--store DIR]",
      "run one stage of a sweep in this process, to reproduce a failure", cmd_stage },
    { "version", "", "revision, compiler, flags, libraries", cmd_version },
    { 0 },
};

const gf_command *gf_cli_find_command(const char *name)
{
    for (const gf_command *command = gf_commands; command->name; command++)
        if (strcmp(command->name, name) == 0) return command;
    return NULL;
}

static int unknown_command(const char *name)
{
    const gf_command *nearest = NULL;
    int least = 4;
    for (const gf_command *command = gf_commands; command->name; command++) {
        int distance = gf_text_distance(command->name, name);
        if (distance < least) {
            least = distance;
            nearest = command;
        }
    }
    if (nearest)
        fprintf(stderr, "gridfront: no command '%s'; did you mean '%s'?\n", name, nearest->name);
    else
        fprintf(stderr, "gridfront: no command '%s'; see 'gridfront help'\n", name);
    return GF_EXIT_USAGE;
}

/* OpenMP's threads wait for each other by spinning, without end unless told otherwise: on a machine
 * that does anything else, a training then takes many times as long. The limit is read when the
 * library loads, so that the program starts itself again with it. */
static void limit_spinning(char **argv)
{
    char self[PATH_MAX] = { 0 }; /* not the link: ps would show its name */
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    if (setenv("GOMP_SPINCOUNT", "2000", 0) == 0 &&
        readlink("/proc/self/exe", self, sizeof self - 1) > 0)
        execv(self, argv);
    gf_log(GF_WARN, "cli", "spinning threads stay unlimited: %s", strerror(errno));
}

static bool asks_for_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

void gf_cli_print_usage(const gf_command *command)
{
    printf("gridfront %s %s\n    %s\n", command->name, command->usage, command->summary);
}

int main(int argc, char **argv)
{
    limit_spinning(argv);
    gf_log_configure(GF_WARN, -1);
    if (argc < 2) {
        fprintf(stderr, "gridfront: which command? see 'gridfront help'\n");
        return GF_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0)
        name = "version";
    else if (asks_for_help(name))
        name = "help";
    const gf_command *command = gf_cli_find_command(name);
    if (!command) return unknown_command(name);
    if (argc <= 2 || !asks_for_help(argv[2])) return command->run(argc - 1, argv + 1);
    gf_cli_print_usage(command);
    return GF_EXIT_DONE;
}
