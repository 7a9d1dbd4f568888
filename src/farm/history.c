/* What runs measured, in the user's cache folder: history-1-KIND/RUN.txt, a line per path.
 *
 * A home may be shared by hosts that run at once, over a network file system without locks or
 * atomic appends. So every run writes a file of its own, whole, by rename: there is nothing to
 * merge, to lock or to tear. Readers take the newest files; older ones are removed by who writes.
 * Whoever can write there could plant anything, so lengths are bounded and a line counts only if it
 * is what we would have written ourselves. */
#include "history.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADING "gridfront history 1"
enum { RUNS_READ = 64, RUNS_KEPT = 256, FILE_LIMIT = 1 << 18, LINE_LIMIT = 400, PATH_LIMIT = 300 };

/* ---- entries ---- */

static void entries_release(gf_entries *e)
{
    for (int i = 0; i < e->count; i++) free(e->items[i].path);
    free(e->items);
}

static gf_status entries_add(gf_entries *e, const gf_entry *entry)
{
    if (e->count == e->capacity) {
        int capacity = e->capacity ? 2 * e->capacity : 64;
        gf_entry *grown = realloc(e->items, (size_t)capacity * sizeof *grown);
        if (!grown) return gf_fail(GF_NOMEM, "out of memory");
        e->items = grown;
        e->capacity = capacity;
    }
    gf_entry *added = &e->items[e->count];
    *added = *entry;
    if (!(added->path = gf_strdup(entry->path))) return gf_fail(GF_NOMEM, "out of memory");
    e->count++;
    return GF_OK;
}

static int by_path(const void *a, const void *b)
{
    const gf_entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : x->run - y->run;
}

/* ---- lines ---- */

static void entry_line(char out[LINE_LIMIT], const gf_entry *e)
{
    snprintf(out, LINE_LIMIT, "%d %.6f %.6f %s", e->count, e->mean, e->squares, e->path);
}

/* *e borrows its path from the line. */
static bool read_line(gf_entry *e, char *line)
{
    char again[LINE_LIMIT];
    int at = 0;
    if (strlen(line) >= LINE_LIMIT ||
        sscanf(line, "%7d %lf %lf %n", &e->count, &e->mean, &e->squares, &at) != 3 || !at)
        return false;
    e->path = line + at;
    if (e->count < 1 || !isfinite(e->mean) || !(e->squares >= 0) || !isfinite(e->squares) ||
        fabs(e->mean) > 1000 || e->squares > 1e9)
        return false;
    entry_line(again, e);
    return strcmp(line, again) == 0;
}

static gf_status read_text(gf_history *h, char *text, int run)
{
    gf_status status = GF_OK;
    char *rest, *line = strtok_r(text, "\n", &rest);
    if (!line || strcmp(line, HEADING) != 0) return GF_OK;
    while ((line = strtok_r(NULL, "\n", &rest))) {
        gf_entry entry = { .run = run };
        if (read_line(&entry, line)) GF_TRY(entries_add(&h->known, &entry));
    }
out:
    return status;
}

/* ---- files ---- */

typedef struct run_file {
    char name[NAME_MAX + 1];
    double written;
} run_file;

static bool is_run_file(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return size > 0 && strcmp(name + size, ".txt") == 0;
}

static int newest_first(const void *a, const void *b)
{
    const run_file *x = a, *y = b;
    if (x->written != y->written) return x->written < y->written ? 1 : -1;
    return strcmp(x->name, y->name);
}

static bool file_path(char out[PATH_MAX], const gf_history *h, const char *name)
{
    int length = snprintf(out, PATH_MAX, "%s/%s", h->folder, name);
    return length > 0 && length < PATH_MAX;
}

/* Newest first; the caller frees. NULL: there are none. */
static run_file *list_files(const gf_history *h, int *count)
{
    run_file *files = NULL;
    char path[PATH_MAX];
    struct stat about;
    DIR *folder = opendir(h->folder);
    const struct dirent *entry;
    *count = 0;
    while (folder && (entry = readdir(folder))) {
        if (!is_run_file(entry->d_name) || !file_path(path, h, entry->d_name) ||
            lstat(path, &about) != 0)
            continue;
        run_file *grown = realloc(files, ((size_t)*count + 1) * sizeof *files);
        if (!grown) break;
        files = grown;
        snprintf(files[*count].name, sizeof files->name, "%s", entry->d_name);
        files[(*count)++].written =
            (double)about.st_mtim.tv_sec + 1e-9 * (double)about.st_mtim.tv_nsec;
    }
    if (folder) closedir(folder);
    if (files) qsort(files, (size_t)*count, sizeof *files, newest_first);
    return files;
}

