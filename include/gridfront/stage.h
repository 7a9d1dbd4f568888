/* stage (L5): runs one stage, artifact in, artifact out. A stage is a pure function of its input
 * artifacts, options, seed and data; times and hosts are rows of the study, not of the artifact. */
#ifndef GRIDFRONT_STAGE_H
#define GRIDFRONT_STAGE_H

#include <gridfront/method.h>
#include <gridfront/store.h>

/* Raised whenever results of the same options change. */
#define GF_NUMERICS_VERSION 4
#define GF_BF16_VERSION     2 /* of what only bf16 trainings have to themselves */

/* Columns of the result table: identifier, name in sweep files and reports, higher is better,
 * depends on the machine (left out by --no-times), help. */
#define GF_METRIC_LIST(X)                                                                          \
    X(ACCURACY, "accuracy", true, false, "validation accuracy, fraction")                          \
    X(LOSS, "loss", false, false, "validation cross-entropy")                                      \
    X(TEST_ACCURACY, "test_accuracy", true, false, "test accuracy; reported, never selected on")   \
    X(TEST_LOSS, "test_loss", false, false, "test cross-entropy")                                  \
    X(BYTES, "bytes", false, false, "bytes of the packed network")                                 \
    X(PARAMETERS, "parameters", false, false, "parameters, BN included")                           \
    X(NONZEROS, "nonzeros", false, false, "weights that are not zero")                             \
    X(MACS, "macs", false, false, "multiply-accumulates of one image")                             \
    X(BITOPS, "bitops", false, false, "sum of MACs x weight bits x activation bits")               \
    X(SCORE_NOMINAL, "score.nominal", false, false, "challenge score, the formula as written")     \
    X(SCORE_MEASURED, "score.measured", false, false, "challenge score of what is really there")   \
    X(LATENCY_1, "latency_1", false, true, "s, median, batch 1, one thread, float32 kernels")      \
    X(LATENCY_128, "latency_128", false, true, "s, median, batch 128, one thread, float32")        \
    X(SECONDS, "seconds", false, true, "s that the stage took; none where it was found done")      \
    X(PEAK_MEMORY, "peak_memory", false, true, "bytes resident at most")

typedef enum gf_metric {
#define GF_METRIC_ENUM(id, name, maximize, time, help) GF_METRIC_##id,
    GF_METRIC_LIST(GF_METRIC_ENUM)
#undef GF_METRIC_ENUM
        GF_METRIC_COUNT
} gf_metric;
extern const char *const gf_metric_names[GF_METRIC_COUNT + 1]; /* NULL-terminated */
extern const bool gf_metric_maximize[GF_METRIC_COUNT];
extern const char *const gf_metric_help[GF_METRIC_COUNT];
bool gf_metric_is_time(gf_metric metric); /* left out by --no-times */

/* ---- what sweep is told ------------------------------------------------------------------------
 */

extern const gf_schema gf_model_schema; /* the `model` group: `arch` and the fields of that model */
/* Groups `train`, `finetune`, and one per stage that a registered method names (`prune`,
 * `quantize`, `distill`, ...); NULL-terminated, owned by the arena. */
gf_status gf_stage_schemas(const gf_schema *const **schemas, gf_arena *arena);
int gf_stage_epochs(const char *kind, const gf_options *options); /* 0: does not train */
/* Where a stage row stands in a training that is cut at rungs: it goes on after epoch `from` and
 * ends after epoch `until`. until 0: the training is not cut. */
typedef struct gf_segment {
    int from, until;
    bool last; /* the training ends here */
} gf_segment;
gf_segment gf_stage_segment(const gf_options *options); /* of the row */
/* Rules between stages: INVALID with a reason; *at is the stage that it is about, -1: the model.
 * model NULL: it was looked at before (building one takes milliseconds). */
gf_status gf_stage_check_chain(const gf_options *model, const char *const *kinds,
                               const gf_options *const *options, int count, bool has_parent,
                               int *at);

/* ---- running ------------------------------------------------------------------------------------
 */

typedef struct gf_stage_hooks {
    void *context;
    void (*progress)(void *context, double share, const char *line);
    bool (*may_go_on)(void *context);   /* false: save and leave */
    bool (*lease_valid)(void *context); /* false: write nothing more */
} gf_stage_hooks;

/* Runs stage `row` of the study in `dir`: loads its inputs from the store, resumes from its
 * checkpoint when there is one, writes its epochs and result into its slot and its artifact into
 * the store. An artifact that is already there is used as it is. The row's options text holds
 * "data." and "model." groups, "seed", and the stage's own keys without a prefix.
 * INTERRUPTED: saved and left; LOST: the lease ran out; else why the stage failed. */
gf_status gf_stage_run(const char *dir, int row, uint32_t fence, const gf_stage_hooks *hooks);
/* Network of a finished stage, read from the store. */
gf_status gf_stage_load(gf_net **net, gf_study *study, const char *dir, int row);
/* Where the artifacts of a study lie: its own text, relative to `dir` unless absolute. */
gf_status gf_stage_store(char *out, size_t size, const char *dir, const char *store);

#endif
