/* What the files of the sweep room share: the file as a tree of nodes, the axes found in it, and
 * the steps from there to a plan. Each step has its own file:
 *   source -> scan -> parse -> settings -> axis -> check -> resolve/expression -> points
 *   -> merge -> label, key, tree
 * A point is an assignment: one number per dimension, UNSET where the point does not have it. */
#ifndef SWEEP_INTERNAL_H
#define SWEEP_INTERNAL_H

#include <gridfront/sweep.h>

#define UNSET          UINT64_MAX
#define LIMIT_TRIALS   1000000
#define LIMIT_MISTAKES 500 /* more than anyone reads at once */

/* ---- mistakes ---- */

typedef struct place {
    const char *file;
    int line;  /* 0: none to name */
    int order; /* line of the expanded text: mistakes are listed in this order */
} place;
typedef struct mistake {
    place at;
    char *text;
} mistake;
typedef struct mistakes {
    mistake *items;
    int count, capacity;
    bool failed; /* out of memory */
} mistakes;
void mistakes_add(mistakes *list, place at, const char *format, ...) GF_PRINTF(3, 4);
/* INVALID when there are any, with a line each in *text (caller frees). */
gf_status mistakes_report(mistakes *list, char **text);
void mistakes_release(mistakes *list);
/* The nearest of a set of words, fed one by one. */
typedef struct nearest {
    const char *word;
    const char *best;
    int distance;
} nearest;
nearest nearest_to(const char *word);
void nearest_offer(nearest *search, const char *candidate);
void nearest_offer_choice(char *out, size_t size, const char *word, const char *choices);

/* ---- the file as text ---- */

typedef struct source {
    const char *path;
    gf_text text; /* @include resolved */
    place *lines; /* of each line of the text */
    int line_count, line_capacity;
} source;
gf_status source_read(source *src, mistakes *wrong, gf_arena *arena, const char *path);
place source_place(const source *src, int line); /* 1, 2, ... of the expanded text */
void source_release(source *src);

/* What libconfig 1.5 gets wrong is repaired or found in the text before it parses it. */
typedef struct scan_hints {
    int mixed_line; /* an array [ ] that mixes types; 0: none */
    int open_line;  /* a bracket that is never closed, or closed by another kind */
    char open, close;
    int close_line;
} scan_hints;
void scan_text(gf_text *out, scan_hints *hints, mistakes *wrong, const source *src);

/* ---- the file as a tree ---- */

typedef enum node_kind {
    NODE_GROUP,
    NODE_LIST,
    NODE_INT,
    NODE_REAL,
    NODE_BOOL,
    NODE_TEXT
} node_kind;
typedef struct node node;
typedef struct axis axis;
struct node {
    node_kind kind;
    const char *name; /* NULL: element of a list */
    const char *text; /* of a scalar, canonical */
    node **items;
    int count;
    place at;
    axis *axis;        /* this group stands for one of several values */
    const char *meant; /* an unknown key: the field it seems to mean */
    bool varies;       /* an axis is here or below */
};
gf_status parse_source(node **root, mistakes *wrong, gf_arena *arena, const source *src);
/* Reads a value as a sweep file would hold it; *made stays NULL when it is not one. */
gf_status parse_value(node **made, gf_arena *arena, const char *text, place at);
node *node_member(const node *group, const char *name); /* NULL: absent */
bool node_is_scalar(const node *at);
const char *node_kind_text(const node *at); /* "a list" */
/* A scalar's text, or a list of scalars joined by commas; false: neither. */
bool node_text(gf_text *out, const node *at);
gf_status node_add(gf_arena *arena, node *parent, node *child);
gf_status settings_apply(node *root, mistakes *wrong, gf_arena *arena, const char *const *settings,
                         int count);

/* ---- axes ---- */

typedef enum axis_kind { AXIS_GRID, AXIS_LINEAR, AXIS_LOG, AXIS_INTEGER, AXIS_CHOOSE } axis_kind;
struct axis {
    axis_kind kind;
    node *owner;
    node **values; /* of a grid or choose */
    int64_t count; /* 0: continuous, only in a sample */
    double low, high;
    int64_t first, step;
    const char *zip;
    const char *head;  /* "prune", "model" */
    const char *field; /* "amount", "schedule.policy"; "" for a choice of stages */
    int dimension;
    bool broken; /* has a mistake of its own: its values are not looked at */
};
typedef struct axis_dimension {
    int64_t count;
    const char *zip;
    axis *first;
    int members;
} axis_dimension;
typedef struct axes {
    axis **items;
    int count, capacity;
    axis_dimension *dimensions;
    int dimension_count;
} axes;
/* Finds every axis at and below `at`, in file order. */
gf_status axes_find(axes *list, mistakes *wrong, gf_arena *arena, node *at);
/* Gives every axis its dimension; zipped ones share it. `sampled`: axes may be continuous. */
gf_status axes_number(axes *list, mistakes *wrong, gf_arena *arena, bool sampled);
void axes_release(axes *list);
bool node_is_axis(const node *at);
void axis_value_text(char out[40], const axis *which, uint64_t value);

