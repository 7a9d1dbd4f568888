/* Columns: gathered from structs into one buffer and written, read and scattered back. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

static const void *at(const gf_table *table, const void *first, size_t row)
{
    return (const char *)first + row * table->stride;
}

static const char *text_at(const gf_table *table, const char *const *first, size_t row)
{
    const char *text = *(const char *const *)at(table, first, row);
    return text ? text : "";
}

/* Opens a column of this table's number of rows and `rank` dimensions. */
static gf_status open_column(hid_t *dataset, gf_h5_shape *shape, const gf_table *table,
                             const char *name, int rank)
{
    gf_status status;
    hid_t opened = -1;
    GF_TRY(gf_h5_dataset_open(&opened, shape, table->file, table->group, name));
    if (shape->rank != rank || shape->dims[0] != table->rows) {
        status = gf_fail(GF_CORRUPT, "%s: column '%s' is not of %zu rows and %d dimensions",
                         table->file->path, name, table->rows, rank);
        goto out;
    }
    *dataset = opened;
    opened = -1;
out:
    if (opened >= 0) H5Dclose(opened);
    return status;
}

static gf_status read_column(void **data, gf_h5_shape *shape, const gf_table *table,
                             const char *name, int rank, hid_t type)
{
    gf_status status;
    hid_t dataset = -1;
    void *buffer = NULL;
    GF_TRY(open_column(&dataset, shape, table, name, rank));
    if (!gf_h5_has_type(dataset, type)) {
        status = gf_fail(GF_CORRUPT, "%s: column '%s' is of another type", table->file->path, name);
        goto out;
    }
    GF_TRY_ALLOC(buffer = gf_alloc(shape->count ? shape->count : 1, shape->item));
    GF_TRY(gf_h5_read(buffer, table->file, dataset, type, shape, name, GF_H5_DIGEST_NEEDED));
    *data = buffer;
    buffer = NULL;
out:
    free(buffer);
    if (dataset >= 0) H5Dclose(dataset);
    return status;
}

gf_status gf_table_count(int32_t *rows, const gf_table *table, const char *name)
{
    gf_status status;
    hid_t dataset = -1;
    gf_h5_shape shape;
    GF_TRY(gf_h5_dataset_open(&dataset, &shape, table->file, table->group, name));
    if (shape.rank != 1 || shape.count > INT32_MAX)
        status =
            gf_fail(GF_CORRUPT, "%s: column '%s' is not a list of rows", table->file->path, name);
    else
        *rows = (int32_t)shape.count;
out:
    if (dataset >= 0) H5Dclose(dataset);
    return status;
}

bool gf_table_has(const gf_table *table, const char *name)
{
    return H5Lexists(table->group, name, H5P_DEFAULT) > 0;
}

/* ---- numbers ---- */

gf_status gf_table_write_numbers(const gf_table *table, const char *name, gf_dtype dtype,
                                 const void *first)
{
    gf_status status;
    size_t item = gf_dtype_size(dtype);
    gf_h5_shape shape = { .rank = 1, .dims = { table->rows }, .item = item, .count = table->rows };
    char *buffer = gf_alloc(table->rows ? table->rows : 1, item);
    GF_TRY_ALLOC(buffer);
    for (size_t i = 0; i < table->rows; i++) memcpy(buffer + i * item, at(table, first, i), item);
    GF_TRY(gf_h5_write(table->file, table->group, name, gf_h5_type(dtype), &shape, buffer));
out:
    free(buffer);
    return status;
}

gf_status gf_table_read_numbers(const gf_table *table, const char *name, gf_dtype dtype,
                                void *first)
{
    gf_status status;
    size_t item = gf_dtype_size(dtype);
    gf_h5_shape shape;
    void *buffer = NULL;
    GF_TRY(read_column(&buffer, &shape, table, name, 1, gf_h5_type(dtype)));
    for (size_t i = 0; i < table->rows; i++)
        memcpy((char *)first + i * table->stride, (char *)buffer + i * item, item);
out:
    free(buffer);
    return status;
}

/* ---- texts ---- */

