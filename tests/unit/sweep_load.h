/* Plans of texts, for the tests of the sweep room. */
#ifndef GRIDFRONT_TESTS_SWEEP_LOAD_H
#define GRIDFRONT_TESTS_SWEEP_LOAD_H

#include "../test.h"
#include "sweep_schema.h"

#define HEAD "objectives = ( \"accuracy\", \"bytes\" );\n"

/* NULL with the mistakes printed as a failure of the test. */
static inline gf_plan *load_text(const char *text, const char *const *settings, int count)
{
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    const char *path = sweep_file(test_folder(), "case.cfg", text);
    if (gf_plan_load(&plan, &mistakes, path, settings, count, &fake_schema) != GF_OK)
        EXPECT_TEXT(mistakes ? mistakes : gf_error_message(), "");
    free(mistakes);
    return plan;
}

static inline gf_plan *load(const char *text)
{
    return load_text(text, NULL, 0);
}

static inline char *mistakes_of(const char *text)
{
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    const char *path = sweep_file(test_folder(), "case.cfg", text);
    EXPECT_STATUS(gf_plan_load(&plan, &mistakes, path, NULL, 0, &fake_schema), GF_INVALID);
    EXPECT(plan == NULL);
    gf_plan_destroy(plan);
    return mistakes ? mistakes : gf_strdup("");
}

/* A training, and a distillation from a teacher of that name, trained at that rate. */
#define TAUGHT(name, lr)                                                                           \
    HEAD "teachers : { " name " : { stages = ( { train : { lr = " lr "; }; } ); }; };\n"           \
         "stages = ( { train : { }; }, { distill : { teacher = \"" name "\"; }; } );\n"

#endif
