/* Private to store: columns of an array of structs, to and from one HDF5 dataset each.
 *
 * A table is a group; a column is a dataset in it, as h5py likes it: numbers as 1-d arrays, texts
 * as fixed-length strings, lists as 2-d arrays padded with -1. */
#ifndef GRIDFRONT_STORE_TABLE_H
#define GRIDFRONT_STORE_TABLE_H

#include "h5.h"

typedef struct gf_table {
    const gf_h5_file *file;
    hid_t group;
    gf_arena *arena; /* what is read lives here */
    size_t rows, stride;
} gf_table;

/* `first` is the member of row 0; row i's is i * stride bytes behind it. */
gf_status gf_table_write_numbers(const gf_table *table, const char *name, gf_dtype dtype,
                                 const void *first);
gf_status gf_table_read_numbers(const gf_table *table, const char *name, gf_dtype dtype,
                                void *first);
gf_status gf_table_write_texts(const gf_table *table, const char *name, const char *const *first);
gf_status gf_table_read_texts(const gf_table *table, const char *name, const char **first);
gf_status gf_table_write_lists(const gf_table *table, const char *name, const int32_t *const *first,
                               const int32_t *first_count);
gf_status gf_table_read_lists(const gf_table *table, const char *name, const int32_t **first,
                              int32_t *first_count);
bool gf_table_has(const gf_table *table, const char *name);
/* Rows of a column, before a table of that many is made. */
gf_status gf_table_count(int32_t *rows, const gf_table *table, const char *name);

#endif
