/* The keys of a sweep file that do not describe a trial: name, seeds, keep, objectives, sample. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "sweeps/compress.cfg" is called compress unless it says otherwise. */
static gf_status read_name(sweep *load)
{
    gf_status status = GF_OK;
    const node *at = node_member(load->root, "name");
    char *name = NULL;
    if (at && at->kind != NODE_TEXT) {
        mistakes_add(&load->wrong, at->at, "name takes text in quotes");
        return GF_OK;
    }
    const char *slash = strrchr(load->src.path, '/');
    GF_TRY_ALLOC(name = gf_arena_strdup(load->arena, at      ? at->text
                                                     : slash ? slash + 1
                                                             : load->src.path));
    char *dot = strrchr(name, '.');
    if (!at && dot && dot != name) *dot = '\0';
    size_t legal = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (legal == 0 || name[legal] || legal > 100)
        mistakes_add(&load->wrong, at ? at->at : (place){ .file = load->src.path },
                     "name = \"%s\": a name is made of letters, digits, - and _%s", name,
                     at ? "" : "; give the sweep a name = \"...\"");
    load->plan->name = name;
out:
    return status;
}

static bool read_seed(sweep *load, const node *at, uint64_t *seed)
{
    if (at->kind == NODE_INT && at->text[0] != '-') {
        *seed = strtoull(at->text, NULL, 10);
        return true;
    }
    mistakes_add(&load->wrong, at->at, "%s%sa seed is a whole number in [0, inf)%s%s",
                 at->name ? at->name : "", at->name ? ": " : "", node_is_scalar(at) ? ", not " : "",
                 node_is_scalar(at) ? at->text : "");
    return false;
}

static gf_status read_seeds(sweep *load)
{
    gf_status status = GF_OK;
    gf_plan *plan = load->plan;
    node *at = node_member(load->root, "seeds");
    bool list = at && at->kind == NODE_LIST;
    int count = list ? at->count : 1;
    GF_TRY_ALLOC(plan->seeds = gf_arena_alloc(load->arena, (size_t)count * sizeof *plan->seeds));
    if (!at) plan->seeds[0] = 1;
    if (list && count == 0)
        mistakes_add(&load->wrong, at->at, "seeds is empty: it takes one seed at least");
    for (int i = 0; at && !node_is_axis(at) && i < count; i++) {
        const node *item = list ? at->items[i] : at;
        if (!read_seed(load, item, &plan->seeds[i])) continue;
        for (int j = 0; j < i; j++)
            if (plan->seeds[j] == plan->seeds[i])
                mistakes_add(&load->wrong, item->at, "seeds holds %" PRIu64 " twice",
                             plan->seeds[i]);
    }
    plan->seed_count = count;
out:
    return status;
}

static void read_keep(sweep *load)
{
    const node *at = node_member(load->root, "keep");
    load->plan->keep = "all";
    if (!at) return;
    bool known =
        at->kind == NODE_TEXT && (strcmp(at->text, "all") == 0 || strcmp(at->text, "leaves") == 0 ||
                                  strcmp(at->text, "front") == 0);
    if (known)
        load->plan->keep = at->text;
    else
        mistakes_add(&load->wrong, at->at, "keep%s%s%s is none of all|leaves|front",
                     node_is_scalar(at) ? " = \"" : "", node_is_scalar(at) ? at->text : "",
                     node_is_scalar(at) ? "\"" : "");
}

static void check_keys(sweep *load, const node *group, const char *path, const char *const *known)
{
    for (int i = 0; i < group->count; i++) {
        const node *member = group->items[i];
        nearest search = nearest_to(member->name);
        bool found = member->name[0] == '*';
        for (const char *const *word = known; *word; word++) {
            found |= strcmp(*word, member->name) == 0;
            nearest_offer(&search, *word);
        }
        if (!found)
            mistakes_add(&load->wrong, member->at, "%s%s: no such key%s%s%s", path, member->name,
                         search.best ? "; did you mean " : "", search.best ? search.best : "",
                         search.best ? "?" : "");
    }
}

/* ---- objectives ---- */

static int find_metric(const sweep *load, const char *name)
{
    for (int i = 0; load->schema->metrics[i]; i++)
        if (strcmp(load->schema->metrics[i], name) == 0) return i;
    return -1;
}

