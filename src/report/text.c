/* The front as a table for people, and the one line that says how far it is. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 100 }; /* no line is longer, one word too long aside */

static void append_padded(gf_text *out, const char *text, int width)
{
    gf_text_append(out, "%*s%s", width > gf_text_columns(text) ? width - gf_text_columns(text) : 0,
                   "", text);
}

/* What the front was found among. */
static void append_title(const gf_report *r, gf_text *out)
{
    const gf_report_options *o = &r->options;
    int failed = 0, stopped = 0, waiting = 0;
    for (int p = 0; p < r->plan->point_count; p++) {
        if (r->points[p].finished > 0) continue;
        *(r->points[p].failed ? &failed : r->points[p].stopped ? &stopped : &waiting) += 1;
    }
    gf_text_append(out, "front of %d out of %d points", r->front_size, r->finished_points);
    if (failed) gf_text_append(out, ", %d failed", failed);
    if (stopped) gf_text_append(out, ", %d stopped early", stopped);
    if (waiting) gf_text_append(out, ", %d not finished", waiting);
    gf_text_append(out, " (%d %s each)\n", r->seeds, r->seeds == 1 ? "seed" : "seeds");
    if (o->validation_images > 0) {
        char images[32];
        gf_report_grouped_text(images, o->validation_images);
        gf_text_append(out, "selected on validation, %s images; test is only reported\n", images);
    }
}

/* Where to break a label that has more than `room` characters: bytes up to the last gap that fits
 * and stands in no brackets; 0: nowhere. */
static int find_break(const char *label, int room)
{
    int cut = 0, shown = 0, depth = 0;
    for (int i = 0; label[i] && shown <= room; i++) {
        depth += (label[i] == '(') - (label[i] == ')');
        if (label[i] == ' ' && i > 0 && label[i - 1] != ' ' && depth == 0) cut = i;
        shown += ((unsigned char)label[i] & 0xc0) != 0x80;
    }
    return cut;
}

/* A label goes on below itself where the line would be too long. */
static void append_wrapped(gf_text *out, const char *label, int indent)
{
    int room = indent < WIDTH - 20 ? WIDTH - indent : 20, cut;
    while (gf_text_columns(label) > room && (cut = find_break(label, room)) > 0) {
        gf_text_append(out, "%.*s\n%*s", cut, label, indent, "");
        label += cut + strspn(label + cut, " ");
    }
    gf_text_append(out, "%s\n", label);
}

static void append_label(const gf_report *r, gf_text *out, int p, int indent)
{
    const gf_report_point *point = &r->points[p];
    gf_text label = { 0 };
    gf_text_append(&label, "%s%s", point->label, p == r->knee ? "  (knee)" : "");
    if (point->finished == 0)
        gf_text_append(&label, "  (%s)",
                       point->failed    ? "failed"
                       : point->stopped ? "stopped early"
                                        : "not finished");
    else if (point->finished < r->seeds)
        gf_text_append(&label, "  (%d of %d seeds%s)", point->finished, r->seeds,
                       point->failed ? ", failed" : "");
    append_wrapped(out, label.data ? label.data : "", indent);
    gf_text_release(&label);
}

static void append_text_row(const gf_report *r, gf_text *out, int p, const int *columns, int count,
                            const int *widths)
{
    const gf_report_point *point = &r->points[p];
    int indent = 8;
    if (r->options.color && point->front) gf_text_append(out, "\033[1m");
    gf_text_append(out, "%s%5d", p == r->knee ? "▸" : " ", p);
    for (int i = 0; i < count; i++) {
        char cell[64];
        gf_report_value_text(cell, r, columns[i], &point->estimates[columns[i]]);
        gf_text_append(out, "  ");
        append_padded(out, cell, widths[i]);
        indent += widths[i] + 2;
    }
    if (r->seeds > 1) {
        if (isnan(point->probability))
            gf_text_append(out, "  %8s", "-");
        else
            gf_text_append(out, "  %8.2f", point->probability);
        indent += 10;
    }
    gf_text_append(out, "  ");
    append_label(r, out, p, indent);
    if (r->options.color && point->front) gf_text_append(out, "\033[0m");
}

