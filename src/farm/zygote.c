/* Zygote and its rank talk over a SOCK_SEQPACKET pair: commands one way, ends of executors the
 * other. The zygote waits in poll(2) for commands, output of the executor, and its end (a pidfd).
 */
#include "zygote.h"

#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PACKET = 60000, DRAIN_MOST = 256 << 10 };

typedef enum command_kind { COMMAND_STUDY, COMMAND_RUN, COMMAND_KILL } command_kind;
typedef struct command {
    int32_t kind, size; /* size: of the study's text behind this head */
    gf_order order;
} command;

typedef struct zygote_state {
    int socket;
    gf_shared *shared;
    const gf_farm_program *program;
    char *study; /* owned */
    int study_size, study_expected;
    /* the running executor; pid 0: none */
    pid_t pid;
    int output, pidfd;
    gf_order order;
} zygote_state;

/* ---- in the zygote ---- */

static void close_pipe(int *file)
{
    if (*file >= 0) close(*file);
    *file = -1;
}

static void send_end(zygote_state *z, const gf_report_of_end *end)
{
    z->pid = 0;
    atomic_store(&z->shared->executor, 0);
    while (send(z->socket, end, sizeof *end, 0) < 0 && errno == EINTR)
        ;
}

static void report_no_start(zygote_state *z, int error)
{
    const gf_report_of_end end = { .task = z->order.task, .fence = z->order.fence, .exited = 1 };
    snprintf(z->shared->reason, sizeof z->shared->reason, "no executor could be forked: %s",
             strerror(error));
    atomic_store(&z->shared->status, GF_NOMEM);
    close_pipe(&z->output);
    send_end(z, &end);
}

static void start_executor(zygote_state *z, const gf_order *order)
{
    int ends[2];
    z->order = *order;
    if (pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
    pid_t zygote = getpid();
    pid_t pid = fork();
    int error = errno;
    if (pid == 0) {
        close(z->socket);
        close_pipe(&ends[0]);
        gf_executor_run(z->program, order, z->study ? z->study : "", z->shared, ends[1], zygote);
    }
    close_pipe(&ends[1]);
    z->output = ends[0];
    if (pid < 0) {
        report_no_start(z, error);
        return;
    }
    setpgid(pid, pid); /* here and there: whoever comes first */
    z->pid = pid;
    z->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (z->output >= 0) fcntl(z->output, F_SETFL, O_NONBLOCK);
    atomic_store(&z->shared->executor, pid);
}

/* At most so much at once: a task that prints without end must not keep us from commands. */
static void drain_output(zygote_state *z)
{
    char bytes[4096];
    for (int left = DRAIN_MOST; z->output >= 0 && left > 0;) {
        ssize_t size = read(z->output, bytes, sizeof bytes);
        left -= (int)sizeof bytes;
        if (size > 0) {
            gf_shared_log(z->shared, bytes, (size_t)size);
        } else if (size == 0 || errno != EINTR) {
            if (size == 0) close_pipe(&z->output);
            return;
        }
    }
}

static void report_end(zygote_state *z, int wait_status, const struct rusage *usage)
{
    const gf_report_of_end end = {
        .task = z->order.task,
        .fence = z->order.fence,
        .exited = WIFEXITED(wait_status),
        .signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0,
        .peak_memory = (int64_t)usage->ru_maxrss * 1024,
    };
    kill(-z->pid, SIGKILL); /* what it may have forked */
    drain_output(z);
    close_pipe(&z->output);
    close_pipe(&z->pidfd);
    send_end(z, &end);
}

static void reap(zygote_state *z)
{
    int wait_status;
    struct rusage usage;
    if (z->pid > 0 && wait4(z->pid, &wait_status, WNOHANG, &usage) == z->pid)
        report_end(z, wait_status, &usage);
}

static void add_study(zygote_state *z, const command *c, const char *bytes)
{
    if (c->order.task == 0) { /* first piece; `fence` tells the whole size */
        free(z->study);
        z->study = calloc(1, (size_t)c->order.fence + 1);
        z->study_size = 0;
        z->study_expected = (int)c->order.fence;
    }
    if (!z->study || c->size > z->study_expected - z->study_size) return;
    memcpy(z->study + z->study_size, bytes, (size_t)c->size);
    z->study_size += c->size;
}

/* False: the rank is gone, or has closed its end to say so. */
static bool take_command(zygote_state *z)
{
    static char packet[PACKET]; /* of the zygote alone; too large for a stack */
    command c;
    ssize_t size = recv(z->socket, packet, sizeof packet, 0);
    if (size < 0) return errno == EINTR || errno == EAGAIN;
    if (size < (ssize_t)sizeof c) return false;
    memcpy(&c, packet, sizeof c);
    if (c.kind == COMMAND_STUDY)
        add_study(z, &c, packet + sizeof c);
    else if (c.kind == COMMAND_RUN && !z->pid)
        start_executor(z, &c.order);
    else if (c.kind == COMMAND_KILL && z->pid > 0)
        kill(-z->pid, SIGKILL);
    return true;
}

static void end_executor(zygote_state *z)
{
    if (z->pid <= 0) return;
    kill(-z->pid, SIGKILL);
    waitpid(z->pid, NULL, 0);
}

static void zygote_loop(zygote_state *z)
{
    for (bool alive = true; alive;) {
        struct pollfd files[3] = { { .fd = z->socket, .events = POLLIN },
                                   { .fd = z->output, .events = POLLIN },
                                   { .fd = z->pidfd, .events = POLLIN } };
        /* Without pidfds (Linux before 5.3) the end is looked for 20 times a second. */
        poll(files, 3, z->pid > 0 && z->pidfd < 0 ? 50 : -1);
        if (files[1].revents) drain_output(z);
        reap(z);
        if (files[0].revents) alive = take_command(z);
    }
    end_executor(z);
}

static void zygote_main(int socket, gf_shared *shared, const gf_farm_program *program, pid_t rank)
{
    zygote_state z = {
        .socket = socket, .shared = shared, .program = program, .output = -1, .pidfd = -1
    };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "gridfront-zyg");
    if (getppid() != rank) _exit(1); /* it died before we could ask to be told */
    setpgid(0, 0);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write then says that the file may not grow */
    if (program->prepare && program->prepare(program->context) != GF_OK) _exit(1);
    zygote_loop(&z);
    _exit(0);
}

