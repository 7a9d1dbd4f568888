/* Hypervolume by WFG (While, Bradstreet, Barone 2012, "A fast way of calculating exact
 * hypervolumes", section III): the volume of a set is the sum, point by point, of what each adds
 * to those behind it; what the others cover of a point's box is found by limiting them to it. */
#include <gridfront/pareto.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct set {
    double *values; /* [size, objectives]: distances below the reference, all positive */
    int size, objectives;
} set;

static double box(const double *a, int objectives)
{
    double volume = 1;
    for (int k = 0; k < objectives; k++) volume *= a[k];
    return volume;
}

static bool covers(const double *a, const double *b, int objectives)
{
    for (int k = 0; k < objectives; k++)
        if (a[k] < b[k]) return false;
    return true;
}

/* Adds a point unless it is covered; points that it covers go. */
static void add_point(set *s, const double *point)
{
    int kept = 0;
    for (int i = 0; i < s->size; i++)
        if (covers(s->values + i * s->objectives, point, s->objectives)) return;
    for (int i = 0; i < s->size; i++) {
        double *at = s->values + i * s->objectives;
        if (!covers(point, at, s->objectives))
            memmove(s->values + kept++ * s->objectives, at, (size_t)s->objectives * sizeof *at);
    }
    memcpy(s->values + kept * s->objectives, point, (size_t)s->objectives * sizeof *point);
    s->size = kept + 1;
}

static gf_status volume_of(double *volume, const set *s);

/* What point i of s adds to the points behind it. */
static gf_status exclusive(double *volume, const set *s, int i)
{
    gf_status status;
    const double *point = s->values + i * s->objectives;
    double limited[16], covered = 0;
    set rest = { .objectives = s->objectives };
    rest.values = gf_alloc((size_t)(s->size * s->objectives), sizeof *rest.values);
    GF_TRY_ALLOC(rest.values);
    for (int j = i + 1; j < s->size; j++) {
        for (int k = 0; k < s->objectives; k++)
            limited[k] = fmin(s->values[j * s->objectives + k], point[k]);
        add_point(&rest, limited);
    }
    GF_TRY(volume_of(&covered, &rest));
    *volume = box(point, s->objectives) - covered;
out:
    free(rest.values);
    return status;
}

static gf_status volume_of(double *volume, const set *s)
{
    gf_status status = GF_OK;
    *volume = 0;
    for (int i = 0; i < s->size; i++) {
        double added = 0;
        GF_TRY(exclusive(&added, s, i));
        *volume += added;
    }
out:
    return status;
}

gf_status gf_hypervolume(double *volume, const double *points, const double *reference,
                         const gf_goal *goals, int count, int objectives)
{
    gf_status status;
    set s = { .objectives = objectives };
    if (objectives < 1 || objectives > 16)
        return gf_fail(GF_INVALID, "hypervolume of %d objectives; allowed 1 to 16", objectives);
    s.values = gf_alloc((size_t)(count * objectives) + 1, sizeof *s.values);
    GF_TRY_ALLOC(s.values);
    for (int i = 0; i < count; i++) {
        double point[16];
        bool inside = true;
        for (int k = 0; k < objectives; k++) {
            double value = points[i * objectives + k];
            point[k] = goals[k] == GF_MAX ? value - reference[k] : reference[k] - value;
            inside &= point[k] > 0; /* false for NaN as well */
        }
        if (inside) add_point(&s, point);
    }
    GF_TRY(volume_of(volume, &s));
out:
    free(s.values);
    return status;
}
