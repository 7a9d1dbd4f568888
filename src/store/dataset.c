/* Datasets with a digest: written compressed where that pays, read as if they were hostile.
 *
 * Every dataset that is not rewritten in place carries the XXH3-128 of its little-endian bytes in
 * row-major order, so damage that HDF5 itself does not notice is found. */
#include "h5.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_LARGEST = 4 << 20,  /* bytes of one chunk as written */
    CHUNK_ALLOWED = 64 << 20, /* bytes of one chunk as read */
    COMPRESS_FROM = 1024,     /* bytes; smaller datasets stay as they are */
    TEXT_LONGEST = 256 << 20, /* bytes of one text */
};

hid_t gf_h5_type(gf_dtype dtype)
{
    switch (dtype) {
    case GF_F32:
        return H5T_IEEE_F32LE;
    case GF_F64:
        return H5T_IEEE_F64LE;
    case GF_I32:
        return H5T_STD_I32LE;
    case GF_I64:
        return H5T_STD_I64LE;
    case GF_U8:
        return H5T_STD_U8LE;
    }
    return -1;
}

hid_t gf_h5_text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size ? size : 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* ---- writing ---- */

/* Whole rows, halved along the first dimension that still can be until they are small enough. */
static void choose_chunk(hsize_t chunk[GF_TENSOR_RANK], const gf_h5_shape *shape)
{
    size_t bytes = shape->item;
    for (int i = 0; i < shape->rank; i++) bytes *= chunk[i] = shape->dims[i];
    for (int i = 0; i < shape->rank && bytes > CHUNK_LARGEST; i++) {
        while (chunk[i] > 1 && bytes > CHUNK_LARGEST) {
            bytes /= chunk[i];
            chunk[i] = (chunk[i] + 1) / 2;
            bytes *= chunk[i];
        }
    }
}

/* Large enough, and of numbers only where it shrinks by a quarter at least; tables of texts always
 * do, as they are padded. */
static bool compression_pays(const gf_h5_shape *shape, const void *data)
{
    if (!shape->rank || shape->count * shape->item < COMPRESS_FROM) return false;
    return shape->item > 8 || gf_h5_entropy(data, shape->count, shape->item) < 0.75;
}

static hid_t creation_list(const gf_h5_shape *shape, const void *data)
{
    hsize_t chunk[GF_TENSOR_RANK];
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, 0);
    if (compression_pays(shape, data)) {
        choose_chunk(chunk, shape);
        H5Pset_chunk(creation, shape->rank, chunk);
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, 1);
    }
    return creation;
}

static gf_status write_digest(const gf_h5_file *file, hid_t dataset, const gf_h5_shape *shape,
                              const void *data)
{
    gf_key digest = gf_hash(data, shape->count * shape->item);
    return gf_h5_attribute_set(file, dataset, GF_H5_DIGEST, digest.hex);
}

gf_status gf_h5_write(const gf_h5_file *file, hid_t parent, const char *name, hid_t type,
                      const gf_h5_shape *shape, const void *data)
{
    gf_status status = GF_OK;
    hid_t space =
        shape->rank ? H5Screate_simple(shape->rank, shape->dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t creation = creation_list(shape, data);
    hid_t dataset = H5Dcreate2(parent, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (dataset < 0 ||
        (shape->count && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)) {
        status = gf_h5_fail(GF_NOMEM, file, "cannot write the dataset", name);
        goto out;
    }
    GF_TRY(write_digest(file, dataset, shape, data));
out:
    if (dataset >= 0) H5Dclose(dataset);
    H5Pclose(creation);
    if (space >= 0) H5Sclose(space);
    return status;
}

gf_status gf_h5_text_write(const gf_h5_file *file, hid_t parent, const char *name, const char *text)
{
    size_t size = strlen(text);
    gf_h5_shape shape = { .item = size ? size : 1, .count = 1 };
    hid_t type = gf_h5_text_type(size);
    gf_status status = gf_h5_write(file, parent, name, type, &shape, text);
    H5Tclose(type);
    return status;
}

gf_status gf_h5_tensor_write(const gf_h5_file *file, hid_t parent, const gf_tensor *tensor)
{
    gf_h5_shape shape = { .rank = tensor->rank,
                          .item = gf_dtype_size(tensor->dtype),
                          .count = (size_t)gf_tensor_count(tensor) };
    for (int i = 0; i < tensor->rank; i++) shape.dims[i] = (hsize_t)tensor->dims[i];
    return gf_h5_write(file, parent, tensor->name, gf_h5_type(tensor->dtype), &shape, tensor->data);
}

/* ---- reading ---- */

/* Shuffle and deflate alone, nothing outside this file, chunks of a sane size. */
static bool storage_is_plain(hid_t dataset, size_t item)
{
    hsize_t chunk[GF_TENSOR_RANK];
    hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0) return false;
    H5D_layout_t layout = H5Pget_layout(creation);
    bool plain = (layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED) &&
                 H5Pget_external_count(creation) == 0;
    int filters = H5Pget_nfilters(creation);
    for (int i = 0; plain && i < filters; i++) {
        unsigned flags;
        size_t values = 0;
        H5Z_filter_t filter =
            H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL, 0, NULL, NULL);
        plain = filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_DEFLATE;
    }
    if (plain && layout == H5D_CHUNKED) {
        uint64_t bytes = item;
        int rank = H5Pget_chunk(creation, GF_TENSOR_RANK, chunk);
        plain = rank > 0 && rank <= GF_TENSOR_RANK;
        for (int i = 0; plain && i < rank; i++)
            plain = !__builtin_mul_overflow(bytes, chunk[i], &bytes) && bytes <= CHUNK_ALLOWED;
    }
    H5Pclose(creation);
    return plain && filters >= 0;
}

