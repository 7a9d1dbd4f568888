/* A terminal for pictures that follow each other: its alternate screen, on which every line is
 * written over the one before and only then cleared to its end, so that nothing flickers. Whatever
 * ends us but SIGKILL leaves the terminal as it was. */
#include "status.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Where terminals know it, what stands between BEGIN and END appears at once. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define BEGIN "\033[?2026h\033[H"
#define END   "\033[J\033[?2026l"

static volatile sig_atomic_t asked_to_end, asked_to_stop, window_changed;

static void note_signal(int number)
{
    if (number == SIGWINCH)
        window_changed = 1;
    else if (number == SIGTSTP)
        asked_to_stop = 1;
    else
        asked_to_end = 1;
}

static void catch_signals(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
    const struct sigaction action = { .sa_handler = note_signal }; /* sleep is interrupted */
    for (size_t i = 0; i < GF_COUNT(signals); i++) sigaction(signals[i], &action, NULL);
}

bool gf_screen_size(int *columns, int *lines)
{
    struct winsize window = { 0 };
    *columns = 100;
    *lines = 0;
    if (!isatty(STDOUT_FILENO)) return false;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
        if (window.ws_col < *columns) *columns = window.ws_col;
        *lines = window.ws_row;
    }
    return true;
}

void gf_screen_open(void)
{
    catch_signals();
    fputs(ENTER, stdout);
    fflush(stdout);
}

/* The last line feed would scroll a full screen. */
void gf_screen_draw(const gf_text *text)
{
    fputs(BEGIN, stdout);
    for (const char *line = text->data; line && *line;) {
        size_t size = strcspn(line, "\n");
        bool last = !line[size] || !line[size + 1];
        fwrite(line, 1, size, stdout);
        fputs(last ? "\033[K" : "\033[K\r\n", stdout);
        line += size + (line[size] == '\n');
    }
    fputs(END, stdout);
    fflush(stdout);
}

void gf_screen_close(const gf_text *text)
{
    fputs(LEAVE, stdout);
    if (text->data) fputs(text->data, stdout);
    fflush(stdout);
}

/* Ctrl-Z: the terminal is the shell's until we are continued. */
static void stop(void)
{
    asked_to_stop = 0;
    fputs(LEAVE, stdout);
    fflush(stdout);
    raise(SIGSTOP);
    fputs(ENTER, stdout);
}

bool gf_screen_wait(double seconds)
{
    struct timespec pause = { .tv_sec = (time_t)seconds,
                              .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds)) };
    if (!asked_to_end && !asked_to_stop && !window_changed) nanosleep(&pause, NULL);
    if (asked_to_stop) stop();
    window_changed = 0;
    return !asked_to_end;
}
