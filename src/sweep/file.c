/* A sweep file as a whole: which group is what, where axes may stand, teachers, conditions; then
 * every group against its schema. After this step without mistakes, any point resolves. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { TEACHERS = 64 };

/* An absent group is an empty one, so that what it lacks is reported like any other mistake. */
static gf_status find_group(node **found, sweep *load, const char *name)
{
    *found = node_member(load->root, name);
    if (*found) return GF_OK;
    node *made = gf_arena_alloc(load->arena, sizeof *made);
    if (!made) return gf_fail(GF_NOMEM, "out of memory");
    *made = (node){ .kind = NODE_GROUP, .name = name, .at = { .file = load->src.path } };
    *found = made;
    return GF_OK;
}

static bool has_axis(const node *at)
{
    bool found = node_is_axis(at);
    for (int i = 0; i < at->count && !found; i++) found = has_axis(at->items[i]);
    return found;
}

static void refuse_axes(sweep *load, const node *at, const char *where)
{
    if (node_is_axis(at))
        mistakes_add(&load->wrong, at->at, "%s: an axis cannot stand here", where);
    for (int i = 0; i < at->count; i++) refuse_axes(load, at->items[i], where);
}

static void read_teacher_seed(sweep *load, chain_source *made, const node *seed)
{
    made->has_seed = seed->kind == NODE_INT && seed->text[0] != '-';
    if (made->has_seed)
        made->seed = strtoull(seed->text, NULL, 10);
    else
        mistakes_add(&load->wrong, seed->at, "teachers.%s.seed takes a whole number in [0, inf)",
                     made->name);
}

static void read_teacher(sweep *load, chain_source *made, const node *at)
{
    *made = (chain_source){
        .name = at->name, .at = at->at, .data = load->main.data, .model = load->main.model
    };
    if (stage_schema(load, at->name) || strcmp(at->name, "parent") == 0 || !word_is_name(at->name))
        mistakes_add(&load->wrong, at->at, "teachers.%s: this name already means something else",
                     at->name);
    for (int i = 0; i < at->count && at->kind == NODE_GROUP; i++) {
        node *member = at->items[i];
        if (strcmp(member->name, "data") == 0)
            made->data = member;
        else if (strcmp(member->name, "model") == 0)
            made->model = member;
        else if (strcmp(member->name, "stages") == 0)
            made->stages = member;
        else if (strcmp(member->name, "seed") == 0)
            read_teacher_seed(load, made, member);
        else if (member->name[0] != '*')
            mistakes_add(&load->wrong, member->at,
                         "teachers.%s.%s: no such key; a teacher has data, model, stages and seed",
                         at->name, member->name);
    }
    if (!made->stages)
        mistakes_add(&load->wrong, at->at, "teachers.%s takes a group with stages = ( ... )",
                     at->name);
}

static gf_status read_teachers(sweep *load)
{
    gf_status status = GF_OK;
    const node *at = node_member(load->root, "teachers");
    if (!at) return GF_OK;
    if (at->kind != NODE_GROUP || at->count > TEACHERS) {
        mistakes_add(&load->wrong, at->at, "teachers takes a group of at most %d teachers",
                     TEACHERS);
        return GF_OK;
    }
    GF_TRY_ALLOC(load->teachers =
                     gf_arena_alloc(load->arena, (size_t)(at->count + 1) * sizeof *load->teachers));
    for (int i = 0; i < at->count; i++)
        if (at->items[i]->name[0] != '*')
            read_teacher(load, &load->teachers[load->teacher_count++], at->items[i]);
out:
    return status;
}

