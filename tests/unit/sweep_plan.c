/* From a sweep file to points, trials and the stage tree: counts made by hand, labels. */
#include "sweep_load.h"

#define DESIGN "tests/unit/sweep_files/design.cfg"

static gf_plan *load_design(void)
{
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    if (gf_plan_load(&plan, &mistakes, DESIGN, NULL, 0, &fake_schema) != GF_OK)
        EXPECT_TEXT(mistakes ? mistakes : gf_error_message(), "");
    free(mistakes);
    return plan;
}

TEST("sweep: plan", "the example of the design has the points, stages and epochs counted by hand")
{
    gf_plan *plan = load_design();
    REQUIRE(plan);
    /* 3 widths x 4 rates x (dense + 3 prunings + 2 quantizations), less 4 that are excluded */
    EXPECT_EQ(plan->point_count, 3 * 4 * 6 - 4);
    EXPECT_EQ(plan->trial_count, 68 * 3);
    /* a seed: 12 trainings, 32 prunings with their fine-tuning, 24 quantizations */
    EXPECT_EQ(plan->stage_count, 3 * (12 + 32 + 32 + 24));
    EXPECT_EQ(plan->unshared_stages, 3 * (12 * 1 + 32 * 3 + 24 * 2));
    EXPECT_EQ(plan->epochs, 3 * (12 * 30 + 32 * 5 + 24 * 3));
    EXPECT_EQ(plan->unshared_epochs, 3 * (12 * 30 + 32 * 35 + 24 * 33));
    gf_plan_destroy(plan);
}

TEST("sweep: plan", "labels say what varies and nothing else")
{
    gf_plan *plan = load_design();
    REQUIRE(plan);
    EXPECT_TEXT(plan->points[0].label, "width 16, lr 0.02");
    EXPECT_TEXT(plan->points[1].label, "width 16, lr 0.02, filter-l1 0.3");
    EXPECT_TEXT(plan->points[3].label, "width 16, lr 0.02, qat 8/8");
    const gf_plan_trial *trial = &plan->trials[1 * 3];
    EXPECT_TEXT(plan->stages[trial->stages[0]].label, "train width 16, lr 0.02");
    EXPECT_TEXT(plan->stages[trial->stages[1]].label, "filter-l1 0.3");
    EXPECT_TEXT(plan->stages[trial->stages[2]].label, "finetune");
    gf_plan_destroy(plan);
}

TEST("sweep: plan", "a list chosen as a whole is called by what stands in it")
{
    gf_plan *plan = load(HEAD "stages = ( { train : { epochs = 2; augment = { choose = ( "
                              "(\"crop\", \"flip\"), "
                              "(\"crop\", { cutout : { size = 8; }; }) ); }; }; } );\n");
    REQUIRE(plan);
    EXPECT_TEXT(plan->points[0].label, "augment crop,flip");
    EXPECT_TEXT(plan->points[1].label, "augment crop,cutout");
    gf_plan_destroy(plan);
}

TEST("sweep: plan",
     "labels that would be equal say more: plain stages, then what a list's groups set")
{
    gf_plan *plan = load(HEAD "stages = ( { train : { epochs = 2; augment = { choose = ( ( ), "
                              "(\"crop\"), ({ crop : { padding = 2; }; }) ); }; }; } );\n");
    REQUIRE(plan);
    EXPECT_TEXT(plan->points[0].label, "augment none");
    EXPECT_TEXT(plan->points[1].label, "augment crop");
    EXPECT_TEXT(plan->points[2].label, "augment crop padding 2");
    gf_plan_destroy(plan);
    plan = load(HEAD "stages = ( { train : { epochs = 2; }; }, { choose = ( "
                     "( { prune : { method = \"filter-l1\"; amount = 0.5; }; } ), "
                     "( { prune : { method = \"filter-l1\"; amount = 0.5; }; }, "
                     "  { finetune : { epochs = 1; }; } ) ); } );\n");
    REQUIRE(plan);
    EXPECT_TEXT(plan->points[0].label, "filter-l1");
    EXPECT_TEXT(plan->points[1].label, "filter-l1, finetune");
    gf_plan_destroy(plan);
}

