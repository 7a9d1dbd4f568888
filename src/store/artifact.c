/* Artifacts and checkpoints: one HDF5 file each, there whole or not there.
 *
 * A file starts with 512 bytes of plain text (HDF5 calls it a user block) that give the length and
 * the XXH3-128 of all bytes after them, so that damage is found before HDF5 reads a byte; a file is
 * read in a process of its own. Then /graph and /facts, one text each, and /tensors/<name> in the
 * order of the list. Identity is the hash of these contents; HDF5's bytes are the same as well with
 * the same HDF5 and zlib. */
#include "h5.h"
#include "parcel.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT  "gridfront artifact"
#define VERSION "1"
enum { USER_BLOCK = 512 };
#define FILE_LARGEST ((size_t)64 << 30)

void gf_artifact_release(gf_artifact *artifact)
{
    free(artifact->graph);
    gf_options_destroy(artifact->facts);
    gf_tensors_release(&artifact->tensors);
    *artifact = (gf_artifact){ 0 };
}

static const char *graph_of(const gf_artifact *artifact)
{
    return artifact->graph ? artifact->graph : "";
}

static char *facts_of(const gf_artifact *artifact)
{
    return artifact->facts ? gf_options_text(artifact->facts) : gf_strdup("");
}

/* ---- identity ---- */

static void append_tensor(gf_text *text, const gf_tensor *tensor)
{
    size_t bytes = (size_t)gf_tensor_count(tensor) * gf_dtype_size(tensor->dtype);
    gf_text_append(text, "tensor %s %d", tensor->name, (int)tensor->dtype);
    for (int i = 0; i < tensor->rank; i++)
        gf_text_append(text, " %lld", (long long)tensor->dims[i]);
    gf_text_append(text, " %s\n", gf_hash(tensor->data, bytes).hex);
}

/* Hash of a list of digests, one line a part. Out of memory gives the empty key, equal to none. */
gf_key gf_artifact_hash(const gf_artifact *artifact)
{
    gf_key key = { "" };
    gf_text text = { 0 };
    const char *graph = graph_of(artifact);
    char *facts = facts_of(artifact);
    if (!facts) return key;
    gf_text_append(&text, "graph %s\n", gf_hash(graph, strlen(graph)).hex);
    gf_text_append(&text, "facts %s\n", gf_hash(facts, strlen(facts)).hex);
    for (int i = 0; i < artifact->tensors.count; i++)
        append_tensor(&text, &artifact->tensors.items[i]);
    if (!text.failed) key = gf_hash(text.data, text.size);
    gf_text_release(&text);
    free(facts);
    return key;
}

/* ---- save ---- */

static gf_status write_tensors(const gf_h5_file *file, const gf_tensors *tensors)
{
    gf_status status;
    hid_t group = -1;
    GF_TRY(gf_h5_group_create(&group, file, "tensors"));
    for (int i = 0; i < tensors->count; i++)
        GF_TRY(gf_h5_tensor_write(file, group, &tensors->items[i]));
out:
    if (group >= 0) H5Gclose(group);
    return status;
}

static gf_status write_contents(const gf_h5_file *file, const gf_artifact *artifact)
{
    gf_status status;
    char *facts = facts_of(artifact);
    GF_TRY_ALLOC(facts);
    GF_TRY(gf_h5_format_set(file, FORMAT, VERSION));
    GF_TRY(gf_h5_attribute_set(file, file->id, "contents", gf_artifact_hash(artifact).hex));
    GF_TRY(gf_h5_text_write(file, file->id, "graph", graph_of(artifact)));
    GF_TRY(gf_h5_text_write(file, file->id, "facts", facts));
    GF_TRY(write_tensors(file, &artifact->tensors));
out:
    free(facts);
    return status;
}

gf_status gf_artifact_save_as(const char *path, const char *stem, const gf_artifact *artifact)
{
    gf_status status;
    gf_h5_file file = GF_H5_CLOSED;
    gf_h5_image image = { 0 };
    GF_TRY(gf_h5_create(&file, &image, path, 1, USER_BLOCK));
    GF_TRY(write_contents(&file, artifact));
    GF_TRY(gf_h5_finish(&file));
    gf_h5_head(image.data, USER_BLOCK, FORMAT, VERSION, image.size - USER_BLOCK,
               image.data + USER_BLOCK);
    GF_TRY(gf_file_write_as(path, stem, image.data, image.size));
out:
    gf_h5_close(&file);
    gf_h5_image_release(&image);
    return status;
}

gf_status gf_artifact_save(const char *path, const gf_artifact *artifact)
{
    return gf_artifact_save_as(path, path, artifact);
}

/* ---- load ---- */

/* Before HDF5 sees the file. */
gf_status gf_artifact_check(const char *path)
{
    gf_status status;
    char *data = NULL, head[USER_BLOCK];
    size_t size = 0;
    GF_TRY(gf_file_read(&data, &size, path, FILE_LARGEST));
    if (size < USER_BLOCK || strncmp(data, FORMAT " ", sizeof FORMAT)) {
        status = gf_fail(GF_CORRUPT, "%s: %zu bytes, not a gridfront artifact", path, size);
        goto out;
    }
    gf_h5_head(head, USER_BLOCK, FORMAT, VERSION, size - USER_BLOCK, data + USER_BLOCK);
    if (memcmp(data, head, USER_BLOCK))
        status = gf_fail(GF_CORRUPT,
                         "%s: its length or digest is not what its head records, or "
                         "it is of another version (found %zu bytes)",
                         path, size);
out:
    free(data);
    return status;
}

