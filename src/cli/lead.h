/* Rank 0 of a run: from a plan to a finished study. */
#ifndef GRIDFRONT_CLI_LEAD_H
#define GRIDFRONT_CLI_LEAD_H

#include "cli.h"

#include <gridfront/farm.h>

#include <limits.h>

typedef struct gf_summary {
    char dir[PATH_MAX];          /* results folder; "": never got that far */
    int stages, failed, stopped; /* failed: and blocked; stopped: early */
    double seconds;
    double busy, full_busy; /* share of the workers' time: all of it; until the tail began */
    int workers;
    bool nothing_to_do;
} gf_summary;

/* time_left.c: s until this job ends, 0: nobody says. told: what --time-left says, or NULL: Slurm
 * is asked where it runs. Before MPI starts, as it may start a process. */
gf_status gf_cli_time_left(double *seconds, const char *told);
/* "5400", "90:00" (minutes), "1:30:00", "1-02:03:04"; INVALID. */
gf_status gf_cli_read_time(double *seconds, const char *text);

/* What a user asks of a run, beside the sweep file. */
typedef struct gf_run_wishes {
    const char *results, *store; /* NULL: the defaults */
    const char *replay;          /* as in gf_rungs_create */
    double time_left;            /* s; 0: unknown */
    bool retry_failed;
} gf_run_wishes;

/* Creates or resumes the study and leads until the end. */
gf_status gf_cli_lead(gf_farm *farm, gf_plan *plan, const gf_numerics_class *numerics,
                      const gf_run_wishes *wishes, gf_summary *summary);
/* After the farm is closed: latencies on the idle machine, DONE, report.html, the front. */
gf_status gf_cli_conclude(const gf_summary *summary);

/* images.c: the images of all stages that will run are there (on this node); INVALID. store as in
 * gf_stage_store. Again: for a study that is there, whose tables say where they are. */
gf_status gf_cli_find_images(const gf_plan *plan, const char *dir, const char *store);
gf_status gf_cli_find_images_again(const gf_study_plan *plan, const gf_farm_task *tasks,
                                   const char *dir);

/* progress.c: what people see while it runs. */
typedef struct gf_progress_display {
    const char *name, *dir;
    bool terminal;
    int width;
    double printed, best_checked, best_cost; /* gf_clock; CPU s that reading the front took */
    int printed_done, best_done;
    char best[160];
} gf_progress_display;
void gf_progress_init(gf_progress_display *display, const char *name, const char *dir);
void gf_progress_show(gf_progress_display *display, const gf_farm_progress *progress);
void gf_progress_note(gf_progress_display *display, const char *format, ...) GF_PRINTF(2, 3);
void gf_progress_end(gf_progress_display *display);

#endif