static gf_status read_files(gf_history *h)
{
    gf_status status = GF_OK;
    int count;
    run_file *files = list_files(h, &count);
    for (int i = 0; i < count && i < RUNS_READ; i++) {
        char path[PATH_MAX], *text = NULL;
        size_t size;
        if (!file_path(path, h, files[i].name)) continue;
        if (gf_file_read(&text, &size, path, FILE_LIMIT) == GF_OK) status = read_text(h, text, i);
        free(text);
        GF_TRY(status);
    }
    if (h->known.count) qsort(h->known.items, (size_t)h->known.count, sizeof(gf_entry), by_path);
    gf_error_clear(); /* what cannot be read is not there */
out:
    free(files);
    return status;
}

static void remove_old(const gf_history *h)
{
    int count;
    run_file *files = list_files(h, &count);
    for (int i = RUNS_KEPT; i < count; i++) {
        char path[PATH_MAX];
        if (file_path(path, h, files[i].name)) unlink(path);
    }
    free(files);
}

/* ---- opening, adding, saving ---- */

static void find_folder(gf_history *h, const char *kind)
{
    char slug[200], name[256];
    const char *off = getenv("GRIDFRONT_HISTORY");
    if (off && strcmp(off, "off") == 0) return;
    gf_text_slug(slug, sizeof slug, kind);
    snprintf(name, sizeof name, "history-1-%s", slug);
    if (gf_cache_path(h->folder, name) != GF_OK) h->folder[0] = '\0';
    gf_error_clear();
}

gf_status gf_history_open(gf_history **history, const char *kind)
{
    gf_status status = GF_OK;
    gf_history *h = calloc(1, sizeof *h);
    GF_TRY_ALLOC(h);
    find_folder(h, kind);
    if (h->folder[0]) GF_TRY(read_files(h));
    *history = h;
    h = NULL;
out:
    gf_history_close(h);
    return status;
}

void gf_history_close(gf_history *history)
{
    if (!history) return;
    entries_release(&history->known);
    entries_release(&history->fresh);
    free(history);
}

/* Welford 1962: mean and squares, one value at a time. */
static void entry_take(gf_entry *e, double value)
{
    double before = value - e->mean;
    e->mean += before / ++e->count;
    e->squares += before * (value - e->mean);
}

gf_status gf_history_add(gf_history *history, const char *path, double ratio)
{
    gf_status status = GF_OK;
    char cut[PATH_LIMIT];
    if (!(ratio > 0) || !isfinite(ratio)) return GF_OK;
    snprintf(cut, sizeof cut, "%s", path);
    gf_entries *fresh = &history->fresh;
    int at = 0;
    while (at < fresh->count && strcmp(fresh->items[at].path, cut) != 0) at++;
    if (at == fresh->count) GF_TRY(entries_add(fresh, &(gf_entry){ .path = cut }));
    entry_take(&fresh->items[at], log(ratio));
out:
    return status;
}

gf_status gf_history_save(gf_history *history, const char *run)
{
    gf_status status;
    gf_text text = { 0 };
    char path[PATH_MAX], line[LINE_LIMIT], name[NAME_MAX + 1];
    if (!history->folder[0] || !history->fresh.count) return GF_OK;
    gf_text_append(&text, HEADING "\n");
    for (int i = 0; i < history->fresh.count && text.size + LINE_LIMIT < FILE_LIMIT; i++) {
        entry_line(line, &history->fresh.items[i]);
        gf_text_append(&text, "%s\n", line);
    }
    GF_TRY(gf_text_check(&text));
    snprintf(name, sizeof name, "%s.txt", run);
    if (!is_run_file(name) || !file_path(path, history, name)) {
        status = gf_fail(GF_INVALID, "history: '%s' is no name of a run", run);
        goto out;
    }
    GF_TRY(gf_folder_make(history->folder));
    GF_TRY(gf_file_write(path, text.data, text.size));
    remove_old(history);
out:
    gf_text_release(&text);
    return status;
}
