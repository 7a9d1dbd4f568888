/* stage (L5): runs one stage, artifact in, artifact out. A stage is a pure function of its input
 * artifacts, options, seed and data; times and hosts are rows of the study, not of the artifact. */
#ifndef GRIDFRONT_STAGE_H
#define GRIDFRONT_STAGE_H

#include <gridfront/method.h>
#include <gridfront/store.h>

/* Raised whenever results of the same options change. */
#define GF_NUMERICS_VERSION 1

/* Columns of the result table. */
#define GF_METRIC_LIST(X)                                                                          \
    X(accuracy, true, "validation accuracy, fraction")                                             \
    X(loss, false, "validation cross-entropy")                                                     \
    X(test_accuracy, true, "test accuracy, fraction; reported, never selected on")                 \
    X(test_loss, false, "test cross-entropy")                                                      \
    X(bytes, false, "bytes of the packed network")                                                 \
    X(parameters, false, "parameters, BN included")                                                \
    X(nonzeros, false, "weights that are not zero")                                                \
    X(macs, false, "multiply-accumulates of one image")                                            \
    X(bitops, false, "sum of MACs x weight bits x activation bits")                                \
    X(score_nominal, false, "challenge score, the formula as written")                             \
    X(score_measured, false, "challenge score from what is physically there")                      \
    X(latency_1, false, "s, median, batch 1, one thread share")                                    \
    X(latency_128, false, "s, median, batch 128")                                                  \
    X(seconds, false, "time the stage took")                                                       \
    X(peak_memory, false, "bytes resident at most")

typedef enum gf_metric {
#define GF_METRIC_ENUM(name, maximize, help) GF_METRIC_##name,
    GF_METRIC_LIST(GF_METRIC_ENUM)
#undef GF_METRIC_ENUM
        GF_METRIC_COUNT
} gf_metric;
/* Names as sweep files write them ("score.nominal" for score_nominal); NULL-terminated. */
extern const char *const gf_metric_names[GF_METRIC_COUNT + 1];
extern const bool gf_metric_maximize[GF_METRIC_COUNT];
extern const char *const gf_metric_help[GF_METRIC_COUNT];
bool gf_metric_is_time(gf_metric metric); /* left out by --no-times */

/* Groups `train`, `finetune`, `prune`, `quantize`, `distill`, ...: fields and method slots. */
extern const gf_schema gf_model_schema;         /* the `model` group */
const gf_schema *const *gf_stage_schemas(void); /* NULL-terminated */
int gf_stage_epochs(const char *kind, const gf_options *options);
/* Rules between stages: INVALID with a reason; *at is the stage it is about. */
gf_status gf_stage_check_chain(const gf_options *model, const char *const *kinds,
                               const gf_options *const *options, int count, bool has_parent,
                               int *at);

typedef struct gf_stage_hooks {
    void *context;
    void (*progress)(void *context, double share, const char *line);
    bool (*may_go_on)(void *context);
} gf_stage_hooks;

/* Runs stage `row` of the study in `dir`: loads its inputs from the store, resumes from its
 * checkpoint when there is one, writes its epochs and result into its slot and its artifact into
 * the store. An artifact that is already there is used as it is. */
gf_status gf_stage_run(const char *dir, int row, uint32_t fence, const gf_stage_hooks *hooks);

#endif
