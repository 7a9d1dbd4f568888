/* k-means of numbers. On a line clusters are intervals: values are sorted once, and with their
 * running sums a round of Lloyd's algorithm (1982) is one binary search per centroid. The result
 * depends on the values alone, in whatever order they come.
 * Where pruning has left a gap around zero, centroids that begin inside never get members: once
 * nothing moves, each of them halves the cluster that has the largest squared error by then, and
 * Lloyd's rounds go on. */
#include "share.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    gf_real x = *(const gf_real *)a, y = *(const gf_real *)b;
    return (x > y) - (x < y);
}

/* How many of the sorted values lie at or below `bound`. */
static size_t count_below(const gf_real *sorted, size_t count, double bound)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((double)sorted[middle] <= bound)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Centroids ascend; cluster c has sorted values ends[c - 1] to ends[c] - 1. */
typedef struct clusters {
    const gf_real *sorted;
    size_t count;
    double *sums, *squares; /* [count + 1], running */
    double *centroids;      /* [most] */
    size_t *ends;           /* [most] */
    int entries;
} clusters;

static size_t begin_of(const clusters *s, int c)
{
    return c ? s->ends[c - 1] : 0;
}

/* True: some have moved. */
static bool assign(clusters *s)
{
    bool moved = false;
    for (int c = 0; c < s->entries; c++) {
        size_t end = s->count;
        if (c < s->entries - 1)
            end = count_below(s->sorted, s->count, (s->centroids[c] + s->centroids[c + 1]) / 2);
        moved = moved || end != s->ends[c];
        s->ends[c] = end;
    }
    return moved;
}

static double mean_of(const clusters *s, size_t from, size_t to)
{
    return (s->sums[to] - s->sums[from]) / (double)(to - from);
}

static void move_to_means(clusters *s)
{
    for (int c = 0; c < s->entries; c++)
        if (s->ends[c] > begin_of(s, c)) s->centroids[c] = mean_of(s, begin_of(s, c), s->ends[c]);
}

static void lloyd(clusters *s, int rounds)
{
    bool moved = true;
    assign(s);
    for (int round = 0; moved && round < rounds; round++) {
        move_to_means(s);
        moved = assign(s);
    }
}

static void drop_empty(clusters *s)
{
    int kept = 0;
    for (int c = 0; c < s->entries; c++) {
        if (s->ends[c] == (kept ? s->ends[kept - 1] : 0)) continue;
        s->centroids[kept] = s->centroids[c];
        s->ends[kept++] = s->ends[c];
    }
    s->entries = kept;
}

static int find_worst(const clusters *s)
{
    int worst = 0;
    double most = -1;
    for (int c = 0; c < s->entries; c++) {
        size_t from = begin_of(s, c), to = s->ends[c];
        double sum = s->sums[to] - s->sums[from];
        double error = s->squares[to] - s->squares[from] - sum * sum / (double)(to - from);
        if (error > most) worst = c;
        if (error > most) most = error;
    }
    return worst;
}

/* False: its values are all the same. */
static bool halve_worst(clusters *s)
{
    int c = find_worst(s);
    size_t from = begin_of(s, c), to = s->ends[c];
    size_t middle = count_below(s->sorted, s->count, mean_of(s, from, to));
    if (middle <= from || middle >= to) return false;
    size_t later = (size_t)(s->entries - c);
    memmove(&s->centroids[c + 1], &s->centroids[c], later * sizeof *s->centroids);
    memmove(&s->ends[c + 1], &s->ends[c], later * sizeof *s->ends);
    s->centroids[c] = mean_of(s, from, middle);
    s->centroids[c + 1] = mean_of(s, middle, to);
    s->ends[c] = middle;
    s->entries++;
    return true;
}

static void run(clusters *s, int most, int rounds)
{
    double low = (double)s->sorted[0], high = (double)s->sorted[s->count - 1];
    s->entries = most;
    for (int c = 0; c < most; c++)
        s->centroids[c] = most > 1 ? low + (high - low) * c / (most - 1) : low;
    lloyd(s, rounds);
    drop_empty(s);
    while (s->entries < most && halve_worst(s)) continue;
    lloyd(s, rounds);
    drop_empty(s);
}

gf_status gf_kmeans(gf_real *centroids, int *entries, const gf_real *values, size_t count,
                    int rounds)
{
    gf_status status = GF_OK;
    gf_real *sorted = gf_alloc(count, sizeof *sorted);
    clusters s = { .sorted = sorted,
                   .count = count,
                   .sums = gf_alloc(count + 1, sizeof *s.sums),
                   .squares = gf_alloc(count + 1, sizeof *s.squares),
                   .centroids = gf_alloc((size_t)*entries, sizeof *s.centroids),
                   .ends = gf_alloc((size_t)*entries, sizeof *s.ends) };
    GF_TRY_ALLOC(sorted && s.sums && s.squares && s.centroids && s.ends);
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 0; i < count; i++) {
        s.sums[i + 1] = s.sums[i] + (double)sorted[i];
        s.squares[i + 1] = s.squares[i] + (double)sorted[i] * (double)sorted[i];
    }
    run(&s, *entries, rounds);
    for (int c = 0; c < s.entries; c++) centroids[c] = (gf_real)s.centroids[c];
    *entries = s.entries;
out:
    free(sorted);
    free(s.sums);
    free(s.squares);
    free(s.centroids);
    free(s.ends);
    return status;
}

int gf_kmeans_nearest(const gf_real *centroids, int entries, gf_real value)
{
    int low = 0, high = entries - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if ((double)value <= ((double)centroids[middle] + (double)centroids[middle + 1]) / 2)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