TEST("sweep: plan", "options are canonical: all defaults, in the order of the schema")
{
    gf_plan *plan = load_design();
    REQUIRE(plan);
    char *text = gf_options_text(plan->stages[0].options);
    EXPECT_TEXT(
        text,
        "epochs = 30\nbatch = 128\nlr = 0.02\nnumerics = f32\nschedule.policy = cosine\n"
        "schedule.warmup = 2\noptimizer.method = sgd\noptimizer.lookahead = 0\naugment.0 = "
        "crop\naugment.0.padding = 4\n"
        "augment.1 = flip\naugment.1.alternate = false\naugment.2 = cutout\naugment.2.size = 8\n");
    EXPECT_TEXT(gf_options_get(plan->stages[0].model, "blocks"), "2,2,2,2");
    free(text);
    gf_plan_destroy(plan);
}

TEST("sweep: plan", "a stage comes after its parent, and ordinals count training stages")
{
    gf_plan *plan = load_design();
    REQUIRE(plan);
    for (int i = 0; i < plan->stage_count; i++) EXPECT(plan->stages[i].parent < i);
    const gf_plan_trial *trial = &plan->trials[1 * 3]; /* train, prune, finetune */
    REQUIRE(trial->stage_count == 3);
    EXPECT_EQ(plan->stages[trial->stages[0]].ordinal, 0);
    EXPECT_EQ(plan->stages[trial->stages[1]].ordinal, 1);
    EXPECT_EQ(plan->stages[trial->stages[2]].ordinal, 1);
    EXPECT_EQ(plan->stages[trial->stages[2]].depth, 2);
    gf_plan_destroy(plan);
}

TEST("sweep: plan", "every key of a plan is different")
{
    gf_plan *plan = load_design();
    REQUIRE(plan);
    REQUIRE_OK(gf_plan_assign_keys(plan, &(gf_numerics_class){ "avx2", "avx2 b" }));
    int equal = 0;
    for (int i = 0; i < plan->stage_count; i++)
        for (int j = 0; j < i; j++)
            equal += strcmp(plan->stages[i].key.hex, plan->stages[j].key.hex) == 0;
    EXPECT_EQ(equal, 0);
    gf_plan_destroy(plan);
}

/* The key of the last stage of the first trial. */
TEST("sweep: teachers", "a teacher's chain is part of the tree, with the seed of its trial")
{
    gf_plan *plan = load("seeds = [5, 6];" TAUGHT("big", "0.3"));
    REQUIRE(plan);
    EXPECT_EQ(plan->stage_count, 2 * 3);
    EXPECT_EQ(plan->unshared_stages, 2 * 3);
    const gf_plan_stage *last = &plan->stages[plan->trials[1].stages[1]];
    REQUIRE(last->teacher_count == 1);
    EXPECT_TEXT(gf_options_get(plan->stages[last->teachers[0]].options, "lr"), "0.3");
    EXPECT_EQ(plan->stages[last->teachers[0]].seed, 6);
    gf_plan_destroy(plan);
}

TEST("sweep: teachers", "parent, an earlier id and a list of teachers name stages of the tree")
{
    gf_plan *plan =
        load(HEAD "teachers : { t : { seed = 9; stages = ( { train : { lr = 0.3; }; } ); }; };\n"
                  "stages = ( { id = \"dense\"; train : { }; }, { prune : { method = "
                  "\"magnitude\"; amount = 0.5; }; },\n"
                  "  { distill : { teacher = ( \"dense\", \"t\", \"parent\" ); }; } );\n");
    REQUIRE(plan);
    const gf_plan_trial *trial = &plan->trials[0];
    const gf_plan_stage *last = &plan->stages[trial->stages[2]];
    REQUIRE(last->teacher_count == 3);
    EXPECT_EQ(last->teachers[0], trial->stages[0]);
    EXPECT_EQ(plan->stages[last->teachers[1]].seed, 9);
    EXPECT_EQ(last->teachers[2], trial->stages[1]);
    gf_plan_destroy(plan);
}

TEST("sweep: teachers", "an axis inside a teacher counts only where the teacher is used")
{
    gf_plan *plan = load(
        HEAD
        "teachers : { t : { stages = ( { train : { lr = { grid = [0.3, 0.4]; }; }; } ); }; };\n"
        "stages = ( { train : { }; }, { choose = ( ( ), ( { distill : { teacher = \"t\"; }; } "
        ") ); } );\n");
    REQUIRE(plan);
    EXPECT_EQ(plan->point_count, 1 + 2);
    EXPECT_TEXT(plan->points[1].label, "distill, t lr 0.3");
    gf_plan_destroy(plan);
}

