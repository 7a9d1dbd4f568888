/* What a sweep file may say of models and stages: made from the registries, so that a new file in
 * src/nn/models or src/compress is a new word of the language. */
#include <gridfront/stage.h>

#include <stdlib.h>
#include <string.h>

static const gf_slot model_slots[] = {
    { .name = "", .selector = "arch", .fallback = "resnet18", .variants = gf_model_schemas },
    { 0 },
};
const gf_schema gf_model_schema = {
    .name = "model",
    .summary = "the network that a chain starts from",
    .slots = model_slots,
};

/* The template belongs to no stage that a sweep could name. */
static bool is_first_of_its_stage(const gf_method *const *method)
{
    if (strcmp((*method)->stage, "none") == 0) return false;
    for (const gf_method *const *earlier = gf_methods; earlier < method; earlier++)
        if (strcmp((*earlier)->stage, (*method)->stage) == 0) return false;
    return true;
}

/* The schemas of all methods that belong to `stage`; NULL-terminated. */
static const gf_schema **methods_of(gf_arena *arena, const char *stage)
{
    size_t count = 0;
    for (const gf_method *const *method = gf_methods; *method; method++)
        count += strcmp((*method)->stage, stage) == 0;
    const gf_schema **variants = gf_arena_alloc(arena, (count + 1) * sizeof *variants);
    if (!variants) return NULL;
    count = 0;
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (strcmp((*method)->stage, stage) == 0) variants[count++] = &(*method)->schema;
    return variants;
}

static gf_status method_stage_schema(const gf_schema **schema, gf_arena *arena, const char *stage)
{
    gf_status status = GF_OK;
    gf_schema *made = gf_arena_alloc(arena, sizeof *made);
    gf_slot *slots = gf_arena_alloc(arena, 2 * sizeof *slots);
    const gf_schema **variants = methods_of(arena, stage);
    GF_TRY_ALLOC(made && slots && variants);
    slots[0] = (gf_slot){ .name = "", .selector = "method", .variants = variants };
    *made = (gf_schema){ .name = stage, .summary = "a compression stage", .slots = slots };
    *schema = made;
out:
    return status;
}

gf_status gf_stage_schemas(const gf_schema *const **schemas, gf_arena *arena)
{
    gf_status status = GF_OK;
    size_t most = 3, count = 0;
    for (const gf_method *const *method = gf_methods; *method; method++) most++;
    const gf_schema **made = gf_arena_alloc(arena, most * sizeof *made);
    GF_TRY_ALLOC(made);
    made[count++] = &gf_train_schema;
    made[count++] = &gf_finetune_schema;
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (is_first_of_its_stage(method) && strcmp((*method)->stage, GF_STAGE_NONE) != 0)
            GF_TRY(method_stage_schema(&made[count++], arena, (*method)->stage));
    *schemas = made;
out:
    return status;
}

gf_segment gf_stage_segment(const gf_options *options)
{
    const char *from = gf_options_get(options, "segment.from");
    const char *until = gf_options_get(options, "segment.until");
    const char *epochs = gf_options_get(options, "epochs");
    if (!from || !until || !epochs) return (gf_segment){ .last = true };
    return (gf_segment){ .from = atoi(from),
                         .until = atoi(until),
                         .last = atoi(until) >= atoi(epochs) };
}

int gf_stage_epochs(const char *kind, const gf_options *options)
{
    const char *name = gf_options_get(options, "method");
    const gf_method *method = name ? gf_method_find(kind, name) : NULL;
    const char *epochs = gf_options_get(options, "epochs");
    bool trains = method ? method->trains : epochs != NULL;
    return trains && epochs ? atoi(epochs) : 0;
}
