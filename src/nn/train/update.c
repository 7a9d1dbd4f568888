/* The update of all parameters: the optimizer's step, Lookahead around it, and the moving average
 * that is used at the end; and the buffers that they keep. */
#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One buffer of the parameter's size, zero. */
static gf_status make_buffer(gf_real **buffer, const gf_trainer *t, const gf_param *param)
{
    gf_status status = GF_OK;
    size_t size = gf_param_count(param) * sizeof(gf_real);
    GF_TRY_ALLOC(*buffer = t->job->kernels->memory_alloc(size));
out:
    return status;
}

/* One that begins as the parameter's value. */
static gf_status make_copy(gf_real **buffer, const gf_trainer *t, const gf_param *param)
{
    gf_status status = make_buffer(buffer, t, param);
    if (status == GF_OK) memcpy(*buffer, param->value, gf_param_count(param) * sizeof(gf_real));
    return status;
}

static gf_status make_lists(gf_trainer *t)
{
    gf_status status = GF_OK;
    size_t count = (size_t)t->param_count;
    for (int s = 0; t->optimizer.kind->states[s]; s++)
        GF_TRY_ALLOC(t->state[s] = gf_alloc(count, sizeof *t->state[s]));
    t->average = gf_alloc(count, sizeof *t->average);
    t->slow = gf_alloc(count, sizeof *t->slow);
    GF_TRY_ALLOC(t->average && t->slow);
out:
    return status;
}

gf_status gf_trainer_make_buffers(gf_trainer *t)
{
    gf_status status;
    t->param_count = t->job->net->param_count;
    GF_TRY(make_lists(t));
    for (int i = 0; i < t->param_count; i++) {
        const gf_param *param = &t->job->net->params[i];
        for (int s = 0; param->trainable && t->optimizer.kind->states[s]; s++)
            GF_TRY(make_buffer(&t->state[s][i], t, param));
        if (param->trainable && t->options.lookahead > 0) GF_TRY(make_copy(&t->slow[i], t, param));
        if (param->role != GF_ROLE_STATE && t->options.ema > 0)
            GF_TRY(make_copy(&t->average[i], t, param));
    }
out:
    return status;
}

static void release_list(const gf_kernels *kernels, gf_real **list, int count)
{
    for (int i = 0; list && i < count; i++)
        if (list[i]) kernels->memory_free(list[i]);
    free(list);
}

void gf_trainer_release_buffers(gf_trainer *t)
{
    const gf_kernels *kernels = t->job->kernels;
    for (int s = 0; s < GF_OPTIMIZER_STATES; s++)
        release_list(kernels, t->state[s], t->param_count);
    release_list(kernels, t->average, t->param_count);
    release_list(kernels, t->slow, t->param_count);
}

/* ---- a step ---- */

static void update_views(gf_param *param, const gf_kernels *kernels, const gf_update *update)
{
    for (int v = 0; v < param->view_count; v++)
        if (param->views[v].kind->after_update)
            param->views[v].kind->after_update(&param->views[v], param, kernels, update);
}

static void update_weights(gf_trainer *t, double rate)
{
    const gf_train_options *o = &t->options;
    double decay[2] = { 0, 0 };
    decay[o->decay] = o->weight_decay;
    const gf_update update = { .rate = (gf_real)rate,
                               .momentum = (gf_real)o->momentum,
                               .nesterov = o->nesterov };
    for (int i = 0; i < t->param_count; i++) {
        gf_param *param = &t->job->net->params[i];
        bool decays = param->role == GF_ROLE_WEIGHT;
        if (!t->state[0][i]) continue;
        gf_optimizer_call call = {
            .kernels = t->job->kernels,
            .weight = param->value,
            .gradient = gf_run_param_gradient(t->run, i),
            .count = gf_param_count(param),
            .rate = rate,
            .coupled = decays ? decay[0] : 0,
            .decoupled = decays ? decay[1] : 0,
            .momentum = o->momentum,
            .nesterov = o->nesterov,
            .updates = t->updates,
        };
        for (int s = 0; t->optimizer.kind->states[s]; s++) call.state[s] = t->state[s][i];
        t->optimizer.kind->step(&call, t->optimizer.options);
        update_views(param, t->job->kernels, &update);
    }
}

/* Lookahead (Zhang et al. 2019, 1907.08610, algorithm 1): every k steps the slow weights go alpha
 * of the way to the fast ones, which go on from there. */
static void look_ahead(gf_trainer *t)
{
    const gf_kernels *kernels = t->job->kernels;
    if (t->updates % t->options.lookahead != 0) return;
    for (int i = 0; i < t->param_count; i++) {
        gf_param *param = &t->job->net->params[i];
        size_t count = gf_param_count(param);
        if (!t->slow[i]) continue;
        kernels->ema_step(t->slow[i], param->value, count, (gf_real)(1 - t->options.alpha));
        kernels->copy(param->value, t->slow[i], count);
    }
}

/* The average follows fast at first: min(decay, (1 + n) / (10 + n)) after n updates. */
static void update_average(gf_trainer *t)
{
    double n = (double)t->updates;
    double decay = fmin(t->options.ema, (1 + n) / (10 + n));
    for (int i = 0; i < t->param_count; i++)
        if (t->average[i])
            t->job->kernels->ema_step(t->average[i], t->job->net->params[i].value,
                                      gf_param_count(&t->job->net->params[i]), (gf_real)decay);
}

void gf_trainer_update(gf_trainer *t, double rate)
{
    t->updates++;
    update_weights(t, rate);
    if (t->options.lookahead > 0) look_ahead(t);
    if (t->options.ema > 0) update_average(t);
}

void gf_trainer_swap_average(gf_trainer *t)
{
    gf_real **list = t->options.ema > 0 ? t->average : t->slow;
    for (int i = 0; i < t->param_count; i++) {
        if (!list[i]) continue;
        gf_real *value = t->job->net->params[i].value;
        for (size_t k = 0; k < gf_param_count(&t->job->net->params[i]); k++) {
            gf_real kept = value[k];
            value[k] = list[i][k];
            list[i][k] = kept;
        }
    }
}
