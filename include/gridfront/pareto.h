/* pareto (L1): dominance, fronts, hypervolume, knees and statistics over seeds. Numbers only. */
#ifndef GRIDFRONT_PARETO_H
#define GRIDFRONT_PARETO_H

#include <gridfront/base.h>

typedef enum gf_goal { GF_MIN, GF_MAX } gf_goal;

/* points: [count, objectives], row-major; NaN: that point takes no part. */
/* front[i] = true where no other point dominates i (equal points all stay). O(n log n) for two
 * objectives, O(n x front) for more. */
gf_status gf_front_find(bool *front, const double *points, const gf_goal *goals, int count,
                        int objectives);
/* rank[i]: 0 for the front, 1 for the front of what is left without it, ...; -1 for points that
 * take no part. O(n^2). */
gf_status gf_front_rank(int *rank, const double *points, const gf_goal *goals, int count,
                        int objectives);
/* Successive halving (Jamieson & Talwalkar 2016; with several objectives by non-dominated ranks, as
 * Schmucker et al. 2021): go_on[i] = true for the best `keep` of the points, ordered by rank, then
 * by the first objective, then by number; with `safe` for every point of the front, too. NaN: that
 * point takes no part. */
gf_status gf_halving_choose(bool *go_on, const double *points, const gf_goal *goals, int count,
                            int objectives, int keep, bool safe);
/* Index of the point that dominates i by the largest least margin (scaled), -1: none. At most 16
 * objectives, as for knees and hypervolumes. */
int gf_front_dominator(const double *points, const gf_goal *goals, int count, int objectives,
                       int i);
/* Volume dominated up to `reference` (WFG: While, Bradstreet, Barone 2012). */
gf_status gf_hypervolume(double *volume, const double *points, const double *reference,
                         const gf_goal *goals, int count, int objectives);
/* The front's point farthest from the hyperplane through its extremes, objectives scaled to
 * [0, 1] (Das 1999); -1 when the front has fewer than three points, or two objectives and no point
 * below the line. */
int gf_front_knee(const bool *front, const double *points, const gf_goal *goals, int count,
                  int objectives);

typedef struct gf_estimate {
    double mean, half; /* 95 % interval is mean +- half; half NaN: unknown */
    int samples;
    bool binomial; /* one seed: from the size of the validation split */
} gf_estimate;
/* Student's t over `count` seeds; NaN values are left out. */
gf_estimate gf_estimate_seeds(const double *values, int count);
/* Wilson's interval of a fraction measured on `images` images. */
gf_estimate gf_estimate_binomial(double fraction, int images);
/* probability[i]: share of `draws` in which point i is on the front. values: [points, seeds,
 * objectives]; each draw resamples the seeds, the same for all points (paired bootstrap of seed
 * means), with numbers addressed by `random`. */
gf_status gf_front_probability(double *probability, const double *values, const gf_goal *goals,
                               int points, int seeds, int objectives, int draws,
                               const gf_random *random);

#endif
