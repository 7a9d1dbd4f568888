/* store: HDF5 files that somebody made to harm: every trick is refused, none is followed. */
#include "store_study.h"

#include <hdf5.h>

static hid_t new_file(const char *path)
{
    return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

static void add_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
                        hid_t creation)
{
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    EXPECT(dataset >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
}

static void expect_refused(const char *path, const char *name, const char *reason)
{
    gf_tensor tensor = { 0 };
    EXPECT_STATUS(gf_store_read_dataset(&tensor, path, name), GF_CORRUPT);
    EXPECT_CONTAINS(gf_error_message(), reason);
    EXPECT(tensor.data == NULL);
}

TEST("store: foreign files", "a plain compressed dataset is read")
{
    const char *path = path_of("plain.h5");
    hsize_t dims[3] = { 10, 20, 3 };
    unsigned char data[600];
    gf_tensor tensor = { 0 };
    for (int i = 0; i < 600; i++) data[i] = (unsigned char)(i % 251);
    hid_t file = new_file(path), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 3, (hsize_t[]){ 4, 20, 3 });
    H5Pset_deflate(creation, 9);
    add_dataset(file, "images", H5T_STD_U8LE, 3, dims, creation);
    hid_t dataset = H5Dopen2(file, "images", H5P_DEFAULT);
    EXPECT(H5Dwrite(dataset, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Fclose(file);
    REQUIRE_OK(gf_store_read_dataset(&tensor, path, "images"));
    EXPECT(tensor.dtype == GF_U8 && tensor.rank == 3 && tensor.dims[1] == 20);
    EXPECT(!memcmp(tensor.data, data, sizeof data));
    EXPECT_TEXT(tensor.name, "images");
    free(tensor.data);
    EXPECT_STATUS(gf_store_read_dataset(&tensor, path, "labels"), GF_CORRUPT);
    EXPECT_STATUS(gf_store_read_dataset(&tensor, path_of("no.h5"), "labels"), GF_NOTFOUND);
}

TEST("store: foreign files", "links out of the file are not followed")
{
    const char *path = path_of("links.h5");
    hid_t file = new_file(path);
    add_dataset(file, "real", H5T_STD_U8LE, 1, (hsize_t[]){ 4 }, H5P_DEFAULT);
    EXPECT(H5Lcreate_soft("/real", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    EXPECT(H5Lcreate_external("links.h5", "/real", file, "far", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    expect_refused(path, "soft", "no dataset 'soft'");
    expect_refused(path, "far", "no dataset 'far'");
}

TEST("store: foreign files", "storage in another file and virtual storage are refused")
{
    const char *path = path_of("outside.h5");
    hsize_t dims[1] = { 16 };
    hid_t file = new_file(path), outside = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(outside, "/etc/hostname", 0, 16);
    add_dataset(file, "outside", H5T_STD_U8LE, 1, dims, outside);
    H5Pclose(outside);
    hid_t space = H5Screate_simple(1, dims, NULL);
    hid_t mapped = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(mapped, space, "other.h5", "/x", space);
    add_dataset(file, "virtual", H5T_STD_U8LE, 1, dims, mapped);
    H5Pclose(mapped);
    H5Sclose(space);
    H5Fclose(file);
    expect_refused(path, "outside", "not allowed");
    expect_refused(path, "virtual", "not allowed");
}

TEST("store: foreign files", "sizes that the file cannot hold are refused before allocation")
{
    const char *path = path_of("huge.h5");
    hid_t file = new_file(path), chunked = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunked, 2, (hsize_t[]){ 1024, 1024 });
    add_dataset(file, "peta", H5T_STD_U8LE, 2, (hsize_t[]){ 1 << 25, 1 << 25 }, chunked);
    add_dataset(file, "overflow", H5T_IEEE_F64LE, 2, (hsize_t[]){ 1ull << 31, 1ull << 30 },
                chunked);
    H5Pset_chunk(chunked, 2, (hsize_t[]){ 16384, 16384 });
    add_dataset(file, "chunk", H5T_STD_U8LE, 2, (hsize_t[]){ 0, 16384 }, H5P_DEFAULT);
    H5Pclose(chunked);
    add_dataset(file, "rank", H5T_STD_U8LE, 5, (hsize_t[]){ 1, 1, 1, 1, 1 }, H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(path, "peta", "larger than its file can hold");
    expect_refused(path, "overflow", "larger than its file can hold");
    expect_refused(path, "rank", "more than 4 dimensions");
}

TEST("store: foreign files", "types other than the five numbers, and other filters, are refused")
{
    const char *path = path_of("types.h5");
    hid_t file = new_file(path), text = H5Tcopy(H5T_C_S1), sum = H5Pcreate(H5P_DATASET_CREATE);
    H5Tset_size(text, H5T_VARIABLE);
    add_dataset(file, "texts", text, 1, (hsize_t[]){ 2 }, H5P_DEFAULT);
    add_dataset(file, "big-endian", H5T_STD_I32BE, 1, (hsize_t[]){ 2 }, H5P_DEFAULT);
    H5Pset_chunk(sum, 1, (hsize_t[]){ 2 });
    H5Pset_fletcher32(sum);
    add_dataset(file, "summed", H5T_STD_U8LE, 1, (hsize_t[]){ 2 }, sum);
    EXPECT(H5Gclose(H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) >= 0);
    H5Pclose(sum);
    H5Tclose(text);
    H5Fclose(file);
    expect_refused(path, "texts", "of a type that is not allowed");
    expect_refused(path, "big-endian", "of a type that is not allowed");
    expect_refused(path, "summed", "not allowed");
    expect_refused(path, "group", "no dataset 'group'");
}
