/* DIR/lease: who runs this study now, so that no second run starts and gc keeps its hands off.
 *
 * The file is made with O_EXCL, which is atomic on NFS as well. A holder on this host and boot is
 * alive when its process is (number and start time: numbers are reused); after a reboot of this
 * host it is not; of another host we only know its heartbeat. */
#include "study.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SILENCE 60.0 /* s without a heartbeat after which a holder elsewhere counts as gone */

typedef struct holder {
    char host[GF_HOST_NAME], boot[64];
    long pid;
    long long start;    /* clock ticks after boot when the process began, 0: unknown */
    double since, beat; /* s since 1970: when it was taken, last sign of life */
} holder;

/* ---- who we are ---- */

/* Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so count from its end. A
 * process that has ended and only waits to be reaped (state Z) counts as one that never began. */
static long long start_of(long pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
    char *at = strrchr(text, ')');
    if (at && (at[1] == ' ' && strchr("ZX", at[2]))) return -1;
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    return at ? strtoll(at, NULL, 10) : 0;
}

static void read_boot(char *out, size_t size)
{
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, out, size - 1) : 0;
    if (file >= 0) close(file);
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static holder ourselves(void)
{
    double now = gf_clock_wall();
    holder us = { .pid = (long)getpid(), .since = now, .beat = now };
    if (gethostname(us.host, sizeof us.host - 1) != 0) us.host[0] = '\0';
    read_boot(us.boot, sizeof us.boot);
    us.start = start_of(us.pid);
    return us;
}

static bool same_holder(const holder *a, const holder *b)
{
    return a->pid == b->pid && a->start == b->start && !strcmp(a->host, b->host) &&
           !strcmp(a->boot, b->boot);
}

static bool is_alive(const holder *it, const holder *us)
{
    if (strcmp(it->host, us->host)) return fabs(us->beat - it->beat) < SILENCE;
    if (strcmp(it->boot, us->boot)) return false;
    if (kill((pid_t)it->pid, 0) != 0 && errno == ESRCH) return false;
    long long start = start_of(it->pid);
    return !start || !it->start || start == it->start;
}

/* ---- the file ---- */

static int print_holder(char *out, size_t size, const holder *it)
{
    return snprintf(out, size,
                    "host = %s\nboot = %s\npid = %ld\nstart = %lld\nsince = %.3f\nbeat = %.3f\n",
                    it->host, it->boot, it->pid, it->start, it->since, it->beat);
}

static const char *value_of(const gf_options *options, const char *key)
{
    const char *value = gf_options_get(options, key);
    return value ? value : "";
}

static gf_status parse_holder(holder *it, const char *text)
{
    gf_status status;
    gf_options *options = NULL;
    GF_TRY(gf_options_parse(&options, text));
    *it = (holder){ .pid = strtol(value_of(options, "pid"), NULL, 10),
                    .start = strtoll(value_of(options, "start"), NULL, 10),
                    .since = strtod(value_of(options, "since"), NULL),
                    .beat = strtod(value_of(options, "beat"), NULL) };
    snprintf(it->host, sizeof it->host, "%s", value_of(options, "host"));
    gf_row_make_printable(it->host, sizeof it->host);
    snprintf(it->boot, sizeof it->boot, "%s", value_of(options, "boot"));
    int lines = gf_options_count(options); /* `since` is younger than the others */
    if (lines < 5 || lines > 6 || it->pid < 1)
        status = gf_fail(GF_CORRUPT, "a lease of %d lines, process %ld", lines, it->pid);
out:
    gf_options_destroy(options);
    return status;
}

/* Whoever makes the file writes it a moment later: rubbish is looked at again for a while. */
static gf_status read_holder(holder *it, const char *path)
{
    enum { LOOKS = 10, LONGEST = 4096 };
    gf_status status = GF_OK;
    for (int i = 0; i < LOOKS; i++) {
        char *text = NULL;
        size_t size;
        GF_TRY(gf_file_read(&text, &size, path, LONGEST));
        status = parse_holder(it, text);
        free(text);
        if (status == GF_OK) return GF_OK;
        gf_sleep(0.02);
    }
out:
    return status;
}

