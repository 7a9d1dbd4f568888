/* Blocks with lifetimes packed into one stretch of memory. */
#ifndef GRIDFRONT_NN_MEMORY_PACK_H
#define GRIDFRONT_NN_MEMORY_PACK_H

#include <gridfront/base.h>

typedef struct gf_block {
    size_t size;
    int birth, death; /* needed at these times and between them */
    size_t offset;    /* filled in */
} gf_block;

/* Gives each block an offset such that no two that live at the same time overlap; *size is what
 * all take together. */
gf_status gf_memory_pack(size_t *size, gf_block *blocks, int count);

#endif
