/* Opening and closing a process of the farm, and the loop of ranks that only work. */
#include "farm_private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PARTING_SECONDS 5.0 /* for everybody to answer LEAVE */
#define INIT_PATIENCES  5   /* for MPI to start */

int gf_farm_rank_guess(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank) rank = getenv("PMIX_RANK");
    return rank ? atoi(rank) : 0;
}

/* A rank that is stopped does not see that mpirun or its daemon died, and would stay, holding the
 * lease of the sweep. Only where a daemon of Open MPI started us: a shell may leave before us. */
static void die_with_daemon(void)
{
    if (getenv("OMPI_COMM_WORLD_RANK")) prctl(PR_SET_PDEATHSIG, SIGKILL);
}

gf_status gf_farm_open(gf_farm **farm, int *argc, char ***argv, const gf_farm_program *program)
{
    gf_status status;
    gf_farm *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    made->finalize = true;
    die_with_daemon();
    GF_TRY(gf_shared_create(&made->shared));
    GF_TRY(gf_zygote_start(&made->zygote, made->shared, program));
    gf_farm_watch(INIT_PATIENCES * gf_farm_patience());
    GF_TRY(gf_transport_open(&made->transport, argc, argv));
    gf_farm_catch_signals();
    gf_worker_init(&made->worker, made->transport, &made->zygote, made->shared);
    gf_farm_share_node(&made->worker, made->transport);
    *farm = made;
    made = NULL;
out:
    gf_farm_watch(0);
    if (made) {
        gf_zygote_stop(&made->zygote);
        gf_shared_destroy(made->shared);
        free(made);
    }
    return status;
}

int gf_farm_rank(const gf_farm *farm)
{
    return gf_transport_rank(farm->transport);
}

int gf_farm_size(const gf_farm *farm)
{
    return gf_transport_size(farm->transport);
}

int gf_farm_threads(const gf_farm *farm)
{
    return farm->worker.threads;
}

double gf_farm_crowding(const gf_farm *farm, int threads)
{
    const gf_worker *w = &farm->worker;
    double wanted = (double)w->node_ranks * threads;
    return w->node_cores > 0 && wanted > w->node_cores ? wanted / w->node_cores : 1;
}

/* ---- gathering ---- */

/* Ranks that are ahead greet the master already: that is kept for later. */
static gf_status collect_texts(gf_farm *farm, int size)
{
    gf_status status = GF_OK;
    double begin = gf_clock(), most = 2 * gf_farm_patience();
    gf_message message, *early = gf_alloc((size_t)size, sizeof *early);
    int early_count = 0;
    GF_TRY_ALLOC(early);
    for (int whole = 0; whole < size;) {
        if (gf_clock() - begin > most) {
            status = gf_fail(GF_UNSUPPORTED, "only %d of %d ranks answered within %.0f s", whole,
                             size, most);
            goto out;
        }
        if (!gf_transport_receive(farm->transport, &message))
            gf_sleep(0.0005);
        else if (message.kind == GF_MESSAGE_TEXT)
            whole += gf_assembly_add(&farm->gathered[message.from], &message.u.piece);
        else if (message.kind == GF_MESSAGE_HELLO && early_count < size)
            early[early_count++] = message;
    }
    for (int i = 0; i < early_count; i++) GF_TRY(gf_transport_keep(farm->transport, &early[i]));
out:
    free(early);
    return status;
}

gf_status gf_farm_gather(gf_farm *farm, const char *text, const char *const **texts)
{
    gf_status status;
    int size = gf_farm_size(farm);
    const gf_message head = { .kind = GF_MESSAGE_TEXT };
    GF_TRY(gf_transport_send_text(farm->transport, 0, &head, text, (int)strlen(text)));
    if (gf_farm_rank(farm) != 0) return GF_OK;
    farm->gathered = gf_alloc((size_t)size, sizeof *farm->gathered);
    farm->texts = gf_alloc((size_t)size, sizeof *farm->texts);
    GF_TRY_ALLOC(farm->gathered && farm->texts);
    GF_TRY(collect_texts(farm, size));
    for (int rank = 0; rank < size; rank++) farm->texts[rank] = farm->gathered[rank].text;
    *texts = farm->texts;
out:
    return status;
}

