/* The only file that talks MPI. Sends are non-blocking with their own copies; receives probe. */
#include "transport.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

typedef struct outgoing {
    struct outgoing *next;
    MPI_Request request;
    gf_message message;
} outgoing;

typedef struct local {
    struct local *next;
    gf_message message;
} local;

struct gf_transport {
    bool mpi;
    MPI_Comm world; /* a duplicate: nobody else's messages */
    int rank, size;
    outgoing *sends;
    local *first_local, **last_local;
};

static bool is_launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

static gf_status start_mpi(gf_transport *t, int *argc, char ***argv)
{
    int provided;
    /* Where ranks outnumber cores Open MPI gives the core away at every look that finds nothing,
     * for several ms where somebody trains. Our loops nap instead. */
    setenv("OMPI_MCA_mpi_yield_when_idle", "0", 0);
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return gf_fail(GF_UNSUPPORTED, "MPI_Init failed");
    if (MPI_Comm_dup(MPI_COMM_WORLD, &t->world) != MPI_SUCCESS)
        return gf_fail(GF_UNSUPPORTED, "MPI_Comm_dup failed");
    MPI_Comm_set_errhandler(t->world, MPI_ERRORS_RETURN);
    MPI_Comm_rank(t->world, &t->rank);
    MPI_Comm_size(t->world, &t->size);
    return GF_OK;
}

gf_status gf_transport_open(gf_transport **transport, int *argc, char ***argv)
{
    gf_status status = GF_OK;
    gf_transport *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    made->size = 1;
    made->last_local = &made->first_local;
    made->mpi = is_launched();
    if (made->mpi) GF_TRY(start_mpi(made, argc, argv));
    *transport = made;
    made = NULL;
out:
    free(made);
    return status;
}

void gf_transport_close(gf_transport *t, bool finalize)
{
    if (!t) return;
    double begin = gf_clock();
    while (!gf_transport_flush(t) && gf_clock() - begin < 2) gf_sleep(0.001);
    if (t->mpi && finalize) MPI_Finalize();
    for (local *next, *at = t->first_local; at; at = next) {
        next = at->next;
        free(at);
    }
    /* Sends that never completed belong to MPI: their memory stays. */
    if (!t->sends || finalize) free(t);
}

int gf_transport_rank(const gf_transport *t)
{
    return t->rank;
}

int gf_transport_size(const gf_transport *t)
{
    return t->size;
}

void gf_transport_node(const gf_transport *t, cpu_set_t *all, int *local_rank, int *local_size)
{
    CPU_ZERO(all);
    sched_getaffinity(0, sizeof *all, all);
    *local_rank = 0;
    *local_size = 1;
    if (!t->mpi) return;
    MPI_Comm node;
    cpu_set_t own = *all;
    MPI_Comm_split_type(t->world, MPI_COMM_TYPE_SHARED, t->rank, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, local_rank);
    MPI_Comm_size(node, local_size);
    MPI_Allreduce(&own, all, (int)sizeof own, MPI_BYTE, MPI_BOR, node);
    MPI_Comm_free(&node);
}

gf_status gf_transport_keep(gf_transport *t, const gf_message *message)
{
    local *entry = malloc(sizeof *entry);
    if (!entry) return gf_fail(GF_NOMEM, "out of memory");
    *entry = (local){ .message = *message };
    *t->last_local = entry;
    t->last_local = &entry->next;
    return GF_OK;
}

gf_status gf_transport_send(gf_transport *t, int to, const gf_message *message)
{
    gf_message stamped = *message;
    stamped.from = t->rank;
    if (to == t->rank) return gf_transport_keep(t, &stamped);
    outgoing *entry = calloc(1, sizeof *entry);
    if (!entry) return gf_fail(GF_NOMEM, "out of memory");
    entry->message = stamped;
    if (MPI_Isend(&entry->message, (int)sizeof entry->message, MPI_BYTE, to, 0, t->world,
                  &entry->request) != MPI_SUCCESS) {
        free(entry);
        return gf_fail(GF_IO, "cannot send to rank %d", to);
    }
    entry->next = t->sends;
    t->sends = entry;
    gf_transport_flush(t);
    return GF_OK;
}

bool gf_transport_flush(gf_transport *t)
{
    for (outgoing **at = &t->sends; *at;) {
        int done = 0;
        MPI_Test(&(*at)->request, &done, MPI_STATUS_IGNORE);
        if (!done) {
            at = &(*at)->next;
            continue;
        }
        outgoing *finished = *at;
        *at = finished->next;
        free(finished);
    }
    return t->sends == NULL;
}

static bool receive_local(gf_transport *t, gf_message *message)
{
    local *entry = t->first_local;
    if (!entry) return false;
    t->first_local = entry->next;
    if (!t->first_local) t->last_local = &t->first_local;
    *message = entry->message;
    free(entry);
    return true;
}

/* A probe that finds nothing fetches what has arrived, and only the next one sees it: two, so that
 * nobody naps over a message that is there. */
static bool probe(const gf_transport *t, MPI_Status *status)
{
    int there = 0;
    for (int look = 0; look < 2 && !there; look++)
        if (MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, t->world, &there, status) != MPI_SUCCESS)
            return false;
    return there;
}

bool gf_transport_receive(gf_transport *t, gf_message *message)
{
    int size = 0;
    MPI_Status status;
    if (receive_local(t, message)) return true;
    if (!t->mpi) return false;
    gf_transport_flush(t);
    if (!probe(t, &status)) return false;
    MPI_Get_count(&status, MPI_BYTE, &size);
    if (MPI_Recv(message, (int)sizeof *message, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG,
                 t->world, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return false;
    return size == (int)sizeof *message;
}

gf_status gf_transport_send_text(gf_transport *t, int to, const gf_message *head, const char *text,
                                 int size)
{
    gf_status status = GF_OK;
    int offset = 0;
    do {
        gf_message message = *head;
        int part = size - offset < GF_PIECE ? size - offset : GF_PIECE;
        message.u.piece.total = size;
        message.u.piece.offset = offset;
        message.u.piece.size = part;
        memcpy(message.u.piece.bytes, text + offset, (size_t)part);
        GF_TRY(gf_transport_send(t, to, &message));
        offset += part;
    } while (offset < size);
out:
    return status;
}

bool gf_assembly_add(gf_assembly *assembly, const gf_piece *piece)
{
    bool first = piece->offset == 0;
    if (piece->total < 0 || piece->size < 0 || piece->size > GF_PIECE || piece->offset < 0 ||
        piece->offset > piece->total - piece->size)
        return false;
    if (first) {
        gf_assembly_release(assembly);
        assembly->text = calloc(1, (size_t)piece->total + 1);
        assembly->size = piece->total;
    }
    if (!assembly->text || assembly->size != piece->total || assembly->received != piece->offset)
        return false;
    memcpy(assembly->text + piece->offset, piece->bytes, (size_t)piece->size);
    assembly->received += piece->size;
    return assembly->received == assembly->size;
}

void gf_assembly_release(gf_assembly *assembly)
{
    free(assembly->text);
    *assembly = (gf_assembly){ 0 };
}
