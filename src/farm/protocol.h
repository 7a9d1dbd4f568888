/* Everything that passes between ranks: one fixed-size message, far below the eager limit of every
 * transport, so that a rank that dies can never leave half of one. A message names a task by its
 * number and a lease by its fence; texts longer than a message travel in pieces.
 *
 *   worker -> master   HELLO  once: host, threads; TEXT for gf_farm_gather before it
 *                      BEAT   every second: the running task, its share done, a line for people
 *                      LOG    pieces of a failed task's log, before its ENDED
 *                      ENDED  outcome of an attempt; the worker is idle again
 *                      BYE    this rank takes no more tasks (its zygote died, a signal), and
 *                             with `value` 1 the answer to LEAVE
 *   master -> worker   STUDY  pieces of the text for executors
 *                      ASSIGN a lease: task, attempt, fence, limits
 *                      RENEW  answer to BEAT: the lease of `fence` goes on
 *                      REVOKE the lease of `fence` is over: end the executor, report nothing
 *                      STOP   save and return
 *                      LEAVE  no more work: answer BYE
 *                      FAREWELL everybody has answered or is lost; `value` is 1 when nobody is
 *                             and MPI_Finalize is safe */
#ifndef GRIDFRONT_FARM_PROTOCOL_H
#define GRIDFRONT_FARM_PROTOCOL_H

#include <gridfront/farm.h>

typedef enum gf_message_kind {
    GF_MESSAGE_TEXT,
    GF_MESSAGE_HELLO,
    GF_MESSAGE_BEAT,
    GF_MESSAGE_LOG,
    GF_MESSAGE_ENDED,
    GF_MESSAGE_BYE,
    GF_MESSAGE_TO_MASTER, /* kinds before are for the master, kinds behind for workers */
    GF_MESSAGE_STUDY,
    GF_MESSAGE_ASSIGN,
    GF_MESSAGE_RENEW,
    GF_MESSAGE_REVOKE,
    GF_MESSAGE_STOP,
    GF_MESSAGE_LEAVE,
    GF_MESSAGE_FAREWELL
} gf_message_kind;

enum { GF_PIECE = 3072 };

typedef struct gf_assignment {
    int32_t threads; /* 0: the rank's own share */
    int32_t hollow;  /* answer at once, without an executor */
    double lease_seconds, deadline_seconds;
    int64_t memory_limit;
} gf_assignment;

typedef struct gf_ending {
    int32_t status, signal, hung, exhausted;
    int64_t peak_memory;
    double seconds, first_share; /* first_share: 1 where it was found finished */
    char host[64], reason[512];
} gf_ending;

typedef struct gf_piece {
    int32_t total, offset, size; /* bytes: of the whole text, of this piece in it */
    char bytes[GF_PIECE];
} gf_piece;

typedef struct gf_message {
    int32_t kind, from; /* from: rank, set by the transport */
    int32_t task, attempt;
    uint32_t fence;
    int32_t value;
    double share;
    union {
        gf_assignment assignment;
        gf_ending ending;
        gf_piece piece;
        char line[128];
    } u;
} gf_message;
_Static_assert(sizeof(gf_message) < 4096, "a message stays below the eager limit");

/* A text put together from its pieces. */
typedef struct gf_assembly {
    char *text; /* owned, NUL-terminated */
    int size, received;
} gf_assembly;
/* True once the text is whole. False: pieces are missing, or this one does not fit. */
bool gf_assembly_add(gf_assembly *assembly, const gf_piece *piece);
void gf_assembly_release(gf_assembly *assembly);

#endif
