/* How long the rest of a sweep takes. log(real / predicted) of task i is u + w_g + v_i, where the
 * run's u, its group's w and its own v are normal with the deviations of gf_doubt; what finished
 * tasks, and parts of running ones, have shown gives the posterior of u and w in closed form (a
 * one-way model with random effects: Searle, Casella, McCulloch 1992, chapter 3). The corrected
 * rest then runs through the simulation of the real schedule. */
#include "schedule.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIMED_LEAST 0.04 /* share of a task that says something */
#define PRIOR_TASKS 8    /* that the doubt of single tasks counts as, beside those seen */
#define UNKNOWN     1.6  /* deviation of a logarithm: a factor of 5 */
#define NORMAL_95   1.959964

static const gf_doubt no_idea = { .run = 5, .group = 0.5, .task = 0.3 };

typedef struct group {
    int count;
    double weight, sum, squares; /* of the log ratios seen; weight 1 is a whole task */
    double trust;                /* of its own mean, [0, 1], beside the run's */
    double factor, rest;         /* rest: s, corrected */
} group;

typedef struct model {
    group *groups;
    int group_count;
    gf_doubt doubt;
    double run_mean, run_variance; /* posterior of u */
} model;

static double square(double x)
{
    return x * x;
}

/* ---- what was seen ---- */

/* A part says less than its share: tasks begin with what is no work of theirs, such as set-up. */
static void see(group *g, const gf_farm_task *task, const gf_farm_part *part)
{
    if (part->timed < TIMED_LEAST || !(part->seconds > 0) || !(task->cost > 0)) return;
    double ratio = log(part->seconds / (part->timed * task->cost)), weight = square(part->timed);
    g->count++;
    g->weight += weight;
    g->sum += weight * ratio;
    g->squares += weight * square(ratio);
}

/* The scatter within groups is measured as well: it takes over from what was thought of it. */
static void learn_task_doubt(model *m)
{
    double squares = PRIOR_TASKS * square(m->doubt.task), freedom = PRIOR_TASKS;
    for (int i = 0; i < m->group_count; i++) {
        const group *g = &m->groups[i];
        if (g->count < 2) continue;
        squares += fmax(0, g->squares - square(g->sum) / g->weight);
        freedom += g->count - 1;
    }
    m->doubt.task = sqrt(squares / freedom);
}

/* Variance of a group's mean around its true value. */
static double mean_variance(const model *m, const group *g)
{
    return square(m->doubt.task) / g->weight;
}

static void learn_run(model *m)
{
    double precision = 1 / square(fmax(m->doubt.run, 1e-6)), sum = 0;
    for (int i = 0; i < m->group_count; i++) {
        const group *g = &m->groups[i];
        if (g->count == 0) continue;
        double variance = square(m->doubt.group) + mean_variance(m, g);
        precision += 1 / variance;
        sum += g->sum / g->weight / variance;
    }
    m->run_mean = sum / precision;
    m->run_variance = 1 / precision;
}

/* The factor is the mean of a log-normal task: sums of many tasks go by means. */
static void learn_groups(model *m)
{
    for (int i = 0; i < m->group_count; i++) {
        group *g = &m->groups[i];
        double variance = square(m->doubt.group), mean = g->count ? g->sum / g->weight : 0;
        g->trust = g->count ? variance / (variance + mean_variance(m, g)) : 0;
        g->factor = exp(m->run_mean + g->trust * (mean - m->run_mean) + square(m->doubt.task) / 2);
    }
}

static gf_status model_init(model *m, const gf_farm_task *tasks, const gf_farm_part *parts,
                            int count, const gf_doubt *doubt)
{
    gf_status status = GF_OK;
    bool unknown = doubt->run <= 0 && doubt->group <= 0 && doubt->task <= 0;
    m->doubt = unknown ? no_idea : *doubt;
    m->doubt.task = fmax(m->doubt.task, 1e-6);
    for (int i = 0; i < count; i++)
        if (tasks[i].group >= m->group_count) m->group_count = tasks[i].group + 1;
    GF_TRY_ALLOC(m->groups = gf_alloc((size_t)m->group_count, sizeof *m->groups));
    for (int i = 0; parts && i < count; i++) see(&m->groups[tasks[i].group], &tasks[i], &parts[i]);
    learn_task_doubt(m);
    learn_run(m);
    learn_groups(m);
out:
    return status;
}

/* ---- what is left ---- */

