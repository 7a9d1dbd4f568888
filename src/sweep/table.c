/* Open addressing with linear probing, for plans of many thousand trials. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a (Fowler, Noll, Vo), finished by a multiply-shift so that the low bits are good. */
uint64_t table_hash(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

int table_next(const table *index, uint64_t hash, size_t *cursor)
{
    for (; *cursor < index->capacity; ++*cursor) {
        size_t slot = (hash + *cursor) & (index->capacity - 1);
        if (index->values[slot] < 0) return -1;
        if (index->hashes[slot] == hash) {
            ++*cursor;
            return index->values[slot];
        }
    }
    return -1;
}

static void insert(table *index, uint64_t hash, int value)
{
    size_t slot = hash & (index->capacity - 1);
    while (index->values[slot] >= 0) slot = (slot + 1) & (index->capacity - 1);
    index->hashes[slot] = hash;
    index->values[slot] = value;
    index->count++;
}

static gf_status grow(table *index)
{
    table bigger = { .capacity = index->capacity ? 2 * index->capacity : 256 };
    bigger.hashes = malloc(bigger.capacity * sizeof *bigger.hashes);
    bigger.values = malloc(bigger.capacity * sizeof *bigger.values);
    if (!bigger.hashes || !bigger.values) {
        table_release(&bigger);
        return gf_fail(GF_NOMEM, "out of memory");
    }
    memset(bigger.values, 0xff, bigger.capacity * sizeof *bigger.values); /* -1: empty */
    for (size_t i = 0; i < index->capacity; i++)
        if (index->values[i] >= 0) insert(&bigger, index->hashes[i], index->values[i]);
    table_release(index);
    *index = bigger;
    return GF_OK;
}

gf_status table_add(table *index, uint64_t hash, int value)
{
    gf_status status = GF_OK;
    if (2 * (index->count + 1) > index->capacity) GF_TRY(grow(index));
    insert(index, hash, value);
out:
    return status;
}

void table_release(table *index)
{
    free(index->hashes);
    free(index->values);
    *index = (table){ 0 };
}
