/* The end of a run: latencies on the idle machine, the DONE mark, the report, the front. */
#include "lead.h"

#include "picture.h"

#include <gridfront/deploy.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LATENCY_SECONDS 0.3 /* of repeated passes for each network and batch */

/* ---- latencies ---- */

typedef struct latency_job {
    const char *dir;
    gf_study *study;
    const gf_study_plan *plan;
    const gf_kernels *kernels;
    uint32_t fence;
} latency_job;

static int latency_wish(const gf_options *settings)
{
    const char *wish = gf_options_get(settings, "resources.latency");
    bool objective = false;
    for (int i = 0;; i++) {
        char key[48];
        snprintf(key, sizeof key, "objective.%d.metric", i);
        const char *metric = gf_options_get(settings, key);
        if (!metric) break;
        objective |= strncmp(metric, "latency", 7) == 0;
    }
    if (objective || (wish && strcmp(wish, "all") == 0)) return GF_LATENCY_ALL;
    return wish && strcmp(wish, "none") == 0 ? GF_LATENCY_NONE : GF_LATENCY_FRONT;
}

/* The network as it would be deployed: packed and unpacked, so BN is folded and the views are in
 * the weights. */
static gf_status load_deployed(gf_net **net, const latency_job *job, int row)
{
    gf_status status;
    gf_net *trained = NULL;
    unsigned char *bytes = NULL;
    size_t size = 0;
    GF_TRY(gf_stage_load(&trained, job->study, job->dir, row));
    GF_TRY(gf_pack(&bytes, &size, trained, job->kernels));
    GF_TRY(gf_unpack(net, bytes, size, job->kernels));
out:
    free(bytes);
    gf_net_destroy(trained);
    return status;
}

static gf_status measure_row(latency_job *job, int row)
{
    gf_status status;
    gf_net *net = NULL;
    gf_latency one, many;
    double values[GF_METRIC_COUNT];
    GF_TRY(gf_study_read_result(job->study, row, values));
    if (isfinite(values[GF_METRIC_LATENCY_1])) return GF_OK;
    GF_TRY(load_deployed(&net, job, row));
    GF_TRY(gf_latency_measure(&one, net, 1, LATENCY_SECONDS, job->kernels));
    GF_TRY(gf_latency_measure(&many, net, 128, LATENCY_SECONDS, job->kernels));
    values[GF_METRIC_LATENCY_1] = one.p50;
    values[GF_METRIC_LATENCY_128] = many.p50;
    GF_TRY(gf_study_write_result(job->study, row, values, job->fence));
out:
    gf_net_destroy(net);
    return status;
}

/* Is point p on the front? From the report, so that both agree. */
static gf_status measure_points(latency_job *job, int wish)
{
    gf_status status = GF_OK;
    bool *front = gf_alloc((size_t)job->plan->point_count, sizeof *front);
    gf_report *report = NULL;
    GF_TRY_ALLOC(front);
    GF_TRY(gf_cli_load_report(&report, job->dir, true, false, true));
    gf_report_front(report, front);
    for (int t = 0; t < job->plan->trial_count; t++) {
        const gf_trial_row *trial = &job->plan->trials[t];
        gf_stage_state state;
        int row = trial->stages[trial->stage_count - 1];
        if (trial->seed_index > 0 || (wish == GF_LATENCY_FRONT && !front[trial->point])) continue;
        GF_TRY(gf_study_read_state(job->study, row, &state));
        if (state == GF_STAGE_DONE) GF_TRY(measure_row(job, row));
    }
out:
    gf_report_destroy(report);
    free(front);
    return status;
}

static gf_status measure_latencies(const char *dir)
{
    gf_status status;
    latency_job job = { .dir = dir };
    gf_options *settings = NULL;
    GF_TRY(gf_study_open(&job.study, dir, true));
    job.plan = gf_study_plan_get(job.study);
    GF_TRY(gf_options_parse(&settings, job.plan->settings));
    int wish = latency_wish(settings);
    if (wish == GF_LATENCY_NONE) goto out;
    GF_TRY(gf_kernels_start(1));
    GF_TRY(gf_kernels_get(&job.kernels));
    GF_TRY(gf_study_highest_fence(job.study, &job.fence));
    GF_TRY(measure_points(&job, wish));
out:
    gf_options_destroy(settings);
    gf_study_close(job.study);
    return status;
}