/* What stands at a node in one point. */
typedef struct picked {
    const node *node; /* the group, list or scalar; for a range axis the axis' group */
    node_kind kind;
    const char *text; /* of a scalar */
    char buffer[40];
} picked;
void pick(picked *out, const node *at, const uint64_t *point);
int next_unset(const node *at, const uint64_t *point); /* dimension, -1: none */

/* ---- a sweep being loaded ---- */

typedef struct resolved { /* a group's canonical options; equal texts are one object */
    gf_options *options;
    const char *text;
    const char *core; /* what of it is in a key: no paths, no names of teachers; equal texts are
                         one object */
} resolved;
typedef struct chain_source { /* the sweep itself, or a teacher */
    const char *name;         /* NULL: the sweep */
    node *data, *model, *stages;
    bool has_seed;
    uint64_t seed;
    place at;
} chain_source;
typedef struct stage_link {
    const gf_schema *schema;
    const node *element; /* { id = ...; prune : { ... }; } */
    const node *body;
    const char *id; /* NULL: none */
    const resolved *options;
    bool branch; /* stands inside a choose */
} stage_link;
typedef struct chain {
    const resolved *data, *model;
    stage_link *links;
    int count, capacity;
} chain;
typedef struct expression expression;
typedef struct condition {
    expression *root;
    const char *text;
    place at;
    bool exclude;
    bool told; /* its mistake at some point was reported */
} condition;
typedef struct sample_plan {
    bool active, sobol;
    int64_t points;
    uint64_t seed;
    place at;
} sample_plan;
typedef struct resolver resolver;

typedef struct sweep {
    gf_arena *arena;
    const gf_sweep_schema *schema;
    mistakes wrong;
    source src;
    node *root, *resources, *early_stopping; /* early_stopping NULL: not in the file */
    axes axes;
    chain_source main;
    chain_source *teachers;
    int teacher_count;
    condition *conditions;
    int condition_count;
    sample_plan sample;
    resolver *resolver;
    uint64_t **points; /* assignments, in order */
    int point_count, point_capacity;
    gf_plan *plan;
} sweep;

/* check: everything that a schema can say of the file */
void check_group(sweep *load, const node *group, const gf_schema *schema, const char *path);
void check_stages(sweep *load, const node *at);
void check_teachers(sweep *load);
gf_status check_file(sweep *load);
gf_status check_head(sweep *load); /* name, seeds, keep, sample, objectives */
bool word_is_name(const char *word);
const gf_schema *stage_schema(const sweep *load, const char *kind);
const chain_source *teacher_find(const sweep *load, const char *name, size_t size);
/* The stage a group holds: its member named like a kind; NULL: none. */
const node *stage_body(const sweep *load, const node *element, const gf_schema **schema);

/* hash tables: indices by the hash of what they stand for; equality is the caller's */
typedef struct table {
    uint64_t *hashes;
    int *values;
    size_t capacity, count;
} table;
uint64_t table_hash(const void *data, size_t size);
/* The candidates for a hash, one after the other: start with *cursor = 0; -1: no more. */
int table_next(const table *index, uint64_t hash, size_t *cursor);
gf_status table_add(table *index, uint64_t hash, int value);
void table_release(table *index);

/* resolve */
gf_status resolver_create(resolver **made);
void resolver_destroy(resolver *caches);
gf_status resolve_group(sweep *load, const resolved **out, const gf_schema *schema,
                        const node *group, const uint64_t *point);
gf_status resolve_chain(sweep *load, chain *out, const chain_source *from, const uint64_t *point);
void chain_release(chain *links);
int resolver_take_options(resolver *caches, gf_options ***list); /* ownership moves */

/* expressions */
gf_status condition_parse(condition *made, sweep *load, const node *at, bool exclude);
bool conditions_hold(sweep *load, const chain *links);

/* points and what follows */
gf_status points_find(sweep *load);
uint32_t sobol_bits(int axis_index, uint32_t index); /* of 2^32 */
#define SOBOL_DIMENSIONS 36
gf_status chains_check(sweep *load);
gf_status stages_merge(sweep *load);
gf_status labels_make(sweep *load);
/* The name of a link's variant ("filter-l1"), or its kind when it has none. */
const char *link_name(const stage_link *link, bool *is_variant);
gf_status link_label(char **out, const sweep *load, const chain_source *from, const chain *links,
                     int index, const uint64_t *point);
/* The next name of a list "big,small": characters consumed; *size 0: none left. */
int teacher_names(const char *list, const char **name, size_t *size);

/* The plan and what only this room needs of it. */
typedef struct stage_core {
    const char *data, *model, *own; /* canonical text of what is in the key */
} stage_core;
typedef struct plan_box {
    gf_plan plan; /* first: a gf_plan * is a plan_box * */
    gf_options **options;
    int option_count;
    stage_core *cores; /* one per stage */
} plan_box;

#endif
