/* Reading a study once, and everything that is computed from it. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 1000 }; /* of the paired bootstrap */

int gf_report_metric(const gf_report *report, const char *name)
{
    for (int m = 0; m < report->options.metric_count; m++)
        if (strcmp(report->metrics[m].name, name) == 0) return m;
    return -1;
}

static gf_status read_objectives(gf_report *r)
{
    gf_status status;
    gf_options *settings = NULL;
    GF_TRY(gf_options_parse(&settings, r->plan->settings));
    while (r->objective_count < (int)GF_COUNT(r->objectives)) {
        char key[64];
        snprintf(key, sizeof key, "objective.%d.metric", r->objective_count);
        const char *name = gf_options_get(settings, key);
        if (!name) break;
        int metric = gf_report_metric(r, name);
        if (metric < 0) {
            status = gf_fail(GF_CORRUPT, "%s: this program has no metric '%s'", r->dir, name);
            goto out;
        }
        snprintf(key, sizeof key, "objective.%d.goal", r->objective_count);
        const char *goal = gf_options_get(settings, key);
        r->objectives[r->objective_count++] =
            (gf_report_objective){ .metric = metric,
                                   .goal = goal && strcmp(goal, "max") == 0 ? GF_MAX : GF_MIN };
    }
    if (r->objective_count == 0)
        status = gf_fail(GF_CORRUPT, "%s: the sweep has no objectives", r->dir);
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
    GF_TRY_ALLOC(r->points && r->stages);
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
    double *values = point->values + (size_t)trial->seed_index * (size_t)r->options.metric_count;
    if (r->stages[last].state != GF_STAGE_DONE) return GF_OK;
    gf_status status = gf_study_read_result(r->study, last, values);
    if (status == GF_OK) point->finished++;
    return status == GF_NOTFOUND ? GF_OK : status;
}

/* Accuracy of one seed: how exactly its images measure it. */
static gf_estimate estimate(const gf_report *r, const gf_report_point *point, int metric)
{
    double column[1024];
    int count = r->seeds < 1024 ? r->seeds : 1024;
    for (int s = 0; s < count; s++) column[s] = point->values[s * r->options.metric_count + metric];
    gf_estimate e = gf_estimate_seeds(column, count);
    if (e.samples == 1 && strcmp(r->metrics[metric].name, "accuracy") == 0)
        e = gf_estimate_binomial(e.mean, r->options.validation_images);
    return e;
}

/* Objectives of all points as pareto wants them; NaN where seeds are missing. */
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

/* Only where every point has all its seeds: pairs need partners. */
static gf_status find_probabilities(gf_report *r)
{
    gf_status status;
    gf_goal goals[GF_COUNT(r->objectives)];
    int points = r->plan->point_count, k_count = r->objective_count;
    double *values = NULL, *probability = NULL;
    const gf_random random = { .purpose = GF_PURPOSE_STATISTICS };
    for (int p = 0; p < points; p++)
        if (r->points[p].finished < r->seeds) return GF_OK;
    if (r->seeds < 2 || (double)points * points * DRAWS > 1e9) return GF_OK;
    values = gf_alloc((size_t)points * (size_t)r->seeds * (size_t)k_count, sizeof *values);
    probability = gf_alloc((size_t)points, sizeof *probability);
    GF_TRY_ALLOC(values && probability);
    for (int k = 0; k < k_count; k++) goals[k] = r->objectives[k].goal;
    for (int p = 0; p < points; p++)
        for (int s = 0; s < r->seeds; s++)
            for (int k = 0; k < k_count; k++)
                values[(p * r->seeds + s) * k_count + k] =
                    r->points[p].values[s * r->options.metric_count + r->objectives[k].metric];
    GF_TRY(gf_front_probability(probability, values, goals, points, r->seeds, k_count, DRAWS,
                                &random));
    for (int p = 0; p < points; p++) r->points[p].probability = probability[p];
out:
    free(values);
    free(probability);
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

gf_status gf_report_load(gf_report **report, const char *dir, const gf_report_options *options)
{
    gf_status status;
    gf_report *r = calloc(1, sizeof *r);
    GF_TRY_ALLOC(r);
    GF_TRY(copy_options(r, dir, options));
    GF_TRY(gf_study_open(&r->study, dir, false));
    r->plan = gf_study_plan_get(r->study);
    if (r->plan->metric_count != options->metric_count) {
        status = gf_fail(GF_CORRUPT, "%s: results have %d columns, this program knows %d", dir,
                         r->plan->metric_count, options->metric_count);
        goto out;
    }
    GF_TRY(read_objectives(r));
    GF_TRY(alloc_points(r));
    GF_TRY(read_stages(r));
    for (int t = 0; t < r->plan->trial_count; t++) GF_TRY(read_trial(r, &r->plan->trials[t]));
    for (int p = 0; p < r->plan->point_count; p++)
        for (int m = 0; m < options->metric_count; m++)
            r->points[p].estimates[m] = estimate(r, &r->points[p], m);
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
    for (int t = 0; t < report->plan->trial_count; t++)
        if (report->plan->trials[t].point == point &&
            report->plan->trials[t].seed_index == seed_index)
            return &report->plan->trials[t];
    return NULL;
}
