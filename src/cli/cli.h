/* cli (L6): one file per subcommand; the only room that prints to standard output or exits. */
#ifndef GRIDFRONT_CLI_H
#define GRIDFRONT_CLI_H

#include <gridfront/report.h>
#include <gridfront/stage.h>
#include <gridfront/sweep.h>

#include <limits.h>

/* What the process ends with. */
typedef enum gf_exit {
    GF_EXIT_DONE = 0,
    GF_EXIT_FAILED = 1,       /* finished, but stages failed or a file does not check */
    GF_EXIT_USAGE = 2,        /* found before any work: arguments, sweep file, set-up */
    GF_EXIT_BROKEN = 3,       /* the sweep could not go on: disk, lease, our own bug */
    GF_EXIT_INTERRUPTED = 75, /* EX_TEMPFAIL: saved; the same command goes on */
} gf_exit;

typedef struct gf_command {
    const char *name, *usage, *summary;
    int (*run)(int argc, char **argv); /* argv[0]: the subcommand's name; returns the exit code */
} gf_command;
extern const gf_command gf_commands[];                   /* ends with a NULL name */
const gf_command *gf_cli_find_command(const char *name); /* NULL: none */
void gf_cli_print_usage(const gf_command *command);

int cmd_bench(int argc, char **argv);
int cmd_gc(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_methods(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_range(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_stage(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_tune(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* ---- arguments ---------------------------------------------------------------------------- */

/* NUMBERS: the value may be left out, and is "" then. */
typedef enum gf_flag_kind {
    GF_FLAG_SWITCH,
    GF_FLAG_VALUE,
    GF_FLAG_NUMBERS,
    GF_FLAG_LIST
} gf_flag_kind;
/* "--store DIR" or "--store=DIR"; exactly one of the targets is set. */
typedef struct gf_flag {
    const char *name; /* "--store"; NULL ends the table */
    gf_flag_kind kind;
    bool *set;            /* SWITCH */
    const char **value;   /* VALUE, NUMBERS: borrowed from argv */
    const char ***values; /* LIST: allocated, [count], items borrowed */
    int *count;           /* LIST */
} gf_flag;
/* Positional arguments come back in words[most], NULL where not given. */
gf_status gf_arguments_read(const char **words, int least, int most, const gf_flag *flags, int argc,
                            char **argv);
/* Prints "gridfront: message" and gives the exit code that belongs to the status. */
int gf_cli_fail(gf_status status);
int gf_cli_exit_code(gf_status status);

/* ---- sweeps and studies ---------------------------------------------------------------------- */

typedef struct gf_resources {
    int threads, max_attempts, memory, latency;
    double lease, deadline;
} gf_resources;
typedef struct gf_early_stopping {
    int first, factor, halving;
    bool safe;
} gf_early_stopping;
enum { GF_HALVING_ASYNCHRONOUS, GF_HALVING_SYNCHRONOUS };
extern const gf_schema gf_early_stopping_schema;
enum { GF_LATENCY_NONE, GF_LATENCY_FRONT, GF_LATENCY_ALL };
extern const gf_schema gf_resources_schema;

/* The language of sweep files as the registries define it; owned by the arena. */
gf_status gf_cli_schema(gf_sweep_schema *schema, gf_arena *arena);
/* Loads a sweep file and prints all of its mistakes (where `loud`). */
gf_status gf_cli_load_plan(gf_plan **plan, const char *path, const char *const *settings,
                           int setting_count, gf_arena *arena, bool loud);
/* What every number of this process depends on: "numerics 1, float32, avx512 SkylakeX 0.3.21", and
 * behind it ", bf16 2 native" where stages compute in bf16. */
void gf_cli_numerics(gf_numerics_class *out);
/* CONFLICT, saying what differs, unless the study in `dir` is of this very plan. */
gf_status gf_cli_compare_study(const char *dir, const gf_plan *plan,
                               const gf_numerics_class *numerics);
/* CONFLICT, naming the holder, when another run is alive; waits a few seconds for it to be gone. */
gf_status gf_cli_take_lease(const char *dir);
/* From --store (NULL: not given), whose folder is made, to what a study records; and whether an
 * existing study records the same: CONFLICT with what to say instead. */
gf_status gf_cli_resolve_store(char out[PATH_MAX], const char *named);
gf_status gf_cli_agree_on_store(const char *dir, const char *stored, const char *resolved);

/* Report of a study with the metrics of this program. */
gf_status gf_cli_load_report(gf_report **report, const char *dir, bool times, bool color, bool all);
/* DIR/report.html */
gf_status gf_cli_write_html(const char *dir);
const char *gf_cli_version_text(void); /* one line */

#endif
