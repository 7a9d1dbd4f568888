/* How values read in tables, and the order of points in them. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

gf_status gf_format_parse(gf_format *format, const char *word)
{
    static const char *const words[] = { "text", "csv", "json", "latex", "html" };
    for (size_t i = 0; i < GF_COUNT(words); i++)
        if (strcmp(word, words[i]) == 0) {
            *format = (gf_format)i;
            return GF_OK;
        }
    return gf_fail(GF_INVALID, "--format = %s is none of text, csv, json, latex, html", word);
}

const char *gf_report_state_word(gf_stage_state state)
{
    static const char *const words[] = { "waiting", "running", "done",
                                         "failed",  "blocked", "stopped" };
    return (size_t)state < GF_COUNT(words) ? words[state] : "?";
}

bool gf_report_shows(const gf_report *report, int metric)
{
    return report->options.times || !report->metrics[metric].time;
}

bool gf_report_is_fraction(const gf_report *report, int metric)
{
    return strstr(report->metrics[metric].name, "accuracy") != NULL;
}

static void count_text(char out[64], double value)
{
    static const char *const units[] = { "", " k", " M", " G", " T" };
    size_t unit = 0;
    while (fabs(value) >= 999.5 && unit + 1 < GF_COUNT(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 64, fabs(value) >= 100 || unit == 0 ? "%.0f%s" : "%.1f%s", value, units[unit]);
}

void gf_report_grouped_text(char out[32], int count)
{
    if (count < 1000)
        snprintf(out, 32, "%d", count);
    else
        snprintf(out, 32, "%d,%03d", count / 1000, count % 1000);
}

static void seconds_text(char out[64], double seconds)
{
    if (seconds < 0.001)
        snprintf(out, 64, "%.0f us", 1e6 * seconds);
    else if (seconds < 1)
        snprintf(out, 64, "%.3g ms", 1e3 * seconds);
    else
        gf_duration_text(out, seconds);
}

void gf_report_value_text(char out[64], const gf_report *report, int metric,
                          const gf_estimate *estimate)
{
    const char *name = report->metrics[metric].name;
    double value = estimate->mean;
    if (isnan(value))
        snprintf(out, 64, "-");
    else if (gf_report_is_fraction(report, metric) && isnan(estimate->half))
        snprintf(out, 64, "%.2f", 100 * value);
    else if (gf_report_is_fraction(report, metric))
        snprintf(out, 64, "%.2f ± %.2f", 100 * value, 100 * estimate->half);
    else if (strcmp(name, "bytes") == 0 || strcmp(name, "peak_memory") == 0)
        gf_bytes_text(out, value);
    else if (strncmp(name, "score", 5) == 0 || strstr(name, "loss"))
        snprintf(out, 64, "%.4f", value);
    else if (report->metrics[metric].time)
        seconds_text(out, value);
    else
        count_text(out, value);
}

/* ---- order ---- */

typedef struct placed {
    int point, rank;
    double first; /* of the first objective; less is earlier */
} placed;

static int compare_placed(const void *a, const void *b)
{
    const placed *p = a, *q = b;
    if (p->rank != q->rank) return p->rank < q->rank ? -1 : 1;
    if (p->first != q->first) return p->first < q->first ? -1 : 1;
    return p->point - q->point;
}

int *gf_report_order(const gf_report *report, int *count)
{
    size_t points = (size_t)report->plan->point_count;
    const gf_report_objective *first = &report->objectives[0];
    placed *list = gf_alloc(points, sizeof *list);
    int *order = gf_alloc(points, sizeof *order), size = 0;
    for (int p = 0; list && order && p < report->plan->point_count; p++) {
        const gf_report_point *point = &report->points[p];
        double value = point->estimates[first->metric].mean;
        if (!report->options.all && !point->front) continue;
        list[size++] = (placed){ .point = p,
                                 .rank = point->rank < 0 ? INT32_MAX : point->rank,
                                 .first = isnan(value)            ? 0
                                          : first->goal == GF_MAX ? -value
                                                                  : value };
    }
    if (list && order) {
        qsort(list, (size_t)size, sizeof *list, compare_placed);
        for (int i = 0; i < size; i++) order[i] = list[i].point;
        *count = size;
    } else {
        free(order);
        order = NULL;
    }
    free(list);
    return order;
}
