/* How busy ranks were, from the times of attempts alone. A sweep that was killed and resumed ran
 * several times, on different numbers of ranks perhaps: each of its runs counts for itself. */
#include <gridfront/farm.h>

#include <math.h>
#include <stdlib.h>

#define PAUSE_SECONDS 1.0 /* no master leaves all ranks without a task for so long */

static int by_begin(const void *a, const void *b)
{
    double x = ((const gf_farm_span *)a)->begin, y = ((const gf_farm_span *)b)->begin;
    return (x > y) - (x < y);
}

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int count_ranks(const gf_farm_span *spans, int count)
{
    int ranks = 0, *seen = gf_alloc((size_t)count, sizeof *seen);
    if (!seen) return 1;
    for (int i = 0; i < count; i++) seen[i] = spans[i].rank;
    qsort(seen, (size_t)count, sizeof *seen, ascending);
    for (int i = 0; i < count; i++) ranks += i == 0 || seen[i] != seen[i - 1];
    free(seen);
    return ranks;
}

/* The run that spans[0] begins: how many of the spans belong to it, and its end. */
static int find_run(double *end, double *busy, const gf_farm_span *spans, int count)
{
    int size = 0;
    *end = spans[0].begin;
    *busy = 0;
    for (; size < count && spans[size].begin - *end < PAUSE_SECONDS; size++) {
        *busy += fmax(0, spans[size].end - spans[size].begin);
        *end = fmax(*end, spans[size].end);
    }
    return size;
}

gf_farm_usage gf_farm_usage_of(gf_farm_span *spans, int count)
{
    gf_farm_usage usage = { 0 };
    double busy = 0, capacity = 0;
    qsort(spans, (size_t)count, sizeof *spans, by_begin);
    for (int at = 0, size; at < count; at += size) {
        double end, run_busy;
        size = find_run(&end, &run_busy, spans + at, count - at);
        usage.ranks = count_ranks(spans + at, size);
        usage.seconds += end - spans[at].begin;
        capacity += usage.ranks * (end - spans[at].begin);
        busy += run_busy;
    }
    usage.busy = capacity > 0 ? fmin(1, busy / capacity) : 0;
    return usage;
}
