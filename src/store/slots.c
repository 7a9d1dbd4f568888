/* Rows of a study, moved one at a time.
 *
 * State and result stand twice and are written in turn, so a write that is torn by a kill leaves
 * the value before it; a row that does not check is never returned. A writer whose fence is older
 * than that of the row it finds has lost its lease and is refused. */
#include "study.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- bytes ---- */

gf_status gf_slots_read_bytes(const gf_study *study, void *data, size_t size, uint64_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = pread(study->file, (char *)data + done, size - done, (off_t)(at + done));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0)
            return gf_fail(GF_IO, "%s/sweep.h5: cannot read: %s", study->dir, strerror(errno));
        if (part == 0) return gf_fail(GF_CORRUPT, "%s/sweep.h5: it was cut short", study->dir);
        done += (size_t)part;
    }
    return GF_OK;
}

/* Synced, so that another node sees it and a power failure keeps it: rows are seconds apart. */
static gf_status write_bytes(const gf_study *study, const void *data, size_t size, uint64_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t part =
            pwrite(study->file, (const char *)data + done, size - done, (off_t)(at + done));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0)
            return gf_fail(errno == ENOSPC || errno == EDQUOT ? GF_FULL : GF_IO,
                           "%s/sweep.h5: cannot write: %s", study->dir, strerror(errno));
        done += (size_t)part;
    }
    if (fdatasync(study->file) != 0)
        return gf_fail(GF_IO, "%s/sweep.h5: cannot sync: %s", study->dir, strerror(errno));
    return GF_OK;
}

static gf_status check_stage(const gf_study *study, int stage)
{
    if (stage < 0 || stage >= study->plan.stage_count)
        return gf_fail(GF_INVALID, "stage %d is outside [0, %d)", stage, study->plan.stage_count);
    return GF_OK;
}

/* ---- rows ---- */

enum { LOOKS = 4 };

/* A row of `size` bytes at `at`; kind and seal say what was found. Somebody may be writing it at
 * this moment, so a torn row is looked at again, `looks` times in all, before it is believed. */
static gf_status look_at_row(const gf_study *study, int stage, void *row, size_t size, uint64_t at,
                             gf_row_kind *kind, gf_seal *seal, int looks)
{
    gf_status status = GF_OK;
    for (int i = 0; i < looks; i++) {
        if (i) gf_sleep(0.0005);
        GF_TRY(gf_slots_read_bytes(study, row, size, at));
        *kind = gf_row_check(seal, row, size, stage);
        if (*kind != GF_ROW_TORN) break;
    }
out:
    return status;
}

static gf_status read_row(const gf_study *study, int stage, void *row, size_t size, uint64_t at,
                          gf_row_kind *kind, gf_seal *seal)
{
    return look_at_row(study, stage, row, size, at, kind, seal, LOOKS);
}

static gf_status refuse_old_fence(const gf_study *study, int stage, uint32_t fence, uint32_t found)
{
    if (fence >= found) return GF_OK;
    return gf_fail(GF_LOST, "%s: stage %d: fence %u is older than %u, which another holder wrote",
                   study->dir, stage, fence, found);
}

/* Seals row[size] as the successor of what stands at `at` and writes it there. */
static gf_status write_row(const gf_study *study, int stage, void *row, size_t size, uint64_t at,
                           uint32_t fence)
{
    gf_status status;
    gf_row_kind kind;
    gf_seal seal;
    char *old = malloc(size);
    GF_TRY_ALLOC(old);
    GF_TRY(read_row(study, stage, old, size, at, &kind, &seal));
    uint32_t sequence = kind == GF_ROW_GOOD ? seal.sequence : 0;
    if (kind == GF_ROW_GOOD) GF_TRY(refuse_old_fence(study, stage, fence, seal.fence));
    gf_row_seal(row, size, stage, fence, sequence + 1);
    GF_TRY(write_bytes(study, row, size, at));
out:
    free(old);
    return status;
}

/* The newest good one of two rows that are written in turn: its number, -1 when there is none.
 * *torn counts those that do not check. `rows` has room for both. */
