/* base (L0): what every room stands on.
 *
 * Status codes and the error trail, the log, growable text, typed option tables, an arena,
 * counter-based random numbers, small floating formats, hashes, the clock and small file helpers.
 * Nothing here ends the process or prints to standard output. */
#ifndef GRIDFRONT_BASE_H
#define GRIDFRONT_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- status ---------------------------------------------------------------------------- */

/* Who has to act. TRIAL: recorded, the sweep goes on. SETUP: found before any work, exit 2.
 * SWEEP: drain, close, exit 3. BUG: ours. */
typedef enum gf_scope {
    GF_SCOPE_NONE,
    GF_SCOPE_TRIAL,
    GF_SCOPE_SETUP,
    GF_SCOPE_SWEEP,
    GF_SCOPE_BUG
} gf_scope;

#define GF_STATUS_LIST(X)                                                                          \
    X(OK, NONE, "success")                                                                         \
    X(NOMEM, TRIAL, "out of memory")                                                               \
    X(IO, TRIAL, "input or output failed")                                                         \
    X(NOTFOUND, TRIAL, "not found")                                                                \
    X(CORRUPT, TRIAL, "corrupt or foreign file")                                                   \
    X(DIVERGED, TRIAL, "the loss is not finite")                                                   \
    X(FAILED, TRIAL, "the stage failed")                                                           \
    X(INVALID, SETUP, "invalid value")                                                             \
    X(UNSUPPORTED, SETUP, "not supported")                                                         \
    X(CONFLICT, SETUP, "in conflict with what is there")                                           \
    X(FULL, SWEEP, "no space left")                                                                \
    X(INTERRUPTED, SWEEP, "interrupted")                                                           \
    X(LOST, SWEEP, "lease lost")                                                                   \
    X(INTERNAL, BUG, "internal error")

typedef enum gf_status {
#define GF_STATUS_ENUM(name, scope, text) GF_##name,
    GF_STATUS_LIST(GF_STATUS_ENUM)
#undef GF_STATUS_ENUM
} gf_status;

const char *gf_status_name(gf_status status); /* "INVALID" */
const char *gf_status_text(gf_status status); /* "invalid value" */
gf_scope gf_status_scope(gf_status status);

#define GF_PRINTF(position, first) __attribute__((format(printf, position, first)))

/* The error trail is thread-local: gf_fail starts it with a message and returns `status`;
 * GF_TRY adds the place it passed through. A message says what, which value, what is allowed. */
#define gf_fail(status, ...) (gf_error_set(__FILE__, __LINE__, __VA_ARGS__), gf_status_same(status))
void gf_error_set(const char *file, int line, const char *format, ...) GF_PRINTF(3, 4);
/* Lets the compiler see which status comes back, so that it can follow the paths. */
static inline gf_status gf_status_same(gf_status status)
{
    return status;
}
void gf_error_pass(const char *file, int line);
const char *gf_error_message(void); /* "" when there is none; valid until the next failure */
const char *gf_error_trail(void);   /* "a.c:10 < b.c:20", for logs and tests */
void gf_error_clear(void);

/* Needs a local `gf_status status` and a label `out`. */
#define GF_TRY(expression)                                                                         \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != GF_OK) {                                                                     \
            gf_error_pass(__FILE__, __LINE__);                                                     \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/* Fails with NOMEM at `out` when an allocation came back NULL. */
