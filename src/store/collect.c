/* gc: removes from ROOT/stages what no sweep under ROOT refers to; and what a finished sweep has
 * left or does not keep.
 *
 * Only files whose names we give are ever touched. A sweep.h5 refers to its keys from the moment it
 * is there, so a run that plans to use an artifact protects it. When a sweep.h5 cannot be read
 * nothing is removed: it might refer to anything. Leaves out: sweeps outside ROOT that were told
 * to use this store. It removes no artifact that is referred to, whatever `keep` says: that is for
 * gf_study_drop, which a run calls when its sweep is done. */
#include "study.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct reference {
    char key[33], id[GF_STUDY_ID]; /* a stage of the study `id` */
    bool unfinished, live;         /* may want its checkpoint; its run holds a lease */
} reference;

typedef struct collection collection;
/* Why the file may go; NULL: it stays. */
typedef const char *judge(const collection *it, const char *name);

struct collection {
    reference *references; /* sorted by key before anything is removed */
    size_t count, capacity;
    bool any_live, dry;
    int removed;
    double bytes;
    gf_report_line *report;
    void *context;
};

/* ---- who refers to what ---- */

static gf_status add_reference(collection *it, const reference *added)
{
    if (it->count == it->capacity) {
        size_t capacity = it->capacity ? 2 * it->capacity : 1024;
        reference *more = realloc(it->references, capacity * sizeof *more);
        if (!more) return gf_fail(GF_NOMEM, "out of memory for %zu stages", capacity);
        it->references = more;
        it->capacity = capacity;
    }
    it->references[it->count++] = *added;
    return GF_OK;
}

/* What is damaged is as good as unfinished. */
static bool is_unfinished(gf_study *study, int stage)
{
    gf_stage_state state;
    return gf_study_read_state(study, stage, &state) != GF_OK || state != GF_STAGE_DONE;
}

static gf_status add_study(collection *it, const char *dir)
{
    gf_status status;
    gf_study *study = NULL;
    char who[128];
    bool live = gf_study_lease_held(dir, who, sizeof who);
    it->any_live |= live;
    GF_TRY(gf_study_open(&study, dir, false));
    for (int i = 0; i < study->plan.stage_count; i++) {
        reference added = { .unfinished = is_unfinished(study, i), .live = live };
        memcpy(added.key, study->plan.stages[i].key, sizeof added.key);
        memcpy(added.id, study->id, sizeof added.id);
        GF_TRY(add_reference(it, &added));
    }
out:
    gf_study_close(study);
    return status;
}

static bool same_study(const char *a, const char *b)
{
    char path[PATH_MAX];
    struct stat first, second;
    return gf_study_path(path, a, "sweep.h5") == GF_OK && stat(path, &first) == 0 &&
           gf_study_path(path, b, "sweep.h5") == GF_OK && stat(path, &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static gf_status open_folder(DIR **folder, const char *path)
{
    *folder = opendir(path);
    if (*folder) return GF_OK;
    return gf_fail(errno == ENOENT ? GF_NOTFOUND : GF_IO, "%s: cannot list: %s", path,
                   strerror(errno));
}

/* `but`: a folder whose study is left out, NULL: none. It is known by its file, as an id can be
 * copied. */
static gf_status add_studies(collection *it, const char *root, const char *but)
{
    gf_status status;
    DIR *folder = NULL;
    char dir[PATH_MAX];
    GF_TRY(open_folder(&folder, root));
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        GF_TRY(gf_study_path(dir, root, entry->d_name));
        if (gf_study_exists(dir) && !(but && same_study(dir, but))) GF_TRY(add_study(it, dir));
    }
out:
    if (folder) closedir(folder);
    return status;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const reference *)a)->key, ((const reference *)b)->key);
}

