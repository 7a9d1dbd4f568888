/* A chain of augmentations, read once from options and applied image by image, then to whole
 * batches. Each draws its numbers from its own range, so that adding one does not change the
 * others. */
#include "data.h"

#include "augment.h"

#include <stdlib.h>
#include <string.h>

enum { CHAIN_MOST = 16, ELEMENTS = 64 };

typedef struct link {
    const gf_augment_kind *kind;
    void *options; /* owned */
} link;

struct gf_augment_chain {
    link links[CHAIN_MOST];
    int count;
};

static const gf_augment_kind *find_kind(const char *name)
{
    for (const gf_augment_kind *const *kind = gf_augment_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

static gf_status add_link(gf_augment_chain *chain, const char *name, const gf_options *options,
                          const char *prefix)
{
    gf_status status;
    const gf_augment_kind *kind = find_kind(name);
    if (!kind) return gf_fail(GF_INVALID, "no augmentation is called '%s'", name);
    if (chain->count == CHAIN_MOST)
        return gf_fail(GF_INVALID, "more than %d augmentations", CHAIN_MOST);
    if (kind->apply && chain->count && chain->links[chain->count - 1].kind->mix)
        return gf_fail(GF_INVALID,
                       "augment: %s works on single images and must stand before %s, which mixes "
                       "whole batches",
                       name, chain->links[chain->count - 1].kind->schema.name);
    link *added = &chain->links[chain->count++];
    added->kind = kind;
    GF_TRY_ALLOC(added->options = gf_alloc(1, kind->options_size));
    GF_TRY(gf_fields_read(added->options, kind->schema.fields, options, prefix));
    if (kind->check) GF_TRY(kind->check(added->options));
out:
    return status;
}

gf_status gf_augment_chain_create(gf_augment_chain **chain, const gf_options *options,
                                  const char *prefix)
{
    gf_status status = GF_OK;
    gf_augment_chain *made = calloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    for (int i = 0;; i++) {
        char key[96], inner[112];
        snprintf(key, sizeof key, "%saugment.%d", prefix, i);
        snprintf(inner, sizeof inner, "%s.", key);
        const char *name = gf_options_get(options, key);
        if (!name) break;
        GF_TRY(add_link(made, name, options, inner));
    }
    *chain = made;
    made = NULL;
out:
    gf_augment_chain_destroy(made);
    return status;
}

void gf_augment_chain_destroy(gf_augment_chain *chain)
{
    if (!chain) return;
    for (int i = 0; i < chain->count; i++) free(chain->links[i].options);
    free(chain);
}

void gf_augment_chain_apply(const gf_augment_chain *chain, gf_augment_call *call)
{
    for (int i = 0; i < chain->count && chain->links[i].kind->apply; i++) {
        call->element = (uint32_t)(i * ELEMENTS);
        chain->links[i].kind->apply(call, chain->links[i].options);
    }
}

void gf_data_mix(const gf_mix_call *call, const gf_augment_chain *chain)
{
    for (int i = 0; chain && i < chain->count; i++) {
        gf_mix_call own = *call;
        own.index = call->index * CHAIN_MOST + (uint32_t)i;
        if (chain->links[i].kind->mix) chain->links[i].kind->mix(&own, chain->links[i].options);
    }
}
