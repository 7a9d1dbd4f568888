/* Finding the arms of a study in its trials. */
#include "arms.h"

#include <stdlib.h>
#include <string.h>

static gf_status read_segments(gf_arms *r)
{
    gf_status status = GF_OK;
    for (int s = 0; s < r->plan->stage_count; s++) {
        gf_options *options = NULL;
        GF_TRY(gf_options_parse(&options, r->plan->stages[s].options));
        r->segments[s] = gf_stage_segment(options);
        gf_options_destroy(options);
        r->of[s] = r->let_go_by[s] = -1;
    }
out:
    return status;
}

static int find_rung(gf_arms *r, int ordinal, int until)
{
    int at = 0;
    while (at < r->rung_count && (r->rungs[at].ordinal != ordinal || r->rungs[at].until != until))
        at++;
    if (at == r->rung_count) r->rungs[r->rung_count++] = (gf_rung){ ordinal, until, false };
    return at;
}

static gf_status add_arm(gf_arms *r, const gf_trial_row *const *trials, int place, int before)
{
    gf_status status = GF_OK;
    int first = trials[0]->stages[place];
    gf_arm *made = &r->items[r->count];
    *made =
        (gf_arm){ .before = before,
                  .rung = find_rung(r, r->plan->stages[first].ordinal, r->segments[first].until),
                  .members = gf_alloc((size_t)r->seeds, sizeof *made->members),
                  .next = gf_alloc((size_t)r->seeds, sizeof *made->next) };
    GF_TRY_ALLOC(made->members && made->next);
    for (int s = 0; s < r->seeds; s++) {
        made->members[s] = trials[s]->stages[place];
        made->next[s] = trials[s]->stages[place + 1];
        r->of[made->members[s]] = r->let_go_by[made->next[s]] = r->count;
    }
out:
    r->count++; /* also half made: it is released with the others */
    return status;
}

/* trials[seeds] of one point: every cut training in its chain, but for those of earlier points. */
static gf_status add_arms(gf_arms *r, const gf_trial_row *const *trials)
{
    gf_status status = GF_OK;
    int before = -1;
    for (int k = 0; k < trials[0]->stage_count; k++) {
        int stage = trials[0]->stages[k];
        if (r->segments[stage].last) continue;
        if (r->of[stage] < 0) GF_TRY(add_arm(r, trials, k, before));
        before = r->of[stage];
    }
out:
    return status;
}

static int rung_order(const void *a, const void *b)
{
    const gf_rung *x = a, *y = b;
    return x->ordinal != y->ordinal ? x->ordinal - y->ordinal : x->until - y->until;
}

/* Rungs were numbered as they were met; a chain passes them by ordinal and epochs. */
static gf_status sort_rungs(gf_arms *r)
{
    gf_status status = GF_OK;
    gf_rung *met = gf_alloc((size_t)r->rung_count, sizeof *met);
    GF_TRY_ALLOC(met);
    memcpy(met, r->rungs, (size_t)r->rung_count * sizeof *met);
    qsort(r->rungs, (size_t)r->rung_count, sizeof *r->rungs, rung_order);
    for (int a = 0; a < r->count; a++) {
        const gf_rung *mine = &met[r->items[a].rung];
        r->items[a].rung = find_rung(r, mine->ordinal, mine->until);
    }
out:
    free(met);
    return status;
}

static gf_status find_arms(gf_arms *r)
{
    gf_status status = GF_OK;
    const gf_study_plan *plan = r->plan;
    size_t seeds = (size_t)r->seeds;
    const gf_trial_row **trials = gf_alloc((size_t)plan->point_count * seeds, sizeof *trials);
    GF_TRY_ALLOC(trials);
    for (int t = 0; t < plan->trial_count; t++)
        trials[(size_t)plan->trials[t].point * seeds + (size_t)plan->trials[t].seed_index] =
            &plan->trials[t];
    for (int p = 0; p < plan->point_count; p++) GF_TRY(add_arms(r, &trials[(size_t)p * seeds]));
    GF_TRY(sort_rungs(r));
out:
    free(trials);
    return status;
}

static gf_status alloc_tables(gf_arms *r)
{
    gf_status status = GF_OK;
    size_t stages = (size_t)r->plan->stage_count;
    for (int t = 0; t < r->plan->trial_count; t++)
        if (r->plan->trials[t].seed_index >= r->seeds) r->seeds = r->plan->trials[t].seed_index + 1;
    r->segments = gf_alloc(stages, sizeof *r->segments);
    r->items = gf_alloc(stages, sizeof *r->items);
    r->of = gf_alloc(stages, sizeof *r->of);
    r->let_go_by = gf_alloc(stages, sizeof *r->let_go_by);
    r->rungs = gf_alloc(stages, sizeof *r->rungs);
    GF_TRY_ALLOC(r->segments && r->items && r->of && r->let_go_by && r->rungs);
out:
    return status;
}

gf_status gf_arms_init(gf_arms *r, const gf_study_plan *plan)
{
    gf_status status;
    *r = (gf_arms){ .plan = plan };
    GF_TRY(alloc_tables(r));
    GF_TRY(read_segments(r));
    GF_TRY(find_arms(r));
out:
    return status;
}

void gf_arms_release(gf_arms *r)
{
    for (int a = 0; r->items && a < r->count; a++) {
        free(r->items[a].members);
        free(r->items[a].next);
    }
    free(r->segments);
    free(r->items);
    free(r->of);
    free(r->let_go_by);
    free(r->rungs);
}
