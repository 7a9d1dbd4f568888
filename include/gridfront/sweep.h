/* sweep (L1): a libconfig file -> axes -> points and trials -> the stage tree, with keys.
 *
 * Knows nothing of networks: which groups, fields and variants exist comes as a schema. Every
 * mistake in a file that parses is reported at once. Nothing here prints: mistakes come back as
 * lines "file:line: key = value is outside [0, 1)". */
#ifndef GRIDFRONT_SWEEP_H
#define GRIDFRONT_SWEEP_H

#include <gridfront/base.h>

/* What the reason of a chain's checker is about, besides a stage's index. */
enum { GF_AT_MODEL = -1, GF_AT_DATA = -2 };

/* One stage as its checker sees it. */
typedef struct gf_stage_view {
    const char *kind;
    const gf_options *options; /* canonical, every default filled in */
} gf_stage_view;

enum { GF_RUNGS_MOST = 32 };

typedef struct gf_sweep_schema {
    const gf_schema *data, *model;   /* groups of these names */
    const gf_schema *resources;      /* not in any key */
    const gf_schema *early_stopping; /* nor is this */
    const gf_schema *const *stages;  /* NULL-terminated */
    const char *const *metrics;      /* legal names in objectives; NULL-terminated */
    const bool *metric_maximize;     /* default goal of each */
    /* May this chain stand? INVALID with a reason, and *at the index of the stage it is about, or
     * GF_AT_MODEL, GF_AT_DATA. model is NULL where the same model was looked at in an earlier
     * chain. */
    gf_status (*check_chain)(const gf_options *data, const gf_options *model,
                             const gf_stage_view *stages, int count, bool has_parent, int *at);
    /* Does this stage train (advances the ordinal), and for how many epochs? */
    int (*epochs)(const gf_stage_view *stage); /* 0: does not train */
    /* Epochs after which this stage is cut into segments, ascending and below its own; returns how
     * many of rungs[GF_RUNGS_MOST]. */
    int (*rungs)(int *rungs, const gf_options *early_stopping, const gf_stage_view *stage);
} gf_sweep_schema;

typedef struct gf_objective {
    char metric[48];
    bool maximize;
} gf_objective;

typedef struct gf_plan_stage {
    gf_key key;                     /* after gf_plan_assign_keys */
    const char *kind;               /* "train" */
    const char *label;              /* "filter-l1 0.5": the variant and what varies */
    gf_options *options;            /* its own, canonical: "epochs = 30\n..." */
    const gf_options *data, *model; /* of its chain, canonical, without prefixes */
    int parent;                     /* index, -1: first of a chain; always < own index */
    int *teachers, teacher_count;   /* stage indices of the teachers' last stages */
    int ordinal;                    /* number of training stages before it in its chain */
    int epochs;                     /* after which it ends */
    int from;                       /* epochs that the segments before it did */
    bool segment;                   /* of a training that is cut at rungs */
    uint64_t seed;
    int depth; /* stages before it in its chain */
} gf_plan_stage;
typedef struct gf_plan_point {
    const char *label; /* "width 16, qat 4/4": short, only what varies */
    /* "stage.field = value" of what varies, in file order: "model.width", "prune#2.amount";
     * "stages" is what stands in the branches taken ("-": nothing). */
    gf_options *axes;
} gf_plan_point;
typedef struct gf_plan_trial {
    int point, seed_index;
    uint64_t seed;
    int *stages, stage_count; /* indices, first to last */
} gf_plan_trial;

typedef struct gf_plan {
    const char *name;        /* [A-Za-z0-9_-]+ */
    const char *path, *text; /* expanded: @include resolved, --set applied, noted as comments */
    const char *keep;        /* "all" | "leaves" | "front" */
    uint64_t *seeds;
    int seed_count;
    gf_objective *objectives;
    int objective_count;
    gf_options *resources;
    gf_options *early_stopping; /* NULL: every trial runs to its end */
    gf_plan_point *points;
    gf_plan_trial *trials;
    gf_plan_stage *stages; /* merged: equal beginnings are one stage; parents first */
    int point_count, trial_count, stage_count;
    int unshared_stages; /* and what it would be if nothing were shared */
    int64_t epochs, unshared_epochs;
    gf_arena *arena; /* owns all of it */
} gf_plan;

/* settings: "KEY=VALUE" of --set, applied before axes are read ("seeds=[1]", "data.images=500").
 * On mistakes: INVALID, *mistakes has a line each (caller frees), *plan stays NULL. */
gf_status gf_plan_load(gf_plan **plan, char **mistakes, const char *path,
                       const char *const *settings, int setting_count,
                       const gf_sweep_schema *schema);
void gf_plan_destroy(gf_plan *plan);
/* What the numbers of a stage depend on besides its options: of most stages, and of those with
 * numerics = "bf16". */
typedef struct gf_numerics_class {
    char f32[192], bf16[208];
} gf_numerics_class;
/* That of the whole sweep: bf16's where any stage computes so. */
const char *gf_plan_numerics(const gf_plan *plan, const gf_numerics_class *numerics);
/* Names every stage: XXH3-128 of numerics class, seed, data, model, own options, parent's and
 * teachers' keys. Call when the numerics class is known. */
gf_status gf_plan_assign_keys(gf_plan *plan, const gf_numerics_class *numerics);
/* The stage's full canonical text that is hashed; caller frees. Its parent and teachers stand in
 * it by their keys; the names of teachers and fields whose unit is "path" do not. */
char *gf_plan_stage_text(const gf_plan *plan, int stage, const gf_numerics_class *numerics);
/* What a stage needs to run: seed, data.*, model.* and its own options, paths included; and for the
 * record numerics.class.
 * For the stage table of a study; caller frees. */
char *gf_plan_stage_options(const gf_plan *plan, int stage, const gf_numerics_class *numerics);

/* The stage tree of one seed as lines of text, subtrees that look alike drawn once:
 *   train width {16, 32} -+- (ends here)
 *                         +- prune filter-l1 {0.3, 0.5} - finetune   (with line characters) */
gf_status gf_plan_tree_text(const gf_plan *plan, gf_text *out);

/* How a plan with keys differs from stored results: stages that are new, stages that are gone, and
 * the lines of the sweep that changed. All empty when the stages are the same. */
typedef struct gf_plan_difference {
    int added, gone; /* stages */
    char *lines;     /* "- 14: lr = 0.1;\n+ 14: lr = 0.2;\n", at most 40; owned */
} gf_plan_difference;
gf_status gf_plan_compare(gf_plan_difference *difference, const gf_plan *plan,
                          const char *const *stored_keys, int stored_count,
                          const char *stored_text);
void gf_plan_difference_release(gf_plan_difference *difference);

#endif
