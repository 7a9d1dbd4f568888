/* One machine-readable line per event on standard error: "[INFO][rank 3][train] epoch = 4".
 * A line is written by one write(2), so that lines of several processes do not mix. */
#include <gridfront/base.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 2048

static _Atomic int lowest_level = GF_INFO;
static _Atomic int shown_rank = -1;

static const char *const level_names[] = { "DEBUG", "INFO", "WARN", "ERROR" };

void gf_log_configure(gf_level lowest, int rank)
{
    const char *wish = getenv("GRIDFRONT_LOG");
    atomic_store(&lowest_level, wish && strcmp(wish, "debug") == 0 ? GF_DEBUG : (int)lowest);
    atomic_store(&shown_rank, rank);
}

static size_t line_head(char *line, gf_level level, const char *room)
{
    int rank = atomic_load(&shown_rank);
    int used =
        rank < 0 ? snprintf(line, LINE_SIZE, "[%s][%s] ", level_names[level], room)
                 : snprintf(line, LINE_SIZE, "[%s][rank %d][%s] ", level_names[level], rank, room);
    return (size_t)used;
}

void gf_log(gf_level level, const char *room, const char *format, ...)
{
    if ((int)level < atomic_load(&lowest_level)) return;
    char line[LINE_SIZE + 1];
    size_t used = line_head(line, level, room);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + used, LINE_SIZE - used, format, arguments);
    va_end(arguments);
    used += more < 0 ? 0 : (size_t)more;
    if (used > LINE_SIZE - 1) used = LINE_SIZE - 1;
    line[used++] = '\n';
    /* A log that cannot be written has nobody to be reported to. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}
