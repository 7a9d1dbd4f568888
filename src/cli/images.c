/* Are the images there that a sweep needs? Without them every stage would fail, several times: it
 * is said once, before anything is started. A stage whose artifact is in the store needs none. */
#include "lead.h"

#include <stdlib.h>

static gf_status has_artifact(bool *there, const char *dir, const char *store, const char *key)
{
    gf_status status;
    char root[PATH_MAX], path[PATH_MAX];
    *there = false;
    GF_TRY(gf_stage_store(root, sizeof root, dir, store));
    if (!gf_file_exists(root)) return GF_OK; /* naming a path in it would make it */
    GF_TRY(gf_store_artifact_path(path, sizeof path, root, key));
    *there = gf_file_exists(path);
out:
    return status;
}

static gf_status find_images(const gf_options *options, const char *prefix)
{
    gf_data_options data;
    char path[PATH_MAX];
    gf_status status = gf_fields_read(&data, gf_data_schema.fields, options, prefix);
    if (status == GF_OK && gf_data_find(path, sizeof path, &data) != GF_OK)
        status = gf_fail(GF_INVALID, "%s", gf_error_message());
    return status;
}

gf_status gf_cli_find_images(const gf_plan *plan, const char *dir, const char *store)
{
    gf_status status = GF_OK;
    const gf_options *found = NULL;
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        bool there;
        if (stage->data == found) continue;
        GF_TRY(has_artifact(&there, dir, store, stage->key.hex));
        if (there) continue;
        GF_TRY(find_images(stage->data, ""));
        found = stage->data;
    }
out:
    return status;
}

gf_status gf_cli_find_images_again(const gf_study_plan *plan, const gf_farm_task *tasks,
                                   const char *dir)
{
    gf_status status = GF_OK;
    gf_options *options = NULL;
    for (int i = 0; i < plan->stage_count; i++) {
        bool there = tasks[i].done;
        if (!there) GF_TRY(has_artifact(&there, dir, plan->store, plan->stages[i].key));
        if (there) continue;
        GF_TRY(gf_options_parse(&options, plan->stages[i].options));
        GF_TRY(find_images(options, "data."));
        gf_options_destroy(options);
        options = NULL;
    }
out:
    gf_options_destroy(options);
    return status;
}
