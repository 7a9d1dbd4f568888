/* How a sweep stands at one moment, from sweep.h5, its lease and its DONE mark alone. */
#ifndef GRIDFRONT_CLI_PICTURE_H
#define GRIDFRONT_CLI_PICTURE_H

#include "forecast.h"

typedef struct gf_running_stage {
    int row;
    int done, epochs;      /* epochs of this stage; epochs 0: it does not train */
    double share;          /* of the stage, [0, 1], the time since the last epoch counted in */
    double elapsed;        /* s of this attempt */
    double left;           /* s; NaN: unknown */
    bool guessed;          /* share and left are by prediction alone: no epoch has ended yet */
    double loss, accuracy; /* of the newest epoch; NaN: none yet */
    char host[GF_HOST_NAME];
    int rank;
} gf_running_stage;

typedef struct gf_failed_stage {
    int row;
    char reason[GF_REASON];
} gf_failed_stage;

enum { GF_FAILURES_SHOWN = 3 };

typedef struct gf_picture {
    char dir[PATH_MAX];
    gf_study *study;
    const gf_study_plan *plan; /* borrowed from the study */
    gf_forecast_told told;
    double now, since; /* s since 1970; since: when the run that is alive began, 0: none is */
    bool live, finished;
    char holder[160];
    int counts[GF_STAGE_STOPPED + 1]; /* RUNNING: by a run that is alive */
    int paused;                       /* of those that wait: begun already */
    gf_running_stage *running;        /* [running_count], longest first */
    int running_count, running_capacity;
    gf_failed_stage failures[GF_FAILURES_SHOWN]; /* the first */
    gf_farm_usage usage;
    gf_farm_estimate rest;      /* on the workers that there are, or were; or were predicted */
    double done_work, all_work; /* s of one worker, as predicted */
    double used_bytes;          /* of a sweep that is finished; NaN: unknown */
    /* what looks have in common */
    gf_farm_task *tasks; /* [stages] */
    int *needs, *groups; /* groups: [stages] */
    gf_farm_part *parts; /* [stages] */
    double *took;        /* [stages]: s; 0: not known, -1: never will be */
    gf_farm_span *spans;
    int span_count, span_capacity;
    gf_status failure; /* of memory, while the slots are scanned */
} gf_picture;

/* NOTFOUND, CORRUPT. Release it also when this fails. */
gf_status gf_picture_open(gf_picture *picture, const char *dir);
/* Looks again; cheap. */
gf_status gf_picture_take(gf_picture *picture);
void gf_picture_release(gf_picture *picture);
/* How good the prediction was, of a finished sweep: "predicted 12 min (10 .. 15), took 13 min;
 * ...";
 * "" where nothing was predicted. */
void gf_picture_verdict(char out[200], const gf_picture *picture);

#endif