static void read_metric(sweep *load, const node *at, gf_objective *made)
{
    int index = at->kind == NODE_TEXT ? find_metric(load, at->text) : -1;
    if (index >= 0) {
        snprintf(made->metric, sizeof made->metric, "%s", at->text);
        made->maximize = load->schema->metric_maximize[index];
        return;
    }
    if (at->kind != NODE_TEXT) {
        mistakes_add(&load->wrong, at->at,
                     "an objective is the name of a metric in quotes, or "
                     "{ metric = \"...\"; goal = \"max\"; }");
        return;
    }
    nearest search = nearest_to(at->text);
    for (int i = 0; load->schema->metrics[i]; i++) nearest_offer(&search, load->schema->metrics[i]);
    mistakes_add(&load->wrong, at->at, "metric = \"%s\" is not measured%s%s%s", at->text,
                 search.best ? "; did you mean \"" : "", search.best ? search.best : "",
                 search.best ? "\"?" : "");
}

static void read_objective(sweep *load, const node *at, gf_objective *made)
{
    static const char *const known[] = { "metric", "goal", NULL };
    if (at->kind != NODE_GROUP) {
        read_metric(load, at, made);
        return;
    }
    check_keys(load, at, "objectives.", known);
    const node *metric = node_member(at, "metric"), *goal = node_member(at, "goal");
    if (metric)
        read_metric(load, metric, made);
    else
        mistakes_add(&load->wrong, at->at, "this objective names no metric");
    if (!goal) return;
    if (goal->kind == NODE_TEXT && strcmp(goal->text, "max") == 0)
        made->maximize = true;
    else if (goal->kind == NODE_TEXT && strcmp(goal->text, "min") == 0)
        made->maximize = false;
    else
        mistakes_add(&load->wrong, goal->at, "goal%s%s is none of max|min",
                     node_is_scalar(goal) ? " = " : "", node_is_scalar(goal) ? goal->text : "");
}

static gf_status read_objectives(sweep *load)
{
    gf_status status = GF_OK;
    gf_plan *plan = load->plan;
    node *at = node_member(load->root, "objectives");
    if (!at || (at->kind == NODE_LIST && at->count == 0)) {
        mistakes_add(&load->wrong, at ? at->at : (place){ .file = load->src.path },
                     "objectives is missing: ( { metric = \"%s\"; }, ... )",
                     load->schema->metrics[0] ? load->schema->metrics[0] : "");
        return GF_OK;
    }
    bool list = at->kind == NODE_LIST;
    int count = list ? at->count : 1;
    GF_TRY_ALLOC(plan->objectives =
                     gf_arena_alloc(load->arena, (size_t)count * sizeof *plan->objectives));
    for (int i = 0; i < count; i++) {
        const node *item = list ? at->items[i] : at;
        read_objective(load, item, &plan->objectives[i]);
        for (int j = 0; j < i; j++)
            if (plan->objectives[i].metric[0] &&
                strcmp(plan->objectives[i].metric, plan->objectives[j].metric) == 0)
                mistakes_add(&load->wrong, item->at, "objectives names %s twice",
                             plan->objectives[i].metric);
    }
    plan->objective_count = count;
out:
    return status;
}

static void read_sample(sweep *load)
{
    static const char *const known[] = { "method", "points", "seed", NULL };
    const node *at = node_member(load->root, "sample");
    if (!at) return;
    load->sample = (sample_plan){ .active = true, .at = at->at };
    if (at->kind != NODE_GROUP) {
        mistakes_add(&load->wrong, at->at,
                     "sample takes { method = \"random\" or \"sobol\"; points = n; }");
        return;
    }
    check_keys(load, at, "sample.", known);
    const node *method = node_member(at, "method"), *points = node_member(at, "points");
    const node *seed = node_member(at, "seed");
    load->sample.sobol = method && method->kind == NODE_TEXT && strcmp(method->text, "sobol") == 0;
    bool drawn = !method || load->sample.sobol ||
                 (method->kind == NODE_TEXT && strcmp(method->text, "random") == 0);
    if (!drawn)
        mistakes_add(&load->wrong, method->at, "sample.method%s%s is none of random|sobol",
                     node_is_scalar(method) ? " = " : "",
                     node_is_scalar(method) ? method->text : "");
    if (points && points->kind == NODE_INT) load->sample.points = strtoll(points->text, NULL, 10);
    if (load->sample.points < 1)
        mistakes_add(&load->wrong, points ? points->at : at->at,
                     "sample.points takes a whole number in [1, inf)");
    if (seed) read_seed(load, seed, &load->sample.seed);
}

gf_status check_head(sweep *load)
{
    gf_status status = GF_OK;
    static const char *const known[] = { "name",           "seeds",      "data",    "model",
                                         "stages",         "teachers",   "exclude", "require",
                                         "sample",         "objectives", "keep",    "resources",
                                         "early_stopping", NULL };
    check_keys(load, load->root, "", known);
    GF_TRY(read_name(load));
    GF_TRY(read_seeds(load));
    read_keep(load);
    GF_TRY(read_objectives(load));
    read_sample(load);
out:
    return status;
}
