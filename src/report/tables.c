/* The front as text, CSV and LaTeX. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MOST = 20 };

/* Columns of the short tables: accuracies, then every other objective. */
static int choose_columns(const gf_report *r, int columns[COLUMNS_MOST])
{
    static const char *const always[] = { "accuracy", "test_accuracy" };
    int count = 0;
    for (size_t i = 0; i < GF_COUNT(always); i++)
        if (gf_report_metric(r, always[i]) >= 0) columns[count++] = gf_report_metric(r, always[i]);
    for (int k = 0; k < r->objective_count; k++) {
        bool known = !gf_report_shows(r, r->objectives[k].metric);
        for (int i = 0; i < count; i++) known |= columns[i] == r->objectives[k].metric;
        if (!known && count < COLUMNS_MOST) columns[count++] = r->objectives[k].metric;
    }
    return count;
}

static const char *column_title(const gf_report *r, int metric)
{
    const char *name = r->metrics[metric].name;
    if (strcmp(name, "accuracy") == 0) return "val %";
    if (strcmp(name, "test_accuracy") == 0) return "test %";
    if (strncmp(name, "score.", 6) == 0) return name + 6;
    return strcmp(name, "macs") == 0 ? "MACs" : name;
}

/* Characters shown: bytes that do not continue another. */
static int shown_width(const char *text)
{
    int width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void append_padded(gf_text *out, const char *text, int width)
{
    gf_text_append(out, "%*s%s", width > shown_width(text) ? width - shown_width(text) : 0, "",
                   text);
}

/* ---- text ---- */

static void append_title(const gf_report *r, gf_text *out)
{
    const gf_report_options *o = &r->options;
    gf_text_append(out, "front of %d out of %d points", r->front_size, r->finished_points);
    if (r->finished_points < r->plan->point_count)
        gf_text_append(out, " (%d are not finished)", r->plan->point_count - r->finished_points);
    gf_text_append(out, " (%d %s each)", r->seeds, r->seeds == 1 ? "seed" : "seeds");
    if (o->validation_images > 0)
        gf_text_append(out, "; selected on validation, %d images; test is only reported",
                       o->validation_images);
    gf_text_append(out, "\n");
}

static void append_text_row(const gf_report *r, gf_text *out, int p, const int *columns, int count,
                            const int *widths)
{
    const gf_report_point *point = &r->points[p];
    bool knee = p == r->knee;
    if (r->options.color && point->front) gf_text_append(out, "\033[1m");
    gf_text_append(out, "%s%5d", knee ? "▸" : point->front ? " " : " ", p);
    for (int i = 0; i < count; i++) {
        char cell[64];
        gf_report_value_text(cell, r, columns[i], &point->estimates[columns[i]]);
        gf_text_append(out, "  ");
        append_padded(out, cell, widths[i]);
    }
    if (r->seeds > 1) {
        if (isnan(point->probability))
            gf_text_append(out, "  %8s", "-");
        else
            gf_text_append(out, "  %8.2f", point->probability);
    }
    gf_text_append(out, "  %s%s%s", point->label, knee ? "  (knee)" : "",
                   point->finished < r->seeds ? "  (seeds missing)" : "");
    if (r->options.color && point->front) gf_text_append(out, "\033[0m");
    gf_text_append(out, "\n");
}

static void append_text_table(const gf_report *r, gf_text *out, const int *order, int points)
{
    int columns[COLUMNS_MOST], widths[COLUMNS_MOST];
    int count = choose_columns(r, columns);
    for (int i = 0; i < count; i++) {
        widths[i] = shown_width(column_title(r, columns[i]));
        for (int k = 0; k < points; k++) {
            char cell[64];
            gf_report_value_text(cell, r, columns[i], &r->points[order[k]].estimates[columns[i]]);
            if (shown_width(cell) > widths[i]) widths[i] = shown_width(cell);
        }
    }
    gf_text_append(out, " point");
    for (int i = 0; i < count; i++) {
        gf_text_append(out, "  ");
        append_padded(out, column_title(r, columns[i]), widths[i]);
    }
    gf_text_append(out, "%s  what it is\n", r->seeds > 1 ? "  P(front)" : "");
    for (int k = 0; k < points; k++) append_text_row(r, out, order[k], columns, count, widths);
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
    if (r->seeds == 1 && r->options.validation_images > 0)
        gf_text_append(out, "± is the 95 %% interval of the validation images; with one seed the "
                            "spread of trainings is unknown\n");
    else if (r->seeds > 1)
        gf_text_append(out, "± is the 95 %% interval over seeds (Student's t)\n");
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
    gf_text_append(out, "; front of %d points", r->front_size);
    free(order);
    return gf_text_check(out);
}

/* ---- CSV ---- */

static void append_quoted(gf_text *out, const char *text)
{
    gf_text_append(out, "\"");
    for (; *text; text++) gf_text_append(out, *text == '"' ? "\"\"" : "%c", *text);
    gf_text_append(out, "\"");
}

/* "prune.amount = 0.5\nmodel.width = 16\n" -> one line with semicolons. */
static void append_options(gf_text *out, const char *options)
{
    gf_text line = { 0 };
    for (const char *at = options; *at; at++)
        if (*at != '\n')
            gf_text_append(&line, "%c", *at);
        else if (at[1])
            gf_text_append(&line, "; ");
    append_quoted(out, line.data ? line.data : "");
    gf_text_release(&line);
}

static void append_csv_head(const gf_report *r, gf_text *out)
{
    gf_text_append(out, "point,label,front,rank,seeds");
    for (int m = 0; m < r->options.metric_count; m++)
        if (gf_report_shows(r, m))
            gf_text_append(out, ",%s,%s.half", r->metrics[m].name, r->metrics[m].name);
    gf_text_append(out, ",probability,options\n");
}

static void append_number(gf_text *out, double value)
{
    char text[32] = "";
    if (!isnan(value)) gf_real_text(text, value);
    gf_text_append(out, ",%s", text);
}

static void append_csv_row(const gf_report *r, gf_text *out, int p)
{
    const gf_report_point *point = &r->points[p];
    gf_text_append(out, "%d,", p);
    append_quoted(out, point->label);
    gf_text_append(out, ",%d,%d,%d", point->front, point->rank, point->finished);
    for (int m = 0; m < r->options.metric_count; m++) {
        if (!gf_report_shows(r, m)) continue;
        append_number(out, point->estimates[m].mean);
        append_number(out, point->estimates[m].half);
    }
    append_number(out, point->probability);
    gf_text_append(out, ",");
    append_options(out, point->options);
    gf_text_append(out, "\n");
}

gf_status gf_report_csv(const gf_report *r, gf_text *out)
{
    int points = 0, *order = gf_report_order(r, &points);
    if (!order) return gf_fail(GF_NOMEM, "out of memory");
    append_csv_head(r, out);
    for (int k = 0; k < points; k++) append_csv_row(r, out, order[k]);
    free(order);
    return gf_text_check(out);
}

/* ---- LaTeX ---- */

static void append_latex(gf_text *out, const char *text)
{
    for (; *text; text++) {
        if (strncmp(text, "±", 2) == 0) {
            gf_text_append(out, "$\\pm$");
            text += strlen("±") - 1;
        } else if (strchr("#$%&_{}", *text)) {
            gf_text_append(out, "\\%c", *text);
        } else if (strchr("~^\\", *text)) {
            gf_text_append(out, "\\char`\\%c", *text);
        } else {
            gf_text_append(out, "%c", *text);
        }
    }
}

gf_status gf_report_latex(const gf_report *r, gf_text *out)
{
    int columns[COLUMNS_MOST], points = 0;
    int count = choose_columns(r, columns), *order = gf_report_order(r, &points);
    if (!order) return gf_fail(GF_NOMEM, "out of memory");
    gf_text_append(out, "%% needs \\usepackage{booktabs}\n\\begin{tabular}{r");
    for (int i = 0; i < count; i++) gf_text_append(out, "r");
    gf_text_append(out, "l}\n\\toprule\npoint");
    for (int i = 0; i < count; i++) {
        gf_text_append(out, " & ");
        append_latex(out, column_title(r, columns[i]));
    }
    gf_text_append(out, " & configuration \\\\\n\\midrule\n");
    for (int k = 0; k < points; k++) {
        gf_text_append(out, "%d", order[k]);
        for (int i = 0; i < count; i++) {
            char cell[64];
            gf_report_value_text(cell, r, columns[i], &r->points[order[k]].estimates[columns[i]]);
            gf_text_append(out, " & ");
            append_latex(out, cell);
        }
        gf_text_append(out, " & ");
        append_latex(out, r->points[order[k]].label);
        gf_text_append(out, " \\\\\n");
    }
    gf_text_append(out, "\\bottomrule\n\\end{tabular}\n");
    free(order);
    return gf_text_check(out);
}
