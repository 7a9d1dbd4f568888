/* Messages between ranks: over MPI, or within the one process that runs without it. Never blocks,
 * nothing collective after it is open. */
#ifndef GRIDFRONT_FARM_TRANSPORT_H
#define GRIDFRONT_FARM_TRANSPORT_H

#include "protocol.h"

#include <sched.h>

typedef struct gf_transport gf_transport;

/* Under mpirun or srun: MPI_Init, a communicator of our own; else one rank. */
gf_status gf_transport_open(gf_transport **transport, int *argc, char ***argv);
/* finalize: everybody is alive and leaves too. */
void gf_transport_close(gf_transport *transport, bool finalize);
int gf_transport_rank(const gf_transport *transport);
int gf_transport_size(const gf_transport *transport);
/* Cores of the ranks on this node together, and this rank's place among them. Collective, once. */
void gf_transport_node(const gf_transport *transport, cpu_set_t *all, int *local_rank,
                       int *local_size);
/* Queued at once; to == own rank is delivered by the next receive. */
gf_status gf_transport_send(gf_transport *transport, int to, const gf_message *message);
bool gf_transport_receive(gf_transport *transport, gf_message *message);
/* Puts a received message back, behind what already waits here. */
gf_status gf_transport_keep(gf_transport *transport, const gf_message *message);
/* Sends `text` in pieces of messages like `head`. */
gf_status gf_transport_send_text(gf_transport *transport, int to, const gf_message *head,
                                 const char *text, int size);
/* Pushes what is queued; true when nothing is left. */
bool gf_transport_flush(gf_transport *transport);

#endif
