/* Rank 0 of a run: from a plan to a finished study. */
#ifndef GRIDFRONT_CLI_LEAD_H
#define GRIDFRONT_CLI_LEAD_H

#include "cli.h"

#include <gridfront/farm.h>

#include <limits.h>

typedef struct gf_summary {
    char dir[PATH_MAX]; /* results folder; "": never got that far */
    int stages, failed; /* failed: and blocked */
    double seconds;
    bool nothing_to_do;
} gf_summary;

/* results, store: NULL for the defaults. Creates or resumes the study and leads until the end. */
gf_status gf_cli_lead(gf_farm *farm, gf_plan *plan, const char *numerics, const char *results,
                      const char *store, bool retry_failed, gf_summary *summary);
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
    double printed, best_checked, best_cost; /* gf_clock; s that reading the front took */
    int printed_done, best_done;
    char best[160];
} gf_progress_display;
void gf_progress_init(gf_progress_display *display, const char *name, const char *dir);
void gf_progress_show(gf_progress_display *display, const gf_farm_progress *progress);
void gf_progress_note(gf_progress_display *display, const char *format, ...) GF_PRINTF(2, 3);
void gf_progress_end(gf_progress_display *display);

#endif