TEST("sweep: axes", "values between the ends of a range are as short as they can be")
{
    gf_plan *plan =
        load(HEAD "stages = ( { train : { lr = { log = [0.001, 1.0]; points = 4; }; }; }, "
                  "{ prune : { method = \"magnitude\"; amount = { linear = [0.1, 0.9]; "
                  "points = 9; }; }; } );\n");
    REQUIRE(plan);
    EXPECT_EQ(plan->point_count, 36);
    EXPECT_TEXT(plan->points[2].label, "lr 0.001, magnitude 0.3");
    EXPECT_TEXT(plan->points[35].label, "lr 1, magnitude 0.9");
    EXPECT_TEXT(plan->points[9 + 6].label, "lr 0.01, magnitude 0.7");
    gf_plan_destroy(plan);
}

TEST("sweep: axes", "integer counts in steps, and choose takes lists, groups and values")
{
    gf_plan *plan = load(
        HEAD
        "model : { width = { integer = [16, 50]; step = 16; }; blocks = { choose = ( [1,1,1,1], "
        "[2,2,2,2] ); }; };\n"
        "stages = ( { train : { schedule : { choose = ( { policy = \"constant\"; }, { policy = "
        "\"step\"; every = { grid = [5, 10]; }; } ); }; }; } );\n");
    REQUIRE(plan);
    EXPECT_EQ(plan->point_count, 3 * 2 * 3);
    EXPECT_TEXT(plan->points[0].label, "width 16, blocks 1,1,1,1, schedule constant");
    EXPECT_TEXT(plan->points[17].label, "width 48, blocks 2,2,2,2, schedule step, every 10");
    EXPECT_TEXT(gf_options_get(plan->points[17].axes, "train.schedule.every"), "10");
    EXPECT_TEXT(gf_options_get(plan->points[17].axes, "model.width"), "48");
    gf_plan_destroy(plan);
}

TEST("sweep: axes", "zip pairs axes across groups")
{
    gf_plan *plan =
        load(HEAD "model : { width = { grid = [16, 32]; zip = \"size\"; }; };\n"
                  "stages = ( { train : { lr = { grid = [0.1, 0.05]; zip = \"size\"; }; }; } );\n");
    REQUIRE(plan);
    REQUIRE(plan->point_count == 2);
    EXPECT_TEXT(plan->points[1].label, "width 32, lr 0.05");
    gf_plan_destroy(plan);
}

#define PRUNED(conditions)                                                                         \
    HEAD "model : { width = { grid = [16, 32]; }; };\n"                                            \
         "stages = ( { train : { }; }, { choose = ( ( ), ( { prune : { method = \"magnitude\"; "   \
         "amount = { grid = [0.25, 0.5]; }; }; }, { id = \"last\"; finetune : { }; } ) ); } "      \
         ");\n" conditions

static int count_points(const char *text)
{
    gf_plan *plan = load(text);
    int count = plan ? plan->point_count : -1;
    gf_plan_destroy(plan);
    return count;
}

TEST("sweep: conditions", "operators, names and absent fields mean what the design says")
{
    EXPECT_EQ(count_points(PRUNED("")), 6);
    EXPECT_EQ(count_points(PRUNED("exclude = \"width == 16 && amount > 0.3\";")), 5);
    EXPECT_EQ(count_points(PRUNED("require = \"has(prune)\";")), 4);
    EXPECT_EQ(count_points(PRUNED("require = \"!has(prune)\";")), 2);
    EXPECT_EQ(count_points(PRUNED("require = \"prune.amount >= 0\";")), 4);
    EXPECT_EQ(count_points(PRUNED("exclude = \"prune.amount >= 0\";")), 2);
    EXPECT_EQ(count_points(PRUNED("require = \"!(prune.amount > 0.3)\";")), 4);
    EXPECT_EQ(count_points(PRUNED("require = \"model.width * 2 - 8 == 24 || width/4 >= 8\";")), 6);
    EXPECT_EQ(count_points(PRUNED("require = \"prune.method == 'magnitude'\";")), 4);
    EXPECT_EQ(count_points(PRUNED("require = \"last.lr < 1\";")), 4);
    EXPECT_EQ(count_points(PRUNED("require = \"prune#1.amount == 0.5\";")), 2);
    EXPECT_EQ(count_points(PRUNED("exclude = \"prune#2.amount == 0.5\";")), 6);
    EXPECT_EQ(count_points(PRUNED("require = ( \"bn == true\", \"train.schedule.warmup < 1\" );")),
              6);
}

