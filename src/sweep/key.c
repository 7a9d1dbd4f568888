/* Names of stages: XXH3-128 over the canonical text of a stage, in which its parent and teachers
 * stand by their own keys (a Merkle tree), so that equal chains have equal keys in any sweep.
 * Paths and resources are in no key; a teacher is in it by what it is, not by its name. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void append_lines(gf_text *out, const char *prefix, const char *lines)
{
    while (*lines) {
        size_t size = strcspn(lines, "\n");
        gf_text_append(out, "%s%.*s\n", prefix, (int)size, lines);
        lines += size + (lines[size] == '\n');
    }
}

static bool computes_bf16(const gf_plan_stage *stage)
{
    const char *word = gf_options_get(stage->options, "numerics");
    return word && strcmp(word, "bf16") == 0;
}

static const char *class_of(const gf_plan_stage *stage, const gf_numerics_class *numerics)
{
    return computes_bf16(stage) ? numerics->bf16 : numerics->f32;
}

const char *gf_plan_numerics(const gf_plan *plan, const gf_numerics_class *numerics)
{
    for (int i = 0; i < plan->stage_count; i++)
        if (computes_bf16(&plan->stages[i])) return numerics->bf16;
    return numerics->f32;
}

static void append_segment(gf_text *out, const gf_plan_stage *stage)
{
    if (stage->segment)
        gf_text_append(out, "segment.from = %d\nsegment.until = %d\n", stage->from, stage->epochs);
}

char *gf_plan_stage_text(const gf_plan *plan, int stage, const gf_numerics_class *numerics)
{
    const stage_core *core = &((const plan_box *)plan)->cores[stage];
    const gf_plan_stage *one = &plan->stages[stage];
    gf_text text = { 0 };
    gf_text_append(&text, "numerics = %s\nseed = %" PRIu64 "\nstage = %s\n",
                   class_of(one, numerics), one->seed, one->kind);
    append_segment(&text, one);
    if (one->parent >= 0) gf_text_append(&text, "parent = %s\n", plan->stages[one->parent].key.hex);
    for (int i = 0; i < one->teacher_count; i++)
        gf_text_append(&text, "teacher.%d = %s\n", i, plan->stages[one->teachers[i]].key.hex);
    append_lines(&text, "data.", core->data);
    append_lines(&text, "model.", core->model);
    append_lines(&text, "", core->own);
    return gf_text_take(&text);
}

static void append_options(gf_text *out, const char *prefix, const gf_options *options)
{
    for (int i = 0; i < gf_options_count(options); i++)
        gf_text_append(out, "%s%s = %s\n", prefix, gf_options_key(options, i),
                       gf_options_value(options, i));
}

char *gf_plan_stage_options(const gf_plan *plan, int stage, const gf_numerics_class *numerics)
{
    const gf_plan_stage *one = &plan->stages[stage];
    gf_text text = { 0 };
    gf_text_append(&text, "numerics.class = %s\nseed = %" PRIu64 "\nstage = %s\n",
                   class_of(one, numerics), one->seed, one->kind);
    append_segment(&text, one);
    append_options(&text, "data.", one->data);
    append_options(&text, "model.", one->model);
    append_options(&text, "", one->options);
    return gf_text_take(&text);
}

gf_status gf_plan_assign_keys(gf_plan *plan, const gf_numerics_class *numerics)
{
    gf_status status = GF_OK;
    for (int i = 0; i < plan->stage_count; i++) {
        char *text = gf_plan_stage_text(plan, i, numerics);
        GF_TRY_ALLOC(text);
        plan->stages[i].key = gf_hash(text, strlen(text));
        free(text);
    }
out:
    return status;
}