gf_status gf_table_write_texts(const gf_table *table, const char *name, const char *const *first)
{
    gf_status status;
    size_t width = 1;
    char *buffer = NULL;
    hid_t type = -1;
    for (size_t i = 0; i < table->rows; i++) {
        size_t size = strlen(text_at(table, first, i));
        if (size > width) width = size;
    }
    gf_h5_shape shape = { .rank = 1, .dims = { table->rows }, .item = width, .count = table->rows };
    GF_TRY_ALLOC(buffer = gf_alloc(table->rows ? table->rows : 1, width));
    for (size_t i = 0; i < table->rows; i++) {
        const char *text = text_at(table, first, i);
        memcpy(buffer + i * width, text, strlen(text));
    }
    type = gf_h5_text_type(width);
    GF_TRY(gf_h5_write(table->file, table->group, name, type, &shape, buffer));
out:
    if (type >= 0) H5Tclose(type);
    free(buffer);
    return status;
}

static gf_status scatter_texts(const gf_table *table, const char *buffer, size_t width,
                               const char **first)
{
    gf_status status = GF_OK;
    for (size_t i = 0; i < table->rows; i++) {
        char *copy = gf_arena_alloc(table->arena, width + 1);
        GF_TRY_ALLOC(copy);
        memcpy(copy, buffer + i * width, width);
        *(const char **)((char *)first + i * table->stride) = copy;
    }
out:
    return status;
}

gf_status gf_table_read_texts(const gf_table *table, const char *name, const char **first)
{
    gf_status status;
    hid_t dataset = -1, type = -1;
    gf_h5_shape shape;
    void *buffer = NULL;
    /* The width stands in the file: the type is made to measure, then compared. */
    GF_TRY(open_column(&dataset, &shape, table, name, 1));
    type = gf_h5_text_type(shape.item);
    GF_TRY(read_column(&buffer, &shape, table, name, 1, type));
    GF_TRY(scatter_texts(table, buffer, shape.item, first));
out:
    free(buffer);
    if (type >= 0) H5Tclose(type);
    if (dataset >= 0) H5Dclose(dataset);
    return status;
}

/* ---- lists of row numbers ---- */

gf_status gf_table_write_lists(const gf_table *table, const char *name, const int32_t *const *first,
                               const int32_t *first_count)
{
    gf_status status;
    size_t longest = 1;
    int32_t *buffer = NULL;
    for (size_t i = 0; i < table->rows; i++) {
        int32_t count = *(const int32_t *)at(table, first_count, i);
        if (count > 0 && (size_t)count > longest) longest = (size_t)count;
    }
    gf_h5_shape shape = { .rank = 2,
                          .dims = { table->rows, longest },
                          .item = sizeof *buffer,
                          .count = table->rows * longest };
    GF_TRY_ALLOC(buffer = gf_alloc(shape.count ? shape.count : 1, sizeof *buffer));
    memset(buffer, 0xff, shape.count * sizeof *buffer); /* -1 */
    for (size_t i = 0; i < table->rows; i++) {
        int32_t count = *(const int32_t *)at(table, first_count, i);
        const int32_t *list = *(const int32_t *const *)at(table, first, i);
        if (count > 0) memcpy(buffer + i * longest, list, (size_t)count * sizeof *buffer);
    }
    GF_TRY(gf_h5_write(table->file, table->group, name, H5T_STD_I32LE, &shape, buffer));
out:
    free(buffer);
    return status;
}

gf_status gf_table_read_lists(const gf_table *table, const char *name, const int32_t **first,
                              int32_t *first_count)
{
    gf_status status;
    gf_h5_shape shape;
    void *buffer = NULL;
    GF_TRY(read_column(&buffer, &shape, table, name, 2, H5T_STD_I32LE));
    size_t width = (size_t)shape.dims[1];
    int32_t *lists = gf_arena_alloc(table->arena, (shape.count + 1) * sizeof *lists);
    GF_TRY_ALLOC(lists);
    memcpy(lists, buffer, shape.count * sizeof *lists);
    for (size_t i = 0; i < table->rows; i++) {
        size_t count = 0;
        while (count < width && lists[i * width + count] >= 0) count++;
        *(const int32_t **)((char *)first + i * table->stride) = lists + i * width;
        *(int32_t *)((char *)first_count + i * table->stride) = (int32_t)count;
    }
out:
    free(buffer);
    return status;
}
