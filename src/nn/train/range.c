/* Bounds of the learning rate from one ramp (Smith 2017, 1506.01186, section 3.3). The paper looks
 * where accuracy begins to rise and where it slows, turns ragged or falls. Here the loss of each
 * step's batch is looked at, which costs no evaluations:
 *
 * - smooth: the mean over a fortieth of the steps before and behind, so that nothing lags
 * - drop: from the mean of smooth over the first twentieth of the steps to its minimum
 * - low: the rate from which on, up to the minimum, a tenth of the drop is always done
 * - high: the last rate at which at most a tenth of the drop is lost again (then it rises)
 * - ragged: an earlier rate around which losses stray from smooth by a twentieth of the drop, and
 *   2.5 times as far as they mostly do between low and the minimum; high is that one
 * - edge: the rate at which half of the drop is lost again, or a loss is not finite (it explodes);
 *   high is at most half of it
 *
 * A drop of no more than the losses' own straying is none. */
#include <gridfront/nn.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPAN = 40, BEGIN = 20 };
static const double TENTH = 0.1, HALF = 0.5, RAGGED = 2.5, TWENTIETH = 0.05;

typedef struct curve {
    const gf_range_point *points;
    double *smooth, *stray; /* [count]; stray: mean distance of losses from smooth around each */
    int count, finite;      /* points; those before the first loss that is not finite */
    int least;              /* where smooth is lowest */
    double begin, drop;
} curve;

/* Mean of values[i - span .. i + span], cut off evenly at both ends. */
static double mean_around(const double *values, int count, int i, int span)
{
    double sum = 0;
    if (span > i) span = i;
    if (span > count - 1 - i) span = count - 1 - i;
    for (int k = i - span; k <= i + span; k++) sum += values[k];
    return sum / (2 * span + 1);
}

/* [count]; NAN from `finite` on. Caller frees. */
static double *smooth_values(const double *values, int count, int finite)
{
    double *smooth = gf_alloc((size_t)count + 1, sizeof *smooth);
    for (int i = 0; smooth && i < count; i++)
        smooth[i] = i < finite ? mean_around(values, finite, i, count / SPAN + 1) : NAN;
    return smooth;
}

static int count_finite(const gf_range_point *points, int count)
{
    int i = 0;
    while (i < count && isfinite(points[i].loss)) i++;
    return i;
}

double *gf_range_smooth(const gf_range_point *points, int count)
{
    double *smooth = NULL, *losses = gf_alloc((size_t)count + 1, sizeof *losses);
    for (int i = 0; losses && i < count; i++) losses[i] = points[i].loss;
    if (losses) smooth = smooth_values(losses, count, count_finite(points, count));
    free(losses);
    return smooth;
}

static gf_status curve_init(curve *c, const gf_range_point *points, int count)
{
    gf_status status = GF_OK;
    *c = (curve){ .points = points, .count = count, .finite = count_finite(points, count) };
    double *apart = gf_alloc((size_t)count + 1, sizeof *apart);
    GF_TRY_ALLOC(apart && (c->smooth = gf_range_smooth(points, count)));
    for (int i = 0; i < c->finite; i++) {
        apart[i] = fabs(points[i].loss - c->smooth[i]);
        if (c->smooth[i] < c->smooth[c->least]) c->least = i;
    }
    GF_TRY_ALLOC(c->stray = smooth_values(apart, count, c->finite));
    c->begin = mean_around(c->smooth, c->finite, count / BEGIN / 2, count / BEGIN / 2);
    c->drop = c->begin - c->smooth[c->least];
out:
    free(apart);
    return status;
}

static void curve_release(curve *c)
{
    free(c->smooth);
    free(c->stray);
}

static int find_low(const curve *c)
{
    int low = c->least;
    while (low > 0 && c->smooth[low - 1] <= c->begin - TENTH * c->drop) low--;
    return low;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of stray between low and the minimum. */
static gf_status usual_stray(double *usual, const curve *c, int low)
{
    gf_status status = GF_OK;
    size_t count = (size_t)(c->least - low) + 1;
    double *sorted = gf_alloc(count, sizeof *sorted);
    GF_TRY_ALLOC(sorted);
    memcpy(sorted, c->stray + low, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    *usual = sorted[count / 2];
out:
    free(sorted);
    return status;
}

static int find_high(gf_range_end *end, const curve *c, int low, double usual)
{
    int high = c->finite - 1;
    double ragged = fmax(RAGGED * usual, TWENTIETH * c->drop);
    while (c->smooth[high] > c->begin - (1 - TENTH) * c->drop) high--;
    *end = high < c->finite - 1 ? GF_RANGE_RISES : GF_RANGE_OPEN;
    for (int i = low; i < high; i++)
        if (c->stray[i] > ragged) {
            *end = GF_RANGE_RAGGED;
            return i;
        }
    return high;
}

/* c->count: it never explodes. */
static int find_edge(const curve *c)
{
    int i = c->least;
    while (i < c->finite && c->smooth[i] <= c->begin - HALF * c->drop) i++;
    return i;
}

gf_status gf_range_find(gf_range *range, const gf_range_point *points, int count)
{
    gf_status status;
    curve c = { 0 };
    double usual;
    if (count_finite(points, count) < GF_RANGE_LEAST)
        return gf_fail(GF_INVALID, "a ramp takes %d steps with finite losses, this one has %d",
                       GF_RANGE_LEAST, count_finite(points, count));
    GF_TRY(curve_init(&c, points, count));
    if (c.drop <= c.stray[count / BEGIN]) {
        status = gf_fail(GF_INVALID, "the loss does not fall between rates of %g and %g",
                         points[0].rate, points[count - 1].rate);
        goto out;
    }
    int low = find_low(&c), edge = find_edge(&c);
    GF_TRY(usual_stray(&usual, &c, low));
    gf_range found = { .low = points[low].rate };
    found.high = points[find_high(&found.end, &c, low, usual)].rate;
    if (edge < count && found.high > points[edge].rate / 2) {
        found.high = fmax(points[edge].rate / 2, found.low);
        found.end = GF_RANGE_EXPLODES;
    }
    *range = found;
out:
    curve_release(&c);
    return status;
}
