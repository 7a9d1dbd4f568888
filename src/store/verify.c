/* Checks a study and everything its finished stages left: a line per fault.
 *
 * Three layers: the frozen part of sweep.h5 against the digest taken when it was made, every row
 * against its seal, every artifact of a finished stage against its own digests. */
#include "study.h"

#include <stdlib.h>
#include <string.h>

typedef struct inspection {
    gf_study *study;
    gf_report_line *report;
    void *context;
    int faults;
    bool may_miss; /* artifacts may have been removed on purpose */
} inspection;

GF_PRINTF(2, 3) static void fault(inspection *it, const char *format, ...)
{
    char line[PATH_MAX + 256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    it->faults++;
    if (it->report) it->report(it->context, line);
}

/* ---- the frozen part: in a reader's process, which brings a message or nothing ---- */

static gf_status read_frozen(gf_parcel_out *parcel, void *context)
{
    gf_status status;
    const gf_study *study = context;
    char path[PATH_MAX], head[GF_PAGE], *bytes = NULL;
    size_t size;
    (void)parcel;
    GF_TRY(gf_study_path(path, study->dir, "sweep.h5"));
    GF_TRY(gf_file_read(&bytes, &size, path, SIZE_MAX - 1));
    uint64_t curves_end =
        study->slots.curves + gf_slots_curve_rows(&study->plan) * sizeof(gf_curve_row);
    if (size < GF_PAGE || size < curves_end) {
        status = gf_fail(GF_CORRUPT, "sweep.h5: cut short at %zu bytes", size);
        goto out;
    }
    gf_slots_clear_pages(bytes, &study->slots, &study->plan);
    gf_h5_head(head, sizeof head, GF_STUDY_FORMAT, GF_STUDY_VERSION, size - GF_PAGE,
               bytes + GF_PAGE);
    if (memcmp(bytes, head, sizeof head))
        status = gf_fail(GF_CORRUPT, "sweep.h5: its length, or a byte outside the rows, is not as "
                                     "it was created");
out:
    free(bytes);
    return status;
}

static gf_status read_links(gf_parcel_out *parcel, void *context)
{
    gf_status status;
    const gf_study *study = context;
    gf_h5_file file = GF_H5_CLOSED;
    char path[PATH_MAX];
    (void)parcel;
    GF_TRY(gf_study_path(path, study->dir, "sweep.h5"));
    GF_TRY(gf_h5_open_descriptor(&file, path, study->file));
    GF_TRY(gf_slots_check_links(&file, &study->plan, study->id));
out:
    gf_h5_close(&file);
    return status;
}

static gf_status check_apart(inspection *it, gf_apart_read *read)
{
    gf_status status;
    char path[PATH_MAX];
    GF_TRY(gf_study_path(path, it->study->dir, "sweep.h5"));
    status = gf_read_apart(path, read, NULL, it->study);
    if (status == GF_CORRUPT) {
        fault(it, "%s", gf_error_message());
        status = GF_OK;
    }
out:
    return status;
}

/* ---- rows ---- */

static void check_row(inspection *it, int stage, const void *row, size_t size, const char *what,
                      int number)
{
    gf_seal seal;
    if (gf_row_check(&seal, row, size, stage) == GF_ROW_TORN)
        fault(it, "sweep.h5: stage %d: %s row %d does not check", stage, what, number);
}

static void check_zero(inspection *it, int stage, const void *bytes, size_t size, const char *what)
{
    const char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        if (!at[i]) continue;
        fault(it, "sweep.h5: stage %d: unused bytes of its %s are not zero", stage, what);
        return;
    }
}

static gf_status check_slot(inspection *it, int stage)
{
    gf_status status;
    gf_slot_page page;
    uint64_t at = it->study->slots.pages + (uint64_t)stage * GF_PAGE;
    GF_TRY(gf_slots_read_bytes(it->study, &page, sizeof page, at));
    for (int i = 0; i < 2; i++)
        check_row(it, stage, &page.state[i], sizeof page.state[i], "state", i);
    for (int i = 0; i < GF_ATTEMPTS_KEPT; i++)
        check_row(it, stage, &page.attempts[i], sizeof page.attempts[i], "attempt", i);
    check_zero(it, stage, page.reserved, sizeof page.reserved, "slot");
out:
    return status;
}

