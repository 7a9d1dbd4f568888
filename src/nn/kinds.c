/* Looking kinds up by name in the generated registry. */
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

double gf_layer_full_bits(const void *attributes)
{
    (void)attributes;
    return 32;
}
