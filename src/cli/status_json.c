/* A picture as JSON: everything that it shows. results/README.md lists the keys. */
#include "status.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text(const char *bytes)
{
    json_t *made = json_string(bytes);
    return made ? made : json_string("(not UTF-8)");
}

static json_t *running_json(const gf_picture *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->running_count; i++) {
        const gf_running_stage *r = &p->running[i];
        const gf_stage_row *stage = &p->plan->stages[r->row];
        json_array_append_new(
            list, json_pack("{s:i, s:o, s:o, s:i, s:i, s:f, s:f, s:o, s:o, s:o, s:o, s:i}", "stage",
                            r->row, "kind", text(stage->kind), "label", text(stage->label), "epoch",
                            r->done, "epochs", r->epochs, "share", r->share, "seconds", r->elapsed,
                            "seconds_left", number(r->left), "loss", number(r->loss), "accuracy",
                            number(r->accuracy), "host", text(r->host), "rank", r->rank));
    }
    return list;
}

static json_t *failures_json(const gf_picture *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->counts[GF_STAGE_FAILED] && i < GF_FAILURES_SHOWN; i++)
        json_array_append_new(list, json_pack("{s:i, s:o}", "stage", p->failures[i].row, "reason",
                                              text(p->failures[i].reason)));
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
                     number(t->seconds), "low", number(t->low), "high", number(t->high), "workers",
                     t->workers, "measured_stages", t->samples, "bytes", number(t->bytes),
                     "bytes_low", number(t->bytes_low), "bytes_high", number(t->bytes_high), "took",
                     number(p->finished ? p->usage.seconds : NAN), "used_bytes",
                     number(p->used_bytes));
}

void gf_status_print_json(const gf_picture *p, const gf_report *report)
{
    const int *c = p->counts;
    json_t *root = json_pack(
        "{s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:o, s:o, s:o, s:o, s:f, s:f, "
        "s:i, s:f, s:o, s:o, s:o, s:o}",
        "name", text(p->plan->name), "stages", p->plan->stage_count, "done", c[GF_STAGE_DONE],
        "running", c[GF_STAGE_RUNNING], "waiting", c[GF_STAGE_WAITING], "saved", p->paused,
        "failed", c[GF_STAGE_FAILED], "blocked", c[GF_STAGE_BLOCKED], "stopped",
        c[GF_STAGE_STOPPED], "alive", p->live, "finished", p->finished, "worker_seconds_left",
        number(isfinite(p->rest.seconds) ? p->rest.work : NAN), "seconds_left",
        number(p->rest.seconds), "seconds_left_low", number(p->rest.low), "seconds_left_high",
        number(p->rest.high), "seconds", p->usage.seconds, "utilization", p->usage.busy, "workers",
        p->usage.ranks, "share", p->all_work > 0 ? p->done_work / p->all_work : 0.0,
        "running_stages", running_json(p), "failures", failures_json(p), "forecast",
        forecast_json(p), "front", front_json(report));
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}
