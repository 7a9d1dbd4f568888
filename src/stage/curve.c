/* A learning curve as options: "curve.3 = 352 0.05 0.91 0.68 0.95 0.66". What is not a function of
 * the stage alone (seconds) is left out. */
#include "work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

gf_status gf_curve_add(gf_options *curve, const gf_epoch_row *row)
{
    const double values[] = { row->lr, row->train_loss, row->train_accuracy, row->validation_loss,
                              row->validation_accuracy };
    char key[32], line[256];
    int used = snprintf(line, sizeof line, "%d", row->steps);
    for (size_t i = 0; i < GF_COUNT(values); i++) {
        char number[32];
        gf_real_text(number, values[i]);
        used += snprintf(line + used, sizeof line - (size_t)used, " %s", number);
    }
    snprintf(key, sizeof key, "curve.%d", row->epoch);
    return gf_options_set(curve, key, line);
}

gf_status gf_curve_copy(gf_options *to, const gf_options *from)
{
    gf_status status = GF_OK;
    for (int i = 0; i < gf_options_count(from); i++)
        if (strncmp(gf_options_key(from, i), "curve.", 6) == 0)
            GF_TRY(gf_options_set(to, gf_options_key(from, i), gf_options_value(from, i)));
out:
    return status;
}

static bool parse_row(gf_epoch_row *row, const char *key, const char *value)
{
    row->seconds = NAN;
    return sscanf(key, "curve.%d", &row->epoch) == 1 &&
           sscanf(value, "%d %lf %lf %lf %lf %lf", &row->steps, &row->lr, &row->train_loss,
                  &row->train_accuracy, &row->validation_loss, &row->validation_accuracy) == 6;
}

/* there[epoch]: the slot has that row already, with the seconds that it took. */
static gf_status find_rows(bool *there, gf_stage_work *work)
{
    gf_status status;
    int count = 0;
    gf_epoch_row *rows = gf_alloc((size_t)work->row->epochs + 1, sizeof *rows);
    GF_TRY_ALLOC(rows);
    GF_TRY(gf_study_read_epochs(work->study, work->index, rows, &count));
    for (int i = 0; i < count; i++) there[rows[i].epoch] = true;
out:
    free(rows);
    return status;
}

gf_status gf_curve_publish(gf_stage_work *work)
{
    gf_status status = GF_OK;
    bool *there = gf_alloc((size_t)work->row->epochs + 1, sizeof *there);
    GF_TRY_ALLOC(there);
    GF_TRY(find_rows(there, work));
    for (int i = 0; i < gf_options_count(work->curve); i++) {
        gf_epoch_row row = { 0 };
        if (!parse_row(&row, gf_options_key(work->curve, i), gf_options_value(work->curve, i))) {
            status = gf_fail(GF_CORRUPT, "%s: not a line of a learning curve",
                             gf_options_key(work->curve, i));
            goto out;
        }
        if (row.epoch > work->segment.from && row.epoch <= work->row->epochs && !there[row.epoch])
            GF_TRY(gf_study_write_epoch(work->study, work->index, &row, work->fence));
    }
out:
    free(there);
    return status;
}
