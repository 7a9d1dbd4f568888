/* The packed network: everything that inference needs and nothing else.
 *
 *   packed := "GFPK", version u32, directory u32 (bytes), deflated u32 (bytes),
 *             the deflated directory, one record per tensor (encode.h), CRC-32 of all before it
 *   directory := graph text of nn, a NUL, then a line "name rank dims..." per tensor
 *
 * BN is folded on a copy first; the views are made permanent, so that what is stored is what the
 * forward pass uses. Its size is the `bytes` of every table. */
#include <gridfront/deploy.h>

#include <gridfront/method.h>

#include "encode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAGIC          "GFPK"
#define VERSION        1u
#define DIRECTORY_MOST (16u << 20)

static void append_u32(gf_text *out, uint32_t value)
{
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (unsigned char)(value >> (8 * i));
    gf_text_append_bytes(out, (const char *)bytes, sizeof bytes);
}

static uint32_t take_u32(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* ---- packing ---- */

static void append_directory(gf_text *out, const gf_artifact *artifact)
{
    gf_text_append_bytes(out, artifact->graph, strlen(artifact->graph) + 1);
    for (int i = 0; i < artifact->tensors.count; i++) {
        const gf_tensor *tensor = &artifact->tensors.items[i];
        gf_text_append(out, "%s %d", tensor->name, tensor->rank);
        for (int d = 0; d < tensor->rank; d++) gf_text_append(out, " %" PRId64, tensor->dims[d]);
        gf_text_append(out, "\n");
    }
}

static gf_status append_deflated(gf_text *out, const gf_text *directory)
{
    gf_status status;
    unsigned char *deflated = NULL;
    uLongf size = compressBound((uLong)directory->size);
    GF_TRY(gf_text_check(directory));
    GF_TRY_ALLOC(deflated = malloc(size));
    if (compress2(deflated, &size, (const Bytef *)directory->data, (uLong)directory->size, 9) !=
        Z_OK) {
        status = gf_fail(GF_INTERNAL, "zlib refused %zu bytes", directory->size);
        goto out;
    }
    append_u32(out, (uint32_t)directory->size);
    append_u32(out, (uint32_t)size);
    gf_text_append_bytes(out, (const char *)deflated, size);
    status = gf_text_check(out);
out:
    free(deflated);
    return status;
}

/* folded: still has its views, which know the codes; artifact: the same with the views applied. */
static gf_status append_tensors(gf_text *out, const gf_artifact *artifact, const gf_net *folded)
{
    gf_status status = GF_OK;
    for (int i = 0; i < artifact->tensors.count; i++) {
        const gf_tensor *tensor = &artifact->tensors.items[i];
        gf_code code = { 0 };
        int param = gf_net_find_param(folded, tensor->name);
        if (tensor->dtype != GF_F32)
            return gf_fail(GF_UNSUPPORTED, "%s: only float32 tensors can be packed", tensor->name);
        if (param >= 0) gf_param_code(&folded->params[param], &code);
        GF_TRY(gf_tensor_encode(out, tensor->data, (size_t)gf_tensor_count(tensor), &code));
    }
out:
    return status;
}

static gf_status bake_all(gf_net *net, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    for (int i = 0; i < net->param_count; i++) GF_TRY(gf_param_bake(&net->params[i], kernels));
out:
    return status;
}

gf_status gf_pack(unsigned char **bytes, size_t *size, const gf_net *net, const gf_kernels *kernels)
{
    gf_status status;
    gf_net *folded = NULL, *baked = NULL;
    gf_artifact artifact = { 0 };
    gf_text out = { 0 }, directory = { 0 };
    GF_TRY(gf_net_copy(&folded, net));
    GF_TRY(gf_net_fold_bn(folded, kernels));
    GF_TRY(gf_net_copy(&baked, folded));
    GF_TRY(bake_all(baked, kernels));
    GF_TRY(gf_net_save(baked, &artifact));
    append_directory(&directory, &artifact);
    gf_text_append_bytes(&out, MAGIC, 4);
    append_u32(&out, VERSION);
    GF_TRY(append_deflated(&out, &directory));
    GF_TRY(append_tensors(&out, &artifact, folded));
    append_u32(&out, gf_crc32(out.data, out.size));
    GF_TRY(gf_text_check(&out));
    *size = out.size;
    *bytes = (unsigned char *)gf_text_take(&out);
out:
    gf_text_release(&out);
    gf_text_release(&directory);
    gf_artifact_release(&artifact);
    gf_net_destroy(baked);
    gf_net_destroy(folded);
    return status;
}

/* ---- unpacking ---- */

static gf_status inflate_directory(char **directory, size_t *directory_size, size_t *records,
                                   const unsigned char *bytes, size_t size)
{
    gf_status status = GF_OK;
    char *text = NULL;
    if (size < 20 || memcmp(bytes, MAGIC, 4) != 0 || take_u32(bytes + 4) != VERSION)
        return gf_fail(GF_CORRUPT, "not a packed network of version %u", VERSION);
    if (take_u32(bytes + size - 4) != gf_crc32(bytes, size - 4))
        return gf_fail(GF_CORRUPT, "packed network: its checksum does not fit");
    uLongf raw = take_u32(bytes + 8);
    uint32_t deflated = take_u32(bytes + 12);
    if (raw > DIRECTORY_MOST || deflated > size - 20)
        return gf_fail(GF_CORRUPT, "packed network: its directory is too large");
    GF_TRY_ALLOC(text = malloc(raw + 1));
    if (uncompress((Bytef *)text, &raw, bytes + 16, deflated) != Z_OK ||
        raw != take_u32(bytes + 8)) {
        status = gf_fail(GF_CORRUPT, "packed network: its directory cannot be inflated");
        goto out;
    }
    text[raw] = '\0';
    *directory = text;
    *directory_size = raw;
    *records = 16 + deflated;
    text = NULL;
out:
    free(text);
    return status;
}

/* "name rank d0 d1": an empty tensor of that shape. */
static gf_status parse_tensor(gf_tensors *tensors, const char *line, gf_tensor **added)
{
    char name[GF_TENSOR_NAME];
    int rank, used;
    int64_t dims[GF_TENSOR_RANK] = { 0 }, count = 1;
    if (sscanf(line, "%95s %d%n", name, &rank, &used) != 2 || rank < 0 || rank > GF_TENSOR_RANK)
        return gf_fail(GF_CORRUPT, "packed network: '%.60s' names no tensor", line);
    for (int d = 0; d < rank; d++) {
        int more;
        line += used;
        if (sscanf(line, "%" SCNd64 "%n", &dims[d], &more) != 1 || dims[d] < 0 ||
            __builtin_mul_overflow(count, dims[d], &count) || count > UINT32_MAX / 4)
            return gf_fail(GF_CORRUPT, "packed network: %s has no sensible shape", name);
        used = more;
    }
    return gf_tensors_add(tensors, added, name, GF_F32, rank, dims, NULL);
}

static gf_status decode_tensors(gf_tensors *tensors, char *lines, const unsigned char *bytes,
                                size_t size, size_t at)
{
    gf_status status = GF_OK;
    while (lines && *lines) {
        char *line = strsep(&lines, "\n");
        gf_tensor *tensor = NULL;
        GF_TRY(parse_tensor(tensors, line, &tensor));
        GF_TRY(gf_tensor_decode(tensor->data, (size_t)gf_tensor_count(tensor), bytes, size, &at));
    }
    if (at != size) status = gf_fail(GF_CORRUPT, "packed network: %zu bytes too many", size - at);
out:
    return status;
}

gf_status gf_unpack(gf_net **net, const unsigned char *bytes, size_t size,
                    const gf_kernels *kernels)
{
    gf_status status;
    char *directory = NULL;
    size_t directory_size = 0, records = 0;
    gf_artifact artifact = { 0 };
    (void)kernels;
    GF_TRY(inflate_directory(&directory, &directory_size, &records, bytes, size));
    GF_TRY_ALLOC(artifact.graph = gf_strdup(directory));
    size_t graph_size = strlen(directory);
    if (graph_size >= directory_size) {
        status = gf_fail(GF_CORRUPT, "packed network: its directory ends early");
        goto out;
    }
    GF_TRY(decode_tensors(&artifact.tensors, directory + graph_size + 1, bytes, size - 4, records));
    GF_TRY(gf_net_load(net, &artifact));
out:
    gf_artifact_release(&artifact);
    free(directory);
    return status;
}
