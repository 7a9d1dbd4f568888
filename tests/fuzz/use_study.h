/* A small study for the harnesses: plan, rows, and everything that reads them. */
#ifndef GRIDFRONT_TESTS_FUZZ_USE_STUDY_H
#define GRIDFRONT_TESTS_FUZZ_USE_STUDY_H

#include "fuzz.h"

#include <gridfront/store.h>

/* Four stages in two chains, two trials, two points; statics of the caller. */
gf_study_plan fuzz_plan(void);
/* Reads every row, log and report of DIR; whatever is wrong in it, it comes back. */
void fuzz_use_study(const char *dir);

#endif
