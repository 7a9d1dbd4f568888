/* How long the job that we are part of may still run, told by --time-left or by Slurm. */
#include "lead.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Slurm's times: "59", "3:59" (minutes first), "2:03:59", "1-02", "1-02:03", "1-02:03:59". */
static bool read_slurm_time(double *seconds, const char *text)
{
    static const double units[] = { 3600, 60, 1 }; /* with days; without them from the right */
    double parts[4] = { 0 }, sum = 0;
    int count = 0;
    char *end;
    bool days = strchr(text, '-') != NULL;
    for (const char *at = text;; at = end + 1) {
        if (!isdigit((unsigned char)*at) || count == 4) return false;
        parts[count++] = strtod(at, &end);
        if (!*end) break;
        if (*end != (days && count == 1 ? '-' : ':')) return false;
    }
    if (days) sum = 86400 * parts[0];
    for (int i = days; i < count; i++) sum += parts[i] * units[days ? i - 1 : 3 - count + i];
    *seconds = sum;
    return days || count <= 3;
}

gf_status gf_cli_read_time(double *seconds, const char *text)
{
    char *end;
    *seconds = strtod(text, &end);
    if (end > text && !*end && *seconds > 0) return GF_OK;
    if (read_slurm_time(seconds, text) && *seconds > 0) return GF_OK;
    return gf_fail(GF_INVALID,
                   "run: --time-left = %s is no time; give seconds, MM:SS, HH:MM:SS or "
                   "D-HH:MM:SS",
                   text);
}

/* The first word that `command` prints. */
static bool first_word(char *out, size_t size, const char *command)
{
    FILE *pipe = popen(command, "r");
    if (!pipe) return false;
    bool got = fgets(out, (int)size, pipe) != NULL;
    pclose(pipe);
    if (got) out[strcspn(out, " \t\r\n")] = '\0';
    return got && out[0];
}

static bool ask_slurm(double *seconds, const char *job)
{
    char command[128], word[64];
    if (strspn(job, "0123456789") != strlen(job) || strlen(job) > 20) return false;
    snprintf(command, sizeof command, "squeue -h -j %s -o %%L 2>/dev/null", job);
    return first_word(word, sizeof word, command) && read_slurm_time(seconds, word);
}

gf_status gf_cli_time_left(double *seconds, const char *told)
{
    const char *end = getenv("SLURM_JOB_END_TIME"), *job = getenv("SLURM_JOB_ID");
    *seconds = 0;
    if (told) return gf_cli_read_time(seconds, told);
    if (end && strtod(end, NULL) > 0) *seconds = strtod(end, NULL) - gf_clock_wall();
    if (!(*seconds > 0) && !(job && ask_slurm(seconds, job))) *seconds = 0;
    return GF_OK;
}
