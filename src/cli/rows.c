/* From a plan to the tables of sweep.h5. */
#include "forecast.h"

#include <gridfront/method.h>

#include <stdlib.h>
#include <string.h>

/* ---- cost ---- */

gf_status gf_cli_stage_images(double *images, const gf_plan_stage *stage)
{
    gf_status status;
    gf_data_options data;
    const char *name = gf_options_get(stage->options, "method");
    const gf_method *method = name ? gf_method_find(stage->kind, name) : NULL;
    GF_TRY(gf_fields_read(&data, gf_data_schema.fields, stage->data, ""));
    *images = gf_data_train_count(&data);
    if (method && method->questions > 0)
        *images = (double)method->questions * gf_data_unlabelled_count(&data);
out:
    return status;
}

/* Images forward: a pass forward and two backward per epoch; evaluation once even where nothing
 * trains. */
static gf_status count_passes(double *passes, const gf_plan_stage *stage)
{
    gf_status status;
    GF_TRY(gf_cli_stage_images(passes, stage));
    *passes *= 3.0 * (stage->epochs - stage->from) + 0.3;
out:
    return status;
}

static gf_status root_cost(double *cost, double *parameters, const gf_plan_stage *stage)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_net *net = NULL;
    gf_cost net_cost;
    double passes;
    GF_TRY(gf_kernels_find(&kernels, "ref"));
    GF_TRY(gf_model_build(&net, stage->model, "", (gf_shape){ 32, 32, 3 }, 10));
    GF_TRY(gf_net_cost(net, kernels, &net_cost, NULL));
    GF_TRY(count_passes(&passes, stage));
    *parameters = (double)net_cost.parameters;
    *cost = (double)net_cost.macs * passes;
out:
    gf_net_destroy(net);
    return status;
}

/* A stage of the same model and data whose cost is known already: the parent, or the chain that was
 * counted last (building a network takes milliseconds; options are shared between chains). -1 */
static int counted_before(const gf_plan *plan, int index, int last_root)
{
    const gf_plan_stage *stage = &plan->stages[index];
    if (stage->parent >= 0) return stage->parent;
    if (last_root < 0) return -1;
    const gf_plan_stage *root = &plan->stages[last_root];
    return root->model == stage->model && root->data == stage->data ? last_root : -1;
}

static gf_status fill_costs(gf_cli_rows *t, const gf_plan *plan)
{
    gf_status status = GF_OK;
    int last_root = -1;
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        int known = counted_before(plan, i, last_root);
        if (known >= 0) {
            double passes, of_known;
            GF_TRY(count_passes(&passes, stage));
            GF_TRY(count_passes(&of_known, &plan->stages[known]));
            t->stages[i].cost = t->stages[known].cost * passes / of_known;
            t->parameters[i] = t->parameters[known];
            continue;
        }
        GF_TRY(root_cost(&t->stages[i].cost, &t->parameters[i], stage));
        last_root = i;
    }
out:
    return status;
}

/* ---- rows ---- */

void gf_cli_rows_release(gf_cli_rows *t)
{
    for (size_t i = 0; i < t->text_count; i++) free(t->texts[i]);
    free(t->texts);
    free(t->stages);
    free(t->trials);
    free(t->points);
    free(t->parameters);
}

static gf_status keep_text(gf_cli_rows *t, const char **borrowed, char *text)
{
    if (!text) return gf_fail(GF_NOMEM, "out of memory");
    t->texts[t->text_count++] = text;
    *borrowed = text;
    return GF_OK;
}

static gf_status fill_stages(gf_cli_rows *t, const gf_plan *plan, const gf_numerics_class *numerics)
{
    gf_status status = GF_OK;
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        t->stages[i] = (gf_stage_row){
            .key = stage->key.hex,
            .kind = stage->kind,
            .label = stage->label,
            .parent = stage->parent,
            .teachers = stage->teachers,
            .teacher_count = stage->teacher_count,
            .ordinal = stage->ordinal,
            .epochs = stage->epochs,
            .seed = (int64_t)stage->seed,
        };
        GF_TRY(keep_text(t, &t->stages[i].options, gf_plan_stage_options(plan, i, numerics)));
    }
    GF_TRY(fill_costs(t, plan));
out:
    return status;
}

static gf_status fill_points(gf_cli_rows *t, const gf_plan *plan)
{
    gf_status status = GF_OK;
    for (int i = 0; i < plan->point_count; i++) {
        t->points[i].label = plan->points[i].label;
        GF_TRY(keep_text(t, &t->points[i].options, gf_options_text(plan->points[i].axes)));
    }
out:
    return status;
}

gf_status gf_cli_rows_init(gf_cli_rows *t, const gf_plan *plan, const gf_numerics_class *numerics)
{
    gf_status status;
    size_t texts = (size_t)plan->stage_count + (size_t)plan->point_count;
    t->stages = gf_alloc((size_t)plan->stage_count, sizeof *t->stages);
    t->trials = gf_alloc((size_t)plan->trial_count, sizeof *t->trials);
    t->points = gf_alloc((size_t)plan->point_count, sizeof *t->points);
    t->texts = gf_alloc(texts, sizeof *t->texts);
    t->parameters = gf_alloc((size_t)plan->stage_count, sizeof *t->parameters);
    GF_TRY_ALLOC(t->stages && t->trials && t->points && t->texts && t->parameters);
    GF_TRY(fill_stages(t, plan, numerics));
    GF_TRY(fill_points(t, plan));
    for (int i = 0; i < plan->trial_count; i++) {
        const gf_plan_trial *trial = &plan->trials[i];
        t->trials[i] = (gf_trial_row){ .point = trial->point,
                                       .seed_index = trial->seed_index,
                                       .seed = (int64_t)trial->seed,
                                       .stages = trial->stages,
                                       .stage_count = trial->stage_count };
    }
out:
    return status;
}
