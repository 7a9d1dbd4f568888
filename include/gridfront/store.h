/* store (L1): everything on disk, and nothing else includes hdf5.h.
 *
 * An artifact is one immutable HDF5 file per finished stage: named tensors, an opaque graph text
 * and text attributes; it holds nothing that differs between two runs of the same stage. A
 * checkpoint is the same kind of file under another name. A study is the results folder of one
 * sweep: sweep.h5 with a layout that is frozen when it is created, into which every holder of a
 * lease writes its own slot, plus the DONE mark. The schema is documented in results/README.md. */
#ifndef GRIDFRONT_STORE_H
#define GRIDFRONT_STORE_H

#include <gridfront/base.h>

/* ---- tensors ------------------------------------------------------------------------------- */

typedef enum gf_dtype { GF_F32, GF_F64, GF_I32, GF_I64, GF_U8 } gf_dtype;
size_t gf_dtype_size(gf_dtype dtype);

#define GF_TENSOR_RANK 4
#define GF_TENSOR_NAME 96
typedef struct gf_tensor {
    char name[GF_TENSOR_NAME]; /* "layer1.0.conv1.weight"; '/' not allowed */
    gf_dtype dtype;
    int rank;                     /* 0 (scalar) .. GF_TENSOR_RANK */
    int64_t dims[GF_TENSOR_RANK]; /* row-major */
    void *data;                   /* owned by the list it is in */
} gf_tensor;
typedef struct gf_tensors { /* zero-initialize */
    gf_tensor *items;
    int count, capacity;
} gf_tensors;
/* Adds a copy of data (zeros when data is NULL). *added (may be NULL) is borrowed until the next
 * add. */
gf_status gf_tensors_add(gf_tensors *tensors, gf_tensor **added, const char *name, gf_dtype dtype,
                         int rank, const int64_t *dims, const void *data);
gf_tensor *gf_tensors_find(const gf_tensors *tensors, const char *name); /* NULL: absent */
int64_t gf_tensor_count(const gf_tensor *tensor);                        /* elements */
void gf_tensors_release(gf_tensors *tensors);

/* ---- artifacts and checkpoints ------------------------------------------------------------- */

typedef struct gf_artifact { /* zero-initialize */
    char *graph;             /* opaque text of nn */
    gf_options *facts;       /* text attributes: options of the stage, metrics, method facts */
    gf_tensors tensors;      /* parameters, view states, or training state */
} gf_artifact;
void gf_artifact_release(gf_artifact *artifact);
/* Written to a temporary name, fsynced, renamed. FULL, IO. */
gf_status gf_artifact_save(const char *path, const gf_artifact *artifact);
/* The same; the temporary name begins with `stem` (a checkpoint's path: its study tidies up). */
gf_status gf_artifact_save_as(const char *path, const char *stem, const gf_artifact *artifact);
/* CORRUPT when anything does not check: every dataset carries a digest of its contents. */
gf_status gf_artifact_load(gf_artifact *artifact, const char *path);
/* Length and digest of all bytes, as the file's head tells them; nothing is taken apart. */
gf_status gf_artifact_check(const char *path);
/* Hash of contents, not of HDF5's bytes: the identity of an artifact. */
gf_key gf_artifact_hash(const gf_artifact *artifact);

/* Paths inside a store: ROOT/ab/<key>.h5 and ROOT/ab/<key>.<study id>.part.h5. Folders are made. */
gf_status gf_store_artifact_path(char *out, size_t size, const char *root, const char *key);
gf_status gf_store_checkpoint_path(char *out, size_t size, const char *root, const char *key,
                                   const char *study_id);

/* ---- a study: sweep.h5 ------------------------------------------------------------------- */

typedef enum gf_stage_state {
    GF_STAGE_WAITING,
    GF_STAGE_RUNNING,
    GF_STAGE_DONE,
    GF_STAGE_FAILED,  /* quarantined after max_attempts */
    GF_STAGE_BLOCKED, /* a stage that it needs failed */
    GF_STAGE_STOPPED  /* early stopping: its trial does not go on */
} gf_stage_state;

#define GF_ATTEMPTS_KEPT 4
#define GF_HOST_NAME     64
#define GF_REASON        512
typedef struct gf_stage_attempt {
    int32_t attempt; /* 1, 2, ...; 0: empty */
    int32_t status;  /* gf_status; GF_OK when it finished */
    int32_t signal;  /* that ended its executor; 0: none */
    int32_t rank;
    double started, ended; /* s since 1970; ended 0: running */
    int64_t peak_memory;   /* bytes */
    char host[GF_HOST_NAME];
    char reason[GF_REASON]; /* why it failed, "" otherwise */
} gf_stage_attempt;

