/* Asks the schema whether every chain may stand, teachers' chains included, and that every teacher
 * named is there when its stage begins. A reason is reported once, with the line of its stage. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool has_earlier_id(const chain *links, int before, const char *name, size_t size)
{
    for (int i = 0; i < before; i++) {
        const char *id = links->links[i].id;
        if (id && strlen(id) == size && memcmp(id, name, size) == 0) return true;
    }
    return false;
}

static void check_link_teachers(sweep *load, const chain *links, int index)
{
    const stage_link *link = &links->links[index];
    const char *name, *list = gf_options_get(link->options->options, "teacher");
    size_t size = 0;
    for (; list && (list += teacher_names(list, &name, &size), size);) {
        bool parent = size == 6 && memcmp(name, "parent", 6) == 0;
        if (parent && index == 0)
            mistakes_add(&load->wrong, link->body->at,
                         "%s: teacher \"parent\" needs a stage before it", link->schema->name);
        else if (!parent && !teacher_find(load, name, size) &&
                 !has_earlier_id(links, index, name, size))
            mistakes_add(&load->wrong, link->body->at,
                         "%s: teacher \"%.*s\" is no stage before it in this chain",
                         link->schema->name, (int)size, name);
    }
}

/* Looking at a model may mean building it: the schema is asked once for each. */
static gf_status is_new_model(table *seen, const resolved *model, bool *fresh)
{
    size_t cursor = 0;
    uint64_t hash = table_hash(&model, sizeof model);
    *fresh = table_next(seen, hash, &cursor) < 0;
    return *fresh ? table_add(seen, hash, 0) : GF_OK;
}

/* A reason may name what it is about or not. */
static void report_reason(sweep *load, const chain_source *from, const chain *links, int at)
{
    const char *reason = gf_error_message();
    const stage_link *link = &links->links[at < 0 || at >= links->count ? 0 : at];
    const node *group = at == GF_AT_DATA ? from->data : at < 0 ? from->model : link->body;
    const char *name = at == GF_AT_DATA ? "data" : at < 0 ? "model" : link->schema->name;
    size_t size = strlen(name);
    bool named = strncmp(reason, name, size) == 0 && (reason[size] == ':' || reason[size] == '.');
    mistakes_add(&load->wrong, group ? group->at : from->at, "%s%s%s", named ? "" : name,
                 named ? "" : ": ", reason);
}

static gf_status ask_schema(sweep *load, const chain_source *from, const chain *links,
                            table *models)
{
    gf_status status = GF_OK;
    int at = 0;
    bool fresh = false;
    gf_stage_view *views = malloc((size_t)links->count * sizeof *views);
    GF_TRY_ALLOC(views);
    GF_TRY(is_new_model(models, links->model, &fresh));
    for (int i = 0; i < links->count; i++)
        views[i] = (gf_stage_view){ .kind = links->links[i].schema->name,
                                    .options = links->links[i].options->options };
    status = load->schema->check_chain(links->data->options, fresh ? links->model->options : NULL,
                                       views, links->count, false, &at);
    if (status == GF_OK || status == GF_NOMEM) goto out;
    report_reason(load, from, links, at);
    status = GF_OK;
out:
    free(views);
    return status;
}

static gf_status check_source(sweep *load, const chain_source *from, const uint64_t *point,
                              chain *links, table *models)
{
    gf_status status = GF_OK;
    GF_TRY(resolve_chain(load, links, from, point));
    if (links->count == 0) {
        mistakes_add(&load->wrong, from->stages->at, "stages: a point has no stage at all");
        return GF_OK;
    }
    for (int i = 0; i < links->count; i++) check_link_teachers(load, links, i);
    if (load->schema->check_chain) GF_TRY(ask_schema(load, from, links, models));
out:
    return status;
}

gf_status chains_check(sweep *load)
{
    gf_status status = GF_OK;
    chain links = { 0 };
    table models = { 0 };
    for (int i = 0; i < load->point_count; i++) {
        GF_TRY(check_source(load, &load->main, load->points[i], &links, &models));
        for (int k = 0; k < load->teacher_count; k++)
            GF_TRY(check_source(load, &load->teachers[k], load->points[i], &links, &models));
    }
out:
    chain_release(&links);
    table_release(&models);
    return status;
}
