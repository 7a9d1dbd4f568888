/* Dominance, fronts, ranks, dominators and knees. Points are looked at in lexicographic order
 * (Kung, Luccio, Preparata 1975): whatever dominates a point stands before it, and a point that is
 * dominated at all is dominated by one of the front, so each needs to meet only the front so far.
 * With two objectives the least second value so far is the whole front. */
#include <gridfront/pareto.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct sorted {
    double *values;      /* [count, objectives], goals turned to "less is better" */
    const double **rows; /* [size]: those that take part (no NaN), in lexicographic order */
    int size, objectives;
} sorted;

static int compare_rows(const void *a, const void *b, void *objectives)
{
    const double *p = *(const double *const *)a, *q = *(const double *const *)b;
    for (int k = 0; k < *(const int *)objectives; k++)
        if (p[k] != q[k]) return p[k] < q[k] ? -1 : 1;
    return (p > q) - (p < q);
}

static void sorted_release(sorted *s)
{
    free(s->values);
    free(s->rows);
}

static gf_status sorted_init(sorted *s, const double *points, const gf_goal *goals, int count,
                             int objectives)
{
    gf_status status = GF_OK;
    *s = (sorted){ .objectives = objectives };
    s->values = gf_alloc((size_t)count * (size_t)objectives, sizeof *s->values);
    s->rows = gf_alloc((size_t)count, sizeof *s->rows);
    GF_TRY_ALLOC(s->values && s->rows);
    for (int i = 0; i < count; i++) {
        double *row = s->values + (size_t)i * (size_t)objectives;
        bool part = true;
        for (int k = 0; k < objectives; k++) {
            double value = points[(size_t)i * (size_t)objectives + (size_t)k];
            part &= !isnan(value);
            row[k] = goals[k] == GF_MAX ? -value : value;
        }
        if (part) s->rows[s->size++] = row;
    }
    qsort_r(s->rows, (size_t)s->size, sizeof *s->rows, compare_rows, &s->objectives);
out:
    if (status != GF_OK) sorted_release(s);
    return status;
}

static int index_of(const sorted *s, const double *row)
{
    return (int)((row - s->values) / s->objectives);
}

static bool dominates(const double *a, const double *b, int objectives)
{
    bool better = false;
    for (int k = 0; k < objectives; k++) {
        if (a[k] > b[k]) return false;
        better |= a[k] < b[k];
    }
    return better;
}

/* ---- fronts and ranks ---- */

static void front_of_two(bool *front, const sorted *s)
{
    const double *best = NULL; /* least second value so far, first where several have it */
    for (int i = 0; i < s->size; i++) {
        const double *row = s->rows[i];
        if (!best || row[1] < best[1]) best = row;
        front[index_of(s, row)] = row[0] == best[0] && row[1] == best[1];
    }
}

/* Gathers the front in the first places of s->rows. */
static void front_of_many(bool *front, sorted *s)
{
    int size = 0;
    for (int i = 0; i < s->size; i++) {
        bool beaten = false;
        for (int j = 0; !beaten && j < size; j++)
            beaten = dominates(s->rows[j], s->rows[i], s->objectives);
        if (beaten) continue;
        front[index_of(s, s->rows[i])] = true;
        s->rows[size++] = s->rows[i];
    }
}

gf_status gf_front_find(bool *front, const double *points, const gf_goal *goals, int count,
                        int objectives)
{
    sorted s;
    gf_status status = sorted_init(&s, points, goals, count, objectives);
    if (status != GF_OK) return status;
    memset(front, 0, (size_t)count * sizeof *front);
    if (objectives == 2)
        front_of_two(front, &s);
    else
        front_of_many(front, &s);
    sorted_release(&s);
    return GF_OK;
}

/* The rank is the longest chain of points, each dominating the next, that ends here; one pass does,
 * since all that dominate a point have theirs already. */