static void append_text_table(const gf_report *r, gf_text *out, const int *order, int points)
{
    int columns[GF_REPORT_COLUMNS], widths[GF_REPORT_COLUMNS];
    int count = gf_report_columns(r, columns);
    for (int i = 0; i < count; i++) {
        widths[i] = gf_text_columns(gf_report_column_title(r, columns[i]));
        for (int k = 0; k < points; k++) {
            char cell[64];
            gf_report_value_text(cell, r, columns[i], &r->points[order[k]].estimates[columns[i]]);
            if (gf_text_columns(cell) > widths[i]) widths[i] = gf_text_columns(cell);
        }
    }
    gf_text_append(out, " point");
    for (int i = 0; i < count; i++) {
        gf_text_append(out, "  ");
        append_padded(out, gf_report_column_title(r, columns[i]), widths[i]);
    }
    gf_text_append(out, "%s  what it is\n", r->seeds > 1 ? "  P(front)" : "");
    for (int k = 0; k < points; k++) append_text_row(r, out, order[k], columns, count, widths);
}

/* What stands behind the ± of these points. */
static void append_note(const gf_report *r, gf_text *out, const int *order, int points)
{
    bool over_seeds = false, over_images = false;
    int accuracy = gf_report_metric(r, "accuracy");
    for (int k = 0; k < points && accuracy >= 0; k++) {
        const gf_estimate *estimate = &r->points[order[k]].estimates[accuracy];
        over_images |= estimate->binomial && !isnan(estimate->half);
        over_seeds |= estimate->samples > 1;
    }
    if (over_seeds)
        gf_text_append(out, "± is the 95 %% interval over seeds (Student's t)%s\n",
                       over_images ? "; with one seed, of the validation images" : "");
    else if (over_images)
        gf_text_append(out, "± is the 95 %% interval of the validation images; with one seed the "
                            "spread of trainings is unknown\n");
}

gf_status gf_report_text(const gf_report *r, gf_text *out)
{
    int points = 0;
    if (r->finished_points == 0) {
        gf_text_append(out, "%s: no point is finished yet\n", r->plan->name);
        return gf_text_check(out);
    }
    int *order = gf_report_order(r, &points);
    if (!order) return gf_fail(GF_NOMEM, "out of memory");
    append_title(r, out);
    append_text_table(r, out, order, points);
    append_note(r, out, order, points);
    free(order);
    return gf_text_check(out);
}

gf_status gf_report_best(const gf_report *r, gf_text *out)
{
    int points = 0, accuracy = gf_report_metric(r, "accuracy");
    int bytes = gf_report_metric(r, "bytes");
    if (r->finished_points == 0 || accuracy < 0 || bytes < 0) {
        gf_text_append(out, "no point is finished yet");
        return gf_text_check(out);
    }
    gf_report fronts_only = *r; /* the same report, the front alone */
    fronts_only.options.all = false;
    int *order = gf_report_order(&fronts_only, &points);
    if (!order) return gf_fail(GF_NOMEM, "out of memory");
    const int shown[] = { 0, r->knee >= 0 ? -1 : points - 1 };
    gf_text_append(out, "best so far: ");
    for (int i = 0; i < 2 && i < points; i++) {
        char size[32];
        int p = shown[i] < 0 ? r->knee : order[shown[i]];
        gf_bytes_text(size, r->points[p].estimates[bytes].mean);
        gf_text_append(out, "%s%.1f %% at %s (point %d)", i ? ", " : "",
                       100 * r->points[p].estimates[accuracy].mean, size, p);
        if (points == 1) break;
    }
    gf_text_append(out, "; front of %d %s", r->front_size, r->front_size == 1 ? "point" : "points");
    free(order);
    return gf_text_check(out);
}
