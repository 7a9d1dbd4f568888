/* Early stopping: which cut trainings go on at their rungs (ASHA: Li et al. 2020, "A System for
 * Massively Parallel Hyperparameter Tuning", section 3; synchronous: Jamieson & Talwalkar 2016).
 *
 * An arm is a training at a rung with all its seeds; it counts once every seed is done, by the
 * means of the sweep's objectives. What is let go is a function of the results and of the order in
 * which they came, which is recorded in the study: a resumed run and a replay decide the same. */
#ifndef GRIDFRONT_CLI_RUNGS_H
#define GRIDFRONT_CLI_RUNGS_H

#include "cli.h"

#include <gridfront/farm.h>

typedef struct gf_rungs gf_rungs;
/* *rungs stays NULL where the sweep stops nothing early; all other functions accept NULL. The study
 * is borrowed. replay: a results folder whose recorded order decides, or NULL. */
gf_status gf_rungs_create(gf_rungs **rungs, gf_study *study, const char *replay);
void gf_rungs_destroy(gf_rungs *rungs);
/* Holds the tasks that wait for a decision, and counts what earlier runs have finished. Tasks stand
 * in the order of the study's stages. */
gf_status gf_rungs_begin(gf_rungs *rungs, gf_farm_task *tasks, uint32_t fence);
gf_status gf_rungs_finished(gf_rungs *rungs, int stage, uint32_t fence);
/* A stage that will not be run because one before it failed. */
gf_status gf_rungs_blocked(gf_rungs *rungs, int stage);
/* Tasks that were let go since the last call, into tasks[stages]; returns how many. */
int gf_rungs_release(gf_rungs *rungs, int *tasks);
/* When nothing is left to run: the others are stopped, *stopped of them. */
gf_status gf_rungs_conclude(gf_rungs *rungs, uint32_t fence, int *stopped);

#endif