gf_status gf_front_rank(int *rank, const double *points, const gf_goal *goals, int count,
                        int objectives)
{
    sorted s;
    gf_status status = sorted_init(&s, points, goals, count, objectives);
    if (status != GF_OK) return status;
    for (int i = 0; i < count; i++) rank[i] = -1;
    for (int i = 0; i < s.size; i++) {
        int highest = -1;
        for (int j = 0; j < i; j++) {
            int other = rank[index_of(&s, s.rows[j])];
            if (other > highest && dominates(s.rows[j], s.rows[i], objectives)) highest = other;
        }
        rank[index_of(&s, s.rows[i])] = highest + 1;
    }
    sorted_release(&s);
    return GF_OK;
}

/* ---- dominators ---- */

enum { OBJECTIVES_MOST = 16 };

/* Objectives' least values and extents over the points chosen (NULL: all); extent 1 where all are
 * equal. */
static void find_extents(double *least, double *extent, const bool *chosen, const double *points,
                         int count, int objectives)
{
    for (int k = 0; k < objectives; k++) {
        double low = INFINITY, high = -INFINITY;
        for (int i = 0; i < count; i++) {
            double value = points[i * objectives + k];
            if (isnan(value) || (chosen && !chosen[i])) continue;
            low = fmin(low, value);
            high = fmax(high, value);
        }
        least[k] = low;
        extent[k] = high > low ? high - low : 1;
    }
}

/* How much better a is than b in the objective where it is least so; negative: it is worse there.
 */
static double least_margin(const double *a, const double *b, const gf_goal *goals,
                           const double *extent, int objectives)
{
    double least = INFINITY;
    for (int k = 0; k < objectives; k++) {
        double gain = goals[k] == GF_MAX ? a[k] - b[k] : b[k] - a[k];
        if (isnan(gain)) return -INFINITY;
        least = fmin(least, gain / extent[k]);
    }
    return least;
}

static double total_margin(const double *a, const double *b, const gf_goal *goals,
                           const double *extent, int objectives)
{
    double sum = 0;
    for (int k = 0; k < objectives; k++)
        sum += (goals[k] == GF_MAX ? a[k] - b[k] : b[k] - a[k]) / extent[k];
    return sum;
}

int gf_front_dominator(const double *points, const gf_goal *goals, int count, int objectives, int i)
{
    double least_value[OBJECTIVES_MOST], extent[OBJECTIVES_MOST], best = -1, best_total = 0;
    int dominator = -1;
    if (objectives > OBJECTIVES_MOST) return -1;
    find_extents(least_value, extent, NULL, points, count, objectives);
    const double *b = points + i * objectives;
    for (int j = 0; j < count; j++) {
        const double *a = points + j * objectives;
        double least = least_margin(a, b, goals, extent, objectives);
        if (j == i || least < 0) continue;
        double total = total_margin(a, b, goals, extent, objectives);
        if (!(total > 0)) continue; /* equal: nobody dominates */
        if (least > best || (least == best && total > best_total)) {
            best = least;
            best_total = total;
            dominator = j;
        }
    }
    return dominator;
}

/* ---- knee ---- */

/* The front's extremes in each objective span a hyperplane; with objectives scaled to [0, 1] and
 * turned to minimization it is close to sum = const, and the knee is the front's point that lies
 * farthest below it: the least sum of scaled objectives (Das 1999, section 2). With two objectives
 * the line through the extremes is sum = 1, and a front that bulges the other way has no knee. */
int gf_front_knee(const bool *front, const double *points, const gf_goal *goals, int count,
                  int objectives)
{
    int knee = -1, size = 0;
    double least[OBJECTIVES_MOST], extent[OBJECTIVES_MOST];
    double best = objectives == 2 ? 1 : INFINITY;
    for (int i = 0; i < count; i++) size += front[i];
    if (size < 3 || objectives > OBJECTIVES_MOST) return -1;
    find_extents(least, extent, front, points, count, objectives);
    for (int i = 0; i < count; i++) {
        double sum = 0;
        if (!front[i]) continue;
        for (int k = 0; k < objectives; k++) {
            double share = (points[i * objectives + k] - least[k]) / extent[k];
            sum += goals[k] == GF_MAX ? 1 - share : share;
        }
        if (sum < best) {
            best = sum;
            knee = i;
        }
    }
    return knee;
}
