/* Aligned, zeroed memory; and an arena: many allocations, one release. */
#include <gridfront/base.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ALIGNMENT  64u
#define BLOCK_SIZE ((size_t)64 << 10)

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *gf_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) return NULL;
    bytes = aligned(bytes ? bytes : 1);
    void *memory = aligned_alloc(ALIGNMENT, bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

int64_t gf_peak_memory(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return (int64_t)usage.ru_maxrss * 1024;
}

typedef struct block {
    struct block *next;
    size_t size, used;
    char *data;
} block;

struct gf_arena {
    block *newest;
};

gf_arena *gf_arena_create(void)
{
    return calloc(1, sizeof(gf_arena));
}

static block *block_create(size_t size)
{
    block *made = malloc(sizeof *made);
    if (!made) return NULL;
    *made = (block){ .size = size, .data = gf_alloc(1, size) };
    if (!made->data) {
        free(made);
        return NULL;
    }
    return made;
}

void *gf_arena_alloc(gf_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 4) return NULL;
    size = aligned(size ? size : 1);
    block *newest = arena->newest;
    if (!newest || newest->size - newest->used < size) {
        newest = block_create(size > BLOCK_SIZE ? size : BLOCK_SIZE);
        if (!newest) return NULL;
        newest->next = arena->newest;
        arena->newest = newest;
    }
    void *memory = newest->data + newest->used;
    newest->used += size;
    return memory;
}

char *gf_arena_strdup(gf_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = gf_arena_alloc(arena, size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

void gf_arena_destroy(gf_arena *arena)
{
    if (!arena) return;
    for (block *next, *at = arena->newest; at; at = next) {
        next = at->next;
        free(at->data);
        free(at);
    }
    free(arena);
}