TEST("sweep: conditions", "a name that fits several stages of one trial must say which")
{
    char *mistakes = mistakes_of(
        HEAD "stages = ( { train : { }; }, { finetune : { }; }, { finetune : { lr = 0.5; }; } );\n"
             "exclude = ( \"finetune.lr > 1\" );\n");
    EXPECT_CONTAINS(mistakes, "case.cfg:3: exclude \"finetune.lr > 1\": finetune.lr fits 2 stages");
    free(mistakes);
}

TEST("sweep: settings", "a setting replaces a value, an axis, or adds what was left out")
{
    const char *const settings[] = { "seeds=[7,8]",     "model.width=24", "finetune.epochs=2",
                                     "data.images=500", "name=quick",     "data.path=/some/where" };
    gf_plan *plan = load_text(PRUNED(""), settings, (int)GF_COUNT(settings));
    REQUIRE(plan);
    EXPECT_EQ(plan->seed_count, 2);
    EXPECT_EQ(plan->point_count, 3);
    EXPECT_TEXT(plan->name, "quick");
    EXPECT_TEXT(gf_options_get(plan->stages[0].data, "images"), "500");
    EXPECT_TEXT(gf_options_get(plan->stages[0].data, "path"), "/some/where");
    EXPECT_TEXT(gf_options_get(plan->stages[plan->trials[2].stages[2]].options, "epochs"), "2");
    EXPECT_CONTAINS(plan->text, "# --set model.width=24\n");
    gf_plan_destroy(plan);
}

TEST("sweep: settings", "mistakes name the setting")
{
    const char *const settings[] = { "data.images=-5", "seeds=[1", "trian.lr=1", "train.lrr=2",
                                     "what" };
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    const char *path = sweep_file(test_folder(), "case.cfg", PRUNED(""));
    EXPECT_STATUS(gf_plan_load(&plan, &mistakes, path, settings, 5, &fake_schema), GF_INVALID);
    REQUIRE(mistakes);
    EXPECT_CONTAINS(mistakes, "--set data.images=-5: data.images = -5 is outside [0, inf)\n");
    EXPECT_CONTAINS(mistakes, "--set seeds=[1: the value is not one");
    EXPECT_CONTAINS(mistakes, "--set trian.lr=1: the key leads to nothing in the file\n");
    EXPECT_CONTAINS(mistakes,
                    "--set train.lrr=2: train.lrr: no such field; did you mean train.lr?");
    EXPECT_CONTAINS(mistakes, "--set what: is not KEY=VALUE\n");
    free(mistakes);
}

TEST("sweep: numbers", "a whole number beyond 32 bits is what it says")
{
    gf_plan *plan = load("seeds = [3000000000, 4];" HEAD "stages = ( { train : { }; } );");
    REQUIRE(plan);
    EXPECT_EQ(plan->seeds[0], 3000000000);
    gf_plan_destroy(plan);
}

TEST("sweep: scale", "10,000 trials share what they can; how long that took is logged")
{
    double start = gf_clock();
    gf_plan *plan = load(
        HEAD
        "seeds = [1, 2, 3, 4, 5];\n"
        "model : { width = { integer = [1, 20]; }; };\n"
        "stages = ( { train : { lr = { log = [0.01, 1.0]; points = 10; }; batch = { grid = [64, "
        "128]; }; }; }, { prune : { method = \"magnitude\"; amount = { grid = [0.3, 0.5, 0.7, "
        "0.8, 0.9]; }; }; }, { finetune : { }; } );\n");
    double seconds = gf_clock() - start;
    REQUIRE(plan);
    EXPECT_EQ(plan->trial_count, 10000);
    EXPECT_EQ(plan->stage_count, 5 * (400 + 2000 + 2000));
    gf_log(GF_INFO, "sweep", "10,000 trials planned in %.3f s", seconds);
    gf_plan_destroy(plan);
}

