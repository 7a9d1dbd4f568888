/* Private to store: what every file of this room does with HDF5.
 *
 * Files are built in memory and leave it in one piece (a full disk is then met by one plain
 * write, never inside HDF5), and files that are read are taken for hostile: hard links only, no
 * external or virtual storage, no filter but shuffle and deflate, sizes bounded before anything is
 * allocated, and a digest over the contents of every dataset. */
#ifndef GRIDFRONT_STORE_H5_H
#define GRIDFRONT_STORE_H5_H

#include <gridfront/store.h>

#include <hdf5.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "digests and rows are of little-endian bytes, as they stand in the file"
#endif

#define GF_H5_DIGEST "xxh3_128" /* attribute of every dataset: 32 hex digits */

typedef struct gf_h5_image { /* zero-initialize */
    char *data;
    size_t size;
} gf_h5_image;

typedef struct gf_h5_file {
    hid_t id;
    struct gf_h5_image *image; /* of a new file, kept when HDF5 closes it; NULL: a file on disk */
    const char *path;          /* for messages; borrowed */
    uint64_t limit;            /* no dataset may hold more bytes than this */
} gf_h5_file;

#define GF_H5_CLOSED ((gf_h5_file){ .id = -1 })

typedef struct gf_h5_shape {
    int rank;
    hsize_t dims[GF_TENSOR_RANK];
    size_t item, count; /* bytes of one element; elements */
} gf_h5_shape;

/* ---- files ---- */

/* A new file in memory; its bytes come into *image, which must outlive it, when it is finished.
 * `alignment` of large datasets (1: none), `userblock` bytes before it. */
gf_status gf_h5_create(gf_h5_file *file, gf_h5_image *image, const char *path, hsize_t alignment,
                       hsize_t userblock);
gf_status gf_h5_finish(gf_h5_file *file);
void gf_h5_image_release(gf_h5_image *image);
/* In a reader's process only (parcel.h). The second: what is open already; path for messages. */
gf_status gf_h5_open(gf_h5_file *file, const char *path);
gf_status gf_h5_open_descriptor(gf_h5_file *file, const char *path, int descriptor);
void gf_h5_close(gf_h5_file *file); /* a failed or closed file is fine */
/* Message: the path, what, and the innermost reason that HDF5 gives for the call that failed. */
gf_status gf_h5_fail(gf_status status, const gf_h5_file *file, const char *what, const char *name);

/* The text that stands in the user block: format, length and digest of the bytes after it. */
void gf_h5_head(char *head, size_t head_size, const char *format, const char *version, size_t size,
                const void *rest);

/* ---- groups and attributes ---- */

gf_status gf_h5_group_create(hid_t *group, const gf_h5_file *file, const char *name);
gf_status gf_h5_group_open(hid_t *group, const gf_h5_file *file, const char *name);
gf_status gf_h5_attribute_set(const gf_h5_file *file, hid_t object, const char *name,
                              const char *text);
/* Fixed-length text of at most size - 1 characters. */
gf_status gf_h5_attribute_get(char *text, size_t size, const gf_h5_file *file, hid_t object,
                              const char *name);
/* Writes, or demands, the root's attributes `format` and `version`. */
gf_status gf_h5_format_set(const gf_h5_file *file, const char *format, const char *version);
gf_status gf_h5_format_check(const gf_h5_file *file, const char *format, const char *version);

/* ---- datasets ---- */

hid_t gf_h5_type(gf_dtype dtype);   /* borrowed */
hid_t gf_h5_text_type(size_t size); /* NUL-padded UTF-8; the caller closes it */

/* Entropy of the bytes, position by position, as a share of their size: [0, 1]. */
double gf_h5_entropy(const void *data, size_t count, size_t item);
gf_status gf_h5_write(const gf_h5_file *file, hid_t parent, const char *name, hid_t type,
                      const gf_h5_shape *shape, const void *data);
/* Opens after every check above; the caller closes. The type is the file's own business. */
gf_status gf_h5_dataset_open(hid_t *dataset, gf_h5_shape *shape, const gf_h5_file *file,
                             hid_t parent, const char *name);
bool gf_h5_has_type(hid_t dataset, hid_t type);
typedef enum gf_h5_check {
    GF_H5_DIGEST_NEEDED,
    GF_H5_IF_DIGEST /* files of others need not have one */
} gf_h5_check;
/* shape->count elements into data[count * item], and their digest. */
gf_status gf_h5_read(void *data, const gf_h5_file *file, hid_t dataset, hid_t type,
                     const gf_h5_shape *shape, const char *name, gf_h5_check check);

gf_status gf_h5_text_write(const gf_h5_file *file, hid_t parent, const char *name,
                           const char *text);
gf_status gf_h5_text_read(char **text, const gf_h5_file *file, hid_t parent, const char *name);
gf_status gf_h5_tensor_write(const gf_h5_file *file, hid_t parent, const gf_tensor *tensor);
/* Adds it to the list under `name`. */
gf_status gf_h5_tensor_read(gf_tensors *tensors, const gf_h5_file *file, hid_t parent,
                            const char *name, gf_h5_check check);

#endif