/* One line of a stage's learning curve. Fractions, seconds. NaN where not measured. */
typedef struct gf_epoch_row {
    int32_t epoch; /* 1.. */
    int32_t steps;
    double lr, train_loss, train_accuracy, validation_loss, validation_accuracy, seconds;
} gf_epoch_row;

/* What the creator passes: plain tables; texts are copied. NULL texts become "". */
typedef struct gf_stage_row {
    const char *key;         /* 32 lower-case hex digits */
    const char *kind;        /* "train", "prune", ... */
    const char *label;       /* "filter-l1 0.5" */
    const char *options;     /* canonical text: seed, numerics, data.*, model.*, and its own */
    int32_t parent;          /* row, less than its own; -1: none */
    const int32_t *teachers; /* rows, less than its own */
    int32_t teacher_count;
    int32_t ordinal; /* of training stages in the chain */
    int32_t epochs;  /* rows of the learning curve to reserve */
    int64_t seed;
    double cost;    /* MACs x images x epochs */
    double seconds; /* that were predicted for one worker when the study was made; 0: none were */
} gf_stage_row;
typedef struct gf_trial_row {
    int32_t point, seed_index;
    int64_t seed;
    const int32_t *stages; /* rows, first to last */
    int32_t stage_count;
} gf_trial_row;
typedef struct gf_point_row {
    const char *label;   /* "width 16, qat 4/4": what varies */
    const char *options; /* the axes' values of this point, "prune.amount = 0.5\n" */
} gf_point_row;
typedef struct gf_study_plan {
    const char *name, *text, *settings; /* sweep text as read; objectives etc. as options text */
    const char *provenance;             /* options text: revision, compiler, libraries, numerics */
    const gf_stage_row *stages;
    const gf_trial_row *trials;
    const gf_point_row *points;
    int32_t stage_count, trial_count, point_count;
    const char *const *metrics; /* names of the result columns */
    int32_t metric_count;
    const char *store; /* folder of the artifacts: absolute, or relative to DIR ("../stages") */
} gf_study_plan;

typedef struct gf_study gf_study;
/* Creates DIR/sweep.h5 completely (early allocation, flushed, closed, renamed into place).
 * INVALID: a row number, key or count is out of range. CONFLICT: there is one. FULL, IO. */
gf_status gf_study_create(const char *dir, const gf_study_plan *plan);
bool gf_study_exists(const char *dir);
/* Opens for reading, or for writing slots (no locks; any number of processes, one thread each).
 * NOTFOUND, or CORRUPT when the plan does not check. HDF5 is closed again before it returns. */
gf_status gf_study_open(gf_study **study, const char *dir, bool writing);
void gf_study_close(gf_study *study);
/* The plan as stored; borrowed until close. */
const gf_study_plan *gf_study_plan_get(const gf_study *study);
const char *gf_study_id(const gf_study *study); /* 16 hex digits, given at creation */

/* Slots: only the holder of the stage's lease writes. Every row carries fence, sequence, CRC; it
 * is synced when the call returns. LOST: a newer fence has written there already. State and
 * attempts may be written by another process than epochs and result. */
gf_status gf_study_write_state(gf_study *study, int stage, gf_stage_state state, uint32_t fence);
/* The place of a finished stage's result among those of the sweep, 1, 2, ... */
gf_status gf_study_write_order(gf_study *study, int stage, int order, uint32_t fence);
gf_status gf_study_write_attempt(gf_study *study, int stage, const gf_stage_attempt *attempt,
                                 uint32_t fence);
gf_status gf_study_write_epoch(gf_study *study, int stage, const gf_epoch_row *row, uint32_t fence);
/* values[metric_count]; NaN: not measured. */
gf_status gf_study_write_result(gf_study *study, int stage, const double *values, uint32_t fence);
/* The highest fence in any row, 0: none. A run that resumes gives out fences above it. */
gf_status gf_study_highest_fence(gf_study *study, uint32_t *fence);
/* A log of a failed stage, its last 64 KB at most; kept as a file in DIR/logs/. */
gf_status gf_study_write_log(gf_study *study, int stage, const char *log, size_t size);