/* Running tasks come first, for what is left of them; what may never be run counts by its chance.
 */
static void fill_rest(gf_farm_task *rest, model *m, const gf_farm_task *tasks,
                      const gf_farm_part *parts, int count)
{
    for (int i = 0; i < count; i++) {
        group *g = &m->groups[tasks[i].group];
        double done = parts ? parts[i].done : 0, chance = tasks[i].chance;
        bool waits = tasks[i].held && chance > 0 && done <= 0;
        rest[i] = tasks[i];
        rest[i].held = rest[i].failed = false;
        rest[i].done = tasks[i].done || tasks[i].failed || done >= 1;
        rest[i].cost = rest[i].done ? 0 : tasks[i].cost * (1 - done) * g->factor;
        if (waits) rest[i].cost *= chance;
        if (parts && parts[i].running) rest[i].urgency = INT_MAX;
        g->rest += rest[i].cost;
    }
}

/* Squares of the costs along the longest chain. */
static double path_squares(const gf_farm_schedule *s)
{
    int at = -1;
    double squares = 0;
    for (int i = 0; i < s->count; i++)
        if (at < 0 || s->priority[i] > s->priority[at]) at = i;
    while (at >= 0) {
        int next = -1;
        squares += square(s->tasks[at].cost);
        for (int k = s->first[at]; k < s->first[at + 1]; k++)
            if (next < 0 || s->priority[s->dependents[k]] > s->priority[next])
                next = s->dependents[k];
        at = next;
    }
    return squares;
}

/* Variance of log(makespan) by the tasks' own scatter, which evens out over those that decide: all
 * of them, and with several ranks the one that ends last; or the longest chain. */
static gf_status own_variance(double *variance, const model *m, const gf_farm_task *rest, int count,
                              int ranks, const gf_farm_simulated *s)
{
    gf_status status;
    gf_farm_schedule schedule = { 0 };
    double squares = 0, relative = 0;
    GF_TRY(gf_farm_schedule_init(&schedule, rest, count, 1));
    if (s->path >= s->bound) {
        if (s->path > 0) relative = path_squares(&schedule) / square(s->path);
    } else {
        for (int i = 0; i < count; i++) squares += square(rest[i].cost);
        double usual = squares / s->work; /* a task, as seen by a second of work */
        relative = squares / square(s->work) + (1 - 1.0 / ranks) * square(usual / s->makespan);
    }
    *variance = square(m->doubt.task) * relative;
out:
    gf_farm_schedule_release(&schedule);
    return status;
}

/* The same by what tasks share. */
static double shared_variance(const model *m)
{
    double all = 0, untrusted = 0, groups = 0;
    for (int i = 0; i < m->group_count; i++) {
        const group *g = &m->groups[i];
        all += g->rest;
        untrusted += g->rest * (1 - g->trust);
        groups += square(g->rest * m->doubt.group) * (1 - g->trust);
    }
    return all > 0 ? (square(untrusted) * m->run_variance + groups) / square(all) : 0;
}

static void fill_interval(gf_farm_estimate *e, const gf_farm_simulated *s, double variance)
{
    e->work = s->work;
    e->deviation = sqrt(variance);
    e->seconds = e->deviation < UNKNOWN ? s->makespan : NAN;
    e->low = e->seconds * exp(-NORMAL_95 * e->deviation);
    e->high = e->seconds * exp(NORMAL_95 * e->deviation);
}

gf_status gf_farm_estimate_rest(gf_farm_estimate *estimate, const gf_farm_task *tasks,
                                const gf_farm_part *parts, int count, int ranks,
                                const gf_doubt *doubt)
{
    gf_status status;
    model m = { 0 };
    gf_farm_simulated simulated;
    gf_farm_estimate made = { 0 };
    double own;
    gf_farm_task *rest = gf_alloc((size_t)count, sizeof *rest);
    GF_TRY_ALLOC(rest);
    GF_TRY(model_init(&m, tasks, parts, count, doubt));
    fill_rest(rest, &m, tasks, parts, count);
    GF_TRY(gf_farm_simulate(&simulated, rest, count, ranks, 0, 0));
    GF_TRY(own_variance(&own, &m, rest, count, ranks, &simulated));
    made.factor = exp(m.run_mean);
    fill_interval(&made, &simulated, own + shared_variance(&m));
    *estimate = made;
out:
    free(m.groups);
    free(rest);
    return status;
}