static gf_status find_axes(sweep *load)
{
    gf_status status = GF_OK;
    for (int i = 0; i < load->root->count; i++) {
        const node *member = load->root->items[i];
        bool varied = strcmp(member->name, "data") == 0 || strcmp(member->name, "model") == 0 ||
                      strcmp(member->name, "stages") == 0 || strcmp(member->name, "teachers") == 0;
        if (!varied) refuse_axes(load, member, member->name);
    }
    /* In the order in which points are listed: data, model, stages, teachers. */
    GF_TRY(axes_find(&load->axes, &load->wrong, load->arena, load->main.data));
    GF_TRY(axes_find(&load->axes, &load->wrong, load->arena, load->main.model));
    if (load->main.stages)
        GF_TRY(axes_find(&load->axes, &load->wrong, load->arena, load->main.stages));
    node *teachers = node_member(load->root, "teachers");
    if (teachers) GF_TRY(axes_find(&load->axes, &load->wrong, load->arena, teachers));
    GF_TRY(axes_number(&load->axes, &load->wrong, load->arena, load->sample.active));
out:
    return status;
}

/* A group that the schema does not know must not be ignored. */
static void check_known(sweep *load, const gf_schema *schema, const node *group)
{
    if (!schema && group->count > 0)
        mistakes_add(&load->wrong, group->at, "%s: no such key", group->name);
}

static void check_groups(sweep *load)
{
    check_known(load, load->schema->data, load->main.data);
    check_known(load, load->schema->model, load->main.model);
    check_known(load, load->schema->resources, load->resources);
    if (load->early_stopping) check_known(load, load->schema->early_stopping, load->early_stopping);
    if (load->schema->data) check_group(load, load->main.data, load->schema->data, "data");
    if (load->schema->model) check_group(load, load->main.model, load->schema->model, "model");
    if (load->main.stages) check_stages(load, load->main.stages);
    for (int i = 0; i < load->teacher_count; i++) {
        const chain_source *one = &load->teachers[i];
        if (one->data != load->main.data && load->schema->data)
            check_group(load, one->data, load->schema->data, "data");
        if (one->model != load->main.model && load->schema->model)
            check_group(load, one->model, load->schema->model, "model");
        if (one->stages) check_stages(load, one->stages);
    }
    check_teachers(load);
    if (load->schema->resources && !has_axis(load->resources))
        check_group(load, load->resources, load->schema->resources, "resources");
    if (load->early_stopping && load->schema->early_stopping && !has_axis(load->early_stopping))
        check_group(load, load->early_stopping, load->schema->early_stopping, "early_stopping");
}

static int condition_nodes(const node *at)
{
    return !at ? 0 : at->kind == NODE_LIST ? at->count : 1;
}

static gf_status read_conditions(sweep *load)
{
    gf_status status = GF_OK;
    static const char *const words[] = { "exclude", "require" };
    int count = condition_nodes(node_member(load->root, "exclude")) +
                condition_nodes(node_member(load->root, "require"));
    GF_TRY_ALLOC(load->conditions =
                     gf_arena_alloc(load->arena, (size_t)(count + 1) * sizeof *load->conditions));
    for (int word = 0; word < 2; word++) {
        const node *at = node_member(load->root, words[word]);
        for (int i = 0; i < condition_nodes(at); i++) {
            const node *item = at->kind == NODE_LIST ? at->items[i] : at;
            condition *made = &load->conditions[load->condition_count++];
            GF_TRY(condition_parse(made, load, item, word == 0));
        }
    }
out:
    return status;
}

gf_status check_file(sweep *load)
{
    gf_status status = GF_OK;
    GF_TRY(check_head(load));
    GF_TRY(find_group(&load->main.data, load, "data"));
    GF_TRY(find_group(&load->main.model, load, "model"));
    GF_TRY(find_group(&load->resources, load, "resources"));
    load->early_stopping = node_member(load->root, "early_stopping");
    load->main.stages = node_member(load->root, "stages");
    if (!load->main.stages)
        mistakes_add(&load->wrong, (place){ .file = load->src.path },
                     "stages is missing: ( { train : { ... }; }, ... )");
    GF_TRY(read_teachers(load));
    GF_TRY(find_axes(load));
    check_groups(load);
    GF_TRY(read_conditions(load));
out:
    return status;
}