/* WAITING where none was ever written. A torn newest row gives the one before it. */
gf_status gf_study_read_state(gf_study *study, int stage, gf_stage_state *state);
gf_status gf_study_read_order(gf_study *study, int stage, int *order); /* 0: none */
/* States and attempts of all stages at once, for who looks at them again and again: `each` is told
 * of one after another. A state that does not check counts as waiting. */
typedef struct gf_stage_slot {
    gf_stage_state state;
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT]; /* as gf_study_read_attempts */
    uint32_t fence;                              /* of the newest attempt; 0: none */
    int count;
} gf_stage_slot;
gf_status gf_study_scan(gf_study *study,
                        void (*each)(void *context, int stage, const gf_stage_slot *slot),
                        void *context);
/* How far a stage's learning curve is: the newest row, how many there are, and how many s, of how
 * many epochs, stand in rows that were written under `fence`. count 0: last is not set. */
typedef struct gf_stage_progress {
    gf_epoch_row last;
    int count, fenced;
    double fenced_seconds;
} gf_stage_progress;
gf_status gf_study_read_progress(gf_study *study, int stage, uint32_t fence,
                                 gf_stage_progress *progress);
/* How long sweep.h5 of such stages will be, to some percent: its plan is compressed. */
double gf_study_expect_bytes(const gf_stage_row *stages, int count, int metrics);
/* The last ones, oldest first; those that do not check are left out. */
gf_status gf_study_read_attempts(gf_study *study, int stage,
                                 gf_stage_attempt attempts[GF_ATTEMPTS_KEPT], int *count);
/* Empties those that do not check: a kill tore them, and nobody will write them again. */
gf_status gf_study_mend_attempts(gf_study *study, int stage);
/* rows[epochs of that stage]; *count of those that check. */
gf_status gf_study_read_epochs(gf_study *study, int stage, gf_epoch_row *rows, int *count);
/* NOTFOUND: no result yet. CORRUPT: there is one and it does not check. */
gf_status gf_study_read_result(gf_study *study, int stage, double *values);
gf_status gf_study_read_log(gf_study *study, int stage, char **log);

/* DIR/DONE: only there when everything that can be done is done. */
gf_status gf_study_mark_done(const char *dir, const char *text);
void gf_study_unmark_done(const char *dir);
bool gf_study_is_done(const char *dir);

/* DIR/lease: the run that is alive now. Take: CONFLICT names host and process of a live holder (on
 * this host: the process is there; elsewhere: heartbeat younger than 60 s); a dead one's is taken
 * over, our own is fine. The lease belongs to the calling process, not to its children.
 * Beat it at least every 20 s; LOST when it is no longer ours. */
gf_status gf_study_lease_take(const char *dir);
gf_status gf_study_lease_beat(const char *dir);
void gf_study_lease_release(const char *dir);
/* Is a live run there? Then `who` is "process 123 on node7". */
bool gf_study_lease_held(const char *dir, char *who, size_t size);
double gf_study_lease_since(const char *dir); /* s since 1970 when it took it; 0: none is alive */

/* ---- upkeep -------------------------------------------------------------------------------- */

typedef void gf_report_line(void *context, const char *line);
/* Checks every row, dataset and artifact of a study; a line per fault; CORRUPT if any. */
gf_status gf_study_verify(const char *dir, gf_report_line *report, void *context);
/* Removes artifacts under root/stages that no sweep under root refers to, and stale checkpoints.
 * dry: only says so. */
gf_status gf_store_collect(const char *root, bool dry, gf_report_line *report, void *context);

/* Removes the artifacts of the stages that drop[stage_count] names, but for those that another
 * study beside DIR refers to; nothing where the store is not the folder `stages` beside DIR. */
gf_status gf_study_drop(const char *dir, const bool *drop, gf_report_line *report, void *context);

/* Removes what killed processes of the study in DIR left: temporary files, there and in its store
 * (`store`: that folder), and checkpoints of stages that are done. Of other studies nothing. For
 * the holder of the lease, when nobody works any more. */
gf_status gf_study_tidy(const char *dir, const char *store);

/* ---- embedded images ------------------------------------------------------------------------ */

/* Reads dataset `name` (in the root, any gf_dtype) of a plain HDF5 file; for data's embedded
 * sample. tensor->data is the caller's to free(). A digest attribute is checked if there is one. */
gf_status gf_store_read_dataset(gf_tensor *tensor, const char *path, const char *name);

#endif
