/* Greedy by size: the largest block first, each at the lowest place where no block that lives at
 * the same time stands already (Pisarchyk & Lee 2020, 2001.03288, section 5.1). */
#include "memory_pack.h"

#include <stdlib.h>

static int by_size(const void *a_, const void *b_)
{
    const gf_block *a = *(gf_block *const *)a_, *b = *(gf_block *const *)b_;
    if (a->size != b->size) return a->size < b->size ? 1 : -1;
    if (a->birth != b->birth) return a->birth < b->birth ? -1 : 1;
    return a < b ? -1 : a > b;
}

static bool live_together(const gf_block *a, const gf_block *b)
{
    return a->birth <= b->death && b->birth <= a->death;
}

/* The end of a placed block that stands in the way of `block` at `offset`; 0: none does. */
static size_t obstacle(gf_block *const *placed, int count, const gf_block *block, size_t offset)
{
    for (int i = 0; i < count; i++) {
        size_t end = placed[i]->offset + placed[i]->size;
        if (live_together(placed[i], block) && placed[i]->offset < offset + block->size &&
            offset < end)
            return end;
    }
    return 0;
}

static size_t lowest_place(gf_block *const *placed, int count, const gf_block *block)
{
    size_t best = 0;
    for (size_t next; (next = obstacle(placed, count, block, best)) != 0;) best = next;
    return best;
}

gf_status gf_memory_pack(size_t *size, gf_block *blocks, int count)
{
    gf_block **order = gf_alloc((size_t)count + 1, sizeof(gf_block *));
    if (!order) return gf_fail(GF_NOMEM, "out of memory");
    for (int i = 0; i < count; i++) order[i] = &blocks[i];
    qsort(order, (size_t)count, sizeof *order, by_size);
    *size = 0;
    for (int i = 0; i < count; i++) {
        order[i]->offset = lowest_place(order, i, order[i]);
        size_t end = order[i]->offset + order[i]->size;
        if (end > *size) *size = end;
    }
    free(order);
    return GF_OK;
}
