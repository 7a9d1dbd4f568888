/* A rank as worker: a lease from the master becomes an executor, its end becomes a message. */
#ifndef GRIDFRONT_FARM_WORKER_H
#define GRIDFRONT_FARM_WORKER_H

#include "transport.h"
#include "zygote.h"

typedef struct gf_worker {
    gf_transport *transport; /* borrowed, as zygote and shared */
    gf_zygote *zygote;
    gf_shared *shared;
    cpu_set_t cores; /* of the node, for this rank's executors; all where ranks outnumber cores */
    int threads;     /* its share of them, at least one */
    int node_ranks, node_cores;
    int64_t memory_share;
    char host[64];

    bool busy, stopping;
    bool retired;                  /* takes no more tasks: its zygote died, or a signal came */
    bool broken;                   /* the zygote is gone */
    bool left, finalize;           /* told farewell; MPI_Finalize is safe */
    bool revoked, hung, exhausted; /* why the running executor is being ended */
    gf_message lease;              /* the ASSIGN that runs */
    gf_assembly study;
    double started, beat_sent, heard, zygote_heard; /* gf_clock */
    int quiet;                                      /* of gf_farm_nap */
    double looked;                                  /* of gf_farm_absence */
    double parting; /* when the master asked us to leave; 0: not yet */
} gf_worker;

/* What rank `rank` of `size` on a node gets of `all` its cores, and how many threads that is: parts
 * that do not overlap; where ranks outnumber cores, all of them and one thread. */
void gf_farm_take_share(cpu_set_t *share, int *threads, const cpu_set_t *all, int rank, int size);

void gf_worker_init(gf_worker *worker, gf_transport *transport, gf_zygote *zygote,
                    gf_shared *shared);
void gf_worker_release(gf_worker *worker);
gf_status gf_worker_handle(gf_worker *worker, const gf_message *message);
/* Looks after the executor; waits for its end at most so long. */
gf_status gf_worker_tick(gf_worker *worker, double seconds);
/* People want this rank to go: the executor saves and returns. */
void gf_worker_stop(gf_worker *worker);
/* Takes no more tasks, but stays until all leave together; the master is told once. */
gf_status gf_worker_retire(gf_worker *worker);

/* How a loop paces its looks at messages: *looks, from 0, says how hurried it is. The first gives s
 * to wait until the next look: none at first, then a quarter longer each time, up to 10 ms. The
 * second is told of news, and makes the next waits shorter. Beats and their answers are no news, so
 * that a farm that only trains stays out of the trainings' way; and what counts is looks, not time,
 * as being off the core is not silence. */
double gf_farm_nap(int *looks);
void gf_farm_news(int *looks);

/* s for which the loop that calls this at every look was stopped itself (a suspended job, a laptop
 * that slept), 0 in all other cases: what others said meanwhile has yet to be read, and their
 * silence is ours. *looked, from 0, is the last look. */
double gf_farm_absence(double *looked);

#endif