static gf_status read_pair(const gf_study *study, int stage, void *rows, size_t size, uint64_t at,
                           int *newest, int *torn, gf_seal *seal)
{
    gf_status status = GF_OK;
    gf_row_kind kind;
    gf_seal found;
    *newest = -1;
    *torn = 0;
    *seal = (gf_seal){ 0 };
    for (int i = 0; i < 2; i++) {
        GF_TRY(read_row(study, stage, (char *)rows + (size_t)i * size, size, at + (size_t)i * size,
                        &kind, &found));
        *torn += kind == GF_ROW_TORN;
        if (kind != GF_ROW_GOOD || (*newest >= 0 && found.sequence < seal->sequence)) continue;
        *newest = i;
        *seal = found;
    }
out:
    return status;
}

/* Writes row[size] over the older one of a pair. */
static gf_status write_pair(const gf_study *study, int stage, void *row, size_t size, uint64_t at,
                            uint32_t fence)
{
    gf_status status;
    int newest, torn;
    gf_seal seal;
    void *rows = malloc(2 * size);
    GF_TRY_ALLOC(rows);
    GF_TRY(read_pair(study, stage, rows, size, at, &newest, &torn, &seal));
    if (newest >= 0) GF_TRY(refuse_old_fence(study, stage, fence, seal.fence));
    gf_row_seal(row, size, stage, fence, seal.sequence + 1);
    GF_TRY(write_bytes(study, row, size, at + (newest == 0 ? size : 0)));
out:
    free(rows);
    return status;
}

/* ---- where rows are ---- */

static uint64_t state_at(const gf_study *study, int stage)
{
    return study->slots.pages + (uint64_t)stage * GF_PAGE + offsetof(gf_slot_page, state);
}

static uint64_t attempt_at(const gf_study *study, int stage, int place)
{
    return study->slots.pages + (uint64_t)stage * GF_PAGE + offsetof(gf_slot_page, attempts) +
           (uint64_t)place * sizeof(gf_attempt_row);
}

static uint64_t result_at(const gf_study *study, int stage)
{
    return study->slots.results + (uint64_t)stage * gf_result_pages_size(study->plan.metric_count);
}

static uint64_t epoch_at(const gf_study *study, int stage, int epoch)
{
    uint64_t row = (uint64_t)study->slots.first_curve[stage] + (uint64_t)epoch - 1;
    return study->slots.curves + row * sizeof(gf_curve_row);
}

/* ---- state ---- */

static gf_status write_state(gf_study *study, int stage, gf_state_row row, uint32_t fence)
{
    gf_status status;
    GF_TRY(check_stage(study, stage));
    GF_TRY(write_pair(study, stage, &row, sizeof row, state_at(study, stage), fence));
out:
    return status;
}

gf_status gf_study_write_state(gf_study *study, int stage, gf_stage_state state, uint32_t fence)
{
    return write_state(study, stage, (gf_state_row){ .state = (int32_t)state }, fence);
}

gf_status gf_study_write_order(gf_study *study, int stage, int order, uint32_t fence)
{
    return write_state(study, stage, (gf_state_row){ .state = GF_STAGE_DONE, .order = order },
                       fence);
}

static gf_status read_state(const gf_study *study, int stage, gf_state_row *row)
{
    gf_status status;
    int newest, torn;
    gf_seal seal;
    gf_state_row rows[2];
    GF_TRY(check_stage(study, stage));
    GF_TRY(read_pair(study, stage, rows, sizeof rows[0], state_at(study, stage), &newest, &torn,
                     &seal));
    /* One torn row alone is a first write that was cut off: still the value before it. */
    bool known = newest < 0 || (rows[newest].state >= 0 && rows[newest].state <= GF_STAGE_STOPPED);
    if ((newest < 0 && torn == 2) || !known)
        status = gf_fail(GF_CORRUPT, "%s/sweep.h5: no state of stage %d checks", study->dir, stage);
    else
        *row = newest < 0 ? (gf_state_row){ .state = GF_STAGE_WAITING } : rows[newest];
out:
    return status;
}

