/* From options to a network. */
#include <gridfront/nn.h>

#include <stdlib.h>
#include <string.h>

static const gf_model_kind *find_model(const char *name)
{
    for (const gf_model_kind *const *kind = gf_model_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

gf_status gf_model_build(gf_net **net, const gf_options *options, const char *prefix,
                         gf_shape input, int classes)
{
    gf_status status;
    char key[64];
    void *record = NULL;
    snprintf(key, sizeof key, "%sarch", prefix);
    const char *name = gf_options_get(options, key);
    const gf_model_kind *kind = name ? find_model(name) : NULL;
    if (!kind) return gf_fail(GF_INVALID, "%s = \"%s\": no such model", key, name ? name : "");
    GF_TRY_ALLOC(record = gf_alloc(1, kind->options_size));
    GF_TRY(gf_fields_read(record, kind->schema.fields, options, prefix));
    GF_TRY(kind->build(net, record, input, classes));
out:
    free(record);
    return status;
}
