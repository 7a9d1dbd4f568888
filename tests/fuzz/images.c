/* Files of images. Input: 'c' and patches of CIFAR-10's binary files (four bytes where, one byte
 * what), which have one length only; or the bytes of a file of embedded images. */
#include "../../src/data/data.h"
#include "fuzz.h"

#include <hdf5.h>

#include <fcntl.h>
#include <unistd.h>

enum { FILE_SIZE = 30730000, PATCH = 5 };

/* Holes are zeros: images of class 0. */
static void make_files(void)
{
    char path[128], link[128];
    snprintf(path, sizeof path, "%s/data_batch_1.bin", fuzz_folder());
    if (access(path, F_OK) == 0) return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, FILE_SIZE) != 0) abort();
    close(file);
    for (int i = 2; i <= 6; i++) {
        snprintf(link, sizeof link, i < 6 ? "%s/data_batch_%d.bin" : "%s/test_batch.bin",
                 fuzz_folder(), i);
        if (symlink(path, link) != 0) abort();
    }
}

static void read_batches(const uint8_t *data, size_t size)
{
    gf_images train = { 0 }, test = { 0 };
    char path[128];
    make_files();
    snprintf(path, sizeof path, "%s/data_batch_1.bin", fuzz_folder());
    int file = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
    if (file < 0 || ftruncate(file, FILE_SIZE) != 0) abort();
    for (; size >= PATCH; data += PATCH, size -= PATCH) {
        uint32_t at;
        memcpy(&at, data, sizeof at);
        if (pwrite(file, data + 4, 1, at % (FILE_SIZE + 1)) != 1) abort();
    }
    close(file);
    if (gf_cifar_load(&train, &test, fuzz_folder()) == GF_OK)
        for (int i = 0; i < train.count; i++) FUZZ_REQUIRE(train.labels[i] < GF_CLASSES);
    gf_images_release(&train);
    gf_images_release(&test);
}

static void read_sample(const uint8_t *data, size_t size)
{
    gf_images train = { 0 }, test = { 0 };
    if (gf_sample_load(&train, &test, fuzz_file("sample.h5", data, size)) == GF_OK)
        for (int i = 0; i < train.count; i++) FUZZ_REQUIRE(train.labels[i] < GF_CLASSES);
    gf_images_release(&train);
    gf_images_release(&test);
}

const int fuzz_short = 300;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'c' && size < 64)
        read_batches(data + 1, size - 1);
    else
        read_sample(data, size);
    return 0;
}

/* A file like the embedded one, of four images a split. */
static void add_sample(fuzz_corpus *corpus)
{
    static const char *const names[] = { "train_images", "train_labels", "test_images",
                                         "test_labels" };
    const hsize_t dims[4] = { 4, GF_IMAGE_SIDE, GF_IMAGE_SIDE, GF_IMAGE_CHANNELS };
    static unsigned char pixels[4 * GF_IMAGE_SIZE];
    char path[128];
    snprintf(path, sizeof path, "%s/real.h5", fuzz_folder());
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < 4; i++) {
        hid_t space = H5Screate_simple(i % 2 ? 1 : 4, dims, NULL);
        hid_t list = H5Pcreate(H5P_DATASET_CREATE);
        if (i % 2 == 0 && (H5Pset_chunk(list, 4, dims) < 0 || H5Pset_deflate(list, 1) < 0)) abort();
        hid_t set = H5Dcreate2(file, names[i], H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
        if (H5Dwrite(set, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels) < 0) abort();
        H5Dclose(set);
        H5Pclose(list);
        H5Sclose(space);
    }
    H5Fclose(file);
    fuzz_add_file(corpus, path);
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    fuzz_add(corpus, "c", 1);
    fuzz_add(corpus, "c\x01\x02\x03\x00\x09", 6);
    fuzz_add(corpus, "c\x01\x0c\x00\x00\x0b", 6);
    add_sample(corpus);
}
