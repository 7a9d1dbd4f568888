/* The plan of a study in sweep.h5: texts, and the tables /stages, /trials and /points.
 *
 * Written once at creation, each dataset with its digest; read whole when a study is opened. */
#include "study.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* ---- columns: one list serves both directions ---- */

typedef struct column {
    const char *name;
    enum { NUMBERS, TEXTS, LISTS } kind;
    gf_dtype dtype;       /* of numbers */
    size_t offset, count; /* of the member; of a list's count */
} column;

#define NUMBER(S, member, dtype)                                                                   \
    {                                                                                              \
#member, NUMBERS, dtype, offsetof(S, member), 0                                            \
    }
#define TEXT(S, member)                                                                            \
    {                                                                                              \
#member, TEXTS, GF_U8, offsetof(S, member), 0                                              \
    }
#define LIST(S, member, counter)                                                                   \
    {                                                                                              \
#member, LISTS, GF_I32, offsetof(S, member), offsetof(S, counter)                          \
    }

static const column stage_columns[] = {
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
};
static const column trial_columns[] = {
    NUMBER(gf_trial_row, point, GF_I32),
    NUMBER(gf_trial_row, seed_index, GF_I32),
    NUMBER(gf_trial_row, seed, GF_I64),
    LIST(gf_trial_row, stages, stage_count),
};
static const column point_columns[] = {
    TEXT(gf_point_row, label),
    TEXT(gf_point_row, options),
};

static gf_status write_column(const gf_table *table, const column *one, const void *rows)
{
    const char *base = rows;
    const void *member = base + one->offset;
    switch (one->kind) {
    case NUMBERS:
        return gf_table_write_numbers(table, one->name, one->dtype, member);
    case TEXTS:
        return gf_table_write_texts(table, one->name, member);
    case LISTS:
        return gf_table_write_lists(table, one->name, member,
                                    (const int32_t *)(const void *)(base + one->count));
    }
    return gf_fail(GF_INTERNAL, "column '%s' of no kind", one->name);
}

static gf_status read_column(const gf_table *table, const column *one, void *rows)
{
    char *base = rows;
    void *member = base + one->offset;
    switch (one->kind) {
    case NUMBERS:
        return gf_table_read_numbers(table, one->name, one->dtype, member);
    case TEXTS:
        return gf_table_read_texts(table, one->name, member);
    case LISTS:
        return gf_table_read_lists(table, one->name, member,
                                   (int32_t *)(void *)(base + one->count));
    }
    return gf_fail(GF_INTERNAL, "column '%s' of no kind", one->name);
}

static gf_status write_table(const gf_h5_file *file, const char *name, const column *columns,
                             size_t column_count, const void *rows, int32_t row_count,
                             size_t stride)
{
    gf_status status;
    gf_table table = { .file = file, .group = -1, .rows = (size_t)row_count, .stride = stride };
    GF_TRY(gf_h5_group_create(&table.group, file, name));
    for (size_t i = 0; i < column_count; i++) GF_TRY(write_column(&table, &columns[i], rows));
out:
    if (table.group >= 0) H5Gclose(table.group);
    return status;
}

static gf_status read_table(const void **rows, int32_t *row_count, const gf_h5_file *file,
                            gf_arena *arena, const char *name, const column *columns,
                            size_t column_count, size_t stride)
{
    gf_status status;
    gf_table table = { .file = file, .group = -1, .arena = arena, .stride = stride };
    void *made;
    GF_TRY(gf_h5_group_open(&table.group, file, name));
    GF_TRY(gf_table_count(row_count, &table, columns[0].name));
    table.rows = (size_t)*row_count;
    GF_TRY_ALLOC(made = gf_arena_alloc(arena, (table.rows + 1) * stride));
    for (size_t i = 0; i < column_count; i++) GF_TRY(read_column(&table, &columns[i], made));
    *rows = made;
out:
    if (table.group >= 0) H5Gclose(table.group);
    return status;
}

#define WRITE_TABLE(file, name, columns, rows, count)                                              \
    write_table((file), (name), (columns), GF_COUNT(columns), (rows), (count), sizeof *(rows))
#define READ_TABLE(rows, count, file, arena, name, columns)                                        \
    read_table((const void **)(rows), (count), (file), (arena), (name), (columns),                 \
               GF_COUNT(columns), sizeof **(rows))

/* ---- texts ---- */

static const struct {
    const char *name;
    size_t offset;
} texts[] = { { "name", offsetof(gf_study_plan, name) },
              { "text", offsetof(gf_study_plan, text) },
              { "settings", offsetof(gf_study_plan, settings) },
              { "provenance", offsetof(gf_study_plan, provenance) },
              { "store", offsetof(gf_study_plan, store) } };

static gf_status write_texts(const gf_h5_file *file, const gf_study_plan *plan)
{
    gf_status status = GF_OK;
    for (size_t i = 0; i < GF_COUNT(texts); i++) {
        const char *text =
            *(const char *const *)(const void *)((const char *)plan + texts[i].offset);
        GF_TRY(gf_h5_text_write(file, file->id, texts[i].name, text ? text : ""));
    }
out:
    return status;
}

static gf_status read_texts(gf_study_plan *plan, gf_arena *arena, const gf_h5_file *file)
{
    gf_status status = GF_OK;
    char *text = NULL;
    for (size_t i = 0; i < GF_COUNT(texts); i++) {
        GF_TRY(gf_h5_text_read(&text, file, file->id, texts[i].name));
        char *copy = gf_arena_strdup(arena, text);
        GF_TRY_ALLOC(copy);
        *(const char **)(void *)((char *)plan + texts[i].offset) = copy;
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
    GF_TRY(WRITE_TABLE(file, "stages", stage_columns, plan->stages, plan->stage_count));
    GF_TRY(WRITE_TABLE(file, "trials", trial_columns, plan->trials, plan->trial_count));
    GF_TRY(WRITE_TABLE(file, "points", point_columns, plan->points, plan->point_count));
out:
    return status;
}

gf_status gf_plan_read(gf_study_plan *plan, gf_arena *arena, const gf_h5_file *file)
{
    gf_status status;
    gf_study_plan read = { 0 };
    GF_TRY(read_texts(&read, arena, file));
    GF_TRY(read_metrics(&read, arena, file));
    GF_TRY(READ_TABLE(&read.stages, &read.stage_count, file, arena, "stages", stage_columns));
    GF_TRY(READ_TABLE(&read.trials, &read.trial_count, file, arena, "trials", trial_columns));
    GF_TRY(READ_TABLE(&read.points, &read.point_count, file, arena, "points", point_columns));
    GF_TRY(gf_plan_check(&read, file->path, GF_CORRUPT));
    *plan = read;
out:
    return status;
}
