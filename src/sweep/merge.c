/* Trials into the stage tree: chains with equal beginnings (same data, model, options, seed and
 * teachers) share their stages. A stage comes after its parent and its teachers' last stages. With
 * early stopping a training is a row of segments, a stage each; teachers are never cut. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct merger {
    sweep *load;
    const uint64_t *point;
    gf_plan_stage *stages;
    stage_core *cores;
    int count, capacity;
    table index;
} merger;

static gf_status merge_chain(merger *work, const chain_source *from, uint64_t seed, int **out,
                             int *out_count);

static uint64_t stage_hash(const gf_plan_stage *stage, const stage_core *core)
{
    uint64_t parts[6] = { (uint64_t)(int64_t)stage->parent,
                          (uintptr_t)stage->kind,
                          (uintptr_t)core->own,
                          stage->seed,
                          (uintptr_t)core->data ^ (uint64_t)stage->from,
                          (uintptr_t)core->model ^ ((uint64_t)stage->epochs << 32) };
    uint64_t hash = table_hash(parts, sizeof parts);
    if (stage->teacher_count)
        hash ^= table_hash(stage->teachers, (size_t)stage->teacher_count * sizeof(int));
    return hash;
}

static bool same_stage(const gf_plan_stage *a, const stage_core *a_core, const gf_plan_stage *b,
                       const stage_core *b_core)
{
    return a->parent == b->parent && a->kind == b->kind && a->seed == b->seed &&
           a->segment == b->segment && a->from == b->from && a->epochs == b->epochs &&
           a_core->own == b_core->own && a_core->data == b_core->data &&
           a_core->model == b_core->model && a->teacher_count == b->teacher_count &&
           (a->teacher_count == 0 ||
            memcmp(a->teachers, b->teachers, (size_t)a->teacher_count * sizeof(int)) == 0);
}

static gf_status reserve_one(merger *work)
{
    if (work->count < work->capacity) return GF_OK;
    int capacity = work->capacity ? 2 * work->capacity : 256;
    gf_plan_stage *stages = realloc(work->stages, (size_t)capacity * sizeof *stages);
    if (stages) work->stages = stages;
    stage_core *cores = realloc(work->cores, (size_t)capacity * sizeof *cores);
    if (cores) work->cores = cores;
    if (!stages || !cores) return gf_fail(GF_NOMEM, "out of memory");
    work->capacity = capacity;
    return GF_OK;
}

/* "train lr 0.1, to 3", and of what follows "train to 9". */
static gf_status segment_label(char **out, merger *work, const gf_plan_stage *stage,
                               const chain_source *from, const chain *links, int index)
{
    gf_status status;
    gf_text text = { 0 };
    char *label = NULL;
    GF_TRY(link_label(&label, work->load, from, links, index, work->point));
    *out = label;
    if (!stage->segment) return GF_OK;
    if (stage->from > 0) label[strcspn(label, " ")] = '\0';
    gf_text_append(&text, "%s%s to %d", label, strchr(label, ' ') ? "," : "", stage->epochs);
    GF_TRY(gf_text_check(&text));
    GF_TRY_ALLOC(*out = gf_arena_strdup(work->load->arena, text.data));
out:
    gf_text_release(&text);
    return status;
}

/* Index of the stage: the one that is there, or a new one. */
static gf_status merge_stage(merger *work, const gf_plan_stage *wanted, const stage_core *core,
                             const chain_source *from, const chain *links, int index, int *out)
{
    gf_status status = GF_OK;
    uint64_t hash = stage_hash(wanted, core);
    size_t cursor = 0;
    char *label = NULL;
    while ((*out = table_next(&work->index, hash, &cursor)) >= 0)
        if (same_stage(&work->stages[*out], &work->cores[*out], wanted, core)) return GF_OK;
    GF_TRY(reserve_one(work));
    GF_TRY(segment_label(&label, work, wanted, from, links, index));
    gf_plan_stage *made = &work->stages[work->count];
    *made = *wanted;
    work->cores[work->count] = *core;
    made->label = label;
    const gf_plan_stage *parent = made->parent < 0 ? NULL : &work->stages[made->parent];
    made->ordinal = parent ? parent->ordinal + (parent->epochs > 0 && made->from == 0) : 0;
    made->depth = parent ? parent->depth + 1 : 0;
    work->load->plan->epochs += made->epochs - made->from;
    GF_TRY(table_add(&work->index, hash, work->count));
    *out = work->count++;
out:
    return status;
}

static int find_own(const chain *links, int before, const char *name, size_t size)
{
    for (int i = before - 1; i >= 0; i--) {
        const char *id = links->links[i].id;
        if (id && strlen(id) == size && memcmp(id, name, size) == 0) return i;
    }
    return -1;
}

/* The last stage of one teacher named by a stage. */
static gf_status merge_teacher(merger *work, const chain *links, const int *stages, int index,
                               const char *name, size_t size, uint64_t seed, int *out)
{
    gf_status status = GF_OK;
    int *chain_stages = NULL, count = 0;
    const chain_source *from = teacher_find(work->load, name, size);
    int own = from ? -1 : find_own(links, index, name, size);
    if (from) {
        GF_TRY(merge_chain(work, from, from->has_seed ? from->seed : seed, &chain_stages, &count));
        *out = chain_stages[count - 1];
    } else {
        *out = stages[own >= 0 ? own : index - 1];
    }
out:
    free(chain_stages);
    return status;
}