/* The first reference to `key`, NULL: none; the others follow it. */
static const reference *find_references(const collection *it, const char *key)
{
    size_t low = 0, high = it->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(it->references[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < it->count && !strcmp(it->references[low].key, key) ? &it->references[low] : NULL;
}

/* ---- what a name says ---- */

static bool is_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") >= digits;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && !strcmp(text + size - end_size, end);
}

/* <key>.<id>.part.h5 is wanted by the study of that id, while its stage is not finished. */
static bool checkpoint_is_wanted(const collection *it, const char *key, const char *id)
{
    const reference *end = it->references + it->count;
    for (const reference *at = find_references(it, key); at && at < end; at++) {
        if (strcmp(at->key, key)) break;
        if (!strncmp(at->id, id, GF_STUDY_ID - 1) && (at->unfinished || at->live)) return true;
    }
    return false;
}

static const char *why_unneeded(const collection *it, const char *name)
{
    char key[33];
    if (!is_hex(name, 32) || name[32] != '.') return NULL;
    snprintf(key, sizeof key, "%.32s", name);
    const char *rest = name + 32;
    if (ends_with(rest, ".tmp")) return it->any_live ? NULL : "left by a run that was killed";
    if (!strcmp(rest, ".h5")) return find_references(it, key) ? NULL : "no sweep refers to it";
    if (is_hex(rest + 1, 16) && !strcmp(rest + 17, ".part.h5"))
        return checkpoint_is_wanted(it, key, rest + 1) ? NULL : "a checkpoint nobody needs";
    return NULL;
}

/* <key>.<id>.*: of the one study that `it` knows. Artifacts are written under such a name too. */
static const char *why_left_in_store(const collection *it, const char *name)
{
    char key[33];
    if (!it->count || !is_hex(name, 32) || name[32] != '.') return NULL;
    if (strncmp(name + 33, it->references[0].id, GF_STUDY_ID - 1)) return NULL;
    snprintf(key, sizeof key, "%.32s", name);
    const reference *stage = find_references(it, key);
    const char *rest = name + 33 + GF_STUDY_ID - 1;
    if (ends_with(rest, ".tmp")) return "left by a process that was killed";
    if (!strcmp(rest, ".part.h5") && stage && !stage->unfinished) return "its stage is done";
    return NULL;
}

/* DIR/lease.<host>.<pid>.tmp and so on; DIR/logs/<stage>.log.<host>.<pid>.tmp */
static const char *why_left_in_folder(const collection *it, const char *name)
{
    static const char *const files[] = { "sweep.h5.", "DONE.", "lease.", "report.html." };
    (void)it;
    size_t digits = strspn(name, "0123456789");
    bool ours = digits > 0 && !strncmp(name + digits, ".log.", 5);
    for (size_t i = 0; i < GF_COUNT(files); i++) ours |= !strncmp(name, files[i], strlen(files[i]));
    return ours && ends_with(name, ".tmp") ? "left by a process that was killed" : NULL;
}

/* ---- removing ---- */

static gf_status remove_file(collection *it, const char *folder, const char *name, const char *why)
{
    gf_status status;
    char path[PATH_MAX], line[PATH_MAX + 128], size[32];
    struct stat about;
    GF_TRY(gf_study_path(path, folder, name));
    if (lstat(path, &about) != 0 || !S_ISREG(about.st_mode)) goto out;
    if (!it->dry && unlink(path) != 0 && errno != ENOENT) {
        status = gf_fail(GF_IO, "%s: cannot remove: %s", path, strerror(errno));
        goto out;
    }
    it->removed++;
    it->bytes += (double)about.st_size;
    gf_bytes_text(size, (double)about.st_size);
    snprintf(line, sizeof line, "%s %s (%s): %s", it->dry ? "would remove" : "removed", path, size,
             why);
    if (it->report) it->report(it->context, line);
out:
    return status;
}

/* Nothing where there is no such folder, or a link. */
static gf_status collect_folder(collection *it, const char *path, judge *why_removable)
{
    gf_status status = GF_OK;
    DIR *folder = NULL;
    if (gf_store_is_link(path) || !gf_file_exists(path)) return GF_OK;
    GF_TRY(open_folder(&folder, path));
    for (struct dirent *entry; (entry = readdir(folder));) {
        const char *why = why_removable(it, entry->d_name);
        if (why) GF_TRY(remove_file(it, path, entry->d_name, why));
    }
out:
    if (folder) closedir(folder);
    return status;
}

static gf_status collect_store(collection *it, const char *store, judge *why_removable)
{
    gf_status status;
    char path[PATH_MAX], name[3];
    if (gf_store_is_link(store))
        return gf_fail(GF_UNSUPPORTED, "%s: a symbolic link, behind which nothing is removed",
                       store);
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "%02x", (unsigned)i & 0xff);
        GF_TRY(gf_study_path(path, store, name));
        GF_TRY(collect_folder(it, path, why_removable));
    }
