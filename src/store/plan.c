/* The plan of a study in sweep.h5: texts, and the tables /stages, /trials and /points.
 *
 * Written once at creation, each dataset with its digest; read whole when a study is opened. */
#include "study.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

#define NUMBER(S, member, dtype)                                                                   \
    {                                                                                              \
#member, GF_NUMBERS, dtype, offsetof(S, member), 0, false                                  \
    }
#define LATER(S, member, dtype)                                                                    \
    {                                                                                              \
#member, GF_NUMBERS, dtype, offsetof(S, member), 0, true                                   \
    }
#define TEXT(S, member)                                                                            \
    {                                                                                              \
#member, GF_TEXTS, GF_U8, offsetof(S, member), 0, false                                    \
    }
#define LIST(S, member, counter)                                                                   \
    {                                                                                              \
#member, GF_LISTS, GF_I32, offsetof(S, member), offsetof(S, counter), false                \
    }

static const gf_plan_column stage_columns[] = {
    TEXT(gf_stage_row, key),
    TEXT(gf_stage_row, kind),
    TEXT(gf_stage_row, label),
    TEXT(gf_stage_row, options),
    NUMBER(gf_stage_row, parent, GF_I32),
    LIST(gf_stage_row, teachers, teacher_count),
    NUMBER(gf_stage_row, ordinal, GF_I32),
    NUMBER(gf_stage_row, epochs, GF_I32),
    NUMBER(gf_stage_row, seed, GF_I64),
    NUMBER(gf_stage_row, cost, GF_F64),
    LATER(gf_stage_row, seconds, GF_F64),
};
static const gf_plan_column trial_columns[] = {
    NUMBER(gf_trial_row, point, GF_I32),
    NUMBER(gf_trial_row, seed_index, GF_I32),
    NUMBER(gf_trial_row, seed, GF_I64),
    LIST(gf_trial_row, stages, stage_count),
};
static const gf_plan_column point_columns[] = {
    TEXT(gf_point_row, label),
    TEXT(gf_point_row, options),
};