/* ---- ranks that only work ---- */

static gf_status say_hello(gf_farm *farm)
{
    gf_message hello = { .kind = GF_MESSAGE_HELLO };
    snprintf(hello.u.line, sizeof hello.u.line, "%s", farm->worker.host);
    return gf_transport_send(farm->transport, 0, &hello);
}

/* A signal usually reaches all ranks and the master then tells us when to leave; one that was meant
 * for this rank alone lets it finish nothing more. */
static gf_status heed_signals(gf_farm *farm, double *asked, double now)
{
    gf_worker *worker = &farm->worker;
    if (gf_farm_asked() == GF_ASKED_NOW) return gf_fail(GF_INTERRUPTED, "interrupted twice");
    if (gf_farm_asked() == GF_ASKED_NOTHING) return GF_OK;
    if (!*asked) {
        *asked = now;
        gf_worker_stop(worker);
    }
    return !worker->busy ? gf_worker_retire(worker) : GF_OK;
}

/* It answers every beat: two leases without a word, and it is dead or out of reach. */
static double silence_limit(const gf_worker *worker)
{
    double lease = worker->lease.u.assignment.lease_seconds; /* 0 before the first */
    return lease > 0 ? 2 * lease : gf_farm_patience();
}

static gf_status check_silence(const gf_farm *farm, double now)
{
    const gf_worker *worker = &farm->worker;
    if (now - worker->heard > silence_limit(worker) ||
        (worker->parting && now - worker->parting > 2 * PARTING_SECONDS))
        return gf_fail(GF_LOST, "rank %d: nothing heard from the master for %.0f s",
                       gf_farm_rank(farm), now - worker->heard);
    return GF_OK;
}

gf_status gf_farm_serve(gf_farm *farm)
{
    gf_status status;
    gf_worker *worker = &farm->worker;
    gf_message message;
    double asked = 0; /* when a signal came first */
    GF_TRY(say_hello(farm));
    while (!worker->left) {
        while (!worker->left && gf_transport_receive(farm->transport, &message))
            GF_TRY(gf_worker_handle(worker, &message));
        GF_TRY(gf_worker_tick(worker, gf_farm_nap(&worker->quiet)));
        GF_TRY(heed_signals(farm, &asked, gf_clock()));
        GF_TRY(check_silence(farm, gf_clock()));
    }
    farm->served = true;
    farm->finalize = worker->finalize;
out:
    return status;
}

/* ---- closing ---- */

static void tell_others(gf_farm *farm, gf_message_kind kind, int value)
{
    const gf_message message = { .kind = kind, .value = value };
    for (int rank = 1; rank < gf_farm_size(farm); rank++)
        gf_transport_send(farm->transport, rank, &message);
}

/* Rank 0: whoever does not answer is dead, and MPI_Finalize would wait for it for ever. */
static void dismiss_others(gf_farm *farm)
{
    double begin = gf_clock();
    gf_message message;
    tell_others(farm, GF_MESSAGE_LEAVE, 0);
    for (int missing = gf_farm_size(farm) - 1; missing > 0 && farm->finalize;) {
        if (gf_transport_receive(farm->transport, &message))
            missing -= message.kind == GF_MESSAGE_BYE && message.value;
        else
            gf_sleep(0.0005);
        if (gf_clock() - begin > PARTING_SECONDS) farm->finalize = false;
    }
    tell_others(farm, GF_MESSAGE_FAREWELL, farm->finalize);
}

void gf_farm_close(gf_farm *farm)
{
    if (!farm) return;
    if (gf_farm_rank(farm) == 0) dismiss_others(farm);
    gf_zygote_stop(&farm->zygote);
    bool finalize = farm->finalize && (gf_farm_rank(farm) == 0 || farm->served);
    for (int rank = 0; farm->gathered && rank < gf_farm_size(farm); rank++)
        gf_assembly_release(&farm->gathered[rank]);
    gf_farm_watch(gf_farm_patience());
    gf_transport_close(farm->transport, finalize);
    gf_farm_watch(0);
    gf_worker_release(&farm->worker);
    gf_shared_destroy(farm->shared);
    free(farm->gathered);
    free(farm->texts);
    free(farm);
}
