/* A picture as JSON: everything that it shows. results/README.md lists the keys. */
#include "status.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *running_json(const gf_picture *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->running_count; i++) {
        const gf_running_stage *r = &p->running[i];
        const gf_stage_row *stage = &p->plan->stages[r->row];
        json_array_append_new(
            list,
            json_pack("{s:i, s:o, s:o, s:i, s:i, s:f, s:f, s:o, s:o, s:o, s:o, s:i}", "stage",
                      r->row, "kind", gf_json_text(stage->kind), "label",
                      gf_json_text(stage->label), "epoch", r->done, "epochs", r->epochs, "share",
                      r->share, "seconds", r->elapsed, "seconds_left", gf_json_number(r->left),
                      "loss", gf_json_number(r->loss), "accuracy", gf_json_number(r->accuracy),
                      "host", gf_json_text(r->host), "rank", r->rank));
    }
    return list;
}

static json_t *failures_json(const gf_picture *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->counts[GF_STAGE_FAILED] && i < GF_FAILURES_SHOWN; i++)
        json_array_append_new(list, json_pack("{s:i, s:o}", "stage", p->failures[i].row, "reason",
                                              gf_json_text(p->failures[i].reason)));
    return list;
}

static json_t *front_json(const gf_report *report)
{
    char *dumped = report ? gf_report_front_json(report) : NULL;
    json_t *list = dumped ? json_loads(dumped, 0, NULL) : NULL;
    free(dumped);
    return list ? list : json_array();
}

/* What was predicted when the sweep began, beside what has come of it. */
static json_t *forecast_json(const gf_picture *p)
{
    const gf_forecast_told *t = &p->told;
    return json_pack("{s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "seconds",
                     gf_json_number(t->seconds), "low", gf_json_number(t->low), "high",
                     gf_json_number(t->high), "workers", t->workers, "measured_stages", t->samples,
                     "bytes", gf_json_number(t->bytes), "bytes_low", gf_json_number(t->bytes_low),
                     "bytes_high", gf_json_number(t->bytes_high), "took",
                     gf_json_number(p->finished ? p->usage.seconds : NAN), "used_bytes",
                     gf_json_number(p->used_bytes));
}

void gf_status_print_json(const gf_picture *p, const gf_report *report)
{
    const int *c = p->counts;
    json_t *root = json_pack(
        "{s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:o, s:o, s:o, s:o, s:f, s:f, "
        "s:i, s:f, s:o, s:o, s:o, s:o}",
        "name", gf_json_text(p->plan->name), "stages", p->plan->stage_count, "done",
        c[GF_STAGE_DONE], "running", c[GF_STAGE_RUNNING], "waiting", c[GF_STAGE_WAITING], "saved",
        p->paused, "failed", c[GF_STAGE_FAILED], "blocked", c[GF_STAGE_BLOCKED], "stopped",
        c[GF_STAGE_STOPPED], "alive", p->live, "finished", p->finished, "worker_seconds_left",
        gf_json_number(isfinite(p->rest.seconds) ? p->rest.work : NAN), "seconds_left",
        gf_json_number(p->rest.seconds), "seconds_left_low", gf_json_number(p->rest.low),
        "seconds_left_high", gf_json_number(p->rest.high), "seconds", p->usage.seconds,
        "utilization", p->usage.busy, "workers", p->usage.ranks, "share",
        p->all_work > 0 ? p->done_work / p->all_work : 0.0, "running_stages", running_json(p),
        "failures", failures_json(p), "forecast", forecast_json(p), "front", front_json(report));
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}
