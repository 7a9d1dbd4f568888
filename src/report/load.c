/* Reading a study once, and everything that is computed from it. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 1000 };               /* of the paired bootstrap */
static const double draw_cost = 3e8; /* comparisons that all draws together may take, roughly */

int gf_report_metric(const gf_report *report, const char *name)
{
    for (int m = 0; m < report->options.metric_count; m++)
        if (strcmp(report->metrics[m].name, name) == 0) return m;
    return -1;
}

/* Without times an objective that is one takes no part: fronts must not hang on the machine. */
static gf_status read_settings(gf_report *r)
{
    gf_status status;
    gf_options *settings = NULL;
    char key[64];
    int declared = 0;
    GF_TRY(gf_options_parse(&settings, r->plan->settings));
    const char *images = gf_options_get(settings, "validation_images");
    if (images) r->options.validation_images = atoi(images);
    for (; r->objective_count < (int)GF_COUNT(r->objectives); declared++) {
        snprintf(key, sizeof key, "objective.%d.metric", declared);
        const char *name = gf_options_get(settings, key);
        if (!name) break;
        int metric = gf_report_metric(r, name);
        if (metric < 0) {
            status = gf_fail(GF_CORRUPT, "%s: this program has no metric '%s'", r->dir, name);
            goto out;
        }
        if (!gf_report_shows(r, metric)) continue;
        snprintf(key, sizeof key, "objective.%d.goal", declared);
        const char *goal = gf_options_get(settings, key);
        r->objectives[r->objective_count++] =
            (gf_report_objective){ .metric = metric,
                                   .goal = goal && strcmp(goal, "max") == 0 ? GF_MAX : GF_MIN };
    }
    if (declared == 0)
        status = gf_fail(GF_CORRUPT, "%s: the sweep has no objectives", r->dir);
    else if (r->objective_count == 0)
        status = gf_fail(GF_INVALID, "%s: every objective is a time; nothing is left without times",
                         r->dir);
out:
    gf_options_destroy(settings);
    return status;
}

static gf_status alloc_points(gf_report *r)
{
    gf_status status = GF_OK;
    size_t metrics = (size_t)r->options.metric_count;
    for (int t = 0; t < r->plan->trial_count; t++)
        if (r->plan->trials[t].seed_index >= r->seeds) r->seeds = r->plan->trials[t].seed_index + 1;
    r->points = gf_alloc((size_t)r->plan->point_count, sizeof *r->points);
    r->stages = gf_alloc((size_t)r->plan->stage_count, sizeof *r->stages);
    r->trials = gf_alloc((size_t)r->plan->point_count * (size_t)r->seeds, sizeof *r->trials);
    GF_TRY_ALLOC(r->points && r->stages && r->trials);
    for (int p = 0; p < r->plan->point_count; p++) {
        gf_report_point *point = &r->points[p];
        point->label = r->plan->points[p].label;
        point->options = r->plan->points[p].options;
        point->rank = point->dominator = -1;
        point->probability = NAN;
        point->values = gf_alloc((size_t)r->seeds * metrics, sizeof *point->values);
        point->estimates = gf_alloc(metrics, sizeof *point->estimates);
        GF_TRY_ALLOC(point->values && point->estimates);
        for (size_t i = 0; i < (size_t)r->seeds * metrics; i++) point->values[i] = NAN;
    }
out:
    return status;
}

static gf_status read_stages(gf_report *r)
{
    gf_status status = GF_OK;
    for (int s = 0; s < r->plan->stage_count; s++) {
        gf_report_stage *stage = &r->stages[s];
        GF_TRY(gf_study_read_state(r->study, s, &stage->state));
        GF_TRY(gf_study_read_attempts(r->study, s, stage->attempts, &stage->attempt_count));
    }
out:
    return status;
}

