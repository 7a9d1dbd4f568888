/* gridfront help [KEY]: commands, and the tables that parse sweep files, printed. */
#include "cli.h"

#include <gridfront/method.h>

#include <stdlib.h>
#include <string.h>

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

/* ---- what a method is told by beside its fields ---- */

static void print_facts(const char *title, unsigned facts)
{
    const char *before = title;
    for (; facts; facts &= facts - 1) {
        printf("%s%s", before, gf_fact_text((gf_fact)(facts & -facts)));
        before = ", ";
    }
}

/* Stages stand one below the other: a comma outside of all braces ends a line. */
static void print_example(const char *example)
{
    int depth = 0;
    printf("  example: ");
    for (const char *c = example; *c; c++) {
        bool ends = *c == ',' && depth == 0;
        depth += (*c == '{') - (*c == '}');
        putchar(*c);
        if (ends) printf("\n%10s", "");
    }
    printf("\n");
}

static void print_method(const gf_method *method)
{
    print_facts("  comes after ", method->needs);
    if (method->needs) printf("\n");
    print_facts("  never after ", method->refuses);
    if (method->refuses) printf(": %s\n", method->refusal);
    print_example(method->example);
}

static void print_schema(const char *group, const gf_schema *schema)
{
    const gf_method *method = gf_method_find(group, schema->name);
    printf("%s: %s\n", schema->name, schema->summary);
    if (schema->paper) printf("  %s\n", schema->paper);
    print_fields(group, schema->fields);
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) print_slot(group, slot);
    if (method) print_method(method);
}

static const char *last_word(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* A slot with all that may stand in it. */
static void print_slot_whole(const gf_slot *slot)
{
    print_slot("", slot);
    for (const gf_schema *const *variant = slot->variants; *variant; variant++) {
        printf("\n");
        print_schema(slot->name, *variant);
    }
}

/* The same slot stands in every stage that trains: the first one is shown. */
static int print_first_slot(const gf_schema *const *stages, const char *name)
{
    for (; *stages; stages++)
        for (const gf_slot *slot = (*stages)->slots; slot && slot->name; slot++)
            if (*slot->name && strcmp(slot->name, name) == 0) {
                print_slot_whole(slot);
                return 1;
            }
    return 0;
}

/* What is looked for, and what was looked at: stages share slots and what may stand in them, and
 * nothing is told twice. */
typedef struct hunt {
    const char *key;
    const void *seen[512];
    int seen_count, found;
} hunt;

static bool is_new(hunt *h, const void *table)
{
    for (int i = 0; i < h->seen_count; i++)
        if (h->seen[i] == table) return false;
    if (table && h->seen_count < (int)GF_COUNT(h->seen)) h->seen[h->seen_count++] = table;
    return table != NULL;
}

/* KEY is "prune.amount", "amount", "filter-l1", "train": the group must agree where it is given. */
static const char *wanted_field(const hunt *h, const char *group)
{
    const char *wanted = last_word(h->key);
    size_t size = wanted == h->key ? 0 : (size_t)(wanted - h->key - 1);
    return wanted == h->key || (strlen(group) == size && memcmp(group, h->key, size) == 0) ? wanted
                                                                                           : NULL;
}

static const gf_field *find_wanted(hunt *h, const char *group, const gf_field *fields)
{
    const char *wanted = wanted_field(h, group);
    const gf_field *field = wanted ? gf_field_find(fields, wanted) : NULL;
    return is_new(h, field) ? field : NULL;
}

static void print_matches(hunt *h, const char *group, const gf_schema *schema)
{
    if (!is_new(h, schema)) return;
    if (strcmp(schema->name, h->key) == 0) {
        print_schema(group, schema);
        h->found++;
        return;
    }
    const gf_field *field = find_wanted(h, group, schema->fields);
    if (field) {
        printf("%s: %s\n", schema->name, schema->summary);
        print_field(group, field);
        h->found++;
    }
    for (const gf_slot *slot = schema->slots; slot && slot->name; slot++) {
        const char *inner = *slot->name ? slot->name : group;
        const gf_field *common = find_wanted(h, inner, slot->common);
        if (common) {
            print_field(inner, common);
            h->found++;
        }
        for (const gf_schema *const *variant = slot->variants; *variant; variant++)
            print_matches(h, inner, *variant);
    }
}

static int print_everything_on(const gf_sweep_schema *schema, const char *key)
{
    hunt h = { .key = key };
    print_matches(&h, "data", schema->data);
    print_matches(&h, "model", schema->model);
    print_matches(&h, "resources", schema->resources);
    print_matches(&h, "early_stopping", schema->early_stopping);
    for (const gf_schema *const *stage = schema->stages; *stage; stage++)
        print_matches(&h, (*stage)->name, *stage);
    h.found += print_first_slot(schema->stages, key);
    for (int m = 0; m < GF_METRIC_COUNT; m++)
        if (strcmp(gf_metric_names[m], key) == 0) {
            printf("%s: an objective, %s is better; %s\n", key,
                   gf_metric_maximize[m] ? "more" : "less", gf_metric_help[m]);
            h.found++;
        }
    return h.found;
}

static void print_overview(void)
{
    printf("Gridfront turns a grid into a front.\n\n");
    for (const gf_command *command = gf_commands; command->name; command++)
        printf("  gridfront %-8s %s\n%21s%s\n", command->name, command->usage, "",
               command->summary);
    printf("\nExit codes: 0 done, 1 stages failed or a file does not check, 2 usage or set-up, "
           "3 the sweep broke,\n75 interrupted: the same command goes on.\n"
           "'gridfront help prune.amount' explains a key, 'gridfront help thinet' a method with an "
           "example;\n'gridfront methods' lists them all.\n");
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
    const gf_command *command = gf_cli_find_command(key);
    if (command) gf_cli_print_usage(command);
    if (print_everything_on(&schema, key) == 0 && !command)
        status = gf_fail(GF_INVALID, "help: nothing is called '%s'; see 'gridfront methods'", key);
out:
    gf_arena_destroy(arena);
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
