/* What cmd_plan.c, plan_print.c and plan_simulate.c share. */
#ifndef GRIDFRONT_CLI_PLAN_H
#define GRIDFRONT_CLI_PLAN_H

#include "forecast.h"

#include <jansson.h>

/* One architecture of the sweep. */
typedef struct gf_cli_architecture {
    const gf_options *model; /* borrowed from the plan */
    char label[64];
    gf_cost cost;
    double images_per_second; /* predicted of its training on one core; NaN: nothing trains it */
} gf_cli_architecture;

typedef struct gf_cli_outlook {
    gf_cli_architecture *architectures;
    int architecture_count;
    double epochs, images, flop, seconds; /* of what is expected to run; s of one worker */
    int factor;                           /* of early stopping; 1: none */
    gf_place place;                       /* here, a worker for every so many cores */
    gf_cli_rows rows;
    gf_forecast forecast;
} gf_cli_outlook;

typedef struct gf_cli_simulation {
    struct {
        int ranks;
        gf_farm_simulated result;
    } * rows; /* [count], owned */
    int count;
    double spread; /* of the logarithms of durations; 0: exactly as predicted */
} gf_cli_simulation;

/* 1215 -> "1,215" */
void gf_cli_grouped(char out[32], int64_t value);

/* ranks: "1,2,8", "": the usual ones; spread: NULL for none. INVALID. */
gf_status gf_cli_simulation_read(gf_cli_simulation *simulation, const char *ranks,
                                 const char *spread);
void gf_cli_simulation_release(gf_cli_simulation *simulation);
/* Nothing is held back: trials that are stopped early are not simulated. */
gf_status gf_cli_simulate(gf_cli_simulation *simulation, gf_farm_task *tasks, int count);
/* early_stopping: the sweep has some, which is not simulated. */
void gf_cli_simulation_print(const gf_cli_simulation *simulation, bool early_stopping);
json_t *gf_cli_simulation_json(const gf_cli_simulation *simulation);

gf_status gf_cli_plan_print(const gf_plan *plan, const gf_cli_outlook *outlook,
                            const gf_cli_simulation *simulation);
void gf_cli_plan_print_json(const gf_plan *plan, const gf_cli_outlook *outlook,
                            const gf_cli_simulation *simulation);

#endif