gf_status gf_study_read_state(gf_study *study, int stage, gf_stage_state *state)
{
    gf_state_row row;
    gf_status status = read_state(study, stage, &row);
    if (status == GF_OK) *state = (gf_stage_state)row.state;
    return status;
}

gf_status gf_study_read_order(gf_study *study, int stage, int *order)
{
    gf_state_row row;
    gf_status status = read_state(study, stage, &row);
    if (status == GF_OK) *order = row.state == GF_STAGE_DONE ? row.order : 0;
    return status;
}

/* ---- attempts ---- */

gf_status gf_study_write_attempt(gf_study *study, int stage, const gf_stage_attempt *attempt,
                                 uint32_t fence)
{
    gf_status status;
    gf_attempt_row row = { .attempt = *attempt };
    GF_TRY(check_stage(study, stage));
    if (attempt->attempt < 1) {
        status = gf_fail(GF_INVALID, "attempt %d of stage %d: they count from 1", attempt->attempt,
                         stage);
        goto out;
    }
    int place = (attempt->attempt - 1) % GF_ATTEMPTS_KEPT;
    GF_TRY(write_row(study, stage, &row, sizeof row, attempt_at(study, stage, place), fence));
out:
    return status;
}

static int by_attempt(const void *a, const void *b)
{
    int32_t first = ((const gf_stage_attempt *)a)->attempt;
    int32_t second = ((const gf_stage_attempt *)b)->attempt;
    return (first > second) - (first < second);
}

void gf_attempts_settle(gf_stage_attempt *attempts, int count)
{
    for (int i = 0; i < count; i++) {
        gf_row_make_printable(attempts[i].host, GF_HOST_NAME);
        gf_row_make_printable(attempts[i].reason, GF_REASON);
    }
    qsort(attempts, (size_t)count, sizeof *attempts, by_attempt);
}

gf_status gf_study_read_attempts(gf_study *study, int stage,
                                 gf_stage_attempt attempts[GF_ATTEMPTS_KEPT], int *count)
{
    gf_status status;
    gf_attempt_row row;
    gf_row_kind kind;
    gf_seal seal;
    int found = 0;
    GF_TRY(check_stage(study, stage));
    for (int i = 0; i < GF_ATTEMPTS_KEPT; i++) {
        GF_TRY(read_row(study, stage, &row, sizeof row, attempt_at(study, stage, i), &kind, &seal));
        if (kind == GF_ROW_GOOD) attempts[found++] = row.attempt;
    }
    gf_attempts_settle(attempts, found);
    *count = found;
out:
    return status;
}

gf_status gf_study_mend_attempts(gf_study *study, int stage)
{
    gf_status status;
    gf_attempt_row row;
    gf_row_kind kind;
    gf_seal seal;
    GF_TRY(check_stage(study, stage));
    for (int i = 0; i < GF_ATTEMPTS_KEPT; i++) {
        GF_TRY(read_row(study, stage, &row, sizeof row, attempt_at(study, stage, i), &kind, &seal));
        if (kind != GF_ROW_TORN) continue;
        row = (gf_attempt_row){ 0 };
        GF_TRY(write_bytes(study, &row, sizeof row, attempt_at(study, stage, i)));
    }
out:
    return status;
}

/* ---- learning curve ---- */

gf_status gf_study_write_epoch(gf_study *study, int stage, const gf_epoch_row *epoch,
                               uint32_t fence)
{
    gf_status status;
    gf_curve_row row = { .epoch = *epoch };
    GF_TRY(check_stage(study, stage));
    if (epoch->epoch < 1 || epoch->epoch > study->plan.stages[stage].epochs) {
        status = gf_fail(GF_INVALID, "epoch %d of stage %d is outside [1, %d]", epoch->epoch, stage,
                         study->plan.stages[stage].epochs);
        goto out;
    }
    GF_TRY(write_row(study, stage, &row, sizeof row, epoch_at(study, stage, epoch->epoch), fence));
out:
    return status;
}

