/* Preloaded into a run: it counts every step that changes a file below $STRIKE_ROOT (only those
 * whose path holds $STRIKE_ONLY), over all processes of the run together, and kills whoever is
 * about to make step number $STRIKE_AT (a write is half done then), or has that process do
 * $STRIKE_DO first. So every instant between two steps can be tried, one after the other. Each step
 * becomes a line of $STRIKE_LOG. The counter lies in the file $STRIKE_COUNT, 8 zero bytes. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long *count; /* shared by all processes */
static const char *root, *only;
static long at;
static int log_file = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("STRIKE_COUNT"), *number = getenv("STRIKE_AT");
    root = getenv("STRIKE_ROOT");
    only = getenv("STRIKE_ONLY");
    if (!name || !root) return;
    int file = open(name, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    if (page == MAP_FAILED) abort();
    count = page;
    at = number ? atol(number) : 0;
    if (getenv("STRIKE_LOG"))
        log_file = open(getenv("STRIKE_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
}

/* True: this is the step that is not made. */
static int is_struck(const char *step, const char *path, size_t size)
{
    char line[PATH_MAX + 64];
    if (!count || strncmp(path, root, strlen(root)) || (only && !strstr(path, only))) return 0;
    long number = atomic_fetch_add(count, 1) + 1;
    int length = snprintf(line, sizeof line, "%ld %s %s %zu %s\n", number, step,
                          path + strlen(root), size, number == at ? "struck" : "");
    if (log_file >= 0) syscall(SYS_write, log_file, line, (size_t)length);
    if (number != at) return 0;
    const char *deed = getenv("STRIKE_DO");
    if (!deed) return 1;
    if (system(deed) != 0) abort();
    return 0;
}
static void strike(void)
{
    raise(SIGKILL);
}

static int is_struck_file(const char *step, int file, size_t size)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = count ? readlink(link, path, sizeof path - 1) : -1;
    if (length < 0) return 0;
    path[length] = '\0';
    return is_struck(step, path, size);
}
/* Relative paths are those of the folder that the test stands in. */
static int is_struck_path(const char *step, const char *path)
{
    char whole[2 * PATH_MAX], folder[PATH_MAX];
    if (!count) return 0;
    if (path[0] == '/' || !getcwd(folder, sizeof folder)) return is_struck(step, path, 0);
    snprintf(whole, sizeof whole, "%s/%s", folder, path);
    return is_struck(step, whole, 0);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (flags & O_CREAT && is_struck_path("create", path)) strike();
    return NEXT(open)(path, flags, mode);
}
ssize_t write(int file, const void *data, size_t size)
{
    if (is_struck_file("write", file, size)) {
        syscall(SYS_write, file, data, size / 2);
        strike();
    }
    return NEXT(write)(file, data, size);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t offset)
{
    if (is_struck_file("pwrite", file, size)) {
        syscall(SYS_pwrite64, file, data, size / 2, offset);
        strike();
    }
    return NEXT(pwrite)(file, data, size, offset);
}
int fsync(int file)
{
    if (is_struck_file("fsync", file, 0)) strike();
    return NEXT(fsync)(file);
}
int rename(const char *from, const char *to)
{
    if (is_struck_path("rename", to)) strike();
    return NEXT(rename)(from, to);
}
int unlink(const char *path)
{
    if (is_struck_path("unlink", path)) strike();
    return NEXT(unlink)(path);
}
int mkdir(const char *path, mode_t mode)
{
    if (is_struck_path("mkdir", path)) strike();
    return NEXT(mkdir)(path, mode);
}