static gf_status merge_teachers(merger *work, gf_plan_stage *wanted, const chain *links,
                                const int *stages, int index)
{
    gf_status status = GF_OK;
    const char *name, *list = gf_options_get(wanted->options, "teacher");
    size_t size = 0;
    int found[64];
    for (; list && (list += teacher_names(list, &name, &size), size);) {
        if (wanted->teacher_count == (int)GF_COUNT(found))
            return gf_fail(GF_INVALID, "more than %zu teachers for one stage", GF_COUNT(found));
        GF_TRY(merge_teacher(work, links, stages, index, name, size, wanted->seed,
                             &found[wanted->teacher_count]));
        wanted->teacher_count++;
    }
    if (wanted->teacher_count == 0) return GF_OK;
    size_t bytes = (size_t)wanted->teacher_count * sizeof *found;
    GF_TRY_ALLOC(wanted->teachers = gf_arena_alloc(work->load->arena, bytes));
    memcpy(wanted->teachers, found, bytes);
out:
    return status;
}

/* Ends of a stage's segments, its own epochs the last; 1 where it is not cut. */
static int find_ends(int ends[GF_RUNGS_MOST + 1], const merger *work, const chain_source *from,
                     const gf_plan_stage *stage)
{
    const gf_sweep_schema *schema = work->load->schema;
    const gf_options *early = work->load->plan->early_stopping;
    const gf_stage_view view = { .kind = stage->kind, .options = stage->options };
    bool cut = early && schema->rungs && from == &work->load->main;
    int count = cut ? schema->rungs(ends, early, &view) : 0;
    ends[count] = schema->epochs ? schema->epochs(&view) : 0;
    return count + 1;
}

/* One link as one stage or a row of segments, added to stages[*count]. */
static gf_status merge_link(merger *work, const gf_plan_stage *link, const stage_core *core,
                            const chain_source *from, const chain *links, int index, int *stages,
                            int *count)
{
    gf_status status = GF_OK;
    gf_plan *plan = work->load->plan;
    int ends[GF_RUNGS_MOST + 1], parts = find_ends(ends, work, from, link);
    for (int part = 0; part < parts; part++) {
        gf_plan_stage wanted = *link;
        wanted.parent = *count ? stages[*count - 1] : -1;
        wanted.from = part ? ends[part - 1] : 0;
        wanted.epochs = ends[part];
        wanted.segment = parts > 1;
        GF_TRY(merge_stage(work, &wanted, core, from, links, index, &stages[(*count)++]));
        plan->unshared_stages++;
        plan->unshared_epochs += wanted.epochs - wanted.from;
    }
out:
    return status;
}

static gf_status merge_chain(merger *work, const chain_source *from, uint64_t seed, int **out,
                             int *out_count)
{
    gf_status status;
    chain links = { 0 };
    int *stages = NULL, *last = NULL, count = 0; /* last: of each link */
    GF_TRY(resolve_chain(work->load, &links, from, work->point));
    size_t most = (size_t)links.count * (GF_RUNGS_MOST + 1) + 1;
    GF_TRY_ALLOC(stages = malloc(most * sizeof *stages));
    GF_TRY_ALLOC(last = malloc((size_t)(links.count + 1) * sizeof *last));
    for (int i = 0; i < links.count; i++) {
        const stage_link *link = &links.links[i];
        gf_plan_stage wanted = { .kind = link->schema->name,
                                 .options = link->options->options,
                                 .data = links.data->options,
                                 .model = links.model->options,
                                 .seed = seed };
        stage_core core = { .data = links.data->core,
                            .model = links.model->core,
                            .own = link->options->core };
        GF_TRY(merge_teachers(work, &wanted, &links, last, i));
        GF_TRY(merge_link(work, &wanted, &core, from, &links, i, stages, &count));
        last[i] = stages[count - 1];
    }
    *out_count = count;
    *out = stages;
    stages = NULL;
out:
    free(stages);
    free(last);
    chain_release(&links);
    return status;
}

static gf_status merge_trial(merger *work, gf_plan_trial *made, int point, int seed_index)
{
    gf_status status = GF_OK;
    sweep *load = work->load;
    int *stages = NULL, count = 0;
    work->point = load->points[point];
    made->point = point;
    made->seed_index = seed_index;
    made->seed = load->plan->seeds[seed_index];
    GF_TRY(merge_chain(work, &load->main, made->seed, &stages, &count));
    size_t bytes = (size_t)count * sizeof *stages;
    GF_TRY_ALLOC(made->stages = gf_arena_alloc(load->arena, bytes));
    memcpy(made->stages, stages, bytes);
    made->stage_count = count;
out:
    free(stages);
    return status;
}

static gf_status keep_stages(merger *work)
{
    gf_status status = GF_OK;
    gf_plan *plan = work->load->plan;
    plan_box *box = (plan_box *)plan;
    size_t count = (size_t)work->count;
    GF_TRY_ALLOC(plan->stages = gf_arena_alloc(plan->arena, count * sizeof *plan->stages));
    GF_TRY_ALLOC(box->cores = gf_arena_alloc(plan->arena, count * sizeof *box->cores));
    memcpy(plan->stages, work->stages, count * sizeof *plan->stages);
    memcpy(box->cores, work->cores, count * sizeof *box->cores);
    plan->stage_count = work->count;
out:
    return status;
}

gf_status stages_merge(sweep *load)
{
    gf_status status = GF_OK;
    gf_plan *plan = load->plan;
    merger work = { .load = load };
    int count = load->point_count * plan->seed_count;
    GF_TRY_ALLOC(plan->trials = gf_arena_alloc(plan->arena, (size_t)count * sizeof *plan->trials));
    for (int i = 0; i < count; i++)
        GF_TRY(merge_trial(&work, &plan->trials[i], i / plan->seed_count, i % plan->seed_count));
    plan->trial_count = count;
    GF_TRY(keep_stages(&work));
out:
    table_release(&work.index);
    free(work.stages);
    free(work.cores);
    return status;
}
