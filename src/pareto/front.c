/* Dominance, fronts, ranks, dominators and knees. All objectives are turned into minimization
 * first, so that every loop below compares one way. */
#include <gridfront/pareto.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Copies points with goals turned to "less is better"; part[i]: no objective is NaN. */
static gf_status minimized(double **out, bool **part, const double *points, const gf_goal *goals,
                           int count, int objectives)
{
    gf_status status = GF_OK;
    *out = gf_alloc((size_t)count * (size_t)objectives, sizeof **out);
    *part = gf_alloc((size_t)count, sizeof **part);
    GF_TRY_ALLOC(*out && *part);
    for (int i = 0; i < count; i++) {
        (*part)[i] = true;
        for (int k = 0; k < objectives; k++) {
            double value = points[i * objectives + k];
            (*part)[i] &= !isnan(value);
            (*out)[i * objectives + k] = goals[k] == GF_MAX ? -value : value;
        }
    }
out:
    return status;
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

/* ---- two objectives: sort, then one sweep ---- */

typedef struct entry {
    double x, y;
    int index;
} entry;

static int by_x_then_y(const void *a, const void *b)
{
    const entry *p = a, *q = b;
    if (p->x != q->x) return p->x < q->x ? -1 : 1;
    return (p->y > q->y) - (p->y < q->y);
}

static gf_status front_of_two(bool *front, const double *values, const bool *part, int count)
{
    int size = 0;
    entry *entries = gf_alloc((size_t)count, sizeof *entries);
    if (!entries) return gf_fail(GF_NOMEM, "out of memory");
    for (int i = 0; i < count; i++)
        if (part[i]) entries[size++] = (entry){ values[2 * i], values[2 * i + 1], i };
    qsort(entries, (size_t)size, sizeof *entries, by_x_then_y);
    double best = INFINITY, best_x = 0; /* least y so far, and the least x that has it */
    for (int i = 0; i < size; i++) {
        bool equal = entries[i].y == best && entries[i].x == best_x;
        if (entries[i].y < best) {
            best = entries[i].y;
            best_x = entries[i].x;
            equal = true;
        }
        front[entries[i].index] = equal;
    }
    free(entries);
    return GF_OK;
}

static void front_of_many(bool *front, const double *values, const bool *part, int count,
                          int objectives)
{
    for (int i = 0; i < count; i++) {
        front[i] = part[i];
        for (int j = 0; front[i] && j < count; j++)
            if (part[j] && dominates(values + j * objectives, values + i * objectives, objectives))
                front[i] = false;
    }
}

static gf_status find_front(bool *front, const double *values, const bool *part, int count,
                            int objectives)
{
    memset(front, 0, (size_t)count * sizeof *front);
    if (objectives == 2) return front_of_two(front, values, part, count);
    front_of_many(front, values, part, count, objectives);
    return GF_OK;
}

gf_status gf_front_find(bool *front, const double *points, const gf_goal *goals, int count,
                        int objectives)
{
    gf_status status;
    double *values = NULL;
    bool *part = NULL;
    GF_TRY(minimized(&values, &part, points, goals, count, objectives));
    GF_TRY(find_front(front, values, part, count, objectives));
out:
    free(values);
    free(part);
    return status;
}

/* ---- ranks: one front after the other ---- */

gf_status gf_front_rank(int *rank, const double *points, const gf_goal *goals, int count,
                        int objectives)
{
    gf_status status;
    double *values = NULL;
    bool *part = NULL, *front = gf_alloc((size_t)count, sizeof *front);
    GF_TRY_ALLOC(front);
    GF_TRY(minimized(&values, &part, points, goals, count, objectives));
    for (int i = 0; i < count; i++) rank[i] = -1;
    for (int level = 0, left = count; left > 0; level++) {
        left = 0;
        GF_TRY(find_front(front, values, part, count, objectives));
        for (int i = 0; i < count; i++) {
            if (front[i]) {
                rank[i] = level;
                part[i] = false;
            }
            left += part[i];
        }
    }
out:
    free(values);
    free(part);
    free(front);
    return status;
}

/* ---- dominators ---- */

/* Objectives' extents over all points that take part; 1 where all are equal. */
static void extents(double *extent, const double *points, int count, int objectives)
{
    for (int k = 0; k < objectives; k++) {
        double low = INFINITY, high = -INFINITY;
        for (int i = 0; i < count; i++) {
            double value = points[i * objectives + k];
            if (isnan(value)) continue;
            low = fmin(low, value);
            high = fmax(high, value);
        }
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
    enum { MOST = 16 };
    double extent[MOST], best = -1, best_total = 0;
    int dominator = -1;
    if (objectives > MOST) return -1;
    extents(extent, points, count, objectives);
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
 * farthest below it: the least sum of scaled objectives (Das 1999, section 2). */
int gf_front_knee(const bool *front, const double *points, const gf_goal *goals, int count,
                  int objectives)
{
    int knee = -1, size = 0;
    double best = INFINITY;
    for (int i = 0; i < count; i++) size += front[i];
    if (size < 3) return -1;
    for (int i = 0; i < count; i++) {
        double sum = 0;
        if (!front[i]) continue;
        for (int k = 0; k < objectives; k++) {
            double low = INFINITY, high = -INFINITY;
            for (int j = 0; j < count; j++) {
                if (!front[j]) continue;
                low = fmin(low, points[j * objectives + k]);
                high = fmax(high, points[j * objectives + k]);
            }
            double share = high > low ? (points[i * objectives + k] - low) / (high - low) : 0;
            sum += goals[k] == GF_MAX ? 1 - share : share;
        }
        if (sum < best) {
            best = sum;
            knee = i;
        }
    }
    return knee;
}
