/* gridfront help [KEY], gridfront methods: the tables that parse sweep files, printed. */
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- help ---- */

static void print_field(const char *group, const gf_field *field)
{
    char key[96], value[96];
    snprintf(key, sizeof key, "%s%s%s", group, *group ? "." : "", field->name);
    snprintf(value, sizeof value, "%s", field->fallback ? field->fallback : "(required)");
    printf("  %-28s %-12s %-20s %s%s%s%s\n", key, value, field->range ? field->range : "",
           field->help, field->unit && *field->unit ? " [" : "",
           field->unit && *field->unit ? field->unit : "", field->unit && *field->unit ? "]" : "");
}

static void print_fields(const char *group, const gf_field *fields)
{
    for (; fields && fields->name; fields++) print_field(group, fields);
}

static void print_slot(const char *group, const gf_slot *slot)
{
    char inner[64];
    snprintf(inner, sizeof inner, "%s%s%s", group, *slot->name && *group ? "." : "", slot->name);
    print_fields(inner, slot->common);
    printf("  %s%s%s takes one of:", inner, slot->selector ? "." : "",
           slot->selector ? slot->selector : "");
    for (const gf_schema *const *variant = slot->variants; *variant; variant++)
        printf(" %s", (*variant)->name);
    printf("%s%s\n", slot->fallback && *slot->fallback ? "; if not given: " : "",
           slot->fallback ? slot->fallback : "");
}

static void print_schema(const char *group, const gf_schema *schema)
{
    printf("%s: %s\n", schema->name, schema->summary);
    if (schema->paper) printf("  %s\n", schema->paper);
    print_fields(group, schema->fields);
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) print_slot(group, slot);
}

static const char *last_word(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* KEY is "prune.amount", "amount", "filter-l1", "train": the group must agree where it is given. */
static int print_matches(const char *group, const gf_schema *schema, const char *key)
{
    int found = 0;
    const char *wanted = last_word(key);
    bool any_group = wanted == key;
    size_t group_size = any_group ? 0 : (size_t)(wanted - key - 1);
    bool this_group =
        any_group || (strlen(group) == group_size && memcmp(group, key, group_size) == 0);
    if (strcmp(schema->name, key) == 0) {
        print_schema(group, schema);
        return 1;
    }
    const gf_field *field = this_group ? gf_field_find(schema->fields, wanted) : NULL;
    if (field) {
        printf("%s: %s\n", schema->name, schema->summary);
        print_field(group, field);
        found++;
    }
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) {
        const char *inner = *slot->name ? slot->name : group;
        const gf_field *common = this_group ? gf_field_find(slot->common, wanted) : NULL;
        if (common) {
            print_field(inner, common);
            found++;
        }
        for (const gf_schema *const *variant = slot->variants; *variant; variant++)
            found += print_matches(inner, *variant, key);
    }
    return found;
}

static int print_everything_on(const gf_sweep_schema *schema, const char *key)
{
    int found = 0;
    found += print_matches("data", schema->data, key);
    found += print_matches("model", schema->model, key);
    found += print_matches("resources", schema->resources, key);
    for (const gf_schema *const *stage = schema->stages; *stage; stage++)
        found += print_matches((*stage)->name, *stage, key);
    for (int m = 0; m < GF_METRIC_COUNT; m++)
        if (strcmp(gf_metric_names[m], key) == 0) {
            printf("%s: an objective, %s is better; %s\n", key,
                   gf_metric_maximize[m] ? "more" : "less", gf_metric_help[m]);
            found++;
        }
    return found;
}

static void print_overview(void)
{
    printf("Gridfront turns a grid into a front.\n\n");
    for (const gf_command *command = gf_commands; command->name; command++)
        printf("  gridfront %-8s %s\n%21s%s\n", command->name, command->usage, "",
               command->summary);
    printf("\nExit codes: 0 done, 1 stages failed or a file does not check, 2 usage or set-up, "
           "3 the sweep broke,\n75 interrupted: the same command goes on.\n"
           "'gridfront help prune.amount' explains a key, 'gridfront methods' lists them all.\n");
}

