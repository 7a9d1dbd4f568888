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

gf_status gf_schedule_init(gf_schedule *schedule, const gf_train_job *job,
                           const gf_train_options *options)
{
    gf_status status;
    char key[128], prefix[96];
    snprintf(prefix, sizeof prefix, "%sschedule.", job->prefix);
    snprintf(key, sizeof key, "%spolicy", prefix);
    const char *name = gf_options_get(job->options, key);
    *schedule = (gf_schedule){ .kind = find_schedule(name ? name : gf_train_slots[0].fallback),
                               .base = options->lr,
                               .warmup = options->warmup,
                               .horizon = options->epochs };
    if (!schedule->kind) return gf_fail(GF_INVALID, "%s = \"%s\": no such schedule", key, name);
    if (options->warmup >= options->epochs)
        return gf_fail(GF_INVALID, "%swarmup = %g is not shorter than the %d epochs", prefix,
                       options->warmup, options->epochs);
    GF_TRY_ALLOC(schedule->options = gf_alloc(1, schedule->kind->options_size));
    GF_TRY(gf_fields_read(schedule->options, schedule->kind->schema.fields, job->options, prefix));
out:
    return status;
}

void gf_schedule_release(gf_schedule *schedule)
{
    free(schedule->options);
}

double gf_schedule_rate(const gf_schedule *schedule, int epoch, int step, int steps)
{
    double t = epoch + (double)step / steps;
    if (t < schedule->warmup) /* of the step's end, so that the first step moves */
        return schedule->base * (t + 1.0 / steps) / schedule->warmup;
    return schedule->base * schedule->kind->factor(schedule->options, t - schedule->warmup,
                                                   schedule->horizon - schedule->warmup);
}