#define TABLE(name, columns)                                                                       \
    {                                                                                              \
#name "s", columns, GF_COUNT(columns), sizeof(gf_##name##_row),                            \
            offsetof(gf_study_plan, name##s), offsetof(gf_study_plan, name##_count)                \
    }
const gf_plan_table gf_plan_tables[GF_PLAN_TABLES] = {
    TABLE(stage, stage_columns),
    TABLE(trial, trial_columns),
    TABLE(point, point_columns),
};

static gf_status write_column(const gf_table *table, const gf_plan_column *one, const void *rows)
{
    const char *base = rows;
    const void *member = base + one->offset;
    switch (one->kind) {
    case GF_NUMBERS:
        return gf_table_write_numbers(table, one->name, one->dtype, member);
    case GF_TEXTS:
        return gf_table_write_texts(table, one->name, member);
    case GF_LISTS:
        return gf_table_write_lists(table, one->name, member,
                                    (const int32_t *)(const void *)(base + one->count));
    }
    return gf_fail(GF_INTERNAL, "column '%s' of no kind", one->name);
}

static gf_status read_column(const gf_table *table, const gf_plan_column *one, void *rows)
{
    char *base = rows;
    void *member = base + one->offset;
    if (one->optional && !gf_table_has(table, one->name)) return GF_OK;
    switch (one->kind) {
    case GF_NUMBERS:
        return gf_table_read_numbers(table, one->name, one->dtype, member);
    case GF_TEXTS:
        return gf_table_read_texts(table, one->name, member);
    case GF_LISTS:
        return gf_table_read_lists(table, one->name, member,
                                   (int32_t *)(void *)(base + one->count));
    }
    return gf_fail(GF_INTERNAL, "column '%s' of no kind", one->name);
}

static gf_status write_table(const gf_h5_file *file, const gf_plan_table *kind,
                             const gf_study_plan *plan)
{
    gf_status status;
    const char *base = (const char *)plan;
    const void *rows = *(const void *const *)(const void *)(base + kind->rows);
    gf_table table = { .file = file,
                       .group = -1,
                       .rows = (size_t) * (const int32_t *)(const void *)(base + kind->count),
                       .stride = kind->stride };
    GF_TRY(gf_h5_group_create(&table.group, file, kind->name));
    for (size_t i = 0; i < kind->column_count; i++)
        GF_TRY(write_column(&table, &kind->columns[i], rows));
out:
    if (table.group >= 0) H5Gclose(table.group);
    return status;
}

static gf_status read_table(gf_study_plan *plan, const gf_h5_file *file, gf_arena *arena,
                            const gf_plan_table *kind)
{
    gf_status status;
    gf_table table = { .file = file, .group = -1, .arena = arena, .stride = kind->stride };
    int32_t count;
    void *made;
    GF_TRY(gf_h5_group_open(&table.group, file, kind->name));
    GF_TRY(gf_table_count(&count, &table, kind->columns[0].name));
    table.rows = (size_t)count;
    GF_TRY_ALLOC(made = gf_arena_alloc(arena, (table.rows + 1) * kind->stride));
    for (size_t i = 0; i < kind->column_count; i++)
        GF_TRY(read_column(&table, &kind->columns[i], made));
    memcpy((char *)plan + kind->rows, &made, sizeof made);
    memcpy((char *)plan + kind->count, &count, sizeof count);
out:
    if (table.group >= 0) H5Gclose(table.group);
    return status;
}

/* ---- texts ---- */

const gf_plan_text gf_plan_texts[GF_PLAN_TEXTS] = {
    { "name", offsetof(gf_study_plan, name) },
    { "text", offsetof(gf_study_plan, text) },
    { "settings", offsetof(gf_study_plan, settings) },
    { "provenance", offsetof(gf_study_plan, provenance) },
    { "store", offsetof(gf_study_plan, store) },
};

static gf_status write_texts(const gf_h5_file *file, const gf_study_plan *plan)
{
    gf_status status = GF_OK;
    for (size_t i = 0; i < GF_PLAN_TEXTS; i++) {
        const char *text =
            *(const char *const *)(const void *)((const char *)plan + gf_plan_texts[i].offset);
        GF_TRY(gf_h5_text_write(file, file->id, gf_plan_texts[i].name, text ? text : ""));
    }
out:
    return status;
}

static gf_status read_texts(gf_study_plan *plan, gf_arena *arena, const gf_h5_file *file)
{
    gf_status status = GF_OK;
    char *text = NULL;
    for (size_t i = 0; i < GF_PLAN_TEXTS; i++) {
        GF_TRY(gf_h5_text_read(&text, file, file->id, gf_plan_texts[i].name));
        char *copy = gf_arena_strdup(arena, text);
        GF_TRY_ALLOC(copy);
        *(const char **)(void *)((char *)plan + gf_plan_texts[i].offset) = copy;
        free(text);
        text = NULL;
    }
out:
    free(text);
    return status;
}

/* ---- metric names: one column ---- */

static gf_status write_metrics(const gf_h5_file *file, const gf_study_plan *plan)
{
    gf_table table = { .file = file,
                       .group = file->id,
                       .rows = (size_t)plan->metric_count,
                       .stride = sizeof *plan->metrics };
    return gf_table_write_texts(&table, "metrics", plan->metrics);
}

static gf_status read_metrics(gf_study_plan *plan, gf_arena *arena, const gf_h5_file *file)
{
    gf_status status;
    const char **names;
    gf_table table = {
        .file = file, .group = file->id, .arena = arena, .stride = sizeof(const char *)
    };
    GF_TRY(gf_table_count(&plan->metric_count, &table, "metrics"));
    table.rows = (size_t)plan->metric_count;
    GF_TRY_ALLOC(names = gf_arena_alloc(arena, (table.rows + 1) * sizeof *names));
    GF_TRY(gf_table_read_texts(&table, "metrics", names));
    plan->metrics = names;
out:
    return status;
}

/* ---- the whole ---- */

gf_status gf_plan_write(const gf_h5_file *file, const gf_study_plan *plan)
{
    gf_status status;
    GF_TRY(write_texts(file, plan));
    GF_TRY(write_metrics(file, plan));
    for (int i = 0; i < GF_PLAN_TABLES; i++) GF_TRY(write_table(file, &gf_plan_tables[i], plan));
out:
    return status;
}

gf_status gf_plan_read(gf_study_plan *plan, gf_arena *arena, const gf_h5_file *file)
{
    gf_status status;
    gf_study_plan read = { 0 };
    GF_TRY(read_texts(&read, arena, file));
    GF_TRY(read_metrics(&read, arena, file));
    for (int i = 0; i < GF_PLAN_TABLES; i++)
        GF_TRY(read_table(&read, file, arena, &gf_plan_tables[i]));
    GF_TRY(gf_plan_check(&read, file->path, GF_CORRUPT));
    *plan = read;
out:
    return status;
}
