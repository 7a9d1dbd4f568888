/* Progress that can be trusted: one redrawn line on a terminal, a line per news elsewhere. */
#include "lead.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PLAIN_SECONDS 10.0 /* between two lines where nothing is redrawn */
#define BEST_SECONDS  3.0
#define BEST_SHARE    0.003 /* of a core, for reading the front */

/* mpirun gives every rank a pseudo-terminal, whatever its own output is: there the question is what
 * our parent's output is. */
static bool shows_on_terminal(void)
{
    char link[64], target[64];
    if (!getenv("OMPI_COMM_WORLD_SIZE")) return isatty(STDOUT_FILENO);
    snprintf(link, sizeof link, "/proc/%ld/fd/1", (long)getppid());
    ssize_t size = readlink(link, target, sizeof target - 1);
    if (size <= 0) return false;
    target[size] = '\0';
    return strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0;
}

void gf_progress_init(gf_progress_display *d, const char *name, const char *dir)
{
    struct winsize window = { 0 };
    *d = (gf_progress_display){ .name = name, .dir = dir, .terminal = shows_on_terminal() };
    d->printed_done = -1;
    d->width =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 20 && window.ws_col < 100
            ? window.ws_col
            : 100;
}

/* The front so far; asked for again only when something has ended, and never for more than a small
 * part of the time. */
static void refresh_best(gf_progress_display *d, const gf_farm_progress *p)
{
    double now = gf_clock();
    clock_t begin = clock(); /* of the processor: the trainings beside us make us slow, not dear */
    gf_report *report = NULL;
    gf_text text = { 0 };
    if (p->done == d->best_done ||
        now - d->best_checked < fmax(BEST_SECONDS, d->best_cost / BEST_SHARE))
        return;
    if (gf_cli_load_report(&report, d->dir, false, false, false) == GF_OK &&
        gf_report_best(report, &text) == GF_OK && text.data)
        snprintf(d->best, sizeof d->best, "%s", text.data);
    gf_text_release(&text);
    gf_report_destroy(report);
    d->best_done = p->done;
    d->best_checked = gf_clock();
    d->best_cost = (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void draw_bar(char out[64], const gf_farm_progress *p)
{
    enum { CELLS = 20 };
    int full = p->total ? CELLS * (p->done + p->failed + p->blocked) / p->total : CELLS;
    size_t used = 0;
    for (int i = 0; i < CELLS; i++) {
        const char *cell = i < full ? "█" : "░";
        memcpy(out + used, cell, strlen(cell));
        used += strlen(cell);
    }
    out[used] = '\0';
}

static void print_status(const gf_progress_display *d, const gf_farm_progress *p)
{
    char bar[64], eta[32], low[32], high[32];
    draw_bar(bar, p);
    gf_duration_text(eta, p->remaining);
    gf_duration_text(low, p->remaining_low);
    gf_duration_text(high, p->remaining_high);
    printf("%s  %d/%d stages  %s  ", d->name, p->done, p->total, bar);
    if (p->failed + p->blocked) printf("%d failed  ", p->failed + p->blocked);
    printf("%d %s %.0f %% busy", p->ranks, p->ranks == 1 ? "worker" : "workers", 100 * p->busy);
    if (isfinite(p->remaining)) printf("  ETA %s (%s .. %s)", eta, low, high);
}

static void print_on_terminal(gf_progress_display *d, const gf_farm_progress *p)
{
    printf("\r\033[K");
    print_status(d, p);
    if (d->best[0]) printf("\n\033[K  %.*s\033[A", gf_text_fit(d->best, d->width - 4), d->best);
    if (p->line && p->line[0])
        printf("\n\n\033[K  %.*s\033[2A", gf_text_fit(p->line, d->width - 4), p->line);
    printf("\r");
    fflush(stdout);
}

static void print_plain(gf_progress_display *d, const gf_farm_progress *p)
{
    bool news = p->done + p->failed != d->printed_done;
    double now = gf_clock();
    if (!news && now - d->printed < PLAIN_SECONDS) return;
    if (news && now - d->printed < 1) return;
    d->printed = now;
    d->printed_done = p->done + p->failed;
    print_status(d, p);
    printf("\n");
    if (d->best[0] && news) printf("  %s\n", d->best);
    if (p->line && p->line[0]) printf("  %s\n", p->line);
    fflush(stdout);
}

void gf_progress_show(gf_progress_display *d, const gf_farm_progress *p)
{
    refresh_best(d, p);
    if (d->terminal)
        print_on_terminal(d, p);
    else
        print_plain(d, p);
}

void gf_progress_note(gf_progress_display *d, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (d->terminal) printf("\r\033[J");
    vprintf(format, arguments);
    printf("\n");
    fflush(stdout);
    va_end(arguments);
}

void gf_progress_end(gf_progress_display *d)
{
    if (d->terminal) printf("\r\033[J");
    fflush(stdout);
}