/* ---- keep = "leaves" | "front" ---- */

static gf_status choose_dropped(bool *drop, const gf_study_plan *plan, const char *dir,
                                bool front_only)
{
    gf_status status = GF_OK;
    bool *front = gf_alloc((size_t)plan->point_count, sizeof *front);
    gf_report *report = NULL;
    GF_TRY_ALLOC(front);
    GF_TRY(gf_cli_load_report(&report, dir, true, false, true));
    gf_report_front(report, front);
    for (int row = 0; row < plan->stage_count; row++) drop[row] = true;
    for (int t = 0; t < plan->trial_count; t++) {
        const gf_trial_row *trial = &plan->trials[t];
        if (!front_only || front[trial->point]) drop[trial->stages[trial->stage_count - 1]] = false;
    }
out:
    gf_report_destroy(report);
    free(front);
    return status;
}

static gf_status drop_artifacts(const char *dir)
{
    gf_status status;
    gf_study *study = NULL;
    gf_options *settings = NULL;
    bool *drop = NULL;
    GF_TRY(gf_study_open(&study, dir, false));
    const gf_study_plan *plan = gf_study_plan_get(study);
    GF_TRY(gf_options_parse(&settings, plan->settings));
    const char *keep = gf_options_get(settings, "keep");
    if (!keep || strcmp(keep, "all") == 0) goto out;
    GF_TRY_ALLOC(drop = gf_alloc((size_t)plan->stage_count, sizeof *drop));
    GF_TRY(choose_dropped(drop, plan, dir, strcmp(keep, "front") == 0));
    GF_TRY(gf_study_drop(dir, drop, NULL, NULL));
out:
    free(drop);
    gf_options_destroy(settings);
    gf_study_close(study);
    return status;
}

/* ---- what it took ---- */

static double file_bytes(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? (double)about.st_size : 0;
}

/* Of sweep.h5 and the artifacts that are there, whoever made them. */
static gf_status count_bytes(double *bytes, const char *dir)
{
    gf_status status;
    gf_study *study = NULL;
    char root[PATH_MAX], path[PATH_MAX];
    GF_TRY(gf_study_open(&study, dir, false));
    const gf_study_plan *plan = gf_study_plan_get(study);
    GF_TRY(gf_stage_store(root, sizeof root, dir, plan->store));
    snprintf(path, sizeof path, "%.4000s/sweep.h5", dir);
    *bytes = file_bytes(path);
    for (int row = 0; row < plan->stage_count; row++) {
        GF_TRY(gf_store_artifact_path(path, sizeof path, root, plan->stages[row].key));
        *bytes += file_bytes(path);
    }
out:
    gf_study_close(study);
    return status;
}

/* ---- what is written at the end ---- */

static gf_status tidy(const char *dir)
{
    gf_status status;
    gf_study *study = NULL;
    char store[PATH_MAX];
    GF_TRY(gf_study_open(&study, dir, false));
    GF_TRY(gf_stage_store(store, sizeof store, dir, gf_study_plan_get(study)->store));
    GF_TRY(gf_study_tidy(dir, store));
out:
    gf_study_close(study);
    return status;
}

/* DONE comes when all is written and tidied up: whoever is killed before it leaves the rest to the
 * next run. What is not kept goes after it, as a run that is not done would make it again. */