out:
    return status;
}

gf_status gf_store_collect(const char *root, bool dry, gf_report_line *report, void *context)
{
    gf_status status;
    collection it = { .dry = dry, .report = report, .context = context };
    char store[PATH_MAX], line[128], bytes[32];
    GF_TRY(gf_study_path(store, root, "stages"));
    GF_TRY(add_studies(&it, root, NULL));
    if (it.count) qsort(it.references, it.count, sizeof *it.references, by_key);
    GF_TRY(collect_store(&it, store, why_unneeded));
    gf_bytes_text(bytes, it.bytes);
    snprintf(line, sizeof line, "%d files, %s%s", it.removed, bytes,
             dry ? ", nothing removed" : "");
    if (report) report(context, line);
out:
    free(it.references);
    return status;
}

/* ---- what a finished sweep does not keep ---- */

static gf_status drop_rows(collection *it, const gf_study *study, const char *store,
                           const bool *drop)
{
    gf_status status = GF_OK;
    char folder[PATH_MAX], name[64], part[3];
    for (int i = 0; i < study->plan.stage_count; i++) {
        const char *key = study->plan.stages[i].key;
        if (!drop[i] || find_references(it, key)) continue;
        snprintf(part, sizeof part, "%.2s", key);
        snprintf(name, sizeof name, "%.32s.h5", key);
        GF_TRY(gf_study_path(folder, store, part));
        if (gf_store_is_link(folder)) continue;
        GF_TRY(remove_file(it, folder, name, "the sweep does not keep it"));
    }
out:
    return status;
}

gf_status gf_study_drop(const char *dir, const bool *drop, gf_report_line *report, void *context)
{
    gf_status status;
    collection it = { .report = report, .context = context };
    gf_study *study = NULL;
    char root[PATH_MAX], store[PATH_MAX];
    GF_TRY(gf_study_open(&study, dir, false));
    /* A store that was named may serve sweeps that nobody here knows of. */
    if (strcmp(study->plan.store, "../stages") != 0) goto out;
    GF_TRY(gf_study_path(root, dir, ".."));
    GF_TRY(gf_study_path(store, root, "stages"));
    if (gf_store_is_link(store)) goto out;
    GF_TRY(add_studies(&it, root, dir));
    if (it.count) qsort(it.references, it.count, sizeof *it.references, by_key);
    GF_TRY(drop_rows(&it, study, store, drop));
out:
    gf_study_close(study);
    free(it.references);
    return status;
}

/* ---- what a finished sweep has left ---- */

gf_status gf_study_tidy(const char *dir, const char *store)
{
    gf_status status;
    collection it = { 0 };
    char logs[PATH_MAX];
    GF_TRY(gf_study_path(logs, dir, "logs"));
    GF_TRY(add_study(&it, dir));
    if (it.count) qsort(it.references, it.count, sizeof *it.references, by_key);
    GF_TRY(collect_store(&it, store, why_left_in_store));
    GF_TRY(collect_folder(&it, dir, why_left_in_folder));
    GF_TRY(collect_folder(&it, logs, why_left_in_folder));
out:
    free(it.references);
    return status;
}
