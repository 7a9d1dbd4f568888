/* The chain of stages of one point: stage lists flattened along the choices taken. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static gf_status add_link(sweep *load, chain *out, const node *element, bool branch,
                          const uint64_t *point)
{
    gf_status status = GF_OK;
    const gf_schema *schema = NULL;
    const node *body = stage_body(load, element, &schema), *id = node_member(element, "id");
    if (!body) return gf_fail(GF_INTERNAL, "line %d: a group without a stage", element->at.line);
    if (out->count == out->capacity) {
        int capacity = out->capacity ? 2 * out->capacity : 8;
        stage_link *links = realloc(out->links, (size_t)capacity * sizeof *links);
        GF_TRY_ALLOC(links);
        out->links = links;
        out->capacity = capacity;
    }
    stage_link *made = &out->links[out->count];
    *made = (stage_link){ .schema = schema,
                          .element = element,
                          .body = body,
                          .id = id ? id->text : NULL,
                          .branch = branch };
    GF_TRY(resolve_group(load, &made->options, schema, body, point));
    out->count++;
out:
    return status;
}

static gf_status add_links(sweep *load, chain *out, const node *at, bool branch,
                           const uint64_t *point)
{
    gf_status status = GF_OK;
    picked here;
    pick(&here, at, point);
    branch |= at->axis != NULL;
    if (here.kind == NODE_GROUP) return add_link(load, out, here.node, branch, point);
    for (int i = 0; i < here.node->count; i++)
        GF_TRY(add_links(load, out, here.node->items[i], branch, point));
out:
    return status;
}

gf_status resolve_chain(sweep *load, chain *out, const chain_source *from, const uint64_t *point)
{
    gf_status status = GF_OK;
    out->count = 0;
    GF_TRY(resolve_group(load, &out->data, load->schema->data, from->data, point));
    GF_TRY(resolve_group(load, &out->model, load->schema->model, from->model, point));
    GF_TRY(add_links(load, out, from->stages, false, point));
out:
    return status;
}

void chain_release(chain *links)
{
    free(links->links);
    *links = (chain){ 0 };
}
