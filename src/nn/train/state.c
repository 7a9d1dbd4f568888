/* The state of a training as an artifact: the network with its views, the buffers of the optimizer,
 * averages, what the schedule has learned, and the place in the epoch with its sums. Randomness
 * needs no state: it is addressed. */
#include "trainer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void tensor_name(char out[GF_TENSOR_NAME], const char *kind, const gf_param *param)
{
    snprintf(out, GF_TENSOR_NAME, "%s:%.63s", kind, param->name);
}

static gf_status add_list(gf_tensors *tensors, const gf_trainer *t, const char *kind,
                          gf_real *const *list)
{
    gf_status status = GF_OK;
    for (int i = 0; i < t->param_count; i++) {
        char name[GF_TENSOR_NAME];
        const gf_param *param = &t->job->net->params[i];
        int64_t count = (int64_t)gf_param_count(param);
        tensor_name(name, kind, param);
        if (list[i]) GF_TRY(gf_tensors_add(tensors, NULL, name, GF_REAL_DTYPE, 1, &count, list[i]));
    }
out:
    return status;
}

static gf_status take_list(gf_trainer *t, const char *kind, gf_real **list,
                           const gf_tensors *tensors)
{
    for (int i = 0; i < t->param_count; i++) {
        char name[GF_TENSOR_NAME];
        const gf_param *param = &t->job->net->params[i];
        size_t count = gf_param_count(param);
        tensor_name(name, kind, param);
        if (!list[i]) continue;
        const gf_tensor *tensor = gf_tensors_find(tensors, name);
        if (!tensor || tensor->dtype != GF_REAL_DTYPE || (size_t)gf_tensor_count(tensor) != count)
            return gf_fail(GF_CORRUPT, "checkpoint: %s is missing", name);
        memcpy(list[i], tensor->data, count * sizeof(gf_real));
    }
    return GF_OK;
}

static gf_status set_number(gf_options *facts, const char *key, double value)
{
    char text[32];
    gf_real_text(text, value);
    return gf_options_set(facts, key, text);
}

static gf_status get_number(const gf_options *facts, const char *key, double *value)
{
    const char *text = gf_options_get(facts, key);
    char *end = NULL;
    if (text) *value = strtod(text, &end);
    if (!text || end == text || *end) return gf_fail(GF_CORRUPT, "checkpoint: %s is missing", key);
    return GF_OK;
}

static gf_status add_buffers(gf_tensors *tensors, const gf_trainer *t)
{
    gf_status status = GF_OK;
    const char *const *names = t->optimizer.kind->states;
    for (int s = 0; names[s]; s++) GF_TRY(add_list(tensors, t, names[s], t->state[s]));
    GF_TRY(add_list(tensors, t, "slow", t->slow));
    GF_TRY(add_list(tensors, t, "average", t->average));
out:
    return status;
}

static gf_status take_buffers(gf_trainer *t, const gf_tensors *tensors)
{
    gf_status status = GF_OK;
    const char *const *names = t->optimizer.kind->states;
    for (int s = 0; names[s]; s++) GF_TRY(take_list(t, names[s], t->state[s], tensors));
    GF_TRY(take_list(t, "slow", t->slow, tensors));
    GF_TRY(take_list(t, "average", t->average, tensors));
out:
    return status;
}

/* Schedules that are known beforehand leave no trace. */
static gf_status add_memory(gf_options *facts, const gf_schedule *schedule)
{
    gf_status status = GF_OK;
    if (!schedule->kind->observe) return GF_OK;
    GF_TRY(set_number(facts, "schedule.factor", schedule->memory.factor));
    for (int i = 0; i < GF_SCHEDULE_STATES; i++) {
        char key[32];
        snprintf(key, sizeof key, "schedule.state.%d", i);
        GF_TRY(set_number(facts, key, schedule->memory.state[i]));
    }
out:
    return status;
}

static gf_status take_memory(gf_schedule *schedule, const gf_options *facts)
{
    gf_status status = GF_OK;
    if (!schedule->kind->observe) return GF_OK;
    GF_TRY(get_number(facts, "schedule.factor", &schedule->memory.factor));
    for (int i = 0; i < GF_SCHEDULE_STATES; i++) {
        char key[32];
        snprintf(key, sizeof key, "schedule.state.%d", i);
        GF_TRY(get_number(facts, key, &schedule->memory.state[i]));
    }
out:
    return status;
}

gf_status gf_trainer_save(const gf_trainer *t, gf_artifact *state)
{
    gf_status status;
    GF_TRY(gf_net_save(t->job->net, state));
    GF_TRY(add_buffers(&state->tensors, t));
    if (!state->facts) GF_TRY_ALLOC(state->facts = gf_options_create());
    GF_TRY(add_memory(state->facts, &t->schedule));
    GF_TRY(set_number(state->facts, "epoch", t->epoch));
    GF_TRY(set_number(state->facts, "step", t->step));
    GF_TRY(set_number(state->facts, "updates", (double)t->updates));
    GF_TRY(set_number(state->facts, "sum.loss", t->sums.loss));
    GF_TRY(set_number(state->facts, "sum.correct", t->sums.correct));
    GF_TRY(set_number(state->facts, "sum.images", (double)t->sums.images));
    GF_TRY(set_number(state->facts, "sum.seconds", t->sums.seconds));
out:
    return status;
}

gf_status gf_trainer_restore(gf_trainer *t, const gf_artifact *state)
{
    gf_status status;
    double epoch, step, updates, images;
    GF_TRY(take_buffers(t, &state->tensors));
    GF_TRY(take_memory(&t->schedule, state->facts));
    GF_TRY(get_number(state->facts, "epoch", &epoch));
    GF_TRY(get_number(state->facts, "step", &step));
    GF_TRY(get_number(state->facts, "updates", &updates));
    GF_TRY(get_number(state->facts, "sum.loss", &t->sums.loss));
    GF_TRY(get_number(state->facts, "sum.correct", &t->sums.correct));
    GF_TRY(get_number(state->facts, "sum.images", &images));
    GF_TRY(get_number(state->facts, "sum.seconds", &t->sums.seconds));
    if (!(epoch >= 0 && epoch <= t->options.epochs && step >= 0 && step <= t->steps))
        return gf_fail(GF_CORRUPT, "checkpoint: epoch %g, step %g lie outside the training", epoch,
                       step);
    t->epoch = (int)epoch;
    t->step = (int)step;
    t->updates = (int64_t)updates;
    t->sums.images = (int64_t)images;
out:
    return status;
}

gf_status gf_train_restore_net(gf_net *net, const gf_artifact *state)
{
    gf_net *saved = NULL;
    gf_status status = gf_net_load(&saved, state);
    if (status != GF_OK) return status;
    gf_net kept = *net;
    *net = *saved;
    *saved = kept;
    gf_net_destroy(saved);
    return GF_OK;
}
