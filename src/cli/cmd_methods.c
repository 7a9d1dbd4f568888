/* gridfront methods: everything that a registry holds and a sweep file may name, as a list, as
 * JSON, or as the table of the readme. */
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* One thing that may be named. `kind`: the slot or stage that takes it. */
typedef struct entry {
    const char *kind;
    const gf_schema *schema;
    const char *example; /* NULL: none */
} entry;
typedef void visitor(void *context, const entry *e);

static const struct {
    const char *kind;
    const gf_schema *const *schemas;
} families[] = {
    { "model", gf_model_schemas },
    { "schedule", gf_schedule_schemas },
    { "optimizer", gf_optimizer_schemas },
    { "augment", gf_augment_schemas },
};

static bool comes_first_of_its_stage(const gf_method *const *method)
{
    for (const gf_method *const *other = gf_methods; other < method; other++)
        if (strcmp((*other)->stage, (*method)->stage) == 0) return false;
    return true;
}

/* Methods stage by stage; the template is there to be copied, not to be used. */
static void visit_methods(visitor *visit, void *context)
{
    for (const gf_method *const *first = gf_methods; *first; first++) {
        if (strcmp((*first)->stage, GF_STAGE_NONE) == 0 || !comes_first_of_its_stage(first))
            continue;
        for (const gf_method *const *method = first; *method; method++)
            if (strcmp((*method)->stage, (*first)->stage) == 0)
                visit(context,
                      &(entry){ (*method)->stage, &(*method)->schema, (*method)->example });
    }
}

static void visit_all(const gf_schema *const *stages, visitor *visit, void *context)
{
    for (size_t f = 0; f < GF_COUNT(families); f++)
        for (const gf_schema *const *schema = families[f].schemas; *schema; schema++)
            visit(context, &(entry){ families[f].kind, *schema, NULL });
    for (const gf_schema *const *stage = stages; *stage; stage++)
        if (!(*stage)->slots || (*stage)->fields) visit(context, &(entry){ "stage", *stage, NULL });
    visit_methods(visit, context);
}

/* ---- the list ---- */

static void print_line(void *context, const entry *e)
{
    const char *paper = e->schema->paper;
    (void)context;
    printf("%-10s %-18s %s\n", e->kind, e->schema->name, e->schema->summary);
    if (paper) printf("%30s%s\n", "", paper);
}

/* ---- JSON ---- */

static json_t *field_json(const gf_field *field)
{
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "name", field->name, "default",
                     field->fallback, "range", field->range, "unit", field->unit, "help",
                     field->help);
}

static void append_json(void *list, const entry *e)
{
    json_t *fields = json_array();
    for (const gf_field *field = e->schema->fields; field && field->name; field++)
        json_array_append_new(fields, field_json(field));
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:o}", "kind", e->kind, "name",
                                    e->schema->name, "summary", e->schema->summary, "paper",
                                    e->schema->paper, "example", e->example, "fields", fields));
}

static void print_json(const gf_schema *const *stages)
{
    json_t *list = json_array();
    visit_all(stages, append_json, list);
    json_dumpf(list, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(list);
}

/* ---- the table of the readme: a row for each kind, names with links to their papers ---- */

static void print_name(const gf_schema *schema)
{
    const char *mark = schema->paper ? strstr(schema->paper, "arXiv ") : NULL;
    const char *number = mark ? mark + strlen("arXiv ") : NULL;
    if (number)
        printf("[`%s`](https://arxiv.org/abs/%.*s)", schema->name,
               (int)strspn(number, "0123456789."), number);
    else
        printf("`%s`", schema->name);
}

static void print_cell(void *context, const entry *e)
{
    const char **row = context;
    bool begins = !*row || strcmp(*row, e->kind) != 0;
    if (begins) printf("%s| %s | ", *row ? " |\n" : "", e->kind);
    if (!begins) printf(", ");
    print_name(e->schema);
    *row = e->kind;
}

static void print_markdown(const gf_schema *const *stages)
{
    const char *row = NULL;
    printf("| kind | names |\n|---|---|\n");
    visit_all(stages, print_cell, &row);
    printf(" |\n");
}

int cmd_methods(int argc, char **argv)
{
    gf_status status;
    bool json = false, markdown = false;
    const gf_schema *const *stages = NULL;
    gf_arena *arena = NULL;
    const gf_flag flags[] = { { .name = "--json", .set = &json },
                              { .name = "--markdown", .set = &markdown },
                              { 0 } };
    GF_TRY(gf_arguments_read(NULL, 0, 0, flags, argc, argv));
    GF_TRY_ALLOC(arena = gf_arena_create());
    GF_TRY(gf_stage_schemas(&stages, arena));
    if (json) {
        print_json(stages);
    } else if (markdown) {
        print_markdown(stages);
    } else {
        visit_all(stages, print_line, NULL);
        printf("'gridfront help NAME' shows the fields of each.\n");
    }
out:
    gf_arena_destroy(arena);
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
