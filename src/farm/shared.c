/* The shared page. */
#include "shared.h"

#include <string.h>
#include <sys/mman.h>

gf_status gf_shared_create(gf_shared **shared)
{
    void *memory =
        mmap(NULL, sizeof(gf_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return gf_fail(GF_NOMEM, "out of memory for the page shared with executors");
    *shared = memory;
    return GF_OK;
}

void gf_shared_destroy(gf_shared *shared)
{
    if (shared) munmap(shared, sizeof *shared);
}

void gf_shared_reset(gf_shared *shared, double lease_until)
{
    atomic_store(&shared->stop, false);
    atomic_store(&shared->lease_until, lease_until);
    atomic_store(&shared->share, 0);
    atomic_store(&shared->first_share, 0);
    atomic_store(&shared->line_version, 0);
    atomic_store(&shared->status, GF_INTERNAL);
    shared->line[0] = shared->reason[0] = '\0';
    shared->log_written = 0;
}

void gf_shared_say(gf_shared *shared, double share, const char *line)
{
    if (atomic_load(&shared->share) <= 0) atomic_store(&shared->first_share, share);
    atomic_store(&shared->share, share);
    if (!line) return;
    atomic_fetch_add(&shared->line_version, 1);
    snprintf(shared->line, sizeof shared->line, "%s", line);
    atomic_fetch_add(&shared->line_version, 1);
}

bool gf_shared_line(gf_shared *shared, char out[128])
{
    uint32_t before = atomic_load(&shared->line_version);
    memcpy(out, shared->line, 128);
    out[127] = '\0';
    return out[0] && before % 2 == 0 && atomic_load(&shared->line_version) == before;
}

void gf_shared_log(gf_shared *shared, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        shared->log[(shared->log_written + i) % GF_LOG_KEPT] = bytes[i];
    shared->log_written += size;
}

size_t gf_shared_log_read(const gf_shared *shared, char *out)
{
    uint64_t written = shared->log_written;
    size_t size = written < GF_LOG_KEPT ? (size_t)written : GF_LOG_KEPT;
    for (size_t i = 0; i < size; i++) out[i] = shared->log[(written - size + i) % GF_LOG_KEPT];
    return size;
}
