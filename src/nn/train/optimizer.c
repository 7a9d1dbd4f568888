/* Which optimizer a training takes, with its options. */
#include "trainer.h"

#include <stdlib.h>
#include <string.h>

static const gf_optimizer_kind *find_optimizer(const char *name)
{
    for (const gf_optimizer_kind *const *kind = gf_optimizer_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

gf_status gf_optimizer_init(gf_optimizer *optimizer, const gf_train_job *job)
{
    gf_status status;
    char key[128], prefix[96];
    snprintf(prefix, sizeof prefix, "%soptimizer.", job->prefix);
    snprintf(key, sizeof key, "%smethod", prefix);
    const char *name = gf_options_get(job->options, key);
    *optimizer = (gf_optimizer){ .kind = find_optimizer(name ? name : "sgd") };
    if (!optimizer->kind) return gf_fail(GF_INVALID, "%s = \"%s\": no such optimizer", key, name);
    GF_TRY_ALLOC(optimizer->options = gf_alloc(1, optimizer->kind->options_size));
    GF_TRY(
        gf_fields_read(optimizer->options, optimizer->kind->schema.fields, job->options, prefix));
out:
    return status;
}

void gf_optimizer_release(gf_optimizer *optimizer)
{
    free(optimizer->options);
}
