/* Loads a sweep file into a plan, step by step; each step runs only when the ones before it found
 * no mistake that makes it meaningless. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static gf_status plan_create(sweep *load)
{
    gf_status status = GF_OK;
    gf_arena *arena = gf_arena_create();
    plan_box *box = NULL;
    GF_TRY_ALLOC(arena);
    GF_TRY_ALLOC(box = gf_arena_alloc(arena, sizeof *box));
    box->plan.arena = load->arena = arena;
    load->plan = &box->plan;
    arena = NULL;
out:
    gf_arena_destroy(arena);
    return status;
}

void gf_plan_destroy(gf_plan *plan)
{
    if (!plan) return;
    plan_box *box = (plan_box *)plan;
    for (int i = 0; i < box->option_count; i++) gf_options_destroy(box->options[i]);
    free(box->options);
    for (int i = 0; i < plan->point_count; i++) gf_options_destroy(plan->points[i].axes);
    gf_arena_destroy(plan->arena); /* the plan itself lies in it */
}

/* The text that is kept with the results. */
static gf_status keep_text(sweep *load, const char *const *settings, int count)
{
    gf_status status = GF_OK;
    gf_text text = { 0 };
    gf_text_append_bytes(&text, load->src.text.data, load->src.text.size);
    for (int i = 0; i < count; i++) gf_text_append(&text, "# --set %s\n", settings[i]);
    GF_TRY(gf_text_check(&text));
    GF_TRY_ALLOC(load->plan->text = gf_arena_strdup(load->arena, text.data));
    load->plan->path = load->src.path;
out:
    gf_text_release(&text);
    return status;
}

static gf_status read_tree(sweep *load, const char *path, const char *const *settings, int count)
{
    gf_status status = GF_OK;
    GF_TRY(source_read(&load->src, &load->wrong, load->arena, path));
    GF_TRY(keep_text(load, settings, count));
    if (load->wrong.count == 0)
        GF_TRY(parse_source(&load->root, &load->wrong, load->arena, &load->src));
    if (load->root) GF_TRY(settings_apply(load->root, &load->wrong, load->arena, settings, count));
out:
    return status;
}

static gf_status build(sweep *load)
{
    gf_status status = GF_OK;
    if (!load->root) return GF_OK;
    GF_TRY(check_file(load));
    if (load->wrong.count > 0) return GF_OK;
    GF_TRY(points_find(load));
    if (load->wrong.count > 0) return GF_OK;
    GF_TRY(chains_check(load));
    if (load->wrong.count > 0) return GF_OK;
    const resolved *group = NULL;
    GF_TRY(resolve_group(load, &group, load->schema->resources, load->resources, NULL));
    load->plan->resources = group->options;
    if (load->early_stopping) {
        GF_TRY(
            resolve_group(load, &group, load->schema->early_stopping, load->early_stopping, NULL));
        load->plan->early_stopping = group->options;
    }
    GF_TRY(stages_merge(load));
    GF_TRY(labels_make(load));
out:
    return status;
}

/* The plan keeps every set of options that the resolver made. */
static gf_status hand_over(sweep *load)
{
    plan_box *box = (plan_box *)load->plan;
    int count = resolver_take_options(load->resolver, &box->options);
    if (count < 0) return gf_fail(GF_NOMEM, "out of memory");
    box->option_count = count;
    return GF_OK;
}

gf_status gf_plan_load(gf_plan **plan, char **mistakes_text, const char *path,
                       const char *const *settings, int setting_count,
                       const gf_sweep_schema *schema)
{
    gf_status status = GF_OK;
    sweep load = { .schema = schema };
    GF_TRY(plan_create(&load));
    GF_TRY(resolver_create(&load.resolver));
    GF_TRY(read_tree(&load, path, settings, setting_count));
    GF_TRY(build(&load));
    GF_TRY(mistakes_report(&load.wrong, mistakes_text));
    GF_TRY(hand_over(&load));
    *plan = load.plan;
    load.plan = NULL;
out:
    resolver_destroy(load.resolver);
    axes_release(&load.axes);
    free(load.points);
    source_release(&load.src);
    mistakes_release(&load.wrong);
    gf_plan_destroy(load.plan);
    return status;
}
