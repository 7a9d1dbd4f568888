/* From a policy's factor to the learning rate of a step, warm-up included. */
#include "trainer.h"

#include <stdlib.h>
#include <string.h>

static const gf_schedule_kind *find_schedule(const char *name)
{
    for (const gf_schedule_kind *const *kind = gf_schedule_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

/* The policy that the options name, by default the slot's. */
static const gf_schedule_kind *policy_of(const gf_options *options, const char *prefix)
{
    char key[128];
    snprintf(key, sizeof key, "%sschedule.policy", prefix);
    const char *name = gf_options_get(options, key);
    return find_schedule(name ? name : gf_train_slots[0].fallback);
}

bool gf_train_observes(const gf_options *options, const char *prefix)
{
    const gf_schedule_kind *kind = policy_of(options, prefix);
    return kind && kind->observe;
}

static gf_status check_policy(const gf_schedule *schedule, const char *prefix)
{
    if (!schedule->kind->check) return GF_OK;
    gf_status status = schedule->kind->check(schedule->options, schedule->horizon);
    if (status != GF_OK) gf_fail(status, "%s%s", prefix, gf_error_message());
    return status;
}

gf_status gf_schedule_init(gf_schedule *schedule, const gf_train_job *job,
                           const gf_train_options *options)
{
    gf_status status;
    char prefix[96];
    snprintf(prefix, sizeof prefix, "%sschedule.", job->prefix);
    *schedule = (gf_schedule){ .kind = policy_of(job->options, job->prefix),
                               .base = options->lr,
                               .warmup = options->warmup,
                               .after = options->after,
                               .horizon = options->after + options->epochs,
                               .memory.factor = 1 };
    if (!schedule->kind) return gf_fail(GF_INVALID, "%spolicy: no such schedule", prefix);
    if (options->warmup >= schedule->horizon)
        return gf_fail(GF_INVALID, "%swarmup = %g is not shorter than the %g epochs", prefix,
                       options->warmup, schedule->horizon);
    GF_TRY_ALLOC(schedule->options = gf_alloc(1, schedule->kind->options_size));
    GF_TRY(gf_fields_read(schedule->options, schedule->kind->schema.fields, job->options, prefix));
    GF_TRY(check_policy(schedule, prefix));
out:
    return status;
}

void gf_schedule_release(gf_schedule *schedule)
{
    free(schedule->options);
}

double gf_schedule_rate(const gf_schedule *schedule, int epoch, int step, int steps)
{
    double t = schedule->after + epoch + (double)step / steps;
    if (t < schedule->warmup) /* of the step's end, so that the first step moves */
        return schedule->base * (t + 1.0 / steps) / schedule->warmup;
    double base = schedule->base * schedule->memory.factor;
    if (!schedule->kind->factor) return base;
    return base * schedule->kind->factor(schedule->options, t - schedule->warmup,
                                         schedule->horizon - schedule->warmup);
}

void gf_schedule_observe(gf_schedule *schedule, int epoch, const gf_scores *scores)
{
    if (schedule->kind->observe && schedule->after + epoch > schedule->warmup)
        schedule->kind->observe(schedule->options, &schedule->memory, scores);
}
