/* Everything that a report knows, as JSON; the HTML page carries the same. Keys:
 *   name, seeds, validation_images, program, provenance {key: value}, sweep (text),
 *   metrics [{name, help, goal, time}], objectives [{metric, goal}], knee (point or null),
 *   points [{point, label, options {key: value}, front, rank, probability, dominator, seeds,
 *            interval ("seeds" or "images": what the half-width of its accuracy is of), failed,
 * stopped, metrics {name: {mean, half, values}}, stages [[row, ...] per seed]}], stages [{row,
 * kind, label, state, parent, seed, curve [[epoch, lr, train loss, train accuracy, validation loss,
 * validation accuracy], ...], attempts [...]}] Numbers that are not there are null. Times, hosts
 * and dates are left out by --no-times. */
#include "model.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *gf_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *gf_json_text(const char *bytes)
{
    json_t *made = json_string(bytes);
    return made ? made : json_string("(not UTF-8)");
}

static json_t *options_json(const char *lines)
{
    json_t *object = json_object();
    gf_options *options = NULL;
    if (gf_options_parse(&options, lines) != GF_OK) return object;
    for (int i = 0; i < gf_options_count(options); i++)
        json_object_set_new(object, gf_options_key(options, i),
                            gf_json_text(gf_options_value(options, i)));
    gf_options_destroy(options);
    return object;
}

static json_t *metrics_json(const gf_report *r)
{
    json_t *list = json_array();
    for (int m = 0; m < r->options.metric_count; m++)
        if (gf_report_shows(r, m))
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "name",
                                                  r->metrics[m].name, "help", r->metrics[m].help,
                                                  "goal", r->metrics[m].maximize ? "max" : "min",
                                                  "time", r->metrics[m].time));
    return list;
}

static json_t *objectives_json(const gf_report *r)
{
    json_t *list = json_array();
    for (int k = 0; k < r->objective_count; k++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "metric",
                                              r->metrics[r->objectives[k].metric].name, "goal",
                                              r->objectives[k].goal == GF_MAX ? "max" : "min"));
    return list;
}

static json_t *values_json(const gf_report *r, const gf_report_point *point)
{
    json_t *object = json_object();
    for (int m = 0; m < r->options.metric_count; m++) {
        json_t *seeds = json_array();
        if (!gf_report_shows(r, m)) {
            json_decref(seeds);
            continue;
        }
        for (int s = 0; s < r->seeds; s++)
            json_array_append_new(seeds,
                                  gf_json_number(point->values[s * r->options.metric_count + m]));
        json_object_set_new(object, r->metrics[m].name,
                            json_pack("{s:o, s:o, s:o}", "mean",
                                      gf_json_number(point->estimates[m].mean), "half",
                                      gf_json_number(point->estimates[m].half), "values", seeds));
    }
    return object;
}

static json_t *point_stages(const gf_report *r, int p)
{
    json_t *seeds = json_array();
    for (int s = 0; s < r->seeds; s++) {
        const gf_trial_row *trial = gf_report_trial(r, p, s);
        json_t *rows = json_array();
        for (int i = 0; trial && i < trial->stage_count; i++)
            json_array_append_new(rows, json_integer(trial->stages[i]));
        json_array_append_new(seeds, rows);
    }
    return seeds;
}

static json_t *interval_json(const gf_report *r, const gf_report_point *point)
{
    int accuracy = gf_report_metric(r, "accuracy");
    if (accuracy < 0 || isnan(point->estimates[accuracy].half)) return json_null();
    return json_string(point->estimates[accuracy].binomial ? "images" : "seeds");
}

static json_t *point_json(const gf_report *r, int p)
{
    const gf_report_point *point = &r->points[p];
    return json_pack(
        "{s:i, s:o, s:o, s:b, s:o, s:o, s:o, s:i, s:o, s:b, s:b, s:o, s:o}", "point", p, "label",
        gf_json_text(point->label), "options", options_json(point->options), "front", point->front,
        "rank", point->rank < 0 ? json_null() : json_integer(point->rank), "probability",
        gf_json_number(point->probability), "dominator",
        point->dominator < 0 ? json_null() : json_integer(point->dominator), "seeds",
        point->finished, "interval", interval_json(r, point), "failed", point->failed, "stopped",
        point->stopped, "metrics", values_json(r, point), "stages", point_stages(r, p));
}

static json_t *curve_json(const gf_report *r, int row)
{
    json_t *curve = json_array();
    int count = 0, epochs = r->plan->stages[row].epochs;
    gf_epoch_row *rows = gf_alloc((size_t)epochs + 1, sizeof *rows);
    if (rows && epochs > 0 && gf_study_read_epochs(r->study, row, rows, &count) == GF_OK)
        for (int i = 0; i < count; i++)
            json_array_append_new(curve, json_pack("[i, o, o, o, o, o]", rows[i].epoch,
                                                   gf_json_number(rows[i].lr),
                                                   gf_json_number(rows[i].train_loss),
                                                   gf_json_number(rows[i].train_accuracy),
                                                   gf_json_number(rows[i].validation_loss),
                                                   gf_json_number(rows[i].validation_accuracy)));
    free(rows);
    return curve;
}

/* Attempts hang on the machine: reasons name times, memory and ranks. */
static json_t *attempts_json(const gf_report *r, int row)
{
    json_t *list = json_array();
    const gf_report_stage *stage = &r->stages[row];
    for (int i = 0; r->options.times && i < stage->attempt_count; i++) {
        const gf_stage_attempt *a = &stage->attempts[i];
        json_array_append_new(
            list, json_pack("{s:i, s:s, s:i, s:i, s:o, s:o, s:o, s:I, s:o}", "attempt", a->attempt,
                            "status", gf_status_name((gf_status)a->status), "signal", a->signal,
                            "rank", a->rank, "started", gf_json_number(a->started), "ended",
                            a->ended > 0 ? gf_json_number(a->ended) : json_null(), "host",
                            gf_json_text(a->host), "peak_memory", (json_int_t)a->peak_memory,
                            "reason", gf_json_text(a->reason)));
    }
    return list;
}

static json_t *stage_json(const gf_report *r, int row)
{
    const gf_stage_row *stage = &r->plan->stages[row];
    return json_pack(
        "{s:i, s:s, s:o, s:s, s:o, s:I, s:o, s:o}", "row", row, "kind", stage->kind, "label",
        gf_json_text(stage->label), "state", gf_report_state_word(r->stages[row].state), "parent",
        stage->parent < 0 ? json_null() : json_integer(stage->parent), "seed",
        (json_int_t)stage->seed, "curve", curve_json(r, row), "attempts", attempts_json(r, row));
}

json_t *gf_report_json(const gf_report *r)
{
    json_t *points = json_array(), *stages = json_array();
    for (int p = 0; p < r->plan->point_count; p++) json_array_append_new(points, point_json(r, p));
    for (int row = 0; row < r->plan->stage_count; row++)
        json_array_append_new(stages, stage_json(r, row));
    return json_pack("{s:o, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     gf_json_text(r->plan->name), "seeds", r->seeds, "validation_images",
                     r->options.validation_images, "program", r->options.version, "provenance",
                     options_json(r->plan->provenance), "sweep", gf_json_text(r->plan->text),
                     "metrics", metrics_json(r), "objectives", objectives_json(r), "knee",
                     r->knee < 0 ? json_null() : json_integer(r->knee), "points", points, "stages",
                     stages);
}
