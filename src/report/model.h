/* A study as reports see it: points with estimates over their seeds, fronts, failures. */
#ifndef GRIDFRONT_REPORT_MODEL_H
#define GRIDFRONT_REPORT_MODEL_H

#include <gridfront/report.h>

#include <jansson.h>

typedef struct gf_report_objective {
    int metric; /* column */
    gf_goal goal;
} gf_report_objective;

typedef struct gf_report_point {
    const char *label;      /* borrowed from the study */
    const char *options;    /* "prune.amount = 0.5\n" */
    double *values;         /* [seeds, metrics]; NaN: not there */
    gf_estimate *estimates; /* [metrics] */
    int finished;           /* seeds that have a result */
    bool failed;            /* a seed will have none: a stage failed or is blocked */
    bool stopped;           /* early: it was not among the best at a rung */
    bool front;
    int rank;           /* -1: takes no part */
    int dominator;      /* -1: none */
    double probability; /* of being on the front; NaN with one seed or seeds missing */
} gf_report_point;

typedef struct gf_report_stage {
    gf_stage_state state;
    gf_stage_attempt attempts[GF_ATTEMPTS_KEPT];
    int attempt_count;
} gf_report_stage;

struct gf_report {
    gf_report_options options;
    gf_metric_row *metrics; /* owned copy */
    char *dir;
    gf_study *study;
    const gf_study_plan *plan; /* borrowed from the study */
    gf_report_objective objectives[16];
    int objective_count;
    int seeds; /* of each point, at most */
    gf_report_point *points;
    gf_report_stage *stages;
    const gf_trial_row **trials; /* [points, seeds]; NULL: none */
    int finished_points, front_size, knee;
};

/* Column of a metric by its name; -1: none. */
int gf_report_metric(const gf_report *report, const char *name);
/* Is this column shown? Times are not without times. */
bool gf_report_shows(const gf_report *report, int metric);
bool gf_report_is_fraction(const gf_report *report, int metric);
/* "92.4 ± 0.2", "351 kB", "35.1 M": as tables show it; "-" where there is none. */
void gf_report_value_text(char out[64], const gf_report *report, int metric,
                          const gf_estimate *estimate);
/* Columns of the short tables: accuracies, then every other objective; and their titles. */
#define GF_REPORT_COLUMNS 20
int gf_report_columns(const gf_report *report, int columns[GF_REPORT_COLUMNS]);
const char *gf_report_column_title(const gf_report *report, int metric);
/* "5,000"; below a million. */
void gf_report_grouped_text(char out[32], int count);
/* Points in the order of tables: the front first by its first objective, then by rank. */
int *gf_report_order(const gf_report *report, int *count);
const char *gf_report_state_word(gf_stage_state state); /* "waiting" */
/* The trial of a point and seed; NULL: none. */
const gf_trial_row *gf_report_trial(const gf_report *report, int point, int seed_index);
/* Everything, as `--format json` prints it and as the HTML page carries it. */
json_t *gf_report_json(const gf_report *report);

gf_status gf_report_text(const gf_report *report, gf_text *out);
gf_status gf_report_csv(const gf_report *report, gf_text *out);
gf_status gf_report_latex(const gf_report *report, gf_text *out);
gf_status gf_report_html(const gf_report *report, gf_text *out);

#endif
