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
    bool served;           /* we have been told to leave */
    bool finalize;         /* nobody died: MPI_Finalize will not hang */
    gf_assembly *gathered; /* [size] in rank 0 */
    const char **texts;    /* [size], borrowed from gathered */
};

/* What signals asked of this process so far. */
typedef enum gf_asked { GF_ASKED_NOTHING, GF_ASKED_SAVE, GF_ASKED_NOW } gf_asked;
gf_asked gf_farm_asked(void);
void gf_farm_catch_signals(void);
/* s without a word after which another rank counts as dead, where no lease says more: 60, or
 * $GRIDFRONT_PATIENCE in [1, 86400]. */
double gf_farm_patience(void);
/* This process dies, with a word of why, unless it is called again within `seconds`; 0: no more. */
void gf_farm_watch(double seconds);
/* This rank's share of the node's cores and memory; warns where a binding leaves cores idle. */
void gf_farm_share_node(gf_worker *worker, const gf_transport *transport);

#endif
