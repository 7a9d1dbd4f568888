/* The front in a few lines, for a screen that shows more than it. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Test accuracy selects nothing and is not missed here. */
static int short_columns(const gf_report *r, int columns[GF_REPORT_COLUMNS])
{
    int test = gf_report_metric(r, "test_accuracy"), count = gf_report_columns(r, columns),
        kept = 0;
    for (int i = 0; i < count; i++)
        if (columns[i] != test) columns[kept++] = columns[i];
    return kept;
}

static int cell_width(const gf_report *r, int column, const int *order, int points)
{
    int width = gf_text_columns(gf_report_column_title(r, column));
    for (int k = 0; k < points; k++) {
        char cell[64];
        gf_report_value_text(cell, r, column, &r->points[order[k]].estimates[column]);
        if (gf_text_columns(cell) > width) width = gf_text_columns(cell);
    }
    return width;
}

static void append_cell(gf_text *line, const char *cell, int width)
{
    gf_text_append(line, "  %*s%s", width - gf_text_columns(cell), "", cell);
}

/* One line of the table, cut to the width. point -1: the headings. */
static void append_line(const gf_report *r, gf_text *out, int point, const int *columns,
                        const int *widths, int count, int width)
{
    gf_text line = { 0 };
    if (point < 0)
        gf_text_append(&line, " point");
    else
        gf_text_append(&line, "%s%5d", point == r->knee ? "▸" : " ", point);
    for (int i = 0; i < count; i++) {
        char cell[64];
        const char *title = gf_report_column_title(r, columns[i]);
        if (point >= 0)
            gf_report_value_text(cell, r, columns[i], &r->points[point].estimates[columns[i]]);
        append_cell(&line, point < 0 ? title : cell, widths[i]);
    }
    gf_text_append(&line, "  %s", point < 0 ? "what it is" : r->points[point].label);
    if (line.data) gf_text_append(out, "%.*s\n", gf_text_fit(line.data, width), line.data);
    gf_text_release(&line);
}

static int *front_order(const gf_report *r, int *points)
{
    gf_report front_only = *r;
    front_only.options.all = false;
    return gf_report_order(&front_only, points);
}

gf_status gf_report_short(const gf_report *r, gf_text *out, int rows, int width)
{
    int columns[GF_REPORT_COLUMNS], widths[GF_REPORT_COLUMNS], points = 0;
    if (r->finished_points == 0) {
        gf_text_append(out, "no point is finished yet\n");
        return gf_text_check(out);
    }
    int count = short_columns(r, columns), *order = front_order(r, &points);
    if (!order) return gf_fail(GF_NOMEM, "out of memory");
    int shown = points < rows ? points : rows;
    for (int i = 0; i < count; i++) widths[i] = cell_width(r, columns[i], order, shown);
    gf_text_append(out, "front of %d out of %d points", r->front_size, r->finished_points);
    if (shown < points) gf_text_append(out, ", the first %d", shown);
    gf_text_append(out, "\n");
    append_line(r, out, -1, columns, widths, count, width);
    for (int k = 0; k < shown; k++) append_line(r, out, order[k], columns, widths, count, width);
    free(order);
    return gf_text_check(out);
}

int gf_report_front_size(const gf_report *report)
{
    return report->front_size;
}

char *gf_report_front_json(const gf_report *r)
{
    int points = 0, *order = front_order(r, &points);
    json_t *list = json_array();
    for (int k = 0; order && k < points; k++) {
        const gf_report_point *point = &r->points[order[k]];
        json_t *one = json_pack("{s:i, s:s}", "point", order[k], "label", point->label);
        for (int m = 0; one && m < r->options.metric_count; m++)
            if (gf_report_shows(r, m) && isfinite(point->estimates[m].mean))
                json_object_set_new(one, r->metrics[m].name, json_real(point->estimates[m].mean));
        json_array_append_new(list, one ? one : json_null());
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    free(order);
    return text;
}
