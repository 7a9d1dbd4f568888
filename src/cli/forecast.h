/* What a sweep will take, time and disk, from what earlier runs on this kind of machine measured,
 * and where there were none from a few steps that are timed now. */
#ifndef GRIDFRONT_CLI_FORECAST_H
#define GRIDFRONT_CLI_FORECAST_H

#include "cli.h"

#include <gridfront/farm.h>

/* ---- rows.c: the tables of sweep.h5 ---- */

typedef struct gf_cli_rows {
    gf_stage_row *stages;
    gf_trial_row *trials;
    gf_point_row *points;
    double *parameters; /* [stages]: of the network that its chain begins with */
    char **texts;       /* owned list of what rows borrow */
    size_t text_count;
} gf_cli_rows;
/* The rest is borrowed from the plan, whose keys are assigned. Release it also when this fails. */
gf_status gf_cli_rows_init(gf_cli_rows *rows, const gf_plan *plan,
                           const gf_numerics_class *numerics);
void gf_cli_rows_release(gf_cli_rows *rows);
/* Images that a stage shows its network in an epoch: the labelled ones, or, of a pretext task, all
 * that there are, as often as it asks about each. */
gf_status gf_cli_stage_images(double *images, const gf_plan_stage *stage);

/* ---- stage_path.c: stages that take alike ---- */

#define GF_STAGE_PATH 320
/* "resnet18 width 16/prune filter-l1/threads 1 batch 128 2^41": the model, what is done, the rest.
 * rows: all stages, for the chain before this one. */
void gf_cli_stage_path(char out[GF_STAGE_PATH], const gf_stage_row *rows, int row, int threads);
/* The option `key` of a row, "" where it has none. */
void gf_cli_row_option(char *out, size_t size, const gf_stage_row *row, const char *key);
int gf_cli_row_number(const gf_stage_row *row, const char *key); /* 0: none */
typedef struct gf_stage_class {
    int row;
    char path[GF_STAGE_PATH];
} gf_stage_class;
/* All stages sorted by path, and groups[rows]: equal numbers where model and kind are. Caller frees
 * *classes. */
gf_status gf_cli_stage_classes(gf_stage_class **classes, int *groups, const gf_stage_row *rows,
                               int count, int threads);

/* ---- forecast.c ---- */

/* Who will run it: so many workers of so many threads, of which `crowding` share a core. */
typedef struct gf_place {
    int workers, threads;
    double crowding; /* >= 1 */
} gf_place;
/* What the seconds of a stage are proportional to: its cost, on that place. */
double gf_place_cost(const gf_place *place, double cost);

typedef struct gf_forecast {
    double *seconds, *chance; /* [stages]: median, of one worker; that it is run at all */
    int *groups;              /* [stages] */
    gf_doubt doubt;
    gf_farm_estimate time;               /* on so many workers of so many threads */
    double bytes, bytes_low, bytes_high; /* of artifacts and sweep.h5; 95 % interval */
    gf_place place;
    int samples;       /* stages of earlier runs that it was learned from */
    int timed, models; /* models whose steps were timed now, of all */
} gf_forecast;

/* The history of this kind of machine, for stages with these numerics. */
gf_status gf_cli_history(gf_history **history, const gf_numerics_class *numerics);
/* seconds: for which each model that is not known may be timed. there[stages] (may be NULL): stages
 * that are in the store already. Fills rows' seconds as well. Release it also when this fails. */
gf_status gf_forecast_init(gf_forecast *forecast, gf_cli_rows *rows, const gf_plan *plan,
                           const gf_history *history, const gf_place *place, double seconds,
                           const bool *there);
void gf_forecast_release(gf_forecast *forecast);
/* The stages as tasks of a farm; the caller frees both. */
gf_status gf_forecast_tasks(gf_farm_task **tasks, int **needs, const gf_forecast *forecast,
                            const gf_stage_row *rows, int count);
/* "from 214 stages measured on this kind of CPU", "from steps timed just now" */
void gf_forecast_source_text(char out[96], const gf_forecast *forecast);
double gf_forecast_artifact_unit(double parameters); /* bytes that artifacts are learned in */

/* What a study keeps of it: lines of its settings, and the seconds of its rows. */
typedef struct gf_forecast_told {
    double seconds, low, high, work, bytes, bytes_low, bytes_high; /* NaN: nothing was predicted */
    int workers, samples;
    gf_doubt doubt;
} gf_forecast_told;
void gf_forecast_write(const gf_forecast *forecast, gf_text *settings);
gf_forecast_told gf_forecast_read(const char *settings);

gf_status gf_cli_create_study(const char *dir, const gf_plan *plan, const gf_cli_rows *rows,
                              const gf_forecast *forecast, const char *store,
                              const gf_numerics_class *numerics);

#endif