int cmd_help(int argc, char **argv)
{
    gf_status status;
    const char *key = NULL;
    const gf_flag flags[] = { { 0 } };
    gf_sweep_schema schema;
    gf_arena *arena = NULL;
    GF_TRY(gf_arguments_read(&key, 0, 1, flags, argc, argv));
    if (!key) {
        print_overview();
        return GF_EXIT_DONE;
    }
    GF_TRY_ALLOC(arena = gf_arena_create());
    GF_TRY(gf_cli_schema(&schema, arena));
    if (!print_everything_on(&schema, key))
        status = gf_fail(GF_INVALID, "help: nothing is called '%s'; see 'gridfront methods'", key);
out:
    gf_arena_destroy(arena);
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}

/* ---- methods ---- */

typedef struct family {
    const char *title;
    const gf_schema *const *schemas;
} family;

static const family families[] = {
    { "model", gf_model_schemas },
    { "schedule", gf_schedule_schemas },
    { "augment", gf_augment_schemas },
};

static const gf_method *method_of(const gf_schema *schema)
{
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (&(*method)->schema == schema) return *method;
    return NULL;
}

/* The template is there to be copied, not to be used. */
static bool is_offered(const gf_method *method)
{
    return strcmp(method->stage, "none") != 0;
}

static json_t *field_json(const gf_field *field)
{
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "name", field->name, "default",
                     field->fallback, "range", field->range, "unit", field->unit, "help",
                     field->help);
}

static json_t *schema_json(const char *kind, const gf_schema *schema)
{
    const gf_method *method = method_of(schema);
    json_t *fields = json_array();
    for (const gf_field *field = schema->fields; field && field->name; field++)
        json_array_append_new(fields, field_json(field));
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:o}", "kind", kind, "name", schema->name,
                     "summary", schema->summary, "paper", schema->paper, "example",
                     method ? method->example : NULL, "fields", fields);
}

static int print_json(const gf_schema *const *stages)
{
    json_t *list = json_array();
    for (size_t f = 0; f < GF_COUNT(families); f++)
        for (const gf_schema *const *schema = families[f].schemas; *schema; schema++)
            json_array_append_new(list, schema_json(families[f].title, *schema));
    for (const gf_schema *const *stage = stages; *stage; stage++)
        json_array_append_new(list, schema_json("stage", *stage));
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (is_offered(*method))
            json_array_append_new(list, schema_json((*method)->stage, &(*method)->schema));
    json_dumpf(list, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(list);
    return GF_EXIT_DONE;
}

static void print_row(const char *kind, const gf_schema *schema)
{
    printf("%-10s %-12s %s%s%s%s\n", kind, schema->name, schema->summary, schema->paper ? " (" : "",
           schema->paper ? schema->paper : "", schema->paper ? ")" : "");
}

static int print_table(const gf_schema *const *stages)
{
    for (size_t f = 0; f < GF_COUNT(families); f++)
        for (const gf_schema *const *schema = families[f].schemas; *schema; schema++)
            print_row(families[f].title, *schema);
    for (const gf_schema *const *stage = stages; *stage; stage++)
        if (!(*stage)->slots || (*stage)->fields) print_row("stage", *stage);
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (is_offered(*method)) print_row((*method)->stage, &(*method)->schema);
    printf("'gridfront help NAME' shows the fields of each.\n");
    return GF_EXIT_DONE;
}

int cmd_methods(int argc, char **argv)
{
    gf_status status;
    bool json = false;
    int code = GF_EXIT_DONE;
    const gf_schema *const *stages = NULL;
    gf_arena *arena = NULL;
    const gf_flag flags[] = { { .name = "--json", .set = &json }, { 0 } };
    GF_TRY(gf_arguments_read(NULL, 0, 0, flags, argc, argv));
    GF_TRY_ALLOC(arena = gf_arena_create());
    GF_TRY(gf_stage_schemas(&stages, arena));
    code = json ? print_json(stages) : print_table(stages);
out:
    gf_arena_destroy(arena);
    return status == GF_OK ? code : gf_cli_fail(status);
}
