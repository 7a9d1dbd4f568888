/* An edited sweep against what was stored: keys decide, lines explain. */
#include "../test.h"
#include "sweep_schema.h"

static gf_plan *load(const char *text)
{
    gf_plan *plan = NULL;
    char *wrong = NULL;
    const char *path = sweep_file(test_folder(), "compare.cfg", text);
    if (gf_plan_load(&plan, &wrong, path, NULL, 0, &fake_schema) != GF_OK)
        EXPECT_TEXT(wrong ? wrong : gf_error_message(), "");
    else
        EXPECT_STATUS(gf_plan_assign_keys(plan, &(gf_numerics_class){ "n", "n" }), GF_OK);
    free(wrong);
    return plan;
}

/* The difference of `after` to the stored results of `before`. */
static gf_plan_difference compare(const char *before, const char *after)
{
    const char *keys[64];
    gf_plan_difference difference = { 0 };
    gf_plan *old = load(before), *new = load(after);
    if (old && new && old->stage_count <= 64) {
        for (int i = 0; i < old->stage_count; i++) keys[i] = old->stages[i].key.hex;
        EXPECT_STATUS(gf_plan_compare(&difference, new, keys, old->stage_count, old->text), GF_OK);
    }
    gf_plan_destroy(old);
    gf_plan_destroy(new);
    return difference;
}

#define SWEEP(lr, more)                                                                            \
    "objectives = \"bytes\";\n"                                                                    \
    "# a comment\n"                                                                                \
    "stages = ( { train : { lr = { grid = [" lr "]; }; }; },\n"                                    \
    "  { finetune : { }; } );\n" more

TEST("sweep: compare", "comments, defaults and objectives change no stage")
{
    gf_plan_difference same = compare(
        SWEEP("0.1, 0.2", ""), "objectives = \"macs\";\nstages = ( { train : { epochs = 30; "
                               "lr = { grid = [0.2, 0.1]; }; }; }, { finetune : { }; } );\n");
    EXPECT_EQ(same.added, 0);
    EXPECT_EQ(same.gone, 0);
    EXPECT_TEXT(same.lines, "");
    gf_plan_difference_release(&same);
}

TEST("sweep: compare", "a further value only adds stages")
{
    gf_plan_difference more = compare(SWEEP("0.1, 0.2", ""), SWEEP("0.1, 0.2, 0.4", ""));
    EXPECT_EQ(more.added, 2);
    EXPECT_EQ(more.gone, 0);
    EXPECT_TEXT(more.lines,
                "- 3: stages = ( { train : { lr = { grid = [0.1, 0.2]; }; }; },\n"
                "+ 3: stages = ( { train : { lr = { grid = [0.1, 0.2, 0.4]; }; }; },\n");
    gf_plan_difference_release(&more);
}

TEST("sweep: compare", "a changed value replaces stages, an added line shifts the others")
{
    gf_plan_difference changed = compare(SWEEP("0.1", ""), "seeds = [4];\n" SWEEP("0.1", ""));
    EXPECT_EQ(changed.added, 2);
    EXPECT_EQ(changed.gone, 2);
    EXPECT_TEXT(changed.lines, "+ 1: seeds = [4];\n");
    gf_plan_difference_release(&changed);
}
