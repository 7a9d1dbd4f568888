/* A policy of the registry with its options. */
#ifndef GRIDFRONT_TESTS_TRAIN_POLICY_H
#define GRIDFRONT_TESTS_TRAIN_POLICY_H

#include "../test.h"

#include <gridfront/nn.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct policy {
    const gf_schedule_kind *kind; /* NULL: there is none of this name, or its options are wrong */
    void *options;
} policy;

static inline policy policy_open(const char *name, const char *text)
{
    policy p = { 0 };
    gf_options *options = NULL;
    for (const gf_schedule_kind *const *kind = gf_schedule_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) p.kind = *kind;
    if (!gf_test_check(p.kind != NULL, __FILE__, __LINE__, "no policy %s", name)) return p;
    p.options = gf_alloc(1, p.kind->options_size);
    if (!gf_test_status(gf_options_parse(&options, text), GF_OK, text, __FILE__, __LINE__) ||
        !gf_test_status(gf_fields_read(p.options, p.kind->schema.fields, options, ""), GF_OK, text,
                        __FILE__, __LINE__))
        p.kind = NULL;
    gf_options_destroy(options);
    return p;
}

static inline void policy_release(policy *p)
{
    free(p->options);
}

static inline double policy_factor(const policy *p, double t, double horizon)
{
    return p->kind->factor ? p->kind->factor(p->options, t, horizon) : 1;
}

#endif