static gf_status settle(const gf_summary *summary)
{
    gf_status status;
    char text[96];
    double bytes;
    GF_TRY(gf_cli_take_lease(summary->dir)); /* ours since the run began */
    if (!summary->nothing_to_do) GF_TRY(measure_latencies(summary->dir));
    GF_TRY(gf_cli_write_html(summary->dir));
    GF_TRY(tidy(summary->dir));
    GF_TRY(count_bytes(&bytes, summary->dir));
    snprintf(text, sizeof text, "stages = %d\nfailed = %d\nbytes = %.0f\n", summary->stages,
             summary->failed, bytes);
    if (!summary->nothing_to_do) GF_TRY(gf_study_mark_done(summary->dir, text));
    if (summary->failed == 0) GF_TRY(drop_artifacts(summary->dir));
out:
    gf_study_lease_release(summary->dir);
    return status;
}

/* How good was the prediction? */
static gf_status print_verdict(const char *dir)
{
    gf_status status;
    gf_picture picture;
    char verdict[200];
    GF_TRY(gf_picture_open(&picture, dir));
    GF_TRY(gf_picture_take(&picture));
    gf_picture_verdict(verdict, &picture);
    if (verdict[0]) printf("%s\n", verdict);
out:
    gf_picture_release(&picture);
    return status;
}

/* ---- what is said at the end ---- */

static gf_status print_front(const char *dir)
{
    gf_status status;
    gf_report *report = NULL;
    gf_text text = { 0 };
    GF_TRY(gf_cli_load_report(&report, dir, true, false, false));
    GF_TRY(gf_report_write(report, GF_FORMAT_TEXT, &text));
    fputs(text.data ? text.data : "", stdout);
out:
    gf_text_release(&text);
    gf_report_destroy(report);
    return status;
}

static void print_failure(gf_study *study, const char *dir, int row, const gf_stage_row *stage)
{
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT];
    int count = 0;
    if (gf_study_read_attempts(study, row, attempts, &count) != GF_OK) count = 0;
    printf("failed: stage %d (%s %s): %s\n        again, alone: gridfront stage %s %d\n", row,
           stage->kind, stage->label, count ? attempts[count - 1].reason : "?", dir, row);
}

static gf_status print_failures(const char *dir)
{
    gf_status status;
    gf_study *study = NULL;
    int blocked = 0, failed = 0;
    GF_TRY(gf_study_open(&study, dir, false));
    const gf_study_plan *plan = gf_study_plan_get(study);
    for (int row = 0; row < plan->stage_count; row++) {
        gf_stage_state state;
        GF_TRY(gf_study_read_state(study, row, &state));
        blocked += state == GF_STAGE_BLOCKED;
        failed += state == GF_STAGE_FAILED;
        if (state == GF_STAGE_FAILED) print_failure(study, dir, row, &plan->stages[row]);
    }
    if (blocked)
        printf("blocked: %d %s that need them\n", blocked, blocked == 1 ? "stage" : "stages");
    if (failed) printf("run --retry-failed tries them again\n");
out:
    gf_study_close(study);
    return status;
}

/* The tail, when fewer stages are left than workers, is nobody's fault and said apart. */
static void print_busy(const gf_summary *summary)
{
    if (summary->workers)
        printf("; %d %s %.1f %% busy", summary->workers,
               summary->workers == 1 ? "worker" : "workers", 100 * summary->busy);
    if (summary->full_busy > 0) printf(", %.1f %% until the tail", 100 * summary->full_busy);
    printf("\n");
}

gf_status gf_cli_conclude(const gf_summary *summary)
{
    gf_status status;
    char took[32], text[64];
    GF_TRY(settle(summary));
    if (summary->nothing_to_do) {
        printf("%s: everything was done already\n\n", summary->dir);
    } else {
        gf_duration_text(took, summary->seconds);
        snprintf(text, sizeof text, summary->stopped ? ", %d stopped early" : "", summary->stopped);
        printf("%d stages done in %s%s", summary->stages - summary->failed - summary->stopped, took,
               text);
        print_busy(summary);
        GF_TRY(print_verdict(summary->dir));
        printf("\n");
    }
    GF_TRY(print_front(summary->dir));
    GF_TRY(print_failures(summary->dir));
    printf("\nreport: %s/report.html\n", summary->dir);
out:
    return status;
}
