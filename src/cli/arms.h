/* What early stopping decides about: arms, which are trainings at a rung with all their seeds, and
 * the rungs that they stand at. Read from the tables of a study. */
#ifndef GRIDFRONT_CLI_ARMS_H
#define GRIDFRONT_CLI_ARMS_H

#include "cli.h"

typedef struct gf_arm {
    int rung;
    int *members, *next; /* [seeds]: stages of this segment, and those that follow them */
    int before;          /* the arm that it goes on from, -1: none */
    int done;            /* members */
    bool failed, chosen;
} gf_arm;

typedef struct gf_rung {
    int ordinal, until; /* of the training in its chain; epochs */
    bool decided;       /* complete, and nobody else goes on */
} gf_rung;

typedef struct gf_arms {
    const gf_study_plan *plan; /* borrowed */
    int seeds;
    gf_segment *segments; /* [stages] */
    gf_arm *items;
    int count;
    int *of;        /* [stages]: the arm whose member it is, -1: none's */
    int *let_go_by; /* [stages]: the arm that it follows, -1: none */
    gf_rung *rungs; /* in the order in which chains pass them */
    int rung_count;
} gf_arms;

/* Release it also when this fails. */
gf_status gf_arms_init(gf_arms *arms, const gf_study_plan *plan);
void gf_arms_release(gf_arms *arms);

#endif
