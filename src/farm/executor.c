/* Set-up of an executor, and what a task may ask in it. */
#include "executor.h"

#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The one task of this process: gf_task_* are called with a task alone. */
static gf_shared *this_shared;

void gf_task_progress(const gf_task *task, double share, const char *line)
{
    (void)task;
    if (this_shared) gf_shared_say(this_shared, share, line);
}

bool gf_task_lease_valid(const gf_task *task)
{
    (void)task;
    return !this_shared || gf_clock() < atomic_load(&this_shared->lease_until);
}

bool gf_task_may_go_on(const gf_task *task)
{
    return !this_shared || (!atomic_load(&this_shared->stop) && gf_task_lease_valid(task));
}

/* Where it crashed, for the log; only calls that are safe in a signal handler. */
static void on_crash(int signal_number)
{
    void *frames[32];
    int count = backtrace(frames, 32);
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_crashes(void)
{
    static char stack[64 << 10]; /* the usual one may be what overflowed */
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    void *warm[1];
    stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };
    backtrace(warm, 1); /* loads libgcc now, not in the handler */
    sigaltstack(&other, NULL);
    for (size_t i = 0; i < GF_COUNT(signals); i++) sigaction(signals[i], &action, NULL);
}

static void set_limits(const gf_order *order)
{
    const struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    if (order->memory_limit > 0) {
        const struct rlimit data = { (rlim_t)order->memory_limit, (rlim_t)order->memory_limit };
        setrlimit(RLIMIT_DATA, &data);
    }
    if (CPU_COUNT(&order->cores) > 0) sched_setaffinity(0, sizeof order->cores, &order->cores);
}

_Noreturn void gf_executor_run(const gf_farm_program *program, const gf_order *order,
                               const char *study, gf_shared *shared, int output, int zygote)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "gridfront-exe");
    if (getppid() != zygote) _exit(1);
    setpgid(0, 0);
    if (output >= 0) {
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
    }
    catch_crashes();
    set_limits(order);
    this_shared = shared;
    const gf_task task = { .task = order->task,
                           .attempt = order->attempt,
                           .fence = order->fence,
                           .rank = order->rank,
                           .threads = order->threads,
                           .study = study };
    gf_log_configure(GF_INFO, order->rank);
    gf_status status = program->run(program->context, &task);
    if (status != GF_OK)
        snprintf(shared->reason, sizeof shared->reason, "%.400s [%.100s]", gf_error_message(),
                 gf_error_trail());
    atomic_store(&shared->status, status);
    fflush(NULL);
    _exit(0);
}
