/* A study: DIR/sweep.h5, made in one piece and opened by any number of processes.
 *
 * HDF5 is used to create the file and, in a process of its own, to read its plan; what stays open
 * is a descriptor, so a process that is killed leaves no HDF5 state behind, and nothing has to be
 * flushed for others to see a row. */
#include "study.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

gf_status gf_study_path(char out[PATH_MAX], const char *dir, const char *name)
{
    int length = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    if (length < 0 || length >= PATH_MAX)
        return gf_fail(GF_INVALID, "%.80s...: path too long", dir);
    return GF_OK;
}

bool gf_study_exists(const char *dir)
{
    char path[PATH_MAX];
    return gf_study_path(path, dir, "sweep.h5") == GF_OK && gf_file_exists(path);
}

/* ---- create ---- */

/* Tells this study's checkpoints from those of others; chance is enough, nothing depends on it. */
static gf_status draw_id(char id[GF_STUDY_ID])
{
    unsigned char bytes[8];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return gf_fail(GF_IO, "cannot draw a study's id: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
    return GF_OK;
}

static gf_status write_study(const gf_h5_file *file, const gf_study_plan *plan)
{
    gf_status status;
    char id[GF_STUDY_ID];
    GF_TRY(draw_id(id));
    GF_TRY(gf_h5_format_set(file, GF_STUDY_FORMAT, GF_STUDY_VERSION));
    GF_TRY(gf_h5_attribute_set(file, file->id, "id", id));
    GF_TRY(gf_plan_write(file, plan));
    GF_TRY(gf_slots_write(file, plan, id));
out:
    return status;
}

gf_status gf_study_create(const char *dir, const gf_study_plan *plan)
{
    gf_status status;
    gf_h5_file file = GF_H5_CLOSED;
    gf_h5_image image = { 0 };
    char path[PATH_MAX];
    GF_TRY(gf_plan_check(plan, dir, GF_INVALID));
    GF_TRY(gf_folder_make(dir));
    GF_TRY(gf_study_path(path, dir, "sweep.h5"));
    if (gf_file_exists(path)) {
        status = gf_fail(GF_CONFLICT, "%s: there is a study already; choose another folder", path);
        goto out;
    }
    GF_TRY(gf_h5_create(&file, &image, path, GF_PAGE, GF_PAGE));
    GF_TRY(write_study(&file, plan));
    GF_TRY(gf_h5_finish(&file));
    /* All pages are zeros yet. */
    gf_h5_head(image.data, GF_PAGE, GF_STUDY_FORMAT, GF_STUDY_VERSION, image.size - GF_PAGE,
               image.data + GF_PAGE);
    GF_TRY(gf_file_write(path, image.data, image.size));
out:
    gf_h5_close(&file);
    gf_h5_image_release(&image);
    return status;
}

/* ---- open ---- */

static gf_status open_descriptor(gf_study *study, const char *path, bool writing)
{
    study->file = open(path, (writing ? O_RDWR | O_NOFOLLOW : O_RDONLY | O_NONBLOCK) | O_CLOEXEC);
    if (study->file < 0 && errno == ELOOP)
        return gf_fail(GF_UNSUPPORTED, "%s: a symbolic link, through which nothing is written",
                       path);
    if (study->file < 0)
        return gf_fail(errno == ENOENT ? GF_NOTFOUND : GF_IO, "%s: cannot open: %s", path,
                       strerror(errno));
    return GF_OK;
}

/* Length and format from the first page; its digest is verify's business, as it costs a pass over
 * the whole file. */
static gf_status check_head(gf_study *study, const char *path)
{
    char head[256] = "";
    struct stat about;
    unsigned long long size = 0;
    if (fstat(study->file, &about) != 0 || pread(study->file, head, sizeof head - 1, 0) < 0)
        return gf_fail(GF_IO, "%s: cannot read: %s", path, strerror(errno));
    if (sscanf(head, GF_STUDY_FORMAT " " GF_STUDY_VERSION "\nbytes = %llu", &size) != 1)
        return gf_fail(GF_CORRUPT, "%s: it does not begin with '%s %s'", path, GF_STUDY_FORMAT,
                       GF_STUDY_VERSION);
    if ((unsigned long long)about.st_size != size + GF_PAGE)
        return gf_fail(GF_CORRUPT, "%s: %lld bytes, but it was created with %llu", path,
                       (long long)about.st_size, size + GF_PAGE);
    study->size = (uint64_t)about.st_size;
    return GF_OK;
}

/* In the reader's process: what it opens is the very file that we have open. */
static gf_status read_study(gf_parcel_out *parcel, void *context)
{
    gf_status status;
    gf_h5_file file = GF_H5_CLOSED;
    gf_study *study = context;
    char path[PATH_MAX];
    GF_TRY(gf_study_path(path, study->dir, "sweep.h5"));
    GF_TRY(gf_h5_open_descriptor(&file, path, study->file));
    GF_TRY(gf_h5_format_check(&file, GF_STUDY_FORMAT, GF_STUDY_VERSION));
    GF_TRY(gf_h5_attribute_get(study->id, sizeof study->id, &file, file.id, "id"));
    GF_TRY(gf_plan_read(&study->plan, study->arena, &file));
    GF_TRY(gf_slots_find(&study->slots, &file, study->file, &study->plan));
    gf_parcel_put_text(parcel, study->id);
    gf_parcel_put_number(parcel, study->slots.pages);
    gf_parcel_put_number(parcel, study->slots.results);
    gf_parcel_put_number(parcel, study->slots.curves);
    gf_plan_put(parcel, &study->plan);
out:
    gf_h5_close(&file);
    return status;
}

static gf_status take_id(gf_study *study, gf_parcel *parcel, const char *path)
{
    const char *id = gf_parcel_text(parcel);
    if (strlen(id) != GF_STUDY_ID - 1 || strspn(id, "0123456789abcdef") != GF_STUDY_ID - 1)
        return gf_fail(GF_CORRUPT, "%s: id '%.40s' is not 16 hex digits", path, id);
    memcpy(study->id, id, GF_STUDY_ID);
    return GF_OK;
}

gf_status gf_study_take(gf_parcel *parcel, void *context)
{
    gf_status status;
    gf_study *study = context;
    char path[PATH_MAX];
    GF_TRY(gf_study_path(path, study->dir, "sweep.h5"));
    GF_TRY(take_id(study, parcel, path));
    study->slots.pages = gf_parcel_number(parcel, INT64_MAX);
    study->slots.results = gf_parcel_number(parcel, INT64_MAX);
    study->slots.curves = gf_parcel_number(parcel, INT64_MAX);
    GF_TRY(gf_plan_take(&study->plan, study->arena, parcel, path));
    GF_TRY(gf_slots_settle(&study->slots, study->arena, &study->plan, study->size, path));
out:
    return status;
}

gf_status gf_study_open(gf_study **study, const char *dir, bool writing)
{
    gf_status status;
    char path[PATH_MAX];
    gf_study *opened = calloc(1, sizeof *opened);
    GF_TRY_ALLOC(opened);
    opened->file = -1;
    GF_TRY(gf_study_path(path, dir, "sweep.h5"));
    GF_TRY_ALLOC(opened->dir = gf_strdup(dir));
    GF_TRY_ALLOC(opened->arena = gf_arena_create());
    GF_TRY(open_descriptor(opened, path, writing));
    GF_TRY(check_head(opened, path));
    GF_TRY(gf_read_apart(path, read_study, gf_study_take, opened));
    *study = opened;
    opened = NULL;
out:
    gf_study_close(opened);
    return status;
}

void gf_study_close(gf_study *study)
{
    if (!study) return;
    if (study->file >= 0) close(study->file);
    gf_arena_destroy(study->arena);
    free(study->dir);
    free(study);
}

const gf_study_plan *gf_study_plan_get(const gf_study *study)
{
    return &study->plan;
}

const char *gf_study_id(const gf_study *study)
{
    return study->id;
}
