/* The subcommand table. */
#include "cli.h"

#include <string.h>

const gf_command gf_commands[] = {
    { "plan", "FILE [--json] [--set KEY=VALUE ...]",
      "what a sweep would run, and what it would cost", cmd_plan },
    { "run", "FILE [--results DIR] [--store DIR] [--set KEY=VALUE ...] [--retry-failed]",
      "run or resume a sweep; under mpirun, or alone", cmd_run },
    { "status", "DIR [--watch | --json]", "how far a sweep is, from another terminal", cmd_status },
    { "show", "DIR POINT[.SEED] [--log]", "one point: configuration, results, stages, log",
      cmd_show },
    { "report", "DIR [--format text|csv|json|latex|html] [--all] [--no-times] [-o FILE]",
      "the Pareto front", cmd_report },
    { "verify", "DIR", "check every row and every artifact of a sweep", cmd_verify },
    { "gc", "ROOT [--dry-run]", "remove artifacts that no sweep under ROOT refers to", cmd_gc },
    { "methods", "[--json]", "every stage, model, schedule, augmentation and method", cmd_methods },
    { "help", "[KEY]", "commands, or what a key or method of a sweep file means", cmd_help },
    { "bench",
      "[train|infer|kernels] [--arch A] [--width W] [--batch B] [--threads T] [--seconds S] "
      "[--json]",
      "images per second on this machine", cmd_bench },
    { "stage", "DIR ROW", "run one stage of a sweep in this process, to reproduce a failure",
      cmd_stage },
    { "version", "", "revision, compiler, flags, libraries", cmd_version },
    { 0 },
};

static const gf_command *find_command(const char *name)
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

int main(int argc, char **argv)
{
    gf_log_configure(GF_WARN, -1);
    if (argc < 2) {
        fprintf(stderr, "gridfront: which command? see 'gridfront help'\n");
        return GF_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0)
        name = "version";
    else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const gf_command *command = find_command(name);
    return command ? command->run(argc - 1, argv + 1) : unknown_command(name);
}
