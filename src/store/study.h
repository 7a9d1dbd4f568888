/* Private to store: an open study, and the two halves of sweep.h5.
 *
 * The plan is written once, compressed, and never touched again. The slots are contiguous, full
 * size from the start and zeroed; rows are moved by pread and pwrite at the offsets below. */
#ifndef GRIDFRONT_STORE_STUDY_H
#define GRIDFRONT_STORE_STUDY_H

#include "rows.h"

#include <limits.h>

#define GF_STUDY_FORMAT  "gridfront study"
#define GF_STUDY_VERSION "1"
#define GF_STUDY_ID      17 /* 16 hex digits and the NUL */

typedef struct gf_slots { /* where rows are in the file, bytes */
    uint64_t pages, curves, results;
    int64_t *first_curve; /* row of /epochs where each stage begins */
} gf_slots;

struct gf_study {
    char *dir;
    int file; /* descriptor of sweep.h5 */
    char id[GF_STUDY_ID];
    gf_arena *arena; /* holds the plan */
    gf_study_plan plan;
    gf_slots slots;
};

/* sweep.h5 begins with one page of text: its length, and the digest of everything after it with
 * the pages that are written in place taken as zeros, as they were when it was created. */
void gf_slots_clear_pages(char *bytes, const gf_slots *slots, const gf_study_plan *plan);
uint64_t gf_slots_curve_rows(const gf_study_plan *plan);
gf_status gf_slots_read_bytes(const gf_study *study, void *data, size_t size, uint64_t at);

/* DIR/name; INVALID when it is too long. */
gf_status gf_study_path(char out[PATH_MAX], const char *dir, const char *name);

/* ---- the plan (plan.c, plan_check.c) ---- */

gf_status gf_plan_check(const gf_study_plan *plan, const char *where, gf_status wrong);
gf_status gf_plan_write(const gf_h5_file *file, const gf_study_plan *plan);
/* Fills an arena's plan; checks digests and that every row number is in range. */
gf_status gf_plan_read(gf_study_plan *plan, gf_arena *arena, const gf_h5_file *file);

/* ---- the slots (layout.c) ---- */

gf_status gf_slots_write(const gf_h5_file *file, const gf_study_plan *plan, const char *id);
gf_status gf_slots_find(gf_slots *slots, gf_arena *arena, const gf_h5_file *file, int descriptor,
                        const gf_study_plan *plan);
/* The files that row's external links name, relative to DIR unless the store is absolute. */
gf_status gf_slots_link_text(char out[PATH_MAX], const gf_study_plan *plan, int row,
                             const char *checkpoint_id);
/* CORRUPT names the first link that does not stand as it was made. */
gf_status gf_slots_check_links(const gf_h5_file *file, const gf_study_plan *plan, const char *id);

#endif
