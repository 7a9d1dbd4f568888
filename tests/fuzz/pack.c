/* Packed networks. The checksum is put right first, as an attacker would; inputs that begin with
 * '{' are directories (graph text, NUL, lines of tensors) which are deflated here, so that what
 * lies behind zlib is reached: "{", u32 size of the directory, the directory, the records. */
#include "nets.h"

#include <gridfront/deploy.h>

#include <zlib.h>

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void unpack(uint8_t *bytes, size_t size)
{
    gf_net *net = NULL;
    if (size >= 8) put_u32(bytes + size - 4, gf_crc32(bytes, size - 4));
    if (gf_unpack(&net, bytes, size, NULL) == GF_OK) fuzz_use_net(net);
    gf_net_destroy(net);
}

static void pack_parts(const uint8_t *data, size_t size)
{
    size_t directory = get_u32(data + 1), rest = size - 5;
    if (directory > rest) directory = rest;
    uLongf deflated = compressBound((uLong)directory);
    uint8_t *bytes = malloc(16 + deflated + rest - directory + 4);
    if (!bytes || compress2(bytes + 16, &deflated, data + 5, (uLong)directory, 1) != Z_OK) abort();
    memcpy(bytes, "GFPK\1\0\0\0", 8);
    put_u32(bytes + 8, (uint32_t)directory);
    put_u32(bytes + 12, (uint32_t)deflated);
    memcpy(bytes + 16 + deflated, data + 5 + directory, rest - directory);
    unpack(bytes, 16 + deflated + rest - directory + 4);
    free(bytes);
}

const int fuzz_short = 2000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 5 && data[0] == '{') {
        pack_parts(data, size);
        return 0;
    }
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    unpack(copy, size);
    free(copy);
    return 0;
}

static void add_net(fuzz_corpus *corpus, gf_net *net)
{
    const gf_kernels *kernels;
    unsigned char *bytes = NULL;
    size_t size = 0;
    if (gf_kernels_find(&kernels, "ref") != GF_OK) abort();
    if (gf_pack(&bytes, &size, net, kernels) != GF_OK) return;
    uLongf directory = get_u32(bytes + 8);
    size_t deflated = get_u32(bytes + 12), records = size - 20 - deflated;
    uint8_t *parts = malloc(5 + directory + records);
    if (!parts || uncompress(parts + 5, &directory, bytes + 16, (uLong)deflated) != Z_OK) abort();
    parts[0] = '{';
    put_u32(parts + 1, (uint32_t)directory);
    memcpy(parts + 5 + directory, bytes + 16 + deflated, records);
    fuzz_add(corpus, parts, 5 + directory + records);
    if (corpus->count < 4) fuzz_add(corpus, bytes, size);
    free(parts);
    free(bytes);
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    fuzz_each_net(corpus, add_net);
}
