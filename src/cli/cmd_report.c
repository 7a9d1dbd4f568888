/* gridfront report, gridfront show: what came out. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void metric_rows(gf_metric_row rows[GF_METRIC_COUNT])
{
    for (int m = 0; m < GF_METRIC_COUNT; m++)
        rows[m] = (gf_metric_row){ .name = gf_metric_names[m],
                                   .help = gf_metric_help[m],
                                   .maximize = gf_metric_maximize[m],
                                   .time = gf_metric_is_time((gf_metric)m) };
}

gf_status gf_cli_load_report(gf_report **report, const char *dir, bool times, bool color, bool all)
{
    gf_metric_row rows[GF_METRIC_COUNT];
    gf_report_options options = { .metrics = rows,
                                  .metric_count = GF_METRIC_COUNT,
                                  .times = times,
                                  .color = color,
                                  .all = all,
                                  .version = gf_cli_version_text() };
    metric_rows(rows);
    return gf_report_load(report, dir, &options);
}

static gf_status write_report(const char *dir, gf_format format, const char *path, bool times,
                              bool all)
{
    gf_status status;
    gf_report *report = NULL;
    gf_text text = { 0 };
    bool color = !path && format == GF_FORMAT_TEXT && isatty(STDOUT_FILENO);
    GF_TRY(gf_cli_load_report(&report, dir, times, color, all));
    GF_TRY(gf_report_write(report, format, &text));
    GF_TRY(gf_text_check(&text));
    if (path)
        GF_TRY(gf_file_write(path, text.data ? text.data : "", text.size));
    else
        fwrite(text.data, 1, text.size, stdout);
out:
    gf_text_release(&text);
    gf_report_destroy(report);
    return status;
}

gf_status gf_cli_write_html(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/report.html", dir);
    return write_report(dir, GF_FORMAT_HTML, path, true, true);
}

int cmd_report(int argc, char **argv)
{
    gf_status status;
    const char *dir = NULL, *word = "text", *path = NULL;
    bool no_times = false, all = false;
    gf_format format = GF_FORMAT_TEXT;
    const gf_flag flags[] = {
        { .name = "--format", .kind = GF_FLAG_VALUE, .value = &word },
        { .name = "-o", .kind = GF_FLAG_VALUE, .value = &path },
        { .name = "--no-times", .set = &no_times },
        { .name = "--all", .set = &all },
        { 0 },
    };
    GF_TRY(gf_arguments_read(&dir, 1, 1, flags, argc, argv));
    GF_TRY(gf_format_parse(&format, word));
    GF_TRY(write_report(dir, format, path, !no_times, all));
    if (path) printf("%s\n", path);
out:
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}

/* "31" or "31.2": a point, and the index of one of its seeds. */
static gf_status parse_point(int *point, int *seed_index, const char *word)
{
    char *end;
    long first = strtol(word, &end, 10), second = -1;
    bool good = end != word && first >= 0 && first < INT32_MAX;
    if (good && *end == '.') {
        const char *rest = end + 1;
        second = strtol(rest, &end, 10);
        good = end != rest && second >= 0 && second < INT32_MAX;
    }
    if (!good || *end)
        return gf_fail(GF_INVALID, "show: '%s' is not POINT or POINT.SEED, such as 31 or 31.2",
                       word);
    *point = (int)first;
    *seed_index = (int)second;
    return GF_OK;
}

int cmd_show(int argc, char **argv)
{
    gf_status status;
    const char *words[2] = { 0 };
    bool log = false;
    int point = 0, seed_index = -1;
    gf_report *report = NULL;
    gf_text text = { 0 };
    const gf_flag flags[] = { { .name = "--log", .set = &log }, { 0 } };
    GF_TRY(gf_arguments_read(words, 2, 2, flags, argc, argv));
    GF_TRY(parse_point(&point, &seed_index, words[1]));
    GF_TRY(gf_cli_load_report(&report, words[0], true, isatty(STDOUT_FILENO), true));
    GF_TRY(gf_report_show(report, &text, point, seed_index, log));
    GF_TRY(gf_text_check(&text));
    fwrite(text.data, 1, text.size, stdout);
out:
    gf_text_release(&text);
    gf_report_destroy(report);
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
