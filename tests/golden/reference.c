/* Reading golden files, through zlib; strict, since a cut file must not look like a passing one. */
#include "reference.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static gf_status get(gzFile file, void *out, size_t size)
{
    bool good = size < INT32_MAX && gzread(file, out, (unsigned)size) == (int)size;
    return good ? GF_OK : gf_fail(GF_CORRUPT, "the golden file is cut off");
}

static gf_status get_options(reference *r, gzFile file)
{
    gf_status status;
    char magic[19], *text = NULL;
    uint32_t size;
    GF_TRY(get(file, magic, sizeof magic));
    if (memcmp(magic, "gridfront-golden 1\n", sizeof magic) != 0)
        return gf_fail(GF_CORRUPT, "%s is no golden file of version 1", r->path);
    GF_TRY(get(file, &size, sizeof size));
    if (size > 65536) return gf_fail(GF_CORRUPT, "%u bytes of options", size);
    GF_TRY_ALLOC(text = gf_alloc(size + 1, 1));
    GF_TRY(get(file, text, size));
    GF_TRY(gf_options_parse(&r->options, text));
out:
    free(text);
    return status;
}

static gf_status get_values(reference_tensor *tensor, gzFile file, unsigned bytes)
{
    gf_status status;
    unsigned char *raw = NULL;
    GF_TRY_ALLOC(raw = gf_alloc(tensor->count, bytes));
    GF_TRY_ALLOC(tensor->data = gf_alloc(tensor->count, sizeof *tensor->data));
    GF_TRY(get(file, raw, tensor->count * bytes));
    for (size_t i = 0; i < tensor->count; i++) {
        double wide;
        float narrow;
        memcpy(bytes == 8 ? (void *)&wide : (void *)&narrow, raw + i * bytes, bytes);
        tensor->data[i] = bytes == 8 ? (gf_real)wide : (gf_real)narrow;
    }
out:
    free(raw);
    return status;
}

static gf_status get_tensor(reference_tensor *tensor, gzFile file)
{
    gf_status status;
    unsigned char size, head[2]; /* bytes per value, rank */
    uint32_t dims[GF_TENSOR_RANK];
    GF_TRY(get(file, &size, 1));
    if (size >= sizeof tensor->name) return gf_fail(GF_CORRUPT, "a name of %d bytes", size);
    GF_TRY(get(file, tensor->name, size));
    GF_TRY(get(file, head, sizeof head));
    if ((head[0] != 4 && head[0] != 8) || head[1] > GF_TENSOR_RANK)
        return gf_fail(GF_CORRUPT, "%s: type %d, rank %d", tensor->name, head[0], head[1]);
    GF_TRY(get(file, dims, head[1] * sizeof *dims));
    tensor->count = 1;
    for (int d = 0; d < head[1]; d++) tensor->count *= dims[d];
    GF_TRY(get_values(tensor, file, head[0]));
out:
    return status;
}

gf_status reference_load(reference *r, const char *path)
{
    gf_status status;
    uint32_t count;
    *r = (reference){ .path = path };
    gzFile file = gzopen(path, "rb");
    if (!file) return gf_fail(GF_NOTFOUND, "%s cannot be opened", path);
    GF_TRY(get_options(r, file));
    GF_TRY(get(file, &count, sizeof count));
    if (count > 100000) {
        status = gf_fail(GF_CORRUPT, "%u tensors", count);
        goto out;
    }
    GF_TRY_ALLOC(r->tensors = gf_alloc(count, sizeof *r->tensors));
    while (r->count < (int)count) GF_TRY(get_tensor(&r->tensors[r->count++], file));
out:
    gzclose(file);
    return status;
}

void reference_release(reference *r)
{
    for (int i = 0; i < r->count; i++) free(r->tensors[i].data);
    free(r->tensors);
    gf_options_destroy(r->options);
    *r = (reference){ 0 };
}

const gf_real *reference_get(const reference *r, const char *kind, const char *name, size_t count)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s%s", kind, *name ? ":" : "", name);
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->tensors[i].name, full) == 0)
            return !count || r->tensors[i].count == count ? r->tensors[i].data : NULL;
    return NULL;
}

double reference_number(const reference *r, const char *key)
{
    const char *text = gf_options_get(r->options, key);
    return text ? strtod(text, NULL) : 0;
}

gf_status reference_net(gf_net **net, const reference *r)
{
    gf_status status;
    gf_net *made = NULL;
    int size = (int)reference_number(r, "size");
    GF_TRY(gf_model_build(&made, r->options, "", (gf_shape){ size, size, 3 }, 10));
    for (int i = 0; i < made->param_count; i++) {
        gf_param *param = &made->params[i];
        const gf_real *value = reference_get(r, "param", param->name, gf_param_count(param));
        if (!value) {
            status = gf_fail(GF_CORRUPT, "%s has no parameter %s", r->path, param->name);
            goto out;
        }
        memcpy(param->value, value, gf_param_count(param) * sizeof *value);
    }
    *net = made;
    made = NULL;
out:
    gf_net_destroy(made);
    return status;
}