static gf_status read_trial(gf_report *r, const gf_trial_row *trial)
{
    gf_report_point *point = &r->points[trial->point];
    int last = trial->stages[trial->stage_count - 1];
    gf_stage_state state = r->stages[last].state;
    double *values = point->values + (size_t)trial->seed_index * (size_t)r->options.metric_count;
    r->trials[(size_t)trial->point * (size_t)r->seeds + (size_t)trial->seed_index] = trial;
    point->failed |= state == GF_STAGE_FAILED || state == GF_STAGE_BLOCKED;
    point->stopped |= state == GF_STAGE_STOPPED;
    if (state != GF_STAGE_DONE) return GF_OK;
    gf_status status = gf_study_read_result(r->study, last, values);
    if (status == GF_OK) point->finished++;
    return status == GF_NOTFOUND ? GF_OK : status;
}

/* Where one seed is all there is of an accuracy: how exactly its images measure it. */
static gf_status find_estimates(gf_report *r)
{
    int metrics = r->options.metric_count, accuracy = gf_report_metric(r, "accuracy");
    double *column = gf_alloc((size_t)r->seeds, sizeof *column);
    if (!column) return gf_fail(GF_NOMEM, "out of memory");
    for (int p = 0; p < r->plan->point_count; p++)
        for (int m = 0; m < metrics; m++) {
            gf_estimate *estimate = &r->points[p].estimates[m];
            for (int s = 0; s < r->seeds; s++) column[s] = r->points[p].values[s * metrics + m];
            *estimate = gf_estimate_seeds(column, r->seeds);
            if (estimate->samples == 1 && m == accuracy)
                *estimate = gf_estimate_binomial(estimate->mean, r->options.validation_images);
        }
    free(column);
    return GF_OK;
}

/* Objectives of all points as pareto wants them: means over the seeds that are there. */
static void fill_means(const gf_report *r, double *means, gf_goal *goals)
{
    for (int k = 0; k < r->objective_count; k++) goals[k] = r->objectives[k].goal;
    for (int p = 0; p < r->plan->point_count; p++)
        for (int k = 0; k < r->objective_count; k++)
            means[p * r->objective_count + k] =
                r->points[p].estimates[r->objectives[k].metric].mean;
}

static gf_status find_fronts(gf_report *r)
{
    gf_status status;
    gf_goal goals[GF_COUNT(r->objectives)];
    size_t count = (size_t)r->plan->point_count;
    double *means = gf_alloc(count * (size_t)r->objective_count, sizeof *means);
    int *rank = gf_alloc(count, sizeof *rank);
    bool *front = gf_alloc(count, sizeof *front);
    GF_TRY_ALLOC(means && rank && front);
    fill_means(r, means, goals);
    GF_TRY(gf_front_rank(rank, means, goals, r->plan->point_count, r->objective_count));
    for (int p = 0; p < r->plan->point_count; p++) {
        gf_report_point *point = &r->points[p];
        point->rank = rank[p];
        point->front = front[p] = rank[p] == 0;
        r->front_size += point->front;
        r->finished_points += rank[p] >= 0;
        if (rank[p] > 0)
            point->dominator =
                gf_front_dominator(means, goals, r->plan->point_count, r->objective_count, p);
    }
    r->knee = gf_front_knee(front, means, goals, r->plan->point_count, r->objective_count);
out:
    free(means);
    free(rank);
    free(front);
    return status;
}

/* Pairs need partners: only points with all their seeds take part. values: [points that take part,
 * seeds, objectives]; at[i]: the i-th of them. */
static int gather_complete(const gf_report *r, double *values, int *at)
{
    int size = 0;
    for (int p = 0; p < r->plan->point_count; p++) {
        if (r->points[p].finished < r->seeds) continue;
        for (int s = 0; s < r->seeds; s++)
            for (int k = 0; k < r->objective_count; k++)
                values[(size * r->seeds + s) * r->objective_count + k] =
                    r->points[p].values[s * r->options.metric_count + r->objectives[k].metric];
        at[size++] = p;
    }
    return size;
}