TEST("sweep: scale", "too many points are refused before they take memory")
{
    char *mistakes = mistakes_of(
        HEAD "model : { width = { integer = [1, 1000]; }; };\n"
             "stages = ( { train : { lr = { linear = [0.1, 1.0]; points = 100000000; }; epochs = { "
             "integer = [1, 1000]; }; }; } );\n");
    EXPECT_CONTAINS(mistakes, "more than 1,000,000 points");
    free(mistakes);
}

TEST("sweep: tree", "subtrees that look alike are drawn once")
{
    gf_plan *plan = load_design();
    REQUIRE(plan);
    gf_text tree = { 0 };
    REQUIRE_OK(gf_plan_tree_text(plan, &tree));
    EXPECT_TEXT(
        tree.data,
        "train width 16, lr {0.02, 0.05848, 0.171, 0.5} ─┬─ (ends here)\n"
        "                                                ├─ prune filter-l1 {0.3, 0.5} ─ finetune\n"
        "                                                └─ quantize qat {8/8, 4/8}\n"
        "train width {32, 64}, lr {0.02, 0.05848, 0.171, 0.5} ─┬─ (ends here)\n"
        "                                                      ├─ prune filter-l1 {0.3, 0.5, 0.7} "
        "─ finetune\n"
        "                                                      └─ quantize qat {8/8, 4/8}\n");
    gf_text_release(&tree);
    gf_plan_destroy(plan);
}

static int models_seen; /* by the checker below */

/* Refuses width 13, and a finetune right behind another. */
static gf_status strict_check(const gf_options *data, const gf_options *model,
                              const gf_stage_view *stages, int count, bool has_parent, int *at)
{
    (void)data, (void)has_parent;
    *at = -1;
    models_seen += model != NULL;
    if (model && strcmp(gf_options_get(model, "width"), "13") == 0)
        return gf_fail(GF_INVALID, "width 13 brings bad luck");
    for (int i = 1; i < count; i++) {
        *at = i;
        if (strcmp(stages[i].kind, "finetune") == 0 && strcmp(stages[i - 1].kind, "finetune") == 0)
            return gf_fail(GF_INVALID, "finetune: follows another finetune");
    }
    return GF_OK;
}

TEST("sweep: chains", "each model is looked at once, and a reason stands at what it is about")
{
    gf_sweep_schema strict = fake_schema;
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    strict.check_chain = strict_check;
    models_seen = 0;
    const char *path = sweep_file(
        test_folder(), "case.cfg",
        HEAD "model : { width = { grid = [12, 13, 14]; }; };\n"
             "stages = ( { train : { lr = { grid = [0.1, 0.2, 0.3]; }; }; }, { finetune : { }; },\n"
             "  { finetune : { }; } );\n");
    EXPECT_STATUS(gf_plan_load(&plan, &mistakes, path, NULL, 0, &strict), GF_INVALID);
    EXPECT_EQ(models_seen, 3);
    EXPECT_CONTAINS(mistakes, "case.cfg:2: model: width 13 brings bad luck\n");
    EXPECT_CONTAINS(mistakes, "case.cfg:4: finetune: follows another finetune\n");
    free(mistakes);
}

static gf_status data_check(const gf_options *data, const gf_options *model,
                            const gf_stage_view *stages, int count, bool has_parent, int *at)
{
    (void)model, (void)stages, (void)count, (void)has_parent;
    *at = GF_AT_DATA;
    return gf_fail(GF_INVALID, "data.images = %s is nobody's birthday",
                   gf_options_get(data, "images"));
}

TEST("sweep: chains", "a reason about the images stands at their group, or at the file's beginning")
{
    gf_sweep_schema strict = fake_schema;
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    strict.check_chain = data_check;
    const char *path = sweep_file(test_folder(), "case.cfg",
                                  HEAD "data : { images = 3; };\nstages = ( { train : { }; } );\n");
    EXPECT_STATUS(gf_plan_load(&plan, &mistakes, path, NULL, 0, &strict), GF_INVALID);
    EXPECT_CONTAINS(mistakes, "case.cfg:2: data.images = 3 is nobody's birthday\n");
    free(mistakes);
    mistakes = NULL;
    path = sweep_file(test_folder(), "case.cfg", HEAD "stages = ( { train : { }; } );\n");
    EXPECT_STATUS(gf_plan_load(&plan, &mistakes, path, NULL, 0, &strict), GF_INVALID);
    EXPECT_CONTAINS(mistakes, "is nobody's birthday\n");
    free(mistakes);
}

