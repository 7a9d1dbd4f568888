/* The keys of stages: what is in them and what is not. */
#include "sweep_load.h"

static gf_key last_key(const char *text, const char *f32)
{
    gf_key key = { "" };
    gf_numerics_class numerics = { .bf16 = "native" };
    gf_plan *plan = load(text);
    snprintf(numerics.f32, sizeof numerics.f32, "%s", f32);
    if (plan && gf_plan_assign_keys(plan, &numerics) == GF_OK)
        key = plan->stages[plan->trials[0].stages[plan->trials[0].stage_count - 1]].key;
    gf_plan_destroy(plan);
    return key;
}

#define CHAIN(train, data)                                                                         \
    HEAD "data : { " data " };\nstages = ( { train : { " train " }; }, { finetune : { }; } );\n"

TEST("sweep: keys", "writing a default out, or another order of lines, changes no key")
{
    gf_key plain = last_key(CHAIN("lr = 0.2;", ""), "n");
    gf_key written = last_key(CHAIN("epochs = 30; lr = 2e-1; batch = 128;", ""), "n");
    gf_key ordered = last_key(CHAIN("lr = 0.2; schedule = \"cosine\"; epochs = 30;", ""), "n");
    EXPECT_EQ(strlen(plain.hex), 32);
    EXPECT_TEXT(written.hex, plain.hex);
    EXPECT_TEXT(ordered.hex, plain.hex);
}

TEST("sweep: keys", "a path is in no key; an option of a parent, a seed, the numerics are")
{
    gf_key plain = last_key(CHAIN("", ""), "n");
    gf_key path = last_key(CHAIN("", "path = \"/elsewhere\";"), "n");
    gf_key parent = last_key(CHAIN("batch = 64;", ""), "n");
    gf_key seed = last_key("seeds = [2];" CHAIN("", ""), "n");
    gf_key numerics = last_key(CHAIN("", ""), "m");
    EXPECT_TEXT(path.hex, plain.hex);
    EXPECT(strcmp(parent.hex, plain.hex) != 0);
    EXPECT(strcmp(seed.hex, plain.hex) != 0);
    EXPECT(strcmp(numerics.hex, plain.hex) != 0);
}

TEST("sweep: keys", "a slot that came late is in no key until it says something")
{
    gf_plan *plan = load(CHAIN("", ""));
    const gf_numerics_class numerics = { "n", "n" };
    gf_key plain = last_key(CHAIN("", ""), "n");
    gf_key ahead = last_key(CHAIN("optimizer : { lookahead = 5; };", ""), "n");
    gf_key adam = last_key(CHAIN("optimizer = \"adam\";", ""), "n");
    REQUIRE(plan != NULL);
    char *text = gf_plan_stage_text(plan, 0, &numerics);
    EXPECT(text && strstr(text, "optimizer") == NULL);
    EXPECT_TEXT(gf_options_get(plan->stages[0].options, "optimizer.method"), "sgd");
    EXPECT_TEXT(last_key(CHAIN("optimizer = \"sgd\";", ""), "n").hex, plain.hex);
    EXPECT_TEXT(last_key(CHAIN("optimizer : { lookahead = 0; };", ""), "n").hex, plain.hex);
    EXPECT(strcmp(ahead.hex, plain.hex) != 0);
    EXPECT(strcmp(adam.hex, plain.hex) != 0);
    EXPECT(strcmp(adam.hex, ahead.hex) != 0);
    EXPECT_TEXT(last_key(CHAIN("optimizer : { method = \"adam\"; beta = 0.9; };", ""), "n").hex,
                adam.hex);
    free(text);
    gf_plan_destroy(plan);
}

/* The key of a training alone, as computed here. */
static gf_key numerics_key(const char *word, const char *f32, const char *bf16)
{
    gf_key key = { "" };
    char text[256];
    gf_numerics_class numerics;
    snprintf(text, sizeof text, HEAD "stages = ( { train : { %s }; } );\n", word);
    snprintf(numerics.f32, sizeof numerics.f32, "%s", f32);
    snprintf(numerics.bf16, sizeof numerics.bf16, "%s", bf16);
    gf_plan *plan = load(text);
    if (plan && gf_plan_assign_keys(plan, &numerics) == GF_OK) key = plan->stages[0].key;
    gf_plan_destroy(plan);
    return key;
}