/* ---- in the rank ---- */

gf_status gf_zygote_start(gf_zygote *zygote, gf_shared *shared, const gf_farm_program *program)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return gf_fail(GF_UNSUPPORTED, "socketpair: %s", strerror(errno));
    fflush(NULL); /* nothing buffered may be written twice */
    pid_t rank = getpid(), pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return gf_fail(GF_UNSUPPORTED, "fork: %s", strerror(errno));
    }
    if (pid == 0) {
        close(ends[0]);
        zygote_main(ends[1], shared, program, rank);
    }
    close(ends[1]);
    *zygote = (gf_zygote){ .pid = pid, .socket = ends[0], .shared = shared };
    return GF_OK;
}

static gf_status send_command(gf_zygote *zygote, const command *c, const char *bytes)
{
    char packet[PACKET];
    memcpy(packet, c, sizeof *c);
    if (c->size) memcpy(packet + sizeof *c, bytes, (size_t)c->size);
    ssize_t sent;
    do sent = send(zygote->socket, packet, sizeof *c + (size_t)c->size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? gf_fail(GF_IO, "the zygote is gone: %s", strerror(errno)) : GF_OK;
}

gf_status gf_zygote_tell(gf_zygote *zygote, const char *study, int size)
{
    gf_status status = GF_OK;
    int most = PACKET - (int)sizeof(command), offset = 0;
    do {
        int part = size - offset < most ? size - offset : most;
        const command c = { .kind = COMMAND_STUDY,
                            .size = part,
                            .order = { .task = offset, .fence = (uint32_t)size } };
        GF_TRY(send_command(zygote, &c, study + offset));
        offset += part;
    } while (offset < size);
out:
    return status;
}

gf_status gf_zygote_run(gf_zygote *zygote, const gf_order *order)
{
    const command c = { .kind = COMMAND_RUN, .order = *order };
    return send_command(zygote, &c, NULL);
}

gf_status gf_zygote_kill(gf_zygote *zygote)
{
    const command c = { .kind = COMMAND_KILL };
    return send_command(zygote, &c, NULL);
}

int gf_zygote_poll(gf_zygote *zygote, gf_report_of_end *end, double seconds)
{
    struct timespec wait = { .tv_nsec = (long)(seconds * 1e9) };
    struct pollfd file = { .fd = zygote->socket, .events = POLLIN };
    if (ppoll(&file, 1, &wait, NULL) <= 0) return 0;
    ssize_t size = recv(zygote->socket, end, sizeof *end, MSG_DONTWAIT);
    if (size == (ssize_t)sizeof *end) return 1;
    return size < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

void gf_zygote_stop(gf_zygote *zygote)
{
    if (zygote->pid <= 0) return;
    close(zygote->socket); /* the zygote takes that as its end */
    waitpid(zygote->pid, NULL, 0);
    zygote->pid = 0;
}
