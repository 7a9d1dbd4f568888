/* Reading in a process of its own. HDF5 was not written for files that somebody made to harm: it
 * crashes on them, loops, or takes all memory. So every HDF5 file, whoever wrote it, is opened and
 * read in a child that is forked for it and ends with it, and what it found comes through shared
 * memory in a form that is simple enough to be checked whole (parcel.h). Its death means a corrupt
 * file.
 *
 * There is no list of files that are trusted, since a digest can be forged and a fork is cheap
 * beside a stage (measured: 3 to 5 ms for a study, about 10 ms for an artifact of 3 MB). Leaves out
 * a system call filter: the child cannot put bytes into files, but may open any that we may. */
#include "parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0 /* its shadow memory is terabytes, and its reports are wanted */
#endif

enum { MESSAGE = 1024 };

/* What child and parent share; the parent looks at it when the child is gone. */
typedef struct shared {
    uint64_t told; /* MAGIC when all of the rest is there */
    uint64_t status, size;
    char message[MESSAGE];
    char parcel[];
} shared;
#define MAGIC 0x6c656372617066u

typedef struct job {
    const char *path;
    off_t file_size;
    gf_apart_read *read;
    void *context;
    shared *shared;
    size_t mapped; /* bytes of it: address space, that becomes memory where it is written */
} job;

/* ---- the child ---- */

/* Bytes that reading the file may take beside what the process has already. */
static uint64_t memory_for(off_t file_size)
{
    uint64_t wish = ((uint64_t)1 << 30) + 64 * (uint64_t)file_size;
    uint64_t there = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return wish < there / 2 ? wish : there / 2;
}

static uint64_t memory_mapped(void)
{
    char text[64] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, text, sizeof text - 1) : 0;
    if (file >= 0) close(file);
    return got > 0 ? strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void limit(int resource, uint64_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) != 0 || now.rlim_max <= most) return;
    now.rlim_cur = now.rlim_max = (rlim_t)most;
    setrlimit(resource, &now);
}

static void set_limits(off_t file_size)
{
    uint64_t mapped = memory_mapped();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CPU, 30 + (uint64_t)file_size / 1000000);
    if (mapped && !SANITIZED) limit(RLIMIT_AS, mapped + memory_for(file_size));
}

/* Handlers of ours would report this child's crash as its parent's. */
static void forget_handlers(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS,  SIGFPE, SIGILL,  SIGABRT, SIGXCPU,
                                   SIGXFSZ, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPIPE };
    sigset_t all;
    sigemptyset(&all);
    for (size_t i = 0; i < GF_COUNT(signals) && !SANITIZED; i++) signal(signals[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static void be_silent(void)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0 || SANITIZED) return;
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
}

_Noreturn static void be_child(const job *it, pid_t parent)
{
    shared *told = it->shared;
    gf_parcel_out parcel = { .data = told->parcel, .capacity = it->mapped - sizeof *told };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    forget_handlers();
    be_silent();
    set_limits(it->file_size);
    gf_status status = it->read(&parcel, it->context);
    if (status == GF_OK && parcel.full)
        status = gf_fail(GF_NOMEM, "%s: what it holds needs more than %zu bytes", it->path,
                         parcel.capacity);
    told->status = status;
    told->size = parcel.size;
    snprintf(told->message, MESSAGE, "%s", status == GF_OK ? "" : gf_error_message());
    told->told = MAGIC;
    _exit(0);
}

/* ---- the parent ---- */

/* How it ended; 0 where somebody else has reaped it. */
static int wait_for(pid_t child)
{
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0)
        if (errno != EINTR) return 0;
    return ended;
}

static gf_status died(const char *path, int ended)
{
    int number = WIFSIGNALED(ended) ? WTERMSIG(ended) : 0;
    if (number == SIGXCPU)
        return gf_fail(GF_CORRUPT, "%s: corrupt, or made to harm: reading it does not end", path);
    return gf_fail(GF_CORRUPT, "%s: corrupt, or made to harm: its reader ended by signal %d (%s)",
                   path, number, number ? strsignal(number) : "none");
}

static gf_status receive(const job *it, gf_apart_take *take, int ended)
{
    gf_status status;
    shared *told = it->shared;
    gf_parcel parcel = { .at = told->parcel, .left = (size_t)told->size };
    if (told->told != MAGIC || told->size > it->mapped - sizeof *told) return died(it->path, ended);
    told->message[MESSAGE - 1] = '\0';
    if (told->status != GF_OK)
        return gf_fail(told->status <= GF_INTERNAL ? (gf_status)told->status : GF_CORRUPT, "%s",
                       told->message);
    if (take) GF_TRY(take(&parcel, it->context));
    if (parcel.bad || parcel.left)
        return gf_fail(GF_CORRUPT, "%s: its reader told nonsense: made to harm?", it->path);
    return GF_OK;
out:
    return status;
}

static gf_status share_memory(job *it)
{
    enum { LEAST = 16 << 20 };
    it->mapped = (size_t)memory_for(it->file_size);
    for (; it->mapped >= LEAST; it->mapped /= 2) {
        void *made = mmap(NULL, it->mapped, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (made == MAP_FAILED) continue;
        it->shared = made;
        return GF_OK;
    }
    return gf_fail(GF_NOMEM, "%s: no memory to read it", it->path);
}

/* Regular files only: a pipe would be waited for, a device could be anything. */
static gf_status check_file(job *it)
{
    struct stat about;
    if (stat(it->path, &about) != 0)
        return gf_fail(errno == ENOENT ? GF_NOTFOUND : GF_IO, "%s: cannot open: %s", it->path,
                       strerror(errno));
    if (!S_ISREG(about.st_mode)) return gf_fail(GF_IO, "%s: not a regular file", it->path);
    it->file_size = about.st_size;
    return GF_OK;
}

gf_status gf_read_apart(const char *path, gf_apart_read *read, gf_apart_take *take, void *context)
{
    gf_status status;
    job it = { .path = path, .read = read, .context = context };
    GF_TRY(check_file(&it));
    GF_TRY(share_memory(&it));
    pid_t us = getpid(), child = fork();
    if (child == 0) be_child(&it, us);
    if (child < 0) {
        status = gf_fail(GF_IO, "%s: no process for its reader: %s", path, strerror(errno));
        goto out;
    }
    GF_TRY(receive(&it, take, wait_for(child)));
out:
    if (it.shared) munmap(it.shared, it.mapped);
    return status;
}
