/* Private to store: rows of sweep.h5 as they stand on disk.
 *
 * HDF5 describes these bytes to outsiders; we move them with pread and pwrite at the datasets'
 * offsets, one row a call. The structs therefore are the file format: no holes, little-endian, a
 * seal at the end of every row. A stage's rows fill pages of their own, as two NFS clients that
 * write into one page overwrite each other. */
#ifndef GRIDFRONT_STORE_ROWS_H
#define GRIDFRONT_STORE_ROWS_H

#include "h5.h"

#define GF_PAGE 4096

typedef struct gf_seal {
    int32_t stage;
    uint32_t fence;
    uint32_t sequence; /* 1, 2, ...; 0 with all the row: never written */
    uint32_t crc;      /* gf_crc32 of everything before it in the row */
} gf_seal;

typedef struct gf_state_row {
    int32_t state, order, reserved[2]; /* order: 1, 2, ...; 0: no result was counted */
    gf_seal seal;
} gf_state_row;

typedef struct gf_attempt_row {
    gf_stage_attempt attempt;
    gf_seal seal;
} gf_attempt_row;

/* 32 to the page, so that /epochs is one flat table and every stage starts on a page. */
typedef struct gf_curve_row {
    gf_epoch_row epoch;
    uint8_t reserved[56];
    gf_seal seal;
} gf_curve_row;
#define GF_CURVE_ROWS (GF_PAGE / (int)sizeof(gf_curve_row))

/* Who holds a stage's lease in the master's eyes, and how its attempts went. */
typedef struct gf_slot_page {
    gf_state_row state[2]; /* written in turn: the newest that checks counts */
    gf_attempt_row attempts[GF_ATTEMPTS_KEPT];
    uint8_t
        reserved[GF_PAGE - 2 * sizeof(gf_state_row) - GF_ATTEMPTS_KEPT * sizeof(gf_attempt_row)];
} gf_slot_page;

/* A result row is `metrics` doubles and a seal; two of them, written in turn, in whole pages. */
size_t gf_result_row_size(int metrics);
size_t gf_result_pages_size(int metrics);

/* HDF5's view of them; the caller closes. -1 when HDF5 fails. */
hid_t gf_slot_type(void);
hid_t gf_curve_type(void);
hid_t gf_result_type(int metrics);

typedef enum gf_row_kind { GF_ROW_EMPTY, GF_ROW_GOOD, GF_ROW_TORN } gf_row_kind;
void gf_row_seal(void *row, size_t size, int stage, uint32_t fence, uint32_t sequence);
/* text[size], ended where it was not: what terminals obey becomes '?', lines stay lines. */
void gf_row_make_printable(char *text, size_t size);
gf_row_kind gf_row_check(gf_seal *seal, const void *row, size_t size, int stage);

#endif
