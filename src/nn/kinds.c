/* Looking kinds up by name in the generated registry, and what many kinds share. */
#include <gridfront/nn.h>

#include <string.h>

size_t gf_shape_count(gf_shape shape)
{
    return (size_t)shape.height * (size_t)shape.width * (size_t)shape.channels;
}

const gf_layer_kind *gf_layer_kind_find(const char *name)
{
    for (const gf_layer_kind *const *kind = gf_layer_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

const gf_view_kind *gf_view_kind_find(const char *name)
{
    for (const gf_view_kind *const *kind = gf_view_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

bool gf_role_is_learned(gf_role role)
{
    return role != GF_ROLE_MEAN && role != GF_ROLE_VARIANCE && role != GF_ROLE_STATE;
}

gf_status gf_layer_same_shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)inputs;
    (void)attributes;
    *out = *in;
    return GF_OK;
}

double gf_layer_full_bits(const void *attributes)
{
    (void)attributes;
    return 32;
}
