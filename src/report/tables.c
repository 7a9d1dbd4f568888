/* The front for other programs: CSV with every column, LaTeX with the few that matter; and which
 * those are. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int gf_report_columns(const gf_report *r, int columns[GF_REPORT_COLUMNS])
{
    static const char *const always[] = { "accuracy", "test_accuracy" };
    int count = 0;
    for (size_t i = 0; i < GF_COUNT(always); i++)
        if (gf_report_metric(r, always[i]) >= 0) columns[count++] = gf_report_metric(r, always[i]);
    for (int k = 0; k < r->objective_count; k++) {
        bool known = !gf_report_shows(r, r->objectives[k].metric);
        for (int i = 0; i < count; i++) known |= columns[i] == r->objectives[k].metric;
        if (!known && count < GF_REPORT_COLUMNS) columns[count++] = r->objectives[k].metric;
    }
    return count;
}

const char *gf_report_column_title(const gf_report *r, int metric)
{
    const char *name = r->metrics[metric].name;
    if (strcmp(name, "accuracy") == 0) return "val %";
    if (strcmp(name, "test_accuracy") == 0) return "test %";
    if (strncmp(name, "score.", 6) == 0) return name + 6;
    return strcmp(name, "macs") == 0 ? "MACs" : name;
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
        } else if (strchr("<>|", *text)) {
            gf_text_append(out, "$%c$", *text);
        } else if (strchr("~^\\", *text)) {
            gf_text_append(out, "\\char`\\%c", *text);
        } else {
            gf_text_append(out, "%c", *text);
        }
    }
}

gf_status gf_report_latex(const gf_report *r, gf_text *out)
{
    int columns[GF_REPORT_COLUMNS], points = 0;
    int count = gf_report_columns(r, columns), *order = gf_report_order(r, &points);
    if (!order) return gf_fail(GF_NOMEM, "out of memory");
    gf_text_append(out, "%% needs \\usepackage{booktabs}\n\\begin{tabular}{r");
    for (int i = 0; i < count; i++) gf_text_append(out, "r");
    gf_text_append(out, "l}\n\\toprule\npoint");
    for (int i = 0; i < count; i++) {
        gf_text_append(out, " & ");
        append_latex(out, gf_report_column_title(r, columns[i]));
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
