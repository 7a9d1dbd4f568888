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
    uint32_t *fences; /* [tasks]: newest lease of each */
    int *blocked;     /* [tasks]: scratch */
    double begin, ticked, nap;
    double cost_done, seconds_done; /* of tasks that finished in this run */
    double ratio_squares;           /* sum of squares of seconds per cost, for the interval */
    int timed;
    int newest;          /* rank of the newest line */
    bool stopping, late; /* late: what is ready does not fit into the time left */
    gf_status fatal;     /* what ends the sweep */
    char fatal_reason[512];
} lead;

/* Tells the caller how far everything is, about 4 times a second. */
void gf_lead_tick(lead *l);
/* The largest cost that fits into the time left; infinite where that, or the pace, is unknown. */
double gf_lead_cost_left(const lead *l);

#endif
