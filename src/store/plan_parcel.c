/* A plan between two processes of one program: columns as they stand in memory, every count before
 * what it counts. */
#include "study.h"

#include <string.h>

/* ---- putting ---- */

static void put_cell(gf_parcel_out *parcel, const gf_plan_column *column, const char *row)
{
    const char *member = row + column->offset;
    switch (column->kind) {
    case GF_NUMBERS:
        gf_parcel_put_raw(parcel, member, gf_dtype_size(column->dtype));
        break;
    case GF_TEXTS:
        gf_parcel_put_text(parcel, *(const char *const *)(const void *)member);
        break;
    case GF_LISTS: {
        int32_t count = *(const int32_t *)(const void *)(row + column->count);
        const void *list = *(const void *const *)(const void *)member;
        gf_parcel_put_bytes(parcel, list, (size_t)count * sizeof(int32_t));
        break;
    }
    }
}

static void put_table(gf_parcel_out *parcel, const gf_plan_table *table, const gf_study_plan *plan)
{
    const char *base = (const char *)plan;
    const char *rows = *(const char *const *)(const void *)(base + table->rows);
    size_t count = (size_t) * (const int32_t *)(const void *)(base + table->count);
    gf_parcel_put_number(parcel, count);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < table->column_count; c++)
            put_cell(parcel, &table->columns[c], rows + i * table->stride);
}

void gf_plan_put(gf_parcel_out *parcel, const gf_study_plan *plan)
{
    for (int i = 0; i < GF_PLAN_TEXTS; i++)
        gf_parcel_put_text(parcel, *(const char *const *)(const void *)((const char *)plan +
                                                                        gf_plan_texts[i].offset));
    gf_parcel_put_number(parcel, (uint64_t)plan->metric_count);
    for (int i = 0; i < plan->metric_count; i++) gf_parcel_put_text(parcel, plan->metrics[i]);
    for (int i = 0; i < GF_PLAN_TABLES; i++) put_table(parcel, &gf_plan_tables[i], plan);
}

/* ---- taking ---- */

static gf_status take_text(const char **text, gf_arena *arena, gf_parcel *parcel)
{
    gf_status status = GF_OK;
    const char *found = gf_parcel_text(parcel);
    char *copy = gf_arena_strdup(arena, found);
    GF_TRY_ALLOC(copy);
    *text = copy;
out:
    return status;
}

static gf_status take_list(const int32_t **list, int32_t *count, gf_arena *arena, gf_parcel *parcel)
{
    gf_status status = GF_OK;
    gf_parcel ahead = *parcel;
    size_t size = (size_t)gf_parcel_number(&ahead, INT32_MAX);
    if (size % sizeof **list || size > ahead.left) parcel->bad = true;
    int32_t *made = gf_arena_alloc(arena, parcel->bad ? sizeof *made : size + sizeof *made);
    GF_TRY_ALLOC(made);
    gf_parcel_copy(parcel, made, parcel->bad ? 0 : size);
    *list = made;
    *count = parcel->bad ? 0 : (int32_t)(size / sizeof *made);
out:
    return status;
}

static gf_status take_cell(char *row, const gf_plan_column *column, gf_arena *arena,
                           gf_parcel *parcel)
{
    gf_status status = GF_OK;
    void *member = row + column->offset;
    switch (column->kind) {
    case GF_NUMBERS:
        gf_parcel_raw(parcel, member, gf_dtype_size(column->dtype));
        break;
    case GF_TEXTS:
        GF_TRY(take_text(member, arena, parcel));
        break;
    case GF_LISTS:
        GF_TRY(take_list(member, (int32_t *)(void *)(row + column->count), arena, parcel));
        break;
    }
out:
    return status;
}

/* A row takes at least a byte of the parcel, so that a count alone allocates nothing absurd. */
static gf_status take_table(gf_study_plan *plan, const gf_plan_table *table, gf_arena *arena,
                            gf_parcel *parcel)
{
    gf_status status = GF_OK;
    size_t count =
        (size_t)gf_parcel_number(parcel, parcel->left < INT32_MAX ? parcel->left : INT32_MAX);
    char *rows = gf_arena_alloc(arena, (count + 1) * table->stride);
    GF_TRY_ALLOC(rows);
    for (size_t i = 0; i < count && !parcel->bad; i++)
        for (size_t c = 0; c < table->column_count; c++)
            GF_TRY(take_cell(rows + i * table->stride, &table->columns[c], arena, parcel));
    const int32_t taken = parcel->bad ? 0 : (int32_t)count;
    memcpy((char *)plan + table->rows, &rows, sizeof rows);
    memcpy((char *)plan + table->count, &taken, sizeof taken);
out:
    return status;
}

static gf_status take_metrics(gf_study_plan *plan, gf_arena *arena, gf_parcel *parcel)
{
    gf_status status = GF_OK;
    size_t count =
        (size_t)gf_parcel_number(parcel, parcel->left < INT32_MAX ? parcel->left : INT32_MAX);
    const char **names = gf_arena_alloc(arena, (count + 1) * sizeof *names);
    GF_TRY_ALLOC(names);
    for (size_t i = 0; i < count && !parcel->bad; i++) GF_TRY(take_text(&names[i], arena, parcel));
    plan->metrics = names;
    plan->metric_count = (int32_t)count;
out:
    return status;
}

gf_status gf_plan_take(gf_study_plan *plan, gf_arena *arena, gf_parcel *parcel, const char *path)
{
    gf_status status = GF_OK;
    gf_study_plan taken = { 0 };
    for (int i = 0; i < GF_PLAN_TEXTS; i++)
        GF_TRY(take_text((const char **)(void *)((char *)&taken + gf_plan_texts[i].offset), arena,
                         parcel));
    GF_TRY(take_metrics(&taken, arena, parcel));
    for (int i = 0; i < GF_PLAN_TABLES; i++)
        GF_TRY(take_table(&taken, &gf_plan_tables[i], arena, parcel));
    if (parcel->bad) return gf_fail(GF_CORRUPT, "%s: its plan is not all there", path);
    GF_TRY(gf_plan_check(&taken, path, GF_CORRUPT));
    *plan = taken;
out:
    return status;
}