gf_status gf_study_read_epochs(gf_study *study, int stage, gf_epoch_row *rows, int *count)
{
    gf_status status;
    gf_curve_row row;
    gf_row_kind kind;
    gf_seal seal;
    int found = 0, torn = 0;
    GF_TRY(check_stage(study, stage));
    for (int epoch = 1; epoch <= study->plan.stages[stage].epochs; epoch++) {
        /* One writer tears one row; where more are torn there is nobody to wait for. */
        GF_TRY(look_at_row(study, stage, &row, sizeof row, epoch_at(study, stage, epoch), &kind,
                           &seal, torn < 2 ? LOOKS : 1));
        torn += kind == GF_ROW_TORN;
        if (kind == GF_ROW_GOOD && row.epoch.epoch == epoch) rows[found++] = row.epoch;
    }
    *count = found;
out:
    return status;
}

/* ---- result ---- */

gf_status gf_study_write_result(gf_study *study, int stage, const double *values, uint32_t fence)
{
    gf_status status;
    size_t size = gf_result_row_size(study->plan.metric_count);
    void *row = NULL;
    GF_TRY(check_stage(study, stage));
    GF_TRY_ALLOC(row = calloc(1, size));
    memcpy(row, values, (size_t)study->plan.metric_count * sizeof *values);
    GF_TRY(write_pair(study, stage, row, size, result_at(study, stage), fence));
out:
    free(row);
    return status;
}

gf_status gf_study_read_result(gf_study *study, int stage, double *values)
{
    gf_status status;
    size_t size = gf_result_row_size(study->plan.metric_count);
    char *rows = NULL;
    int newest, torn;
    gf_seal seal;
    GF_TRY(check_stage(study, stage));
    GF_TRY_ALLOC(rows = malloc(2 * size));
    GF_TRY(read_pair(study, stage, rows, size, result_at(study, stage), &newest, &torn, &seal));
    if (newest >= 0)
        memcpy(values, rows + (size_t)newest * size,
               (size_t)study->plan.metric_count * sizeof *values);
    else if (torn)
        status = gf_fail(GF_CORRUPT, "%s/sweep.h5: the result of stage %d does not check",
                         study->dir, stage);
    else
        status = gf_fail(GF_NOTFOUND, "%s: stage %d has no result yet", study->dir, stage);
out:
    free(rows);
    return status;
}

/* ---- fences ---- */

static void raise_fence(uint32_t *highest, const void *row, size_t size, int stage)
{
    gf_seal seal;
    if (gf_row_check(&seal, row, size, stage) == GF_ROW_GOOD && seal.fence > *highest)
        *highest = seal.fence;
}

/* Attempts and states carry every fence that was given out, but a row may have been torn: results
 * and curves are asked as well. */
static gf_status raise_by_stage(gf_study *study, int stage, uint32_t *highest)
{
    gf_status status;
    gf_slot_page page;
    gf_curve_row curve;
    size_t size = gf_result_row_size(study->plan.metric_count);
    char *results = malloc(2 * size);
    GF_TRY_ALLOC(results);
    GF_TRY(gf_slots_read_bytes(study, &page, sizeof page, state_at(study, stage)));
    for (int i = 0; i < 2; i++) raise_fence(highest, &page.state[i], sizeof page.state[i], stage);
    for (int i = 0; i < GF_ATTEMPTS_KEPT; i++)
        raise_fence(highest, &page.attempts[i], sizeof page.attempts[i], stage);
    GF_TRY(gf_slots_read_bytes(study, results, 2 * size, result_at(study, stage)));
    for (size_t i = 0; i < 2; i++) raise_fence(highest, results + i * size, size, stage);
    for (int epoch = 1; epoch <= study->plan.stages[stage].epochs; epoch++) {
        GF_TRY(gf_slots_read_bytes(study, &curve, sizeof curve, epoch_at(study, stage, epoch)));
        raise_fence(highest, &curve, sizeof curve, stage);
    }
out:
    free(results);
    return status;
}

gf_status gf_study_highest_fence(gf_study *study, uint32_t *fence)
{
    gf_status status = GF_OK;
    uint32_t highest = 0;
    for (int i = 0; i < study->plan.stage_count; i++) GF_TRY(raise_by_stage(study, i, &highest));
    *fence = highest;
out:
    return status;
}
