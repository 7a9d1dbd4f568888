/* Files, groups, attributes and errors of HDF5.
 *
 * New files live in memory (core driver) until HDF5 has closed them, when their bytes are caught
 * by an image callback; H5Fget_file_image would be shorter, but in 1.10 it returns a superblock
 * whose checksum is wrong. Object times are never tracked, so equal contents give equal bytes.
 * Files are opened read-only, without locks (a lock would shut out writers of other processes),
 * and filter plug-ins are never loaded. */
#include "h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* HDF5 keeps both settings for the whole process; setting them again costs nothing. */
static void prepare_library(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

/* ---- errors ---- */

static herr_t keep_innermost(unsigned depth, const H5E_error2_t *error, void *context)
{
    if (depth == 0) snprintf(context, 160, "%s", error->desc ? error->desc : "");
    return 0;
}

gf_status gf_h5_fail(gf_status status, const gf_h5_file *file, const char *what, const char *name)
{
    char reason[160] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    return gf_fail(status, "%s: %s '%s'%s%s%s", file->path, what, name, reason[0] ? " (" : "",
                   reason, reason[0] ? ")" : "");
}

/* ---- files ---- */

static hid_t access_list(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0) return access;
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_sieve_buf_size(access, 0);
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    H5Pset_file_locking(access, 0, 1);
#endif
    return access;
}

static void *image_malloc(size_t size, H5FD_file_image_op_t operation, void *image)
{
    (void)operation, (void)image;
    return malloc(size);
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t operation,
                        void *image)
{
    (void)operation, (void)image;
    return memcpy(to, from, size);
}

static void *image_realloc(void *data, size_t size, H5FD_file_image_op_t operation, void *image)
{
    (void)operation, (void)image;
    return realloc(data, size);
}

/* HDF5 lets go of the bytes at close: instead of freeing them we keep them, those of the last
 * close (it may open tentatively first). */
static herr_t image_free(void *data, H5FD_file_image_op_t operation, void *context)
{
    gf_h5_image *image = context;
    if (operation != H5FD_FILE_IMAGE_OP_FILE_CLOSE) {
        free(data);
        return 0;
    }
    free(image->data);
    image->data = data;
    return 0;
}

static void *same_image(void *image)
{
    return image;
}

static herr_t leave_image(void *image)
{
    (void)image;
    return 0;
}

/* The name can never be that of a file: HDF5 would read an old file before truncating it. */
static hid_t create_in_memory(gf_h5_image *image, hsize_t alignment, hsize_t userblock)
{
    enum { GROWTH = 1 << 20 };
    H5FD_file_image_callbacks_t callbacks = { image_malloc, image_copy,  image_realloc, image_free,
                                              same_image,   leave_image, image };
    hid_t file = -1, access = access_list(), creation = H5Pcreate(H5P_FILE_CREATE);
    bool ready = H5Pset_fapl_core(access, GROWTH, 0) >= 0 &&
                 H5Pset_file_image_callbacks(access, &callbacks) >= 0 &&
                 H5Pset_alignment(access, alignment, alignment) >= 0 &&
                 H5Pset_obj_track_times(creation, 0) >= 0 &&
                 H5Pset_userblock(creation, userblock) >= 0;
    if (ready) file = H5Fcreate("/dev/null/in-memory", H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    H5Pclose(access);
    return file;
}

gf_status gf_h5_create(gf_h5_file *file, gf_h5_image *image, const char *path, hsize_t alignment,
                       hsize_t userblock)
{
    prepare_library();
    *file = GF_H5_CLOSED;
    file->path = path;
    file->image = image;
    image->size = (size_t)userblock;
    file->id = create_in_memory(image, alignment, userblock);
    if (file->id < 0) return gf_h5_fail(GF_NOMEM, file, "cannot make a file in memory for", path);
    return GF_OK;
}

gf_status gf_h5_finish(gf_h5_file *file)
{
    /* The size up to the last object, without the user block; the memory behind it may be more. */
    ssize_t size = -1;
    if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) >= 0) size = H5Fget_file_image(file->id, NULL, 0);
    if (size < 0 || H5Fclose(file->id) < 0)
        return gf_h5_fail(GF_NOMEM, file, "cannot finish", file->path);
    file->id = -1;
    file->image->size += (size_t)size;
    return GF_OK;
}

void gf_h5_head(char *head, size_t head_size, const char *format, const char *version, size_t size,
                const void *rest)
{
    memset(head, 0, head_size);
    snprintf(head, head_size, "%s %s\nbytes = %zu\nxxh3_128 = %s\n", format, version, size,
             gf_hash(rest, size).hex);
}

void gf_h5_image_release(gf_h5_image *image)
{
    free(image->data);
    *image = (gf_h5_image){ 0 };
}

/* Deflate shrinks to about 1/1032 at most: a dataset that claims more than that is a trap. */
static uint64_t limit_of(const struct stat *about)
{
    uint64_t limit;
    bool wraps = __builtin_mul_overflow((uint64_t)about->st_size + 4096, 1100, &limit);
    return wraps ? UINT64_MAX : limit;
}

