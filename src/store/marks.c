/* Small files beside sweep.h5: DONE, and the logs of failed stages. */
#include "study.h"

#include <string.h>
#include <unistd.h>

enum { LOG_LONGEST = 64 << 10 };

gf_status gf_study_mark_done(const char *dir, const char *text)
{
    gf_status status;
    char path[PATH_MAX];
    GF_TRY(gf_study_path(path, dir, "DONE"));
    GF_TRY(gf_file_write(path, text, strlen(text)));
out:
    return status;
}

void gf_study_unmark_done(const char *dir)
{
    char path[PATH_MAX];
    if (gf_study_path(path, dir, "DONE") == GF_OK) unlink(path);
}

bool gf_study_is_done(const char *dir)
{
    char path[PATH_MAX];
    return gf_study_path(path, dir, "DONE") == GF_OK && gf_file_exists(path);
}

static gf_status log_path(char path[PATH_MAX], const gf_study *study, int stage)
{
    char name[32];
    if (stage < 0 || stage >= study->plan.stage_count)
        return gf_fail(GF_INVALID, "stage %d is outside [0, %d)", stage, study->plan.stage_count);
    snprintf(name, sizeof name, "logs/%d.log", stage);
    return gf_study_path(path, study->dir, name);
}

gf_status gf_study_write_log(gf_study *study, int stage, const char *log, size_t size)
{
    gf_status status;
    char folder[PATH_MAX], path[PATH_MAX];
    size_t skipped = size > LOG_LONGEST ? size - LOG_LONGEST : 0;
    GF_TRY(log_path(path, study, stage));
    GF_TRY(gf_study_path(folder, study->dir, "logs"));
    GF_TRY(gf_store_folder_make(folder));
    GF_TRY(gf_file_write(path, log + skipped, size - skipped));
out:
    return status;
}

gf_status gf_study_read_log(gf_study *study, int stage, char **log)
{
    gf_status status;
    char path[PATH_MAX];
    size_t size;
    GF_TRY(log_path(path, study, stage));
    GF_TRY(gf_file_read(log, &size, path, LOG_LONGEST));
    gf_row_make_printable(*log, size + 1);
out:
    return status;
}