static gf_status read_tensor_at(gf_tensors *tensors, const gf_h5_file *file, hid_t group,
                                hsize_t index)
{
    char name[GF_TENSOR_NAME];
    ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, index, name,
                                        sizeof name, H5P_DEFAULT);
    if (length <= 0 || (size_t)length >= sizeof name)
        return gf_h5_fail(GF_CORRUPT, file, "a tensor's name is missing or too long in", "tensors");
    return gf_h5_tensor_read(tensors, file, group, name, GF_H5_DIGEST_NEEDED);
}

static gf_status read_tensors(gf_tensors *tensors, const gf_h5_file *file)
{
    gf_status status;
    hid_t group = -1;
    H5G_info_t about;
    GF_TRY(gf_h5_group_open(&group, file, "tensors"));
    if (H5Gget_info(group, &about) < 0) {
        status = gf_h5_fail(GF_CORRUPT, file, "cannot list the group", "tensors");
        goto out;
    }
    for (hsize_t i = 0; i < about.nlinks; i++) GF_TRY(read_tensor_at(tensors, file, group, i));
out:
    if (group >= 0) H5Gclose(group);
    return status;
}

static gf_status read_contents(gf_artifact *artifact, const gf_h5_file *file)
{
    gf_status status;
    char *facts = NULL, recorded[33];
    GF_TRY(gf_h5_format_check(file, FORMAT, VERSION));
    GF_TRY(gf_h5_text_read(&artifact->graph, file, file->id, "graph"));
    GF_TRY(gf_h5_text_read(&facts, file, file->id, "facts"));
    if (gf_options_parse(&artifact->facts, facts) != GF_OK) {
        status = gf_fail(GF_CORRUPT, "%s: /facts is not a list of options", file->path);
        goto out;
    }
    GF_TRY(read_tensors(&artifact->tensors, file));
    GF_TRY(gf_h5_attribute_get(recorded, sizeof recorded, file, file->id, "contents"));
    gf_key found = gf_artifact_hash(artifact);
    if (strcmp(found.hex, recorded))
        status = gf_fail(GF_CORRUPT, "%s: contents hash to %s, recorded was %s", file->path,
                         found.hex, recorded);
out:
    free(facts);
    return status;
}

/* ---- from the reader's process to ours ---- */

gf_status gf_artifact_put(gf_parcel_out *parcel, const gf_artifact *artifact)
{
    gf_status status = GF_OK;
    char *facts = facts_of(artifact);
    GF_TRY_ALLOC(facts);
    gf_parcel_put_text(parcel, artifact->graph);
    gf_parcel_put_text(parcel, facts);
    gf_parcel_put_number(parcel, (uint64_t)artifact->tensors.count);
    for (int i = 0; i < artifact->tensors.count; i++)
        gf_parcel_put_tensor(parcel, &artifact->tensors.items[i]);
out:
    free(facts);
    return status;
}

gf_status gf_artifact_take(gf_artifact *artifact, gf_parcel *parcel)
{
    gf_status status;
    GF_TRY_ALLOC(artifact->graph = gf_strdup(gf_parcel_text(parcel)));
    GF_TRY(gf_options_parse(&artifact->facts, gf_parcel_text(parcel)));
    uint64_t count = gf_parcel_number(parcel, INT32_MAX);
    for (uint64_t i = 0; i < count && !parcel->bad; i++)
        GF_TRY(gf_parcel_tensor(&artifact->tensors, parcel));
out:
    return status;
}

typedef struct loading {
    const char *path;
    gf_artifact *artifact;
} loading;

static gf_status take_artifact(gf_parcel *parcel, void *context)
{
    return gf_artifact_take(((loading *)context)->artifact, parcel);
}

static gf_status read_artifact(gf_parcel_out *parcel, void *context)
{
    gf_status status;
    const char *path = ((const loading *)context)->path;
    gf_h5_file file = GF_H5_CLOSED;
    gf_artifact artifact = { 0 };
    GF_TRY(gf_artifact_check(path));
    GF_TRY(gf_h5_open(&file, path));
    GF_TRY(read_contents(&artifact, &file));
    GF_TRY(gf_artifact_put(parcel, &artifact));
out:
    gf_h5_close(&file);
    gf_artifact_release(&artifact);
    return status;
}

gf_status gf_artifact_load(gf_artifact *artifact, const char *path)
{
    gf_status status;
    gf_artifact loaded = { 0 };
    loading it = { path, &loaded };
    GF_TRY(gf_read_apart(path, read_artifact, take_artifact, &it));
    *artifact = loaded;
    loaded = (gf_artifact){ 0 };
out:
    gf_artifact_release(&loaded);
    return status;
}
