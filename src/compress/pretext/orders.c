/* Orders of tiles that differ as much as they can: algorithm 1 of Noroozi and Favaro 2016
 * (1603.09246). The first is drawn, always the same; each further one has the greatest sum of
 * Hamming distances to those before it. The paper takes any of equal ones; here it is the one whose
 * nearest order is farthest, then the lexicographically first: a sum alone lets orders in that
 * differ in two tiles. */
#include "pretext.h"

#include <stdlib.h>
#include <string.h>

typedef struct candidates {
    unsigned char *orders; /* [count, tiles] */
    int *sum, *least;      /* [count]: of the distances to those that are chosen; least 0: is one */
    int count, tiles;
} candidates;

static void swap(unsigned char *a, unsigned char *b)
{
    unsigned char kept = *a;
    *a = *b;
    *b = kept;
}

/* To the next one in lexicographic order; the last one stays. */
static void advance(unsigned char *order, int tiles)
{
    int fall = tiles - 2, other = tiles - 1;
    while (fall >= 0 && order[fall] > order[fall + 1]) fall--;
    if (fall < 0) return;
    while (order[other] < order[fall]) other--;
    swap(order + fall, order + other);
    for (int a = fall + 1, b = tiles - 1; a < b; a++, b--) swap(order + a, order + b);
}

int gf_orders_count(int tiles)
{
    return tiles < 2 ? 1 : tiles * gf_orders_count(tiles - 1);
}

static gf_status list_all(candidates *c, int tiles)
{
    gf_status status = GF_OK;
    *c = (candidates){ .count = gf_orders_count(tiles), .tiles = tiles };
    c->orders = gf_alloc((size_t)c->count, (size_t)tiles);
    c->sum = gf_alloc((size_t)c->count, sizeof *c->sum);
    c->least = gf_alloc((size_t)c->count, sizeof *c->least);
    GF_TRY_ALLOC(c->orders && c->sum && c->least);
    for (int t = 0; t < tiles; t++) c->orders[t] = (unsigned char)t;
    for (int i = 0; i < c->count; i++) {
        unsigned char *order = c->orders + (size_t)i * (size_t)tiles;
        if (i) advance(memcpy(order, order - tiles, (size_t)tiles), tiles);
        c->least[i] = tiles;
    }
out:
    return status;
}

/* One more is chosen: how far is it from all others? */
static void measure(candidates *c, const unsigned char *chosen)
{
    for (int i = 0; i < c->count; i++) {
        const unsigned char *order = c->orders + (size_t)i * (size_t)c->tiles;
        int distance = 0;
        for (int t = 0; t < c->tiles; t++) distance += order[t] != chosen[t];
        c->sum[i] += distance;
        if (distance < c->least[i]) c->least[i] = distance;
    }
}

static bool is_farther(const candidates *c, int a, int b)
{
    if (c->least[a] == 0 || c->least[b] == 0) return c->least[a] > 0;
    if (c->sum[a] != c->sum[b]) return c->sum[a] > c->sum[b];
    return c->least[a] > c->least[b];
}

static int farthest(const candidates *c)
{
    int best = 0;
    for (int i = 1; i < c->count; i++)
        if (is_farther(c, i, best)) best = i;
    return best;
}

gf_status gf_orders_choose(unsigned char *orders, int count, int tiles)
{
    gf_status status;
    const gf_random random = { .purpose = GF_PURPOSE_METHOD };
    candidates c = { 0 };
    GF_TRY(list_all(&c, tiles));
    int next = (int)gf_random_below(&random, 0, 0, (uint32_t)c.count);
    for (int k = 0; k < count; k++) {
        unsigned char *order = orders + (size_t)k * (size_t)tiles;
        memcpy(order, c.orders + (size_t)next * (size_t)tiles, (size_t)tiles);
        measure(&c, order);
        next = farthest(&c);
    }
out:
    free(c.orders);
    free(c.sum);
    free(c.least);
    return status;
}
