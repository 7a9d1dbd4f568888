/* What rank 0 knows while it leads. */
#ifndef GRIDFRONT_FARM_LEAD_H
#define GRIDFRONT_FARM_LEAD_H

#include "farm_private.h"
#include "schedule.h"

typedef struct rank_state {
    bool greeted, idle;
    bool gone;    /* silent beyond its lease; may come back */
    bool retired; /* alive, but takes no more tasks */
    int task;     /* -1: none */
    uint32_t fence;
    double heard, started, busy; /* gf_clock; busy: s of finished attempts */
    double share;
    double first_share, first_heard; /* a resumed task begins somewhere in the middle */
    char host[64], line[128];
    gf_assembly log;
} rank_state;

typedef struct lead {
    gf_farm *farm;
    const gf_farm_master *master;
    gf_farm_schedule schedule;
    rank_state *ranks;
    int size;
    uint32_t *fences;          /* [tasks]: newest lease of each */
    int *blocked, *released;   /* [tasks]: scratch */
    gf_farm_part *parts;       /* [tasks] */
    gf_farm_estimate estimate; /* of the rest, made `estimated` at a price of `estimate_cost` */
    double estimated, estimate_cost; /* gf_clock, CPU s */
    bool stale;                      /* something has ended since */
    double begin, ticked, patience;  /* patience: for a rank to greet */
    double full, full_busy;          /* as in gf_farm_progress */
    int quiet;                       /* of gf_farm_nap */
    double looked;                   /* of gf_farm_absence */
    int newest;                      /* rank of the newest line */
    bool stopping, late;             /* late: what is ready does not fit into the time left */
    gf_status fatal;                 /* what ends the sweep */
    char fatal_reason[512];
} lead;

/* Tells the caller how far everything is: about 4 times a second, or now. */
void gf_lead_tick(lead *l);
void gf_lead_tell(lead *l);
/* Before a task ends: if every rank has one, this is the last such moment so far. */
void gf_lead_note_full(lead *l);
/* What rank `r` has shown of its task, of which `done` is done: of a fresh task all time since its
 * lease counts, of a resumed one what was heard after it first spoke. */
gf_farm_part gf_lead_part(const lead *l, const rank_state *r, double done);
/* The largest cost that fits into the time left; infinite where that, or the pace, is unknown. */
double gf_lead_cost_left(lead *l);

#endif