TEST("sweep: settings", "a stage is found by its number, by kind#n, by id and by place")
{
    const char *const settings[] = { "finetune#2.epochs=2", "last.epochs=3",
                                     "stages.0.train.batch=64", "stages.1.finetune.lr=0.5" };
    gf_plan *plan = load_text(HEAD "stages = ( { train : { }; }, { finetune : { }; }, { finetune : "
                                   "{ }; }, { id = \"last\"; finetune : { }; } );\n",
                              settings, (int)GF_COUNT(settings));
    REQUIRE(plan && plan->stage_count == 4);
    EXPECT_TEXT(gf_options_get(plan->stages[0].options, "batch"), "64");
    EXPECT_TEXT(gf_options_get(plan->stages[1].options, "lr"), "0.5");
    EXPECT_TEXT(gf_options_get(plan->stages[2].options, "epochs"), "2");
    EXPECT_TEXT(gf_options_get(plan->stages[3].options, "epochs"), "3");
    gf_plan_destroy(plan);
}

/* ---- early stopping ---- */

#define CUT                                                                                        \
    HEAD "stages = ( { train : { epochs = 10; lr = { grid = [0.1, 0.2]; }; }; }, "                 \
         "{ finetune : { epochs = 5; }; } );\n"

TEST("sweep: early stopping",
     "a training is cut into segments, a stage each, and what follows is not")
{
    gf_plan *plan = load(CUT "early_stopping : { first = 2; };\n");
    REQUIRE(plan);
    EXPECT_EQ(plan->stage_count, 2 * 4);
    EXPECT_EQ(plan->epochs, 2 * 15);
    const gf_plan_stage *second = &plan->stages[1], *last = &plan->stages[2];
    EXPECT_EQ(plan->stages[0].epochs, 2);
    EXPECT(second->segment && second->from == 2 && second->epochs == 6 && second->parent == 0);
    EXPECT(last->segment && last->from == 6 && last->epochs == 10 && last->ordinal == 0);
    EXPECT(!plan->stages[3].segment && plan->stages[3].ordinal == 1);
    EXPECT_TEXT(plan->stages[0].label, "train lr 0.1, to 2");
    EXPECT_TEXT(second->label, "train to 6");
    gf_plan_destroy(plan);
}

TEST("sweep: early stopping", "a segment's key is its own; without rungs no key changes")
{
    gf_plan *whole = load(CUT), *cut = load(CUT "early_stopping : { first = 2; };\n");
    gf_plan *uncut = load(CUT "early_stopping : { first = 10; };\n");
    const gf_numerics_class numerics = { "a", "b" };
    REQUIRE(whole && cut && uncut);
    REQUIRE_OK(gf_plan_assign_keys(whole, &numerics));
    REQUIRE_OK(gf_plan_assign_keys(cut, &numerics));
    REQUIRE_OK(gf_plan_assign_keys(uncut, &numerics));
    EXPECT_TEXT(uncut->stages[0].key.hex, whole->stages[0].key.hex);
    for (int i = 0; i < cut->stage_count; i++) {
        EXPECT(strcmp(cut->stages[i].key.hex, whole->stages[0].key.hex) != 0);
        for (int k = 0; k < i; k++)
            EXPECT(strcmp(cut->stages[i].key.hex, cut->stages[k].key.hex) != 0);
    }
    gf_plan_destroy(whole);
    gf_plan_destroy(cut);
    gf_plan_destroy(uncut);
}

TEST("sweep: early stopping", "its mistakes are told like any others")
{
    char *mistakes = mistakes_of(CUT "early_stopping : { fist = 2; };\n");
    EXPECT_CONTAINS(mistakes, "early_stopping.fist: no such field; did you mean "
                              "early_stopping.first?");
    free(mistakes);
}
