/* Is a plan sound? Asked before it is written and again after it was read: every number that
 * somebody will use as an index, follow as a chain or allocate by, every text that is printed, and
 * the folder that artifacts are written to. */
#include "study.h"

#include <math.h>
#include <string.h>

#define REFUSE(...)                                                                                \
    do {                                                                                           \
        return gf_fail(wrong, __VA_ARGS__);                                                        \
    } while (0)

enum { ROWS_MOST = 1 << 24, METRICS_MOST = 1024, EPOCHS_MOST = 1 << 24, ORDINAL_MOST = 1 << 20 };
/* Bytes: of a label or name; of options, which readers look through key by key; of a sweep. */
enum { LABEL_MOST = 4096, OPTIONS_MOST = 64 << 10, SWEEP_MOST = 16 << 20 };

/* What terminals obey is not printed: a label could clear the screen or write to the clipboard.
 * `allowed` besides; C1 controls are two bytes of UTF-8. Nor is what has no end. */
static bool is_printable(const char *text, const char *allowed, size_t most)
{
    if (text && strnlen(text, most + 1) > most) return false;
    for (; text && *text; text++) {
        unsigned char byte = (unsigned char)*text, next = (unsigned char)text[1];
        if ((byte < 0x20 && !strchr(allowed, byte)) || byte == 0x7f) return false;
        if (byte == 0xc2 && next >= 0x80 && next < 0xa0) return false;
    }
    return true;
}

static gf_status check_texts(const gf_study_plan *plan, const char *where, gf_status wrong)
{
    if (!is_printable(plan->name, "", LABEL_MOST) ||
        !is_printable(plan->settings, "\n", OPTIONS_MOST) ||
        !is_printable(plan->provenance, "\n", OPTIONS_MOST) ||
        !is_printable(plan->text, "\t\n\v\f\r", SWEEP_MOST))
        REFUSE("%s: its name, sweep or settings hold control characters or have no end", where);
    for (int i = 0; i < plan->metric_count; i++)
        if (!is_printable(plan->metrics[i], "", LABEL_MOST))
            REFUSE("%s: metric %d: its name holds control characters or has no end", where, i);
    for (int i = 0; i < plan->point_count; i++)
        if (!is_printable(plan->points[i].label, "", LABEL_MOST) ||
            !is_printable(plan->points[i].options, "\n", OPTIONS_MOST))
            REFUSE("%s: point %d: its label or options hold control characters or have no end",
                   where, i);
    for (int i = 0; i < plan->stage_count; i++)
        if (!is_printable(plan->stages[i].kind, "", LABEL_MOST) ||
            !is_printable(plan->stages[i].label, "", LABEL_MOST) ||
            !is_printable(plan->stages[i].options, "\n", OPTIONS_MOST))
            REFUSE("%s: stage %d: its label or options hold control characters or have no end",
                   where, i);
    return GF_OK;
}

/* "../stages" or an absolute path. It comes from whoever made the file; a run asks for an absolute
 * one by name before it writes there. */
static gf_status check_store(const char *store, const char *where, gf_status wrong)
{
    if (!store || !is_printable(store, "", PATH_MAX - 1))
        REFUSE("%s: the folder of its artifacts is no path", where);
    size_t size = strlen(store);
    bool climbs = strstr(store, "/../") || (size >= 3 && !strcmp(store + size - 3, "/.."));
    if (strcmp(store, "../stages") != 0 && (store[0] != '/' || climbs))
        REFUSE("%s: artifacts in '%.200s', which is neither ../stages nor an absolute path", where,
               store);
    return GF_OK;
}

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
    if (stage->ordinal < 0 || stage->ordinal > ORDINAL_MOST)
        REFUSE("%s: stage %d: ordinal %d, allowed 0..%d", where, row, stage->ordinal, ORDINAL_MOST);
    if (!(stage->cost >= 0) || !isfinite(stage->cost))
        REFUSE("%s: stage %d: a cost of %g, allowed [0, inf)", where, row, stage->cost);
    if (!(stage->seconds >= 0) || !isfinite(stage->seconds))
        REFUSE("%s: stage %d: %g s predicted, allowed [0, inf)", where, row, stage->seconds);
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
    /* Readers keep a table of points by seeds. */
    if (trial->seed_index < 0 || trial->seed_index >= ROWS_MOST / plan->point_count)
        REFUSE("%s: trial %d: seed number %d is outside [0, %d)", where, row, trial->seed_index,
               ROWS_MOST / plan->point_count);
    if (trial->stage_count < 1) REFUSE("%s: trial %d has no stages", where, row);
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
    GF_TRY(check_store(plan->store, where, wrong));
    GF_TRY(check_texts(plan, where, wrong));
    for (int i = 0; i < plan->stage_count; i++)
        GF_TRY(check_stage(&plan->stages[i], i, where, wrong));
    for (int i = 0; i < plan->trial_count; i++) GF_TRY(check_trial(plan, i, where, wrong));
out:
    return status;
}