TEST("sweep: keys", "how bf16 is computed counts where it is asked for, and nowhere else")
{
    gf_key plain = numerics_key("", "n", "n native");
    gf_key bf16 = numerics_key("numerics = \"bf16\";", "n", "n native");
    EXPECT_TEXT(numerics_key("numerics = \"f32\";", "n", "n native").hex, plain.hex);
    EXPECT_TEXT(numerics_key("", "n", "n emulated").hex, plain.hex);
    EXPECT(strcmp(bf16.hex, plain.hex) != 0);
    EXPECT(strcmp(numerics_key("numerics = \"bf16\";", "n", "n emulated").hex, bf16.hex) != 0);
    EXPECT(strcmp(numerics_key("numerics = \"bf16\";", "n", "n").hex, plain.hex) != 0);
}

TEST("sweep: keys", "a float32 stage has the key that it had before bf16 could be chosen")
{
    const gf_numerics_class numerics = { "n", "n native" };
    gf_plan *plan = load(HEAD "stages = ( { train : { numerics = \"f32\"; }; } );\n");
    REQUIRE(plan);
    char *text = gf_plan_stage_text(plan, 0, &numerics);
    EXPECT(text && strncmp(text, "numerics = n\nseed", 17) == 0);
    EXPECT(text && !strstr(text, "f32"));
    free(text);
    gf_plan_destroy(plan);
}

/* Does the first stage's key say `field`? -1: there is none. */
static int says(const char *field, const char *model, const char *train)
{
    const gf_numerics_class numerics = { "n", "n native" };
    char file[256];
    snprintf(file, sizeof file, HEAD "model : { %s }; stages = ( { train : { %s }; } );\n", model,
             train);
    gf_plan *plan = load(file);
    char *text = plan ? gf_plan_stage_text(plan, 0, &numerics) : NULL;
    int says = text ? strstr(text, field) != NULL : -1;
    free(text);
    gf_plan_destroy(plan);
    return says;
}

TEST("sweep: keys", "a field that came late is in a key only where it says something")
{
    EXPECT_EQ(says("model.dropout = ", "", ""), 0);
    EXPECT_EQ(says("model.dropout = ", "dropout = 0.0;", ""), 0);
    EXPECT_EQ(says("model.dropout = ", "dropout = 0.3;", ""), 1);
    EXPECT_EQ(says("alternate", "", "augment = ( \"crop\", \"flip\" );"), 0);
    EXPECT_EQ(says("alternate", "", "augment = ( { flip : { alternate = false; }; } );"), 0);
    EXPECT_EQ(says("alternate", "", "augment = ( { flip : { alternate = true; }; } );"), 1);
}

TEST("sweep: keys",
     "a raised revision changes the keys of its own stages, and of what stands on them")
{
    const char *const chains[] = {
        "train : { }; }, { prune : { method = \"magnitude\"; amount = 0.5; }; ",
        "train : { }; }, { prune : { method = \"filter-l1\"; amount = 0.5; }; ",
        "train : { }; }, { prune : { method = \"filter-l1\"; amount = 0.5; }; "
        "}, { finetune : { }; "
    };
    for (int i = 0; i < 3; i++) {
        char file[512];
        snprintf(file, sizeof file, HEAD "stages = ( { %s } );\n", chains[i]);
        gf_key first = last_key(file, "n");
        filter_schema.revision = 1;
        gf_key second = last_key(file, "n");
        filter_schema.revision = 0;
        EXPECT_EQ(strcmp(first.hex, second.hex) != 0, i > 0);
    }
}

TEST("sweep: keys", "one bf16 stage makes the sweep's class, and numerics can be an axis")
{
    const gf_numerics_class numerics = { "n", "n native" };
    gf_plan *plain = load(CHAIN("", ""));
    gf_plan *both = load(CHAIN("numerics = { grid = [\"f32\", \"bf16\"]; };", ""));
    REQUIRE(plain && both);
    EXPECT_TEXT(gf_plan_numerics(plain, &numerics), "n");
    EXPECT_TEXT(gf_plan_numerics(both, &numerics), "n native");
    EXPECT_EQ(both->stage_count, 4);
    gf_plan_destroy(plain);
    gf_plan_destroy(both);
}

TEST("sweep: keys", "a teacher counts by what it is, not by its name")
{
    gf_key big = last_key(TAUGHT("big", "0.3"), "n");
    gf_key renamed = last_key(TAUGHT("huge", "0.3"), "n");
    gf_key changed = last_key(TAUGHT("big", "0.4"), "n");
    EXPECT_TEXT(renamed.hex, big.hex);
    EXPECT(strcmp(changed.hex, big.hex) != 0);
}