static bool read_shape(gf_h5_shape *shape, hid_t dataset, uint64_t limit)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    *shape = (gf_h5_shape){ .item = type >= 0 ? H5Tget_size(type) : 0, .count = 1 };
    H5S_class_t kind = space >= 0 ? H5Sget_simple_extent_type(space) : H5S_NO_CLASS;
    shape->rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    bool good = (kind == H5S_SCALAR || kind == H5S_SIMPLE) && shape->item && shape->rank >= 0 &&
                shape->rank <= GF_TENSOR_RANK &&
                H5Sget_simple_extent_dims(space, shape->dims, NULL) >= 0;
    uint64_t bytes = shape->item;
    for (int i = 0; good && i < shape->rank; i++) {
        good = !__builtin_mul_overflow(bytes, shape->dims[i], &bytes) && bytes <= limit;
        shape->count *= shape->dims[i];
    }
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    return good && bytes <= limit;
}

gf_status gf_h5_dataset_open(hid_t *dataset, gf_h5_shape *shape, const gf_h5_file *file,
                             hid_t parent, const char *name)
{
    H5L_info_t link;
    hid_t opened = -1;
    if (H5Lget_info(parent, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD ||
        (opened = H5Dopen2(parent, name, H5P_DEFAULT)) < 0)
        return gf_h5_fail(GF_CORRUPT, file, "no dataset", name);
    gf_status status = GF_OK;
    if (!read_shape(shape, opened, file->limit))
        status = gf_fail(GF_CORRUPT,
                         "%s: dataset '%s' is larger than its file can hold, or has "
                         "more than %d dimensions",
                         file->path, name, GF_TENSOR_RANK);
    else if (!storage_is_plain(opened, shape->item))
        status = gf_fail(GF_CORRUPT,
                         "%s: dataset '%s' is stored with a filter, a chunk or an outside file "
                         "that is not allowed",
                         file->path, name);
    if (status == GF_OK)
        *dataset = opened;
    else
        H5Dclose(opened);
    return status;
}

bool gf_h5_has_type(hid_t dataset, hid_t type)
{
    hid_t found = H5Dget_type(dataset);
    bool equal = found >= 0 && H5Tequal(found, type) > 0;
    if (found >= 0) H5Tclose(found);
    return equal;
}

gf_status gf_h5_read(void *data, const gf_h5_file *file, hid_t dataset, hid_t type,
                     const gf_h5_shape *shape, const char *name, gf_h5_check check)
{
    gf_status status = GF_OK;
    char digest[33];
    if (shape->count && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        return gf_h5_fail(GF_CORRUPT, file, "cannot read the dataset", name);
    if (check == GF_H5_IF_DIGEST && H5Aexists(dataset, GF_H5_DIGEST) == 0) return GF_OK;
    GF_TRY(gf_h5_attribute_get(digest, sizeof digest, file, dataset, GF_H5_DIGEST));
    gf_key found = gf_hash(data, shape->count * shape->item);
    if (strcmp(found.hex, digest))
        status = gf_fail(GF_CORRUPT, "%s: dataset '%s' has digest %s, recorded was %s", file->path,
                         name, found.hex, digest);
out:
    return status;
}

gf_status gf_h5_text_read(char **text, const gf_h5_file *file, hid_t parent, const char *name)
{
    gf_status status;
    hid_t dataset = -1, type = -1;
    gf_h5_shape shape;
    char *data = NULL;
    GF_TRY(gf_h5_dataset_open(&dataset, &shape, file, parent, name));
    type = gf_h5_text_type(shape.item);
    if (shape.rank || shape.item > TEXT_LONGEST || !gf_h5_has_type(dataset, type)) {
        status = gf_fail(GF_CORRUPT, "%s: dataset '%s' is not one text", file->path, name);
        goto out;
    }
    GF_TRY_ALLOC(data = calloc(1, shape.item + 1));
    GF_TRY(gf_h5_read(data, file, dataset, type, &shape, name, GF_H5_DIGEST_NEEDED));
    *text = data;
    data = NULL;
out:
    free(data);
    if (type >= 0) H5Tclose(type);
    if (dataset >= 0) H5Dclose(dataset);
    return status;
}

static bool find_dtype(gf_dtype *dtype, hid_t dataset)
{
    static const gf_dtype all[] = { GF_F32, GF_F64, GF_I32, GF_I64, GF_U8 };
    for (size_t i = 0; i < GF_COUNT(all); i++) {
        *dtype = all[i];
        if (gf_h5_has_type(dataset, gf_h5_type(all[i]))) return true;
    }
    return false;
}

gf_status gf_h5_tensor_read(gf_tensors *tensors, const gf_h5_file *file, hid_t parent,
                            const char *name, gf_h5_check check)
{
    gf_status status;
    hid_t dataset = -1;
    gf_h5_shape shape;
    gf_dtype dtype;
    gf_tensor *tensor;
    int64_t dims[GF_TENSOR_RANK] = { 0 };
    GF_TRY(gf_h5_dataset_open(&dataset, &shape, file, parent, name));
    if (!find_dtype(&dtype, dataset)) {
        status = gf_fail(GF_CORRUPT, "%s: dataset '%s' is of a type that is not allowed",
                         file->path, name);
        goto out;
    }
    for (int i = 0; i < shape.rank; i++) dims[i] = (int64_t)shape.dims[i];
    GF_TRY(gf_tensors_add(tensors, &tensor, name, dtype, shape.rank, dims, NULL));
    GF_TRY(gf_h5_read(tensor->data, file, dataset, gf_h5_type(dtype), &shape, name, check));
out:
    if (dataset >= 0) H5Dclose(dataset);
    return status;
}
