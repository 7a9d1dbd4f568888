/* Drawn subsets: the Sobol sequence against PyTorch's, and what a sample may and may not hold. */
#include "../../src/sweep/internal.h"
#include "../test.h"
#include "sweep_schema.h"

static gf_plan *load(const char *text)
{
    gf_plan *plan = NULL;
    char *wrong = NULL;
    const char *path = sweep_file(test_folder(), "sample.cfg", text);
    if (gf_plan_load(&plan, &wrong, path, NULL, 0, &fake_schema) != GF_OK)
        EXPECT_TEXT(wrong ? wrong : gf_error_message(), "");
    free(wrong);
    return plan;
}

#define SPACE                                                                                      \
    "objectives = \"accuracy\";\n"                                                                 \
    "model : { width = { integer = [1, 100]; }; };\n"                                              \
    "stages = ( { train : { lr = { log = [0.01, 1.0]; }; } ; }, { choose = ( ( ), ( { prune : { "  \
    "method = \"magnitude\"; amount = { linear = [0.0, 0.5]; }; }; } ) ); } );\n"

/* torch.quasirandom.SobolEngine(36).draw(17), rows and columns as listed, times 2^32 */
TEST("sweep: sobol", "the sequence is PyTorch's, Joe and Kuo's numbers in 36 dimensions")
{
    static const int axes_listed[8] = { 0, 1, 2, 7, 13, 20, 28, 35 };
    static const uint32_t rows[7] = { 1, 2, 3, 5, 8, 13, 16 };
    static const uint32_t want[7][8] = {
        { 2147483648u, 2147483648u, 2147483648u, 2147483648u, 2147483648u, 2147483648u, 2147483648u,
          2147483648u },
        { 3221225472u, 1073741824u, 1073741824u, 3221225472u, 1073741824u, 1073741824u, 1073741824u,
          3221225472u },
        { 1073741824u, 3221225472u, 3221225472u, 1073741824u, 3221225472u, 3221225472u, 3221225472u,
          1073741824u },
        { 3758096384u, 3758096384u, 536870912u, 1610612736u, 536870912u, 2684354560u, 2684354560u,
          536870912u },
        { 805306368u, 1342177280u, 4026531840u, 4026531840u, 4026531840u, 805306368u, 2952790016u,
          1879048192u },
        { 3489660928u, 2952790016u, 3489660928u, 2415919104u, 3489660928u, 2415919104u, 268435456u,
          1342177280u },
        { 402653184u, 2013265920u, 2013265920u, 3623878656u, 2818572288u, 3087007744u, 939524096u,
          4160749568u },
    };
    for (int row = 0; row < 7; row++)
        for (int i = 0; i < 8; i++) EXPECT_EQ(sobol_bits(axes_listed[i], rows[row]), want[row][i]);
}

TEST("sweep: sobol", "every power of two of points fills every interval of a dimension once")
{
    for (int dimension_index = 0; dimension_index < SOBOL_DIMENSIONS; dimension_index++) {
        int seen[64] = { 0 }, twice = 0;
        for (uint32_t i = 0; i < 64; i++) seen[sobol_bits(dimension_index, i) >> 26]++;
        for (int i = 0; i < 64; i++) twice += seen[i] != 1;
        EXPECT_EQ(twice, 0);
    }
}

TEST("sweep: sample", "continuous axes are drawn between their ends, in branches only when taken")
{
    gf_plan *plan = load(SPACE "sample = { method = \"sobol\"; points = 64; };");
    REQUIRE(plan);
    EXPECT_EQ(plan->point_count, 64);
    int pruned = 0;
    for (int i = 0; i < plan->point_count; i++) {
        const gf_plan_trial *trial = &plan->trials[i];
        double lr = atof(gf_options_get(plan->stages[trial->stages[0]].options, "lr"));
        EXPECT(lr >= 0.01 && lr <= 1);
        if (trial->stage_count == 1) continue;
        pruned++;
        double amount = atof(gf_options_get(plan->stages[trial->stages[1]].options, "amount"));
        EXPECT(amount >= 0 && amount <= 0.5);
    }
    EXPECT(pruned >= 31 && pruned <= 33); /* the sequence is balanced, its first point left out */
    gf_plan_destroy(plan);
}

/* The labels of a sample's points in one text. */
static char *labels_of(const char *text)
{
    gf_plan *plan = load(text);
    gf_text labels = { 0 };
    for (int i = 0; plan && i < plan->point_count; i++)
        gf_text_append(&labels, "%s\n", plan->points[i].label);
    gf_plan_destroy(plan);
    return gf_text_take(&labels);
}

TEST("sweep: sample", "the seed decides the draw, and a longer sample begins like a shorter one")
{
    char *one = labels_of(SPACE "sample = { method = \"random\"; points = 20; seed = 1; };");
    char *same = labels_of(SPACE "sample = { method = \"random\"; points = 20; seed = 1; };");
    char *other = labels_of(SPACE "sample = { method = \"random\"; points = 20; seed = 2; };");
    char *more = labels_of(SPACE "sample = { method = \"random\"; points = 30; seed = 1; };");
    EXPECT_TEXT(same, one);
    EXPECT(strcmp(other, one) != 0);
    EXPECT(strncmp(more, one, strlen(one)) == 0);
    free(one);
    free(same);
    free(other);
    free(more);
}

TEST("sweep: sample", "a sample of a grid holds no point twice and none that is excluded")
{
    gf_plan *plan =
        load("objectives = \"accuracy\"; exclude = \"model.width == 3\";\n"
             "model : { width = { integer = [1, 6]; }; bn = { grid = [true, false]; }; };\n"
             "stages = ( { train : { }; } );\n"
             "sample = { method = \"random\"; points = 10; };");
    REQUIRE(plan);
    EXPECT_EQ(plan->point_count, 10); /* all that there are */
    EXPECT_EQ(plan->stage_count, 10);
    gf_plan_destroy(plan);
}

TEST("sweep: sample", "sobol refuses more axes than it has numbers for")
{
    gf_plan *plan = NULL;
    char *wrong = NULL;
    gf_text text = { 0 };
    gf_text_append(&text, "objectives = \"bytes\"; sample = { method = \"sobol\"; points = 4; };\n"
                          "stages = ( { train : { }; }");
    for (int i = 0; i < 37; i++)
        gf_text_append(&text, ", { finetune : { lr = { linear = [0.1, 0.2]; }; }; }");
    gf_text_append(&text, ");");
    const char *path = sweep_file(test_folder(), "wide.cfg", text.data);
    EXPECT_STATUS(gf_plan_load(&plan, &wrong, path, NULL, 0, &fake_schema), GF_INVALID);
    EXPECT_CONTAINS(wrong, "sobol covers at most 36 axes and this sweep has 37");
    free(wrong);
    gf_text_release(&text);
}