static gf_status check_result(inspection *it, int stage)
{
    gf_status status;
    int metrics = it->study->plan.metric_count;
    size_t row = gf_result_row_size(metrics), size = gf_result_pages_size(metrics);
    char *pages = malloc(size);
    GF_TRY_ALLOC(pages);
    GF_TRY(gf_slots_read_bytes(it->study, pages, size,
                               it->study->slots.results + (uint64_t)stage * size));
    for (int i = 0; i < 2; i++) check_row(it, stage, pages + (size_t)i * row, row, "result", i);
    check_zero(it, stage, pages + 2 * row, size - 2 * row, "result");
out:
    free(pages);
    return status;
}

static gf_status check_curve(inspection *it, int stage)
{
    gf_status status = GF_OK;
    gf_curve_row rows[GF_CURVE_ROWS];
    int epochs = it->study->plan.stages[stage].epochs;
    uint64_t first = (uint64_t)it->study->slots.first_curve[stage];
    for (int done = 0; done < epochs; done += GF_CURVE_ROWS) {
        uint64_t at = it->study->slots.curves + (first + (uint64_t)done) * sizeof rows[0];
        GF_TRY(gf_slots_read_bytes(it->study, rows, sizeof rows, at));
        for (int i = 0; i < GF_CURVE_ROWS; i++) {
            if (done + i < epochs)
                check_row(it, stage, &rows[i], sizeof rows[i], "epoch", done + i + 1);
            else
                check_zero(it, stage, &rows[i], sizeof rows[i], "learning curve");
        }
    }
out:
    return status;
}

/* ---- artifacts ---- */

static gf_status check_artifact(inspection *it, int stage)
{
    gf_status status;
    gf_stage_state state;
    gf_artifact artifact = { 0 };
    char link[PATH_MAX], path[PATH_MAX];
    status = gf_study_read_state(it->study, stage, &state);
    if (status == GF_CORRUPT) return GF_OK; /* reported as rows */
    GF_TRY(status);
    if (state != GF_STAGE_DONE) goto out;
    GF_TRY(gf_slots_link_text(link, &it->study->plan, stage, NULL));
    GF_TRY(link[0] == '/' ? gf_study_path(path, "", link + 1)
                          : gf_study_path(path, it->study->dir, link));
    status = gf_artifact_load(&artifact, path);
    if (status == GF_NOTFOUND && it->may_miss) status = GF_OK;
    if (status == GF_NOTFOUND || status == GF_CORRUPT) {
        fault(it, "stage %d is done, but %s", stage, gf_error_message());
        status = GF_OK;
    }
out:
    gf_artifact_release(&artifact);
    return status;
}

/* keep = "leaves" or "front" removes the other artifacts when a sweep is done. */
static gf_status read_keep(inspection *it)
{
    gf_status status;
    gf_options *settings = NULL;
    GF_TRY(gf_options_parse(&settings, it->study->plan.settings));
    const char *keep = gf_options_get(settings, "keep");
    it->may_miss = keep && strcmp(keep, "all");
out:
    gf_options_destroy(settings);
    return status;
}

static gf_status check_all(inspection *it)
{
    gf_status status;
    GF_TRY(read_keep(it));
    GF_TRY(check_apart(it, read_frozen));
    GF_TRY(check_apart(it, read_links));
    for (int i = 0; i < it->study->plan.stage_count; i++) {
        GF_TRY(check_slot(it, i));
        GF_TRY(check_result(it, i));
        GF_TRY(check_curve(it, i));
        GF_TRY(check_artifact(it, i));
    }
out:
    return status;
}

gf_status gf_study_verify(const char *dir, gf_report_line *report, void *context)
{
    gf_status status;
    inspection it = { .report = report, .context = context };
    status = gf_study_open(&it.study, dir, false);
    if (status == GF_CORRUPT) fault(&it, "%s", gf_error_message());
    GF_TRY(status);
    GF_TRY(check_all(&it));
    if (it.faults) status = gf_fail(GF_CORRUPT, "%s: %d faults", dir, it.faults);
out:
    gf_study_close(it.study);
    return status;
}
