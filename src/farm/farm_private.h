/* What one process of the farm holds. */
#ifndef GRIDFRONT_FARM_FARM_PRIVATE_H
#define GRIDFRONT_FARM_FARM_PRIVATE_H

#include "transport.h"
#include "worker.h"
#include "zygote.h"

struct gf_farm {
    gf_transport *transport;
    gf_zygote zygote;
    gf_shared *shared;
    gf_worker worker;
    bool led, served;      /* everybody else has been told to leave; we have been told */
    bool finalize;         /* nobody died: MPI_Finalize will not hang */
    gf_assembly *gathered; /* [size] in rank 0 */
    const char **texts;    /* [size], borrowed from gathered */
};

/* Signals that asked this process to go: 0, 1, or more for impatience. */
int gf_farm_signals(void);
void gf_farm_catch_signals(void);
/* This rank's share of the node's cores and memory; warns where a binding leaves cores idle. */
void gf_farm_share_node(gf_worker *worker, const gf_transport *transport);

#endif