/* CONFLICT when there is a file already. */
static gf_status make_file(const char *path, const holder *us)
{
    char text[512];
    int size = print_holder(text, sizeof text, us);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return gf_fail(errno == EEXIST ? GF_CONFLICT : GF_IO, "%s: cannot create: %s", path,
                       strerror(errno));
    bool written = write(file, text, (size_t)size) == size;
    int error = errno;
    if (close(file) == 0 && written) return GF_OK;
    unlink(path);
    return gf_fail(error == ENOSPC ? GF_FULL : GF_IO, "%s: cannot write: %s", path,
                   strerror(error));
}

/* Moves a dead holder's file away (NULL: one that cannot be read). If another run was quicker, what
 * we moved is that run's: it is put back, and the caller looks again. */
static gf_status remove_dead(const char *path, const holder *dead)
{
    gf_status status;
    holder moved;
    char away[PATH_MAX];
    int length = snprintf(away, sizeof away, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || length >= PATH_MAX)
        return gf_fail(GF_INVALID, "%.80s...: path too long", path);
    if (rename(path, away) != 0) {
        if (errno == ENOENT) return GF_OK;
        return gf_fail(GF_IO, "%s: cannot move away: %s", path, strerror(errno));
    }
    status = read_holder(&moved, away);
    if (dead && status == GF_OK && !same_holder(&moved, dead) && link(away, path) != 0)
        gf_log(GF_WARN, "store", "%s: cannot put back: %s", path, strerror(errno));
    unlink(away);
    return GF_OK;
}

/* ---- take, beat, release ---- */

gf_status gf_study_lease_take(const char *dir)
{
    enum { TRIES = 8 };
    gf_status status;
    char path[PATH_MAX];
    holder us = ourselves(), it = { 0 };
    GF_TRY(gf_study_path(path, dir, "lease"));
    for (int i = 0; i < TRIES; i++) {
        status = make_file(path, &us);
        if (status != GF_CONFLICT) return status;
        gf_status read = read_holder(&it, path);
        if (read == GF_NOTFOUND) continue;
        if (read == GF_OK && same_holder(&it, &us)) return GF_OK;
        if (read == GF_OK && is_alive(&it, &us))
            return gf_fail(GF_CONFLICT, "%s: process %ld on %s is running this sweep", dir, it.pid,
                           it.host);
        GF_TRY(remove_dead(path, read == GF_OK ? &it : NULL));
    }
    status = gf_fail(GF_CONFLICT, "%s: other runs are starting here at this moment", dir);
out:
    return status;
}

gf_status gf_study_lease_beat(const char *dir)
{
    gf_status status;
    char path[PATH_MAX], text[512];
    holder us = ourselves(), it = { 0 };
    GF_TRY(gf_study_path(path, dir, "lease"));
    status = read_holder(&it, path);
    if (status != GF_OK || !same_holder(&it, &us))
        return gf_fail(GF_LOST, "%s: the lease of this run is gone%s%s", path,
                       it.host[0] ? ", held by " : "", it.host);
    us.since = it.since;
    int size = print_holder(text, sizeof text, &us);
    GF_TRY(gf_file_write(path, text, (size_t)size));
out:
    return status;
}

void gf_study_lease_release(const char *dir)
{
    char path[PATH_MAX];
    holder us = ourselves(), it;
    if (gf_study_path(path, dir, "lease") != GF_OK) return;
    if (read_holder(&it, path) == GF_OK && same_holder(&it, &us)) unlink(path);
}

bool gf_study_lease_held(const char *dir, char *who, size_t size)
{
    char path[PATH_MAX];
    holder us = ourselves(), it;
    if (gf_study_path(path, dir, "lease") != GF_OK || !gf_file_exists(path)) return false;
    if (read_holder(&it, path) != GF_OK || !is_alive(&it, &us)) return false;
    snprintf(who, size, "process %ld on %s", it.pid, it.host);
    return true;
}

double gf_study_lease_since(const char *dir)
{
    char path[PATH_MAX];
    holder us = ourselves(), it;
    if (gf_study_path(path, dir, "lease") != GF_OK || !gf_file_exists(path)) return 0;
    return read_holder(&it, path) == GF_OK && is_alive(&it, &us) ? it.since : 0;
}
