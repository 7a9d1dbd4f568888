/* From what earlier runs measured to what is predicted: the longest beginning of a path that is
 * known. Deviations are pooled, and shrunk towards what is thought before anything is seen (as
 * posteriors of scaled inverse chi-square priors: Gelman et al., "Bayesian Data Analysis", 2.6). */
#include "history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTHS = 4, PRIOR = 4 }; /* PRIOR: observations that a deviation thought of counts as */
/* Paths that are alike in 1, 2, 3 parts differ by so much more than those that are in all but one.
 */
static const double apart[DEPTHS - 1] = { 5, 2, 1 };

static double square(double x)
{
    return x * x;
}

static double shrunk(double prior, double squares, double freedom)
{
    return (PRIOR * square(prior) + squares) / (PRIOR + freedom);
}

/* ---- the entries that begin alike: a range, as they are sorted ---- */

typedef struct range {
    const gf_entry *items;
    int count;
} range;

/* Bytes of the first `depth` parts with the '/' behind them; the whole path where it has no more.
 */
static size_t prefix_size(const char *path, int depth, bool *whole)
{
    size_t size = 0;
    for (int i = 0; i < depth; i++) {
        const char *slash = strchr(path + size, '/');
        if (!slash) {
            *whole = true;
            return strlen(path);
        }
        size = (size_t)(slash - path) + 1;
    }
    *whole = false;
    return size;
}

static int compare_prefix(const gf_entry *e, const char *path, size_t size, bool whole)
{
    return whole ? strcmp(e->path, path) : strncmp(e->path, path, size);
}

/* First entry that is not before the prefix; `past`: that is behind it. */
static int find_bound(const gf_entries *known, const char *path, size_t size, bool whole, bool past)
{
    int low = 0, high = known->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (compare_prefix(&known->items[middle], path, size, whole) < past)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static range find_range(const gf_history *h, const char *path, int depth, bool *whole)
{
    size_t size = prefix_size(path, depth, whole);
    int first = find_bound(&h->known, path, size, *whole, false);
    int last = find_bound(&h->known, path, size, *whole, true);
    return (range){ h->known.items + first, last - first };
}

/* The entries of one path at the beginning of a range: its runs. */
static int count_runs(range r)
{
    int runs = 0;
    while (runs < r.count && strcmp(r.items[runs].path, r.items[0].path) == 0) runs++;
    return runs;
}

static range behind(range r, int runs)
{
    return (range){ r.items + runs, r.count - runs };
}

static double mean_of_runs(range r, int runs)
{
    double sum = 0;
    for (int i = 0; i < runs; i++) sum += r.items[i].mean;
    return sum / runs;
}

/* ---- deviations ---- */

static double task_variance(range r, const gf_doubt *prior)
{
    double squares = 0, freedom = 0;
    for (int i = 0; i < r.count; i++) {
        squares += r.items[i].squares;
        freedom += r.items[i].count - 1;
    }
    return shrunk(prior->task, squares, freedom);
}

/* All paths of a run are slow or fast together: there is no more freedom in them than in runs. */
static double run_variance(range r, const gf_doubt *prior)
{
    double squares = 0, own = 0, task = task_variance(r, prior), freedom = 0, most = 0;
    while (r.count > 0) {
        int runs = count_runs(r);
        double mean = mean_of_runs(r, runs);
        for (int i = 0; runs > 1 && i < runs; i++) {
            squares += square(r.items[i].mean - mean);
            own += task / r.items[i].count * (runs - 1) / runs;
        }
        freedom += runs - 1;
        most = fmax(most, runs - 1);
        r = behind(r, runs);
    }
    double seen = freedom > 0 ? fmax(0, squares - own) / freedom : 0;
    return shrunk(prior->run, seen * most, most);
}

double gf_history_run_doubt(const gf_history *history, const char *path, const gf_doubt *prior)
{
    bool whole;
    return sqrt(run_variance(find_range(history, path, 1, &whole), prior));
}

/* ---- predictions ---- */

/* A path that is known: the mean of its runs, which is as sure as these are many. */
static void predict_known(gf_prediction *p, range r, double run)
{
    double variance = 0;
    for (int i = 0; i < r.count; i++) variance += square(run) + square(p->task) / r.items[i].count;
    p->ratio = exp(mean_of_runs(r, r.count));
    p->group = sqrt(variance) / r.count;
}

/* A path like others: a further one of them. */
static void predict_alike(gf_prediction *p, range all, double prior)
{
    double sum = 0, squares = 0;
    int paths = 0;
    for (range r = all; r.count > 0; r = behind(r, count_runs(r))) {
        double mean = mean_of_runs(r, count_runs(r));
        paths++;
        sum += mean;
        squares += square(mean);
    }
    double variance = shrunk(prior, fmax(0, squares - square(sum) / paths), paths - 1);
    p->ratio = exp(sum / paths);
    p->group = sqrt(variance * (1 + 1.0 / paths));
}

bool gf_history_predict(gf_prediction *prediction, const gf_history *history, const char *path,
                        int depth, const gf_doubt *prior)
{
    for (int d = DEPTHS; d >= depth && d > 0; d--) {
        bool whole;
        const range r = find_range(history, path, d, &whole);
        if (r.count == 0) continue;
        gf_prediction made = { .depth = d, .task = sqrt(task_variance(r, prior)) };
        for (int i = 0; i < r.count; i++) made.samples += r.items[i].count;
        if (whole)
            predict_known(&made, r, gf_history_run_doubt(history, path, prior));
        else
            predict_alike(&made, r, prior->group * apart[d - 1]);
        *prediction = made;
        return true;
    }
    return false;
}