static gf_status find_probabilities(gf_report *r)
{
    gf_status status = GF_OK;
    gf_goal goals[GF_COUNT(r->objectives)];
    size_t points = (size_t)r->plan->point_count, k_count = (size_t)r->objective_count;
    const gf_random random = { .purpose = GF_PURPOSE_STATISTICS };
    double *values = gf_alloc(points * (size_t)r->seeds * k_count, sizeof *values);
    double *probability = gf_alloc(points, sizeof *probability);
    int *at = gf_alloc(points, sizeof *at);
    GF_TRY_ALLOC(values && probability && at);
    for (size_t k = 0; k < k_count; k++) goals[k] = r->objectives[k].goal;
    int size = gather_complete(r, values, at);
    double each = k_count == 2 ? 32 : size; /* sorted, or against the front */
    if (r->seeds < 2 || size == 0 || DRAWS * each * size > draw_cost) goto out;
    GF_TRY(gf_front_probability(probability, values, goals, size, r->seeds, r->objective_count,
                                DRAWS, &random));
    for (int i = 0; i < size; i++) r->points[at[i]].probability = probability[i];
out:
    free(values);
    free(probability);
    free(at);
    return status;
}

static gf_status copy_options(gf_report *r, const char *dir, const gf_report_options *options)
{
    gf_status status = GF_OK;
    r->options = *options;
    r->knee = -1;
    GF_TRY_ALLOC(r->dir = gf_strdup(dir));
    GF_TRY_ALLOC(r->metrics = gf_alloc((size_t)options->metric_count, sizeof *r->metrics));
    for (int m = 0; m < options->metric_count; m++) r->metrics[m] = options->metrics[m];
    r->options.metrics = r->metrics;
out:
    return status;
}

/* A study of another version may have other columns; reading them by place would be wrong. */
static gf_status check_columns(const gf_report *r)
{
    if (r->plan->metric_count != r->options.metric_count)
        return gf_fail(GF_CORRUPT, "%s: results have %d columns, this program knows %d", r->dir,
                       r->plan->metric_count, r->options.metric_count);
    for (int m = 0; m < r->plan->metric_count; m++)
        if (strcmp(r->plan->metrics[m], r->metrics[m].name) != 0)
            return gf_fail(GF_CORRUPT,
                           "%s: column %d of the results is '%s'; this program has '%s'", r->dir, m,
                           r->plan->metrics[m], r->metrics[m].name);
    return GF_OK;
}

gf_status gf_report_load(gf_report **report, const char *dir, const gf_report_options *options)
{
    gf_status status;
    gf_report *r = calloc(1, sizeof *r);
    GF_TRY_ALLOC(r);
    GF_TRY(copy_options(r, dir, options));
    GF_TRY(gf_study_open(&r->study, dir, false));
    r->plan = gf_study_plan_get(r->study);
    GF_TRY(check_columns(r));
    GF_TRY(read_settings(r));
    GF_TRY(alloc_points(r));
    GF_TRY(read_stages(r));
    for (int t = 0; t < r->plan->trial_count; t++) GF_TRY(read_trial(r, &r->plan->trials[t]));
    GF_TRY(find_estimates(r));
    GF_TRY(find_fronts(r));
    GF_TRY(find_probabilities(r));
    *report = r;
    r = NULL;
out:
    gf_report_destroy(r);
    return status;
}

void gf_report_destroy(gf_report *r)
{
    if (!r) return;
    for (int p = 0; r->points && p < r->plan->point_count; p++) {
        free(r->points[p].values);
        free(r->points[p].estimates);
    }
    free(r->points);
    free(r->stages);
    free(r->trials);
    free(r->metrics);
    free(r->dir);
    gf_study_close(r->study);
    free(r);
}

void gf_report_front(const gf_report *report, bool *front)
{
    for (int p = 0; p < report->plan->point_count; p++) front[p] = report->points[p].front;
}

const gf_trial_row *gf_report_trial(const gf_report *report, int point, int seed_index)
{
    return report->trials[(size_t)point * (size_t)report->seeds + (size_t)seed_index];
}
