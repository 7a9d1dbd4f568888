/* k-means of vectors: Lloyd's algorithm (1982), an empty cluster begins anew at the vector that
 * lies farthest from its centroid. Sums are taken in the order of the vectors. */
#include "share.h"

#include <stdlib.h>
#include <string.h>

typedef struct cloud {
    const gf_real *points; /* [count, size] */
    size_t count;
    int size, entries;
    gf_real *centroids; /* [entries, size] */
    double *distance;   /* [count]: to the nearest centroid, squared */
    uint8_t *codes;     /* [count] */
} cloud;

static double distance_to(const cloud *s, size_t point, int c)
{
    const gf_real *p = s->points + point * (size_t)s->size;
    const gf_real *q = s->centroids + (size_t)c * (size_t)s->size;
    double sum = 0;
    for (int j = 0; j < s->size; j++) sum += (double)(p[j] - q[j]) * (double)(p[j] - q[j]);
    return sum;
}

/* The first of equal ones. True: some have changed. */
static bool assign(cloud *s)
{
    bool moved = false;
#pragma omp parallel for schedule(static) reduction(|| : moved)
    for (size_t i = 0; i < s->count; i++) {
        int best = 0;
        double least = distance_to(s, i, 0);
        for (int c = 1; c < s->entries; c++) {
            double d = distance_to(s, i, c);
            if (!(d < least)) continue;
            best = c;
            least = d;
        }
        moved = moved || best != s->codes[i];
        s->codes[i] = (uint8_t)best;
        s->distance[i] = least;
    }
    return moved;
}

static void put_at(cloud *s, int c, size_t point)
{
    memcpy(s->centroids + (size_t)c * (size_t)s->size, s->points + point * (size_t)s->size,
           (size_t)s->size * sizeof *s->centroids);
}

static void fill_empty(cloud *s)
{
    bool used[1 << GF_CLUSTER_BITS] = { false };
    for (size_t i = 0; i < s->count; i++) used[s->codes[i]] = true;
    for (int c = 0; c < s->entries; c++) {
        size_t farthest = 0;
        if (used[c]) continue;
        for (size_t i = 1; i < s->count; i++)
            if (s->distance[i] > s->distance[farthest]) farthest = i;
        put_at(s, c, farthest);
        s->distance[farthest] = 0;
    }
}

void gf_kmeans_means(gf_real *means, const uint8_t *codes, const gf_real *points, size_t count,
                     int size, int entries)
{
    double sums[(1 << GF_CLUSTER_BITS) * GF_CLUSTER_BLOCK] = { 0 };
    size_t members[1 << GF_CLUSTER_BITS] = { 0 };
    for (size_t i = 0; i < count; i++) {
        members[codes[i]]++;
        for (int j = 0; j < size; j++)
            sums[codes[i] * size + j] += (double)points[i * (size_t)size + (size_t)j];
    }
    for (int c = 0; c < entries; c++)
        for (int j = 0; members[c] && j < size; j++)
            means[c * size + j] = (gf_real)(sums[c * size + j] / (double)members[c]);
}

static gf_status cloud_init(cloud *s, uint8_t *codes, const gf_real *points, size_t count, int size,
                            int entries)
{
    gf_status status = GF_OK;
    *s = (cloud){
        .points = points, .count = count, .size = size, .entries = entries, .codes = codes
    };
    s->centroids = gf_alloc((size_t)entries * (size_t)size, sizeof *s->centroids);
    s->distance = gf_alloc(count, sizeof *s->distance);
    GF_TRY_ALLOC(s->centroids && s->distance);
out:
    return status;
}

static void cloud_release(cloud *s)
{
    free(s->centroids);
    free(s->distance);
}

/* From codes and the distances to their centroids. */
static void lloyd(cloud *s, int rounds)
{
    bool moved = true;
    for (int round = 0; moved && round < rounds; round++) {
        gf_kmeans_means(s->centroids, s->codes, s->points, s->count, s->size, s->entries);
        fill_empty(s);
        moved = assign(s);
    }
}

gf_status gf_kmeans_vectors(uint8_t *codes, const gf_real *points, size_t count, int size,
                            int entries, int rounds, const gf_random *random)
{
    gf_status status;
    cloud s;
    int *order = gf_alloc(count, sizeof *order);
    GF_TRY(cloud_init(&s, codes, points, count, size, entries));
    GF_TRY_ALLOC(order);
    gf_random_permutation(random, 0, order, (int)count);
    for (int c = 0; c < entries; c++) put_at(&s, c, (size_t)order[c]);
    assign(&s);
    lloyd(&s, rounds);
out:
    free(order);
    cloud_release(&s);
    return status;
}

gf_status gf_kmeans_go_on(uint8_t *codes, const gf_real *points, size_t count, int size,
                          int entries, int rounds)
{
    gf_status status;
    cloud s;
    GF_TRY(cloud_init(&s, codes, points, count, size, entries));
    gf_kmeans_means(s.centroids, codes, points, count, size, entries);
    for (size_t i = 0; i < count; i++) s.distance[i] = distance_to(&s, i, codes[i]);
    lloyd(&s, rounds);
out:
    cloud_release(&s);
    return status;
}
