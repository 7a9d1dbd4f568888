/* All that one run of a stage holds, from opening the study to the last write. */
#ifndef GRIDFRONT_STAGE_WORK_H
#define GRIDFRONT_STAGE_WORK_H

#include <gridfront/stage.h>

#include <limits.h>

typedef struct gf_stage_work {
    const char *dir; /* borrowed, as row and hooks */
    const gf_stage_hooks *hooks;
    const gf_stage_row *row;
    int index;
    uint32_t fence;
    double begin; /* of gf_clock */
    bool found;   /* its artifact was there: it only had to be looked up */

    gf_study *study;
    gf_options *options; /* the row's: data.*, model.*, seed, own keys */
    char artifact_path[PATH_MAX], checkpoint_path[PATH_MAX];

    const gf_kernels *kernels;
    gf_data *data;
    gf_net *net;
    gf_net **teachers; /* [row->teacher_count] */
    gf_cost original;  /* of the network before any pruning: parameters, weights, macs */

    gf_segment segment;
    gf_artifact checkpoint; /* graph NULL: none; the parent's where a segment goes on */
    gf_artifact left;       /* training state at the end of a segment; graph NULL: none */
    gf_options *curve;      /* "curve.1 = steps lr ...", a line per finished epoch */
    double values[GF_METRIC_COUNT];
} gf_stage_work;

bool gf_stage_lease_valid(const gf_stage_work *work);
bool gf_stage_may_go_on(const gf_stage_work *work);

/* inputs.c: parent or fresh network, teachers, data, checkpoint */
gf_status gf_stage_load_inputs(gf_stage_work *work);
void gf_stage_release_inputs(gf_stage_work *work);
/* curve.c: learning curves as text, so that a checkpoint and an artifact carry them */
gf_status gf_curve_add(gf_options *curve, const gf_epoch_row *row);
gf_status gf_curve_copy(gf_options *to, const gf_options *from);
/* Writes those lines of the curve into the stage's slot that are not there, but for those of
 * segments before it. */
gf_status gf_curve_publish(gf_stage_work *work);
/* measure.c: fills work->values from work->net */
gf_status gf_stage_measure(gf_stage_work *work);
/* artifact.c: the finished network with its metrics */
gf_status gf_stage_save_artifact(gf_stage_work *work);
/* NOTFOUND: there is none that checks; else values and curve are taken from it. */
gf_status gf_stage_reuse_artifact(gf_stage_work *work);

#endif