gf_status gf_h5_open_descriptor(gf_h5_file *file, const char *path, int descriptor)
{
    gf_status status = GF_OK;
    struct stat about;
    char name[64];
    *file = GF_H5_CLOSED;
    file->path = path;
    if (fstat(descriptor, &about) != 0)
        return gf_fail(GF_IO, "%s: cannot open: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode)) return gf_fail(GF_IO, "%s: not a regular file", path);
    file->limit = limit_of(&about);
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    prepare_library();
    hid_t access = access_list();
    file->id = H5Fopen(name, H5F_ACC_RDONLY, access);
    if (file->id < 0) status = gf_h5_fail(GF_CORRUPT, file, "not a readable HDF5 file", path);
    H5Pclose(access);
    return status;
}

/* HDF5 has a descriptor of its own by the time that ours is closed. */
gf_status gf_h5_open(gf_h5_file *file, const char *path)
{
    *file = GF_H5_CLOSED;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return gf_fail(errno == ENOENT ? GF_NOTFOUND : GF_IO, "%s: cannot open: %s", path,
                       strerror(errno));
    gf_status status = gf_h5_open_descriptor(file, path, descriptor);
    close(descriptor);
    return status;
}

void gf_h5_close(gf_h5_file *file)
{
    if (file->id >= 0) H5Fclose(file->id);
    *file = GF_H5_CLOSED;
}

/* ---- groups ---- */

gf_status gf_h5_group_create(hid_t *group, const gf_h5_file *file, const char *name)
{
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(creation, 0);
    H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t made = H5Gcreate2(file->id, name, H5P_DEFAULT, creation, H5P_DEFAULT);
    gf_status status =
        made < 0 ? gf_h5_fail(GF_INTERNAL, file, "cannot create the group", name) : GF_OK;
    H5Pclose(creation);
    if (status == GF_OK) *group = made;
    return status;
}

/* Soft and external links may lead anywhere: only hard ones are followed. */
gf_status gf_h5_group_open(hid_t *group, const gf_h5_file *file, const char *name)
{
    H5L_info_t link;
    hid_t opened = -1;
    if (H5Lget_info(file->id, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD)
        opened = H5Gopen2(file->id, name, H5P_DEFAULT);
    if (opened < 0) return gf_h5_fail(GF_CORRUPT, file, "no group", name);
    *group = opened;
    return GF_OK;
}

/* ---- attributes ---- */

gf_status gf_h5_attribute_set(const gf_h5_file *file, hid_t object, const char *name,
                              const char *text)
{
    hid_t type = gf_h5_text_type(strlen(text)), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    /* A type is never empty: the empty text is one NUL, which is there. */
    bool written = attribute >= 0 && H5Awrite(attribute, type, text) >= 0;
    gf_status status =
        written ? GF_OK : gf_h5_fail(GF_INTERNAL, file, "cannot write the attribute", name);
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

/* Is it one fixed-length text that fits into `size` with its NUL? */
static bool is_short_text(hid_t attribute, hid_t type, size_t size)
{
    hid_t space = H5Aget_space(attribute);
    bool good = space >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
                H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
                H5Tget_size(type) < size;
    if (space >= 0) H5Sclose(space);
    return good;
}

gf_status gf_h5_attribute_get(char *text, size_t size, const gf_h5_file *file, hid_t object,
                              const char *name)
{
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = -1;
    gf_status status = GF_CORRUPT;
    if (attribute >= 0) type = H5Aget_type(attribute);
    if (type >= 0 && is_short_text(attribute, type, size)) {
        memset(text, 0, size);
        if (H5Aread(attribute, type, text) >= 0) status = GF_OK;
    }
    if (status != GF_OK) status = gf_h5_fail(GF_CORRUPT, file, "no attribute of short text", name);
    if (type >= 0) H5Tclose(type);
    if (attribute >= 0) H5Aclose(attribute);
    return status;
}

gf_status gf_h5_format_set(const gf_h5_file *file, const char *format, const char *version)
{
    gf_status status;
    GF_TRY(gf_h5_attribute_set(file, file->id, "format", format));
    GF_TRY(gf_h5_attribute_set(file, file->id, "version", version));
out:
    return status;
}

gf_status gf_h5_format_check(const gf_h5_file *file, const char *format, const char *version)
{
    gf_status status;
    char found[64], its_version[64];
    GF_TRY(gf_h5_attribute_get(found, sizeof found, file, file->id, "format"));
    GF_TRY(gf_h5_attribute_get(its_version, sizeof its_version, file, file->id, "version"));
    if (strcmp(found, format) || strcmp(its_version, version))
        status = gf_fail(GF_CORRUPT, "%s: format '%s' version '%s', expected '%s' version '%s'",
                         file->path, found, its_version, format, version);
out:
    return status;
}
