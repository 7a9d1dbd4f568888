/* gridfront status DIR: how far a sweep is, read from its files alone, at any time. */
#include "status.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOOK_SECONDS 1.0
#define LOOK_SHARE   0.02 /* of a core, for looking */
#define FRONT_SHARE  0.01 /* and for the front, which takes longest */

typedef struct view {
    const char *dir;
    gf_picture picture;
    gf_report *report;
    int reported;                        /* stages done when the report was made; -1: never */
    double report_at, report_cost, cost; /* gf_clock; CPU s */
    ino_t file;                          /* sweep.h5 may be another one: removed and begun anew */
} view;

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static ino_t file_of(const char *dir)
{
    char path[PATH_MAX];
    struct stat about;
    int length = snprintf(path, sizeof path, "%s/sweep.h5", dir);
    return length < PATH_MAX && stat(path, &about) == 0 ? about.st_ino : 0;
}

static void view_release(view *v)
{
    gf_picture_release(&v->picture);
    gf_report_destroy(v->report);
    v->report = NULL;
}

static gf_status view_open(view *v, const char *dir)
{
    *v = (view){ .dir = dir, .reported = -1, .file = file_of(dir) };
    return gf_picture_open(&v->picture, dir);
}

/* Only when something has finished, and for a small part of the time; at the end in any case. */
static gf_status refresh_report(view *v)
{
    gf_status status;
    gf_report *fresh = NULL;
    double begin = processor_seconds(), now = gf_clock();
    int done = v->picture.counts[GF_STAGE_DONE] + v->picture.finished;
    bool rests = v->reported >= 0 && now - v->report_at < v->report_cost / FRONT_SHARE;
    if (done == v->reported || (rests && !v->picture.finished)) return GF_OK;
    GF_TRY(gf_cli_load_report(&fresh, v->dir, true, false, false));
    gf_report_destroy(v->report);
    v->report = fresh;
    v->reported = done;
    v->report_at = gf_clock();
    v->report_cost = processor_seconds() - begin;
out:
    return status;
}

static gf_status look(view *v)
{
    gf_status status;
    double begin = processor_seconds();
    ino_t file = file_of(v->dir);
    if (file != 0 && file != v->file) {
        view_release(v);
        GF_TRY(view_open(v, v->dir));
    }
    GF_TRY(gf_picture_take(&v->picture));
    v->cost = processor_seconds() - begin;
    GF_TRY(refresh_report(v));
out:
    return status;
}

/* What stays on the terminal when watching ends leaves a line for the prompt. */
typedef enum drawn { ONCE, WATCHED, LAST } drawn;

static gf_status draw(gf_text *text, const view *v, drawn kind)
{
    gf_status_frame frame = { .watched = kind == WATCHED };
    frame.color = gf_screen_size(&frame.columns, &frame.lines);
    if (kind == ONCE) frame.lines = 0;
    if (kind == LAST && frame.lines > 1) frame.lines--;
    gf_text_release(text);
    return gf_status_draw(text, &v->picture, v->report, &frame);
}

static gf_status print_once(view *v, bool json)
{
    gf_status status;
    gf_text text = { 0 };
    GF_TRY(look(v));
    if (json) {
        gf_status_print_json(&v->picture, v->report);
    } else {
        GF_TRY(draw(&text, v, ONCE));
        fputs(text.data, stdout);
    }
out:
    gf_text_release(&text);
    return status;
}

/* Elsewhere than on a terminal every picture is a paragraph, and they come more rarely. */
static gf_status watch(view *v)
{
    gf_status status;
    gf_text text = { 0 };
    int columns, lines;
    bool terminal = gf_screen_size(&columns, &lines), goes_on = true;
    if (terminal) gf_screen_open();
    while (goes_on) {
        GF_TRY(look(v));
        GF_TRY(draw(&text, v, terminal ? WATCHED : ONCE));
        if (terminal)
            gf_screen_draw(&text);
        else
            printf("%s\n", text.data);
        fflush(stdout);
        double pause = v->cost / LOOK_SHARE;
        goes_on = !v->picture.finished &&
                  gf_screen_wait(pause > LOOK_SECONDS ? pause : LOOK_SECONDS * (terminal ? 1 : 10));
    }
    if (terminal) GF_TRY(draw(&text, v, LAST));
out:
    if (terminal) gf_screen_close(&text);
    gf_text_release(&text);
    return status;
}

/* Who watches may come before the sweep. */
static void wait_for_study(const char *dir)
{
    if (gf_study_exists(dir)) return;
    printf("%s: no sweep there yet; waiting for one\n", dir);
    fflush(stdout);
    while (!gf_study_exists(dir)) gf_sleep(0.5);
}

int cmd_status(int argc, char **argv)
{
    gf_status status;
    const char *dir = NULL;
    bool watched = false, json = false;
    view v = { .reported = -1 };
    const gf_flag flags[] = { { .name = "--watch", .set = &watched },
                              { .name = "--json", .set = &json },
                              { 0 } };
    GF_TRY(gf_arguments_read(&dir, 1, 1, flags, argc, argv));
    if (watched && json) {
        status = gf_fail(GF_INVALID, "status: either --watch or --json");
        goto out;
    }
    if (watched) wait_for_study(dir);
    GF_TRY(view_open(&v, dir));
    GF_TRY(watched ? watch(&v) : print_once(&v, json));
out:
    view_release(&v);
    return status == GF_OK ? GF_EXIT_DONE : gf_cli_fail(status);
}
