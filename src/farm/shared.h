/* The page that a rank, its zygote and its executor share. One executor runs at a time. */
#ifndef GRIDFRONT_FARM_SHARED_H
#define GRIDFRONT_FARM_SHARED_H

#include <gridfront/farm.h>

#include <stdatomic.h>

enum { GF_LOG_KEPT = 64 << 10 };

typedef struct gf_shared {
    /* rank -> executor */
    _Atomic bool stop;
    _Atomic double lease_until; /* gf_clock */
    /* executor -> rank */
    _Atomic double share, first_share; /* first: the first above 0; a resumed task begins there */
    _Atomic uint32_t line_version;     /* odd while the line is written */
    char line[128];
    _Atomic int32_t status; /* of the finished task; valid when the executor ended by itself */
    char reason[512];
    /* zygote -> rank */
    _Atomic int32_t executor; /* pid; 0: none */
    /* Ring of the executor's last output; written by the zygote, read when it has reported. */
    uint64_t log_written;
    char log[GF_LOG_KEPT];
} gf_shared;

gf_status gf_shared_create(gf_shared **shared);
void gf_shared_destroy(gf_shared *shared);
/* Before each task. */
void gf_shared_reset(gf_shared *shared, double lease_until);
void gf_shared_say(gf_shared *shared, double share, const char *line);
/* Copies the newest line; false while it is being written or empty. */
bool gf_shared_line(gf_shared *shared, char out[128]);
void gf_shared_log(gf_shared *shared, const char *bytes, size_t size);
/* out[GF_LOG_KEPT]; returns how many bytes. */
size_t gf_shared_log_read(const gf_shared *shared, char *out);

#endif
