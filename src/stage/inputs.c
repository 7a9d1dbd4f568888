/* The inputs of a stage: data, the parent's network or a fresh one, teachers, and the checkpoint
 * of an earlier attempt. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

gf_status gf_stage_store(char *out, size_t size, const char *dir, const char *store)
{
    int length = store[0] == '/' ? snprintf(out, size, "%s", store)
                                 : snprintf(out, size, "%s/%s", dir, store);
    if (length < 0 || (size_t)length >= size)
        return gf_fail(GF_INVALID, "%.80s...: path too long", dir);
    return GF_OK;
}

static gf_status load_artifact_of(gf_artifact *artifact, gf_study *study, const char *dir, int row)
{
    gf_status status;
    char root[PATH_MAX], path[PATH_MAX];
    const gf_study_plan *plan = gf_study_plan_get(study);
    GF_TRY(gf_stage_store(root, sizeof root, dir, plan->store));
    GF_TRY(gf_store_artifact_path(path, sizeof path, root, plan->stages[row].key));
    GF_TRY(gf_artifact_load(artifact, path));
out:
    return status;
}

gf_status gf_stage_load(gf_net **net, gf_study *study, const char *dir, int row)
{
    gf_status status;
    gf_artifact artifact = { 0 };
    GF_TRY(load_artifact_of(&artifact, study, dir, row));
    GF_TRY(gf_net_load(net, &artifact));
out:
    gf_artifact_release(&artifact);
    return status;
}

static int64_t whole(const gf_options *facts, const char *key)
{
    const char *text = gf_options_get(facts, key);
    return text ? strtoll(text, NULL, 10) : 0;
}

/* The segment before left its training state: with it and its learning curve this one goes on. */
static gf_status go_on_from(gf_stage_work *work, gf_artifact *state)
{
    gf_status status = gf_curve_copy(work->curve, state->facts);
    if (status != GF_OK) return status;
    work->checkpoint = *state;
    *state = (gf_artifact){ 0 };
    return GF_OK;
}

static gf_status load_parent(gf_stage_work *work)
{
    gf_status status;
    gf_artifact artifact = { 0 };
    GF_TRY(load_artifact_of(&artifact, work->study, work->dir, work->row->parent));
    GF_TRY(gf_net_load(&work->net, &artifact));
    work->original.parameters = whole(artifact.facts, "original.parameters");
    work->original.weights = whole(artifact.facts, "original.weights");
    work->original.macs = whole(artifact.facts, "original.macs");
    if (work->original.parameters <= 0 || work->original.weights <= 0 || work->original.macs <= 0)
        status = gf_fail(GF_CORRUPT, "the parent's artifact does not say what it was pruned from");
    if (status == GF_OK && work->segment.from > 0) GF_TRY(go_on_from(work, &artifact));
out:
    gf_artifact_release(&artifact);
    return status;
}

static gf_status build_fresh(gf_stage_work *work)
{
    gf_status status;
    gf_shape shape;
    gf_data_shape(work->data, &shape.height, &shape.width, &shape.channels);
    GF_TRY(gf_model_build(&work->net, work->options, "model.", shape, gf_data_classes(work->data)));
    gf_net_initialize(work->net, (uint64_t)work->row->seed, (uint32_t)work->row->ordinal);
    GF_TRY(gf_net_cost(work->net, work->kernels, &work->original, NULL));
out:
    return status;
}

static gf_status load_teachers(gf_stage_work *work)
{
    gf_status status = GF_OK;
    int count = work->row->teacher_count;
    if (count == 0) return GF_OK;
    GF_TRY_ALLOC(work->teachers = gf_alloc((size_t)count, sizeof(gf_net *)));
    for (int i = 0; i < count; i++)
        GF_TRY(gf_stage_load(&work->teachers[i], work->study, work->dir, work->row->teachers[i]));
out:
    return status;
}

/* A checkpoint that does not check is as good as none. */
static gf_status load_checkpoint(gf_stage_work *work)
{
    gf_status status = GF_OK;
    gf_artifact found = { 0 };
    if (!gf_file_exists(work->checkpoint_path)) return GF_OK;
    if (gf_artifact_load(&found, work->checkpoint_path) != GF_OK) {
        gf_log(GF_WARN, "stage", "%s; starting the stage anew", gf_error_message());
        goto out;
    }
    GF_TRY(gf_curve_copy(work->curve, found.facts));
    gf_artifact_release(&work->checkpoint);
    work->checkpoint = found;
    found = (gf_artifact){ 0 };
out:
    gf_artifact_release(&found);
    return status;
}

/* What was done and is gone or damaged now says nothing about this stage: the next run makes it
 * again. */
static gf_status as_surroundings(gf_status status)
{
    return status == GF_NOTFOUND || status == GF_CORRUPT ? GF_IO : status;
}

gf_status gf_stage_load_inputs(gf_stage_work *work)
{
    gf_status status;
    gf_data_options options;
    GF_TRY(gf_fields_read(&options, gf_data_schema.fields, work->options, "data."));
    GF_TRY(gf_data_open(&work->data, &options));
    GF_TRY(gf_kernels_get(&work->kernels));
    GF_TRY(as_surroundings(work->row->parent >= 0 ? load_parent(work) : build_fresh(work)));
    GF_TRY(as_surroundings(load_teachers(work)));
    GF_TRY(load_checkpoint(work));
out:
    return status;
}

void gf_stage_release_inputs(gf_stage_work *work)
{
    for (int i = 0; work->teachers && i < work->row->teacher_count; i++)
        gf_net_destroy(work->teachers[i]);
    free(work->teachers);
    gf_net_destroy(work->net);
    gf_data_close(work->data);
    gf_artifact_release(&work->checkpoint);
    gf_artifact_release(&work->left);
}
