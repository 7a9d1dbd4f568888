/* Who goes on at a rung of successive halving. */
#include <gridfront/pareto.h>

#include <stdlib.h>

typedef struct candidate {
    int index, rank;
    double first; /* objective, larger is better */
} candidate;

static int better_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->rank != y->rank) return x->rank - y->rank;
    if (x->first != y->first) return x->first > y->first ? -1 : 1;
    return x->index - y->index;
}

gf_status gf_halving_choose(bool *go_on, const double *points, const gf_goal *goals, int count,
                            int objectives, int keep, bool safe)
{
    gf_status status;
    int size = 0;
    int *rank = gf_alloc((size_t)count, sizeof *rank);
    candidate *list = gf_alloc((size_t)count, sizeof *list);
    GF_TRY_ALLOC(rank && list);
    GF_TRY(gf_front_rank(rank, points, goals, count, objectives));
    for (int i = 0; i < count; i++) {
        double first = points[(size_t)i * (size_t)objectives];
        go_on[i] = false;
        if (rank[i] < 0) continue;
        list[size++] = (candidate){ i, rank[i], goals[0] == GF_MAX ? first : -first };
    }
    qsort(list, (size_t)size, sizeof *list, better_first);
    for (int i = 0; i < size; i++) go_on[list[i].index] = i < keep || (safe && list[i].rank == 0);
out:
    free(rank);
    free(list);
    return status;
}
