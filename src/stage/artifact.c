/* The artifact of a finished stage: the network (of a segment that is not the last: the training
 * state), what it was made from, its metrics and learning curve as text. Nothing in it depends on
 * when, where or how often the stage ran. */
#include "work.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static gf_status set_whole(gf_options *facts, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    return gf_options_set(facts, key, text);
}

static gf_status set_metric(gf_options *facts, gf_metric metric, double value)
{
    char key[64], text[32];
    snprintf(key, sizeof key, "metric.%s", gf_metric_names[metric]);
    gf_real_text(text, value);
    return gf_options_set(facts, key, text);
}

static gf_status fill_facts(gf_options *facts, const gf_stage_work *work)
{
    gf_status status;
    GF_TRY(gf_options_set(facts, "key", work->row->key));
    GF_TRY(gf_options_set(facts, "kind", work->row->kind));
    GF_TRY(set_whole(facts, "original.parameters", work->original.parameters));
    GF_TRY(set_whole(facts, "original.weights", work->original.weights));
    GF_TRY(set_whole(facts, "original.macs", work->original.macs));
    for (int m = 0; m < GF_METRIC_COUNT; m++)
        if (!gf_metric_is_time((gf_metric)m))
            GF_TRY(set_metric(facts, (gf_metric)m, work->values[m]));
    GF_TRY(gf_curve_copy(facts, work->curve));
out:
    return status;
}

gf_status gf_stage_save_artifact(gf_stage_work *work)
{
    gf_status status;
    gf_artifact artifact = work->left; /* of a segment: what its training goes on from */
    work->left = (gf_artifact){ 0 };
    if (!artifact.graph) GF_TRY(gf_net_save(work->net, &artifact));
    if (!artifact.facts) GF_TRY_ALLOC(artifact.facts = gf_options_create());
    GF_TRY(fill_facts(artifact.facts, work));
    if (!gf_stage_lease_valid(work)) {
        status = gf_fail(GF_LOST, "the lease ran out before the artifact was written");
        goto out;
    }
    GF_TRY(gf_artifact_save_as(work->artifact_path, work->checkpoint_path, &artifact));
out:
    gf_artifact_release(&artifact);
    return status;
}

static gf_status take_metrics(gf_stage_work *work, const gf_options *facts)
{
    for (int m = 0; m < GF_METRIC_COUNT; m++) {
        char key[64];
        if (gf_metric_is_time((gf_metric)m)) continue;
        snprintf(key, sizeof key, "metric.%s", gf_metric_names[m]);
        const char *text = gf_options_get(facts, key);
        if (!text) return gf_fail(GF_CORRUPT, "%s: %s is missing", work->artifact_path, key);
        work->values[m] = strtod(text, NULL);
    }
    return GF_OK;
}

gf_status gf_stage_reuse_artifact(gf_stage_work *work)
{
    gf_status status;
    gf_artifact artifact = { 0 };
    gf_net *net = NULL;
    if (!gf_file_exists(work->artifact_path))
        return gf_fail(GF_NOTFOUND, "%s: not there", work->artifact_path);
    GF_TRY(gf_artifact_load(&artifact, work->artifact_path));
    GF_TRY(gf_net_load(&net, &artifact)); /* others will read it: it has to be whole */
    GF_TRY(take_metrics(work, artifact.facts));
    GF_TRY(gf_curve_copy(work->curve, artifact.facts));
out:
    gf_net_destroy(net);
    gf_artifact_release(&artifact);
    return status;
}
