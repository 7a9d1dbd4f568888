/* Sweep files with the program's own language. Input: the text, then a NUL before each --set. What
 * loads must get keys, be drawn as a tree, and be like itself. */
#include "fuzz.h"

#include "../../src/cli/cli.h"

#include <gridfront/sweep.h>

enum { SETTINGS_MOST = 8 };

/* The command line's, which the language is linked with; never called here. */
int gf_cli_fail(gf_status status)
{
    return (int)status;
}

/* libconfig 1.5 loses the string that it was reading when it meets a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

static void use_plan(gf_plan *plan)
{
    static const gf_numerics_class numerics = { "numerics 1", "numerics 1, bf16" };
    gf_text tree = { 0 };
    FUZZ_REQUIRE(plan->trial_count > 0 && plan->stage_count > 0);
    FUZZ_REQUIRE(gf_plan_assign_keys(plan, &numerics) == GF_OK);
    for (int i = 0; i < plan->stage_count && i < 64; i++) {
        char *options = gf_plan_stage_options(plan, i, &numerics);
        gf_options *parsed = NULL;
        FUZZ_REQUIRE(plan->stages[i].parent < i);
        FUZZ_REQUIRE(options && gf_options_parse(&parsed, options) == GF_OK);
        gf_options_destroy(parsed);
        free(options);
    }
    if (plan->trial_count < 1000) FUZZ_REQUIRE(gf_plan_tree_text(plan, &tree) == GF_OK);
    gf_text_release(&tree);
}

static int split(const char *settings[SETTINGS_MOST], const char *text, size_t size)
{
    int count = 0;
    for (size_t at = strlen(text) + 1; at < size + 1 && count < SETTINGS_MOST;
         at += strlen(text + at) + 1)
        settings[count++] = text + at;
    return count;
}

const int fuzz_short = 2000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *settings[SETTINGS_MOST];
    gf_arena *arena = gf_arena_create();
    gf_plan *plan = NULL;
    gf_sweep_schema schema;
    char *mistakes = NULL, *text = calloc(1, size + 1);
    memcpy(text, data, size);
    int count = split(settings, text, size);
    const char *path = fuzz_file("fuzz.cfg", text, strlen(text));
    FUZZ_REQUIRE(gf_cli_schema(&schema, arena) == GF_OK);
    gf_status status = gf_plan_load(&plan, &mistakes, path, settings, count, &schema);
    FUZZ_REQUIRE((status == GF_OK) == (plan != NULL));
    if (plan) use_plan(plan);
    gf_plan_destroy(plan);
    gf_arena_destroy(arena);
    free(mistakes);
    free(text);
    return 0;
}

static void add_with_settings(fuzz_corpus *corpus, const char *path)
{
    static const char settings[] = "\0seeds=[1]\0data.images=500\0stages=()";
    char *data = NULL;
    size_t size = 0;
    if (gf_file_read(&data, &size, path, 1 << 20) != GF_OK) return;
    char *both = malloc(size + sizeof settings);
    if (!both) abort();
    memcpy(both, data, size);
    memcpy(both + size, settings, sizeof settings);
    fuzz_add(corpus, both, size + sizeof settings);
    free(both);
    free(data);
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    static const char *const files[] = {
        "sweeps/cifar10.cfg",
        "sweeps/demo.cfg",
        "sweeps/schedule.cfg",
        "sweeps/baseline.cfg",
        "tests/e2e/small.cfg",
        "tests/unit/sweep_files/everything.cfg",
        "tests/unit/sweep_wrong/axis_ends.cfg",
        "tests/unit/sweep_wrong/expression_syntax.cfg",
        "tests/unit/sweep_wrong/sample.cfg",
        "tests/unit/sweep_wrong/teacher_cycle.cfg",
        "tests/unit/sweep_wrong/several.cfg",
        "tests/unit/sweep_wrong/twice.cfg",
    };
    for (size_t i = 0; i < GF_COUNT(files); i++) fuzz_add_file(corpus, files[i]);
    add_with_settings(corpus, "tests/e2e/small.cfg");
    add_with_settings(corpus, "sweeps/demo.cfg");
}