#define GF_TRY_ALLOC(pointer)                                                                      \
    do {                                                                                           \
        if (!(pointer)) {                                                                          \
            status = gf_fail(GF_NOMEM, "out of memory");                                           \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#define GF_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- log ------------------------------------------------------------------------------- */

typedef enum gf_level { GF_DEBUG, GF_INFO, GF_WARN, GF_ERROR } gf_level;

/* "[INFO][rank 3][train] epoch = 4, loss = 0.412" on standard error. `room` is a short word. */
void gf_log(gf_level level, const char *room, const char *format, ...) GF_PRINTF(3, 4);
void gf_log_configure(gf_level lowest,
                      int rank); /* rank < 0: not shown. GRIDFRONT_LOG=debug overrides */

/* ---- growable text --------------------------------------------------------------------- */

/* Zero-initialize; a failed allocation is remembered, so that callers check once at the end. */
typedef struct gf_text {
    char *data; /* NUL-terminated, NULL while empty */
    size_t size, capacity;
    bool failed;
} gf_text;

void gf_text_append(gf_text *text, const char *format, ...) GF_PRINTF(2, 3);
void gf_text_append_v(gf_text *text, const char *format, va_list arguments);
void gf_text_append_bytes(gf_text *text, const char *bytes, size_t size);
gf_status gf_text_check(const gf_text *text);
char *gf_text_take(gf_text *text); /* caller frees; "" allocated when empty; NULL when failed */
void gf_text_release(gf_text *text);

char *gf_strdup(const char *text);
/* Shortest text that reads back as the same double ("0.1", "128", "1e-05"). */
void gf_real_text(char out[32], double value);
/* Edit distance, for "did you mean". */
int gf_text_distance(const char *a, const char *b);
/* Characters that a terminal shows: bytes that do not continue another. */
int gf_text_columns(const char *text);
/* Bytes of the beginning of `text` that is at most so many columns wide. */
int gf_text_fit(const char *text, int columns);
/* "Intel(R) Xeon(R)" -> "intel-r-xeon-r", cut at `size`: for names of files. */
void gf_text_slug(char *out, size_t size, const char *text);

/* ---- options: canonical key = value lines ------------------------------------------------ */

/* An ordered list of "key = value" pairs: what a sweep resolves a group to, what is stored, what
 * is hashed into stage keys. Keys of nested groups are joined by dots (schedule.policy); entries
 * of a list are numbered (augment.0 = crop, augment.0.padding = 4). Values hold no newline. */
typedef struct gf_options gf_options;

gf_options *gf_options_create(void); /* NULL: out of memory */
void gf_options_destroy(gf_options *options);
gf_status gf_options_parse(gf_options **options, const char *text);
gf_status gf_options_set(gf_options *options, const char *key, const char *value);
const char *gf_options_get(const gf_options *options, const char *key); /* NULL: absent */
int gf_options_count(const gf_options *options);
const char *gf_options_key(const gf_options *options, int index);
const char *gf_options_value(const gf_options *options, int index);
char *gf_options_text(const gf_options *options); /* "key = value\n"...; caller frees */

/* ---- typed option tables ------------------------------------------------------------------ */

typedef enum gf_field_type {
    GF_FIELD_INT,
    GF_FIELD_INT64,
    GF_FIELD_REAL,
    GF_FIELD_BOOL,
    GF_FIELD_TEXT,
    GF_FIELD_CHOICE
} gf_field_type;

/* One row serves parse, default, range check, help, stored attributes and canonical text. */
typedef struct gf_field {
    const char *name;     /* key in the sweep file */
    gf_field_type type;   /* from the member's C type */
    size_t offset, size;  /* of the member */
    const char *fallback; /* default as text; NULL: the key is required */
    const char *range;    /* "[0, 1)", "[2, 8] or 32"; for a choice "a|b|c"; NULL: any */
    const char *unit;     /* "epochs", "fraction", ""; */
    const char *help;     /* one line */
} gf_field;

#define GF_FIELD_TYPE_OF(member_expression)                                                        \
    _Generic((member_expression),                                                                  \
        int: GF_FIELD_INT,                                                                         \
        int64_t: GF_FIELD_INT64,                                                                   \
        double: GF_FIELD_REAL,                                                                     \
        bool: GF_FIELD_BOOL,                                                                       \
        char *: GF_FIELD_TEXT)
#define GF_FIELD(S, member, fallback, range, unit, help)                                           \
    GF_FIELD_AS(#member, S, member, fallback, range, unit, help)
/* The same where the key differs from the member's name. */
#define GF_FIELD_AS(key, S, member, fallback, range, unit, help)                                   \
    {                                                                                              \
        key, GF_FIELD_TYPE_OF(((S *)0)->member), offsetof(S, member), sizeof(((S *)0)->member),    \
            fallback, range, unit, help                                                            \
    }
/* An int member that holds the index of the word chosen in "a|b|c". */
#define GF_FIELD_WORD(S, member, fallback, words, help)                                            \
    {                                                                                              \
#member,                                                                                   \
            _Generic(((S *)0)->member, int                                                         \
                     : GF_FIELD_CHOICE),                                                           \
            offsetof(S, member), sizeof(((S *)0)->member), fallback, words, "", help               \
    }
#define GF_FIELD_END                                                                               \
    {                                                                                              \
        NULL, GF_FIELD_INT, 0, 0, NULL, NULL, NULL, NULL                                           \
    }

/* Is `text` a legal value of `field`? On success writes the canonical text into `out` (when not
 * NULL). The failure message is "= 1.3 is outside [0, 1)": the caller puts the key before it. */
gf_status gf_field_check(const gf_field *field, const char *text, char *out, size_t out_size);
const gf_field *gf_field_find(const gf_field *fields, const char *name); /* fields may be NULL */
/* Fills *record from options under `prefix` ("" or "schedule."); absent keys take the fallback. */
gf_status gf_fields_read(void *record, const gf_field *fields, const gf_options *options,
                         const char *prefix);
/* Value of one member as canonical text. */
void gf_field_text(char *out, size_t out_size, const gf_field *field, const void *record);

/* What a group of a sweep file may hold: plain fields, and slots that take a registered variant. */
typedef struct gf_schema gf_schema;
typedef struct gf_slot {
    const char *name;       /* its key; "": the variant's fields stand in this very group */
    const char *selector;   /* key that names the variant ("method", "policy"); NULL with `list` */
    bool list;              /* ( "crop", { cutout : { size = 8; }; } ): any number of variants */
    const char *fallback;   /* variant when the key is absent; NULL: required; "": none */
    const gf_field *common; /* fields beside the selector whatever the variant; may be NULL */
    const gf_schema *const *variants; /* NULL-terminated */
    bool late; /* younger than stored keys: its selector and common fields are in none while they
                * are at their defaults */
} gf_slot;
struct gf_schema {
    const char *name;       /* "train", "cosine", "filter-l1" */
    const char *summary;    /* one line */
    const char *paper;      /* "Li et al. 2017, arXiv 1608.08710, section 3"; NULL: none */
    const gf_field *fields; /* ends with GF_FIELD_END; may be NULL */
    const gf_slot *slots;   /* ends with a NULL name; may be NULL */
    int revision; /* raised when the same options give other results: then those that are stored
                   * are no longer taken for its own. 0: never yet */
};
const gf_schema *gf_schema_find(const gf_schema *const *schemas, const char *name);

/* ---- memory -------------------------------------------------------------------------------- */

/* Many allocations, one release. Blocks are 64-byte aligned and zeroed. Not thread-safe. */
typedef struct gf_arena gf_arena;
gf_arena *gf_arena_create(void);
void *gf_arena_alloc(gf_arena *arena, size_t size); /* NULL: out of memory */
char *gf_arena_strdup(gf_arena *arena, const char *text);
void gf_arena_destroy(gf_arena *arena);

void *gf_alloc(size_t count, size_t size); /* 64-byte aligned, zeroed, overflow-checked; free() */
int64_t gf_peak_memory(void);              /* bytes resident at most so far, this process */

/* ---- random numbers ---------------------------------------------------------------------- */

/* Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 * Addressed, not stateful: the same address gives the same numbers on any thread or rank.
 * `purpose` keeps uses apart; `ordinal` is the training stage's place in its chain. */
typedef enum gf_purpose {
    GF_PURPOSE_INIT,
    GF_PURPOSE_SHUFFLE,
    GF_PURPOSE_AUGMENT,
    GF_PURPOSE_DROPOUT,
    GF_PURPOSE_METHOD,
    GF_PURPOSE_SPLIT,
    GF_PURPOSE_SAMPLE,
    GF_PURPOSE_STATISTICS,
    GF_PURPOSE_TEST,
    GF_PURPOSE_MIX
} gf_purpose;
typedef struct gf_random {
    uint64_t seed;
    uint32_t ordinal; /* < 2^24 */
    gf_purpose purpose;
    uint32_t epoch;
} gf_random;

void gf_random_block(const gf_random *random, uint32_t index, uint32_t element, uint32_t out[4]);
double gf_random_uniform(const gf_random *random, uint32_t index, uint32_t element); /* [0, 1) */
uint32_t gf_random_below(const gf_random *random, uint32_t index, uint32_t element, uint32_t bound);
double gf_random_normal(const gf_random *random, uint32_t index, uint32_t element);
/* Of the Beta distribution, in [0, 1]; a, b > 0. Takes elements `element` to `element` + 2^16. */
double gf_random_beta(const gf_random *random, uint32_t index, uint32_t element, double a,
                      double b);
/* Fisher-Yates: out holds 0..count-1 in the order of this address. */
void gf_random_permutation(const gf_random *random, uint32_t index, int *out, int count);

/* ---- small floating formats ---------------------------------------------------------------- */

/* IEEE half precision, bfloat16, and the 8-bit formats of the Open Compute Project. */
typedef enum gf_minifloat { GF_FP16, GF_BF16, GF_E4M3, GF_E5M2 } gf_minifloat;
enum { GF_MINIFLOATS = 4 };
#define GF_MINIFLOAT_WORDS "fp16|bf16|e4m3|e5m2"

typedef struct gf_minifloat_shape {
    int bits;     /* of a number */
    int mantissa; /* bits of it */
    int least;    /* exponent of the smallest normal number, and of subnormal ones */
    double most;  /* the largest finite number */
} gf_minifloat_shape;
extern const gf_minifloat_shape gf_minifloats[GF_MINIFLOATS];

/* The nearest number of the format, of two as near the even one; beyond the largest: the largest.
 * NaN stays. */
double gf_minifloat_round(double x, gf_minifloat format);
uint32_t gf_minifloat_encode(double x, gf_minifloat format);    /* x: a number of the format, NaN */
double gf_minifloat_decode(uint32_t code, gf_minifloat format); /* code < 2^bits */

/* ---- hashes ------------------------------------------------------------------------------ */

typedef struct gf_key {
    char hex[33]; /* XXH3-128 as 32 lower-case hex digits */
} gf_key;
gf_key gf_hash(const void *data, size_t size);
uint32_t gf_hash32(const char *text);             /* addresses a parameter by its name */
uint32_t gf_crc32(const void *data, size_t size); /* zlib's, so that outsiders can check it */

/* ---- clock and files ----------------------------------------------------------------------- */

double gf_clock(void);      /* s, monotonic */
double gf_clock_wall(void); /* s since 1970 */
void gf_sleep(double seconds);

/* "3 h 10", "42 s"; "351 kB", "2.8 MB": what tables and progress lines print. */
void gf_duration_text(char out[32], double seconds);
void gf_bytes_text(char out[32], double bytes);

gf_status gf_file_read(char **data, size_t *size, const char *path, size_t limit); /* NUL added */
/* Temporary name beside it, fsync, rename, fsync of the folder: there or not there, never half. */
gf_status gf_file_write(const char *path, const void *data, size_t size);
/* The same with a temporary name that begins with `stem`, in the same folder: it tells whose it is.
 */
gf_status gf_file_write_as(const char *path, const char *stem, const void *data, size_t size);
gf_status gf_file_commit(const char *temporary, const char *path); /* the last three steps alone */
bool gf_file_exists(const char *path);
gf_status gf_folder_make(const char *path); /* with its parents; fine where it is there */

/* What is kept between runs of the program on one kind of machine: $XDG_CACHE_HOME/gridfront/NAME,
 * or ~/.cache/gridfront/NAME. NOTFOUND without a home. out[PATH_MAX]. */
gf_status gf_cache_path(char *out, const char *name);
#define GF_CPU_SLUG 64
void gf_cpu_slug(char out[GF_CPU_SLUG]); /* "intel-r-xeon-r-processor" */

#endif
