/* All slots of a study, read in long pieces: `status --watch` looks at 10,000 stages every second.
 * What is torn here is looked at again alone, as somebody may be writing it at this moment. */
#include "study.h"

#include <stdlib.h>
#include <string.h>

enum { PAGES = 256 }; /* 1 MB at a time */

/* The newest of a pair of states; false: none checks, so it has to be read again. */
static bool take_state(gf_stage_slot *slot, const gf_slot_page *page, int stage)
{
    gf_seal seal, newest = { 0 };
    int torn = 0;
    slot->state = GF_STAGE_WAITING;
    for (int i = 0; i < 2; i++) {
        const gf_state_row *row = &page->state[i];
        gf_row_kind kind = gf_row_check(&seal, row, sizeof *row, stage);
        torn += kind == GF_ROW_TORN;
        if (kind != GF_ROW_GOOD || seal.sequence < newest.sequence) continue;
        if (row->state < 0 || row->state > GF_STAGE_STOPPED) continue;
        newest = seal;
        slot->state = (gf_stage_state)row->state;
    }
    return torn == 0;
}

static bool take_attempts(gf_stage_slot *slot, const gf_slot_page *page, int stage)
{
    gf_seal seal;
    int newest = 0;
    slot->count = 0;
    slot->fence = 0;
    for (int i = 0; i < GF_ATTEMPTS_KEPT; i++) {
        const gf_attempt_row *row = &page->attempts[i];
        gf_row_kind kind = gf_row_check(&seal, row, sizeof *row, stage);
        if (kind == GF_ROW_TORN) return false;
        if (kind != GF_ROW_GOOD) continue;
        if (row->attempt.attempt > newest) {
            newest = row->attempt.attempt;
            slot->fence = seal.fence;
        }
        slot->attempts[slot->count++] = row->attempt;
    }
    gf_attempts_settle(slot->attempts, slot->count);
    return true;
}

static void take_slot(gf_stage_slot *slot, gf_study *study, const gf_slot_page *page, int stage)
{
    uint32_t fence = 0;
    if (!take_state(slot, page, stage) && gf_study_read_state(study, stage, &slot->state) != GF_OK)
        slot->state = GF_STAGE_WAITING;
    if (take_attempts(slot, page, stage)) return;
    fence = slot->fence;
    if (gf_study_read_attempts(study, stage, slot->attempts, &slot->count) != GF_OK)
        slot->count = 0;
    slot->fence = fence;
}

gf_status gf_study_scan(gf_study *study,
                        void (*each)(void *context, int stage, const gf_stage_slot *slot),
                        void *context)
{
    gf_status status;
    gf_stage_slot slot;
    int stages = study->plan.stage_count;
    gf_slot_page *pages = gf_alloc(PAGES, sizeof *pages);
    GF_TRY_ALLOC(pages);
    for (int first = 0; first < stages; first += PAGES) {
        int count = stages - first < PAGES ? stages - first : PAGES;
        GF_TRY(gf_slots_read_bytes(study, pages, (size_t)count * GF_PAGE,
                                   study->slots.pages + (uint64_t)first * GF_PAGE));
        for (int i = 0; i < count; i++) {
            take_slot(&slot, study, &pages[i], first + i);
            each(context, first + i, &slot);
        }
    }
    status = GF_OK;
    gf_error_clear();
out:
    free(pages);
    return status;
}

gf_status gf_study_read_progress(gf_study *study, int stage, uint32_t fence,
                                 gf_stage_progress *progress)
{
    gf_status status = GF_OK;
    gf_seal seal;
    gf_stage_progress made = { 0 };
    if (stage < 0 || stage >= study->plan.stage_count)
        return gf_fail(GF_INVALID, "stage %d is outside [0, %d)", stage, study->plan.stage_count);
    int epochs = study->plan.stages[stage].epochs;
    gf_curve_row *rows = gf_alloc((size_t)epochs, sizeof *rows);
    uint64_t at = study->slots.curves + (uint64_t)study->slots.first_curve[stage] * sizeof *rows;
    GF_TRY_ALLOC(rows);
    GF_TRY(gf_slots_read_bytes(study, rows, (size_t)epochs * sizeof *rows, at));
    for (int e = 0; e < epochs; e++) {
        if (gf_row_check(&seal, &rows[e], sizeof rows[e], stage) != GF_ROW_GOOD) continue;
        made.last = rows[e].epoch;
        made.count++;
        if (seal.fence != fence || !(rows[e].epoch.seconds >= 0)) continue;
        made.fenced++;
        made.fenced_seconds += rows[e].epoch.seconds;
    }
    *progress = made;
out:
    free(rows);
    return status;
}
