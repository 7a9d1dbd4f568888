/* report (L5): from the rows of a study to tables, CSV, JSON, LaTeX and one HTML page. Needs
 * nothing but the study's files. Without times its output is the same bytes however the sweep was
 * run. */
#ifndef GRIDFRONT_REPORT_H
#define GRIDFRONT_REPORT_H

#include <gridfront/pareto.h>
#include <gridfront/store.h>

typedef enum gf_format {
    GF_FORMAT_TEXT,
    GF_FORMAT_CSV,
    GF_FORMAT_JSON,
    GF_FORMAT_LATEX,
    GF_FORMAT_HTML
} gf_format;
gf_status gf_format_parse(gf_format *format, const char *word); /* INVALID */

/* What report must be told about the metrics; cli takes it from stage. */
typedef struct gf_metric_row {
    const char *name, *help;
    bool maximize;
    bool time; /* left out without times */
} gf_metric_row;

typedef struct gf_report_options {
    const gf_metric_row *metrics; /* in the order of the study's columns */
    int metric_count;
    int validation_images; /* for binomial intervals, where the study does not say */
    bool times;            /* false: --no-times */
    bool color;            /* terminal */
    bool all;              /* every point, not only the front */
    const char *version;   /* text for the provenance */
} gf_report_options;

typedef struct gf_report gf_report;
/* Reads everything once: points with estimates over seeds, front, ranks, knee, failures. */
gf_status gf_report_load(gf_report **report, const char *dir, const gf_report_options *options);
void gf_report_destroy(gf_report *report);
gf_status gf_report_write(const gf_report *report, gf_format format, gf_text *out);
/* One point for `gridfront show`: configuration, per-seed results, stages, learning curves,
 * attempts, and the command that runs it alone. seed_index -1: all. */
gf_status gf_report_show(const gf_report *report, gf_text *out, int point, int seed_index,
                         bool log);
/* front[points]: who is on it. */
void gf_report_front(const gf_report *report, bool *front);
/* The front as a short table: a title, headings, at most `rows` points, no line wider than `width`
 * columns. Nothing finished yet: one line. */
gf_status gf_report_short(const gf_report *report, gf_text *out, int rows, int width);
int gf_report_front_size(const gf_report *report);
/* The same points as objects {point, label, metric: mean}; caller frees. */
char *gf_report_front_json(const gf_report *report);
/* "best so far: 92.4 % at 0.35 MB (point 31); front of 9 points" */
gf_status gf_report_best(const gf_report *report, gf_text *out);

/* Values of all our JSON: null for what is no number, and words for what is no UTF-8. */
struct json_t *gf_json_number(double value);
struct json_t *gf_json_text(const char *bytes);

#endif
