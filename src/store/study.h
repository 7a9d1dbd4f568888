/* Private to store: an open study, and the two halves of sweep.h5.
 *
 * The plan is written once, compressed, and never touched again. The slots are contiguous, full
 * size from the start and zeroed; rows are moved by pread and pwrite at the offsets below. */
#ifndef GRIDFRONT_STORE_STUDY_H
#define GRIDFRONT_STORE_STUDY_H

#include "parcel.h"
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
    int file;      /* descriptor of sweep.h5 */
    uint64_t size; /* of it, bytes; it never changes */
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

/* Attempts as they were read: printable, oldest first. */
void gf_attempts_settle(gf_stage_attempt *attempts, int count);

/* Fills a study, opened and empty yet, with what a reader's process found out. */
gf_status gf_study_take(gf_parcel *parcel, void *study);
/* DIR/name; INVALID when it is too long. */
gf_status gf_study_path(char out[PATH_MAX], const char *dir, const char *name);

/* ---- folders (paths.c) ---- */

bool gf_store_is_link(const char *path); /* symbolic, whatever it leads to */
/* With its parents; UNSUPPORTED where it is a symbolic link. */
gf_status gf_store_folder_make(const char *path);

/* ---- the plan (plan.c, plan_check.c, plan_parcel.c) ---- */

/* One list of columns serves the file and the parcel, in both directions. */
typedef struct gf_plan_column {
    const char *name;
    enum { GF_NUMBERS, GF_TEXTS, GF_LISTS } kind;
    gf_dtype dtype;       /* of numbers */
    size_t offset, count; /* of the member; of a list's count */
    bool optional;        /* younger than the format: zeros where it is not there */
} gf_plan_column;
typedef struct gf_plan_table {
    const char *name;
    const gf_plan_column *columns;
    size_t column_count, stride;
    size_t rows, count; /* offsets of the pointer to the rows and of their number in the plan */
} gf_plan_table;
#define GF_PLAN_TABLES 3
extern const gf_plan_table gf_plan_tables[GF_PLAN_TABLES];
typedef struct gf_plan_text {
    const char *name;
    size_t offset; /* in the plan */
} gf_plan_text;
#define GF_PLAN_TEXTS 5
extern const gf_plan_text gf_plan_texts[GF_PLAN_TEXTS];

gf_status gf_plan_check(const gf_study_plan *plan, const char *where, gf_status wrong);
gf_status gf_plan_write(const gf_h5_file *file, const gf_study_plan *plan);
/* Fills an arena's plan; checks digests and that every row number is in range. */
gf_status gf_plan_read(gf_study_plan *plan, gf_arena *arena, const gf_h5_file *file);
/* From the reader's process to ours; what is taken is checked like what is read. */
void gf_plan_put(gf_parcel_out *parcel, const gf_study_plan *plan);
gf_status gf_plan_take(gf_study_plan *plan, gf_arena *arena, gf_parcel *parcel, const char *path);

/* ---- the slots (layout.c) ---- */

gf_status gf_slots_write(const gf_h5_file *file, const gf_study_plan *plan, const char *id);
/* In the reader's process: where the pages are. first_curve stays NULL. */
gf_status gf_slots_find(gf_slots *slots, const gf_h5_file *file, int descriptor,
                        const gf_study_plan *plan);
/* In ours: do they lie in a file of this size, apart from each other and from its first page? Fills
 * in first_curve. */
gf_status gf_slots_settle(gf_slots *slots, gf_arena *arena, const gf_study_plan *plan,
                          uint64_t file_size, const char *path);
/* The files that row's external links name, relative to DIR unless the store is absolute. */
gf_status gf_slots_link_text(char out[PATH_MAX], const gf_study_plan *plan, int row,
                             const char *checkpoint_id);
/* CORRUPT names the first link that does not stand as it was made. */
gf_status gf_slots_check_links(const gf_h5_file *file, const gf_study_plan *plan, const char *id);

#endif
