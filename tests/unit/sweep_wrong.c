/* Wrong sweep files: every NAME.cfg of sweep_wrong/ is refused with exactly the lines of NAME.txt;
 * and files that were cut off or damaged anywhere never do worse than being refused. */
#include "../test.h"
#include "sweep_schema.h"

#include <dirent.h>

#define FOLDER     "tests/unit/sweep_wrong"
#define EVERYTHING "tests/unit/sweep_files/everything.cfg"

/* libconfig 1.5 itself loses 64 bytes at a syntax error just behind a string; it is not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\n";
}

static char *read_text(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    return gf_file_read(&text, &size, path, 1 << 20) == GF_OK ? text : gf_strdup("(no such file)");
}

static void check_case(const char *name)
{
    char path[512], wanted[512];
    snprintf(path, sizeof path, FOLDER "/%s.cfg", name);
    snprintf(wanted, sizeof wanted, FOLDER "/%s.txt", name);
    gf_plan *plan = NULL;
    char *mistakes = NULL, *text = read_text(wanted);
    gf_status status = gf_plan_load(&plan, &mistakes, path, NULL, 0, &fake_schema);
    gf_test_check(status == GF_INVALID && !plan, path, 1, "is refused as INVALID, not %s",
                  gf_status_name(status));
    gf_test_text(mistakes ? mistakes : "(no mistakes)", text, false, path, 1);
    free(text);
    free(mistakes);
    gf_plan_destroy(plan);
}

TEST("sweep: wrong files", "each is refused with its own lines, all mistakes at once")
{
    int count = 0;
    DIR *folder = opendir(FOLDER);
    REQUIRE(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char name[256];
        size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 4, ".cfg") != 0) continue;
        snprintf(name, sizeof name, "%.*s", (int)size - 4, entry->d_name);
        check_case(name);
        count++;
    }
    closedir(folder);
    EXPECT(count >= 50);
}

/* Loads a text; whatever it says, nothing may crash, leak or pass silently. */
static void try_text(const char *text)
{
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    const char *path = sweep_file(test_folder(), "damaged.cfg", text);
    gf_status status = gf_plan_load(&plan, &mistakes, path, NULL, 0, &fake_schema);
    EXPECT(status == GF_OK ? plan != NULL : mistakes != NULL);
    free(mistakes);
    gf_plan_destroy(plan);
}

TEST("sweep: files", "a file that uses every word of the language loads")
{
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    REQUIRE_OK(gf_plan_load(&plan, &mistakes, EVERYTHING, NULL, 0, &fake_schema));
    EXPECT(plan->point_count > 0);
    EXPECT_EQ(plan->trial_count, plan->point_count * 2);
    gf_plan_destroy(plan);
}

TEST("sweep: damage", "a file cut off anywhere is loaded or refused with a reason")
{
    char *text = read_text(EVERYTHING);
    size_t size = strlen(text);
    REQUIRE(size > 1000);
    for (size_t cut = 0; cut <= size; cut += 3) {
        char kept = text[cut];
        text[cut] = '\0';
        try_text(text);
        text[cut] = kept;
    }
    free(text);
}

TEST("sweep: damage", "a file with any one character replaced is loaded or refused with a reason")
{
    static const char others[] = "{}()[]=;\"*0-@/#";
    char *text = read_text(EVERYTHING);
    size_t size = strlen(text);
    REQUIRE(size > 1000);
    gf_random random = { .seed = 1, .purpose = GF_PURPOSE_TEST };
    for (uint32_t i = 0; i < 600; i++) {
        size_t at = gf_random_below(&random, i, 0, (uint32_t)size);
        char kept = text[at];
        text[at] = others[gf_random_below(&random, i, 1, sizeof others - 1)];
        try_text(text);
        text[at] = kept;
    }
    free(text);
}

TEST("sweep: damage", "deep nesting is refused, not followed")
{
    gf_text text = { 0 };
    gf_text_append(&text, "stages = ");
    for (int i = 0; i < 20000; i++) gf_text_append(&text, "(");
    try_text(text.data);
    gf_text_release(&text);
    gf_text_append(&text, "stages = ( { train : { }; } ); objectives = \"bytes\"; exclude = \"");
    for (int i = 0; i < 20000; i++) gf_text_append(&text, i % 2 ? "!" : "(");
    gf_text_append(&text, "\";");
    try_text(text.data);
    gf_text_release(&text);
}

TEST("sweep: include", "an included file is part of the text that is kept, a loop is refused")
{
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    sweep_file(test_folder(), "common.inc", "data : { images = 500; };\n");
    sweep_file(test_folder(), "loop.inc", "@include \"loop.inc\"\n");
    const char *path = sweep_file(test_folder(), "include.cfg",
                                  "  @include \"common.inc\"\n"
                                  "/* not here:\n@include \"missing\"\n*/ objectives = \"bytes\";\n"
                                  "stages = ( { train : { }; } );\n");
    REQUIRE_OK(gf_plan_load(&plan, &mistakes, path, NULL, 0, &fake_schema));
    EXPECT_TEXT(gf_options_get(plan->stages[0].data, "images"), "500");
    EXPECT_CONTAINS(plan->text, "# @include \"common.inc\"\ndata : { images = 500; };\n");
    gf_plan_destroy(plan);
    plan = NULL;
    path = sweep_file(test_folder(), "looped.cfg", "@include \"loop.inc\"\n");
    EXPECT_STATUS(gf_plan_load(&plan, &mistakes, path, NULL, 0, &fake_schema), GF_INVALID);
    EXPECT_CONTAINS(mistakes, "nested deeper than 8 files");
    free(mistakes);
}

TEST("sweep: files", "a file that is not there is said to be so")
{
    gf_plan *plan = NULL;
    char *mistakes = NULL;
    gf_status status = gf_plan_load(&plan, &mistakes, "no/such.cfg", NULL, 0, &fake_schema);
    EXPECT(status == GF_NOTFOUND || status == GF_IO);
    EXPECT(!plan && !mistakes);
    EXPECT_CONTAINS(gf_error_message(), "no/such.cfg");
}
