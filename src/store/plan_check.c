/* Is a plan sound? Asked before it is written and again after it was read: every number that
 * somebody will use as an index or follow as a chain. */
#include "study.h"

#include <string.h>

#define REFUSE(...)                                                                                \
    do {                                                                                           \
        return gf_fail(wrong, __VA_ARGS__);                                                        \
    } while (0)

enum { ROWS_MOST = 1 << 24, METRICS_MOST = 1024, EPOCHS_MOST = 1 << 24 };

static gf_status check_counts(const gf_study_plan *plan, const char *where, gf_status wrong)
{
    if (plan->stage_count < 1 || plan->stage_count > ROWS_MOST)
        REFUSE("%s: %d stages, allowed 1..%d", where, plan->stage_count, ROWS_MOST);
    if (plan->trial_count < 0 || plan->trial_count > ROWS_MOST)
        REFUSE("%s: %d trials, allowed 0..%d", where, plan->trial_count, ROWS_MOST);
    if (plan->point_count < 0 || plan->point_count > ROWS_MOST)
        REFUSE("%s: %d points, allowed 0..%d", where, plan->point_count, ROWS_MOST);
    if (plan->metric_count < 1 || plan->metric_count > METRICS_MOST)
        REFUSE("%s: %d metrics, allowed 1..%d", where, plan->metric_count, METRICS_MOST);
    return GF_OK;
}

/* Parents and teachers come first, so a walk up a chain always ends. */
static gf_status check_stage(const gf_stage_row *stage, int row, const char *where, gf_status wrong)
{
    const char *key = stage->key ? stage->key : "";
    if (strlen(key) != 32 || strspn(key, "0123456789abcdef") != 32)
        REFUSE("%s: stage %d: key '%.40s' is not 32 lower-case hex digits", where, row, key);
    if (stage->parent < -1 || stage->parent >= row)
        REFUSE("%s: stage %d: parent %d is outside [-1, %d)", where, row, stage->parent, row);
    if (stage->epochs < 0 || stage->epochs > EPOCHS_MOST)
        REFUSE("%s: stage %d: %d epochs, allowed 0..%d", where, row, stage->epochs, EPOCHS_MOST);
    for (int i = 0; i < stage->teacher_count; i++)
        if (stage->teachers[i] < 0 || stage->teachers[i] >= row)
            REFUSE("%s: stage %d: teacher %d is outside [0, %d)", where, row, stage->teachers[i],
                   row);
    return GF_OK;
}

static gf_status check_trial(const gf_study_plan *plan, int row, const char *where, gf_status wrong)
{
    const gf_trial_row *trial = &plan->trials[row];
    if (trial->point < 0 || trial->point >= plan->point_count)
        REFUSE("%s: trial %d: point %d is outside [0, %d)", where, row, trial->point,
               plan->point_count);
    for (int i = 0; i < trial->stage_count; i++)
        if (trial->stages[i] < 0 || trial->stages[i] >= plan->stage_count)
            REFUSE("%s: trial %d: stage %d is outside [0, %d)", where, row, trial->stages[i],
                   plan->stage_count);
    return GF_OK;
}

gf_status gf_plan_check(const gf_study_plan *plan, const char *where, gf_status wrong)
{
    gf_status status;
    GF_TRY(check_counts(plan, where, wrong));
    for (int i = 0; i < plan->stage_count; i++)
        GF_TRY(check_stage(&plan->stages[i], i, where, wrong));
    for (int i = 0; i < plan->trial_count; i++) GF_TRY(check_trial(plan, i, where, wrong));
out:
    return status;
}
