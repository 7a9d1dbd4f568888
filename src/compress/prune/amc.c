/* Method "amc": how many filters each layer loses is searched for, within a budget of operations
 * (AutoML for model compression, He et al. 2018, 1802.03494, section 3). An agent goes through the
 * layers from first to last; its state is the layer's 11 numbers (equation 1), its action the part
 * of the filters that go, limited so that the budget can still be met (algorithm 1); then filters
 * of smallest L1 norm are removed and the reward is minus the error on the validation split,
 * without fine-tuning (section 3.3). The best of all episodes is what is done in the end.
 * "random" and "evolution" search over the same vector: actions by chance; or, after the warm-up,
 * those of the best of three earlier episodes, half of them with noise of deviation 0.2.
 * Choices: a layer is a group of channels inside a block. An interrupted search goes on: its
 * rewards are kept, and everything else follows from them. */
#include "ddpg.h"
#include "prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_DDPG, SEARCH_EVOLUTION, SEARCH_RANDOM };
enum { STATE = 11 };

typedef struct amc_options {
    double macs, most;
    int min_channels, search, episodes, warmup;
} amc_options;

typedef struct layer {
    const gf_channel_group *group;
    int index;           /* of the group */
    int most;            /* positions that may go */
    double about[STATE]; /* what does not depend on actions, scaled to [0, 1] */
    int64_t macs;        /* of all that its channels are in */
} layer;

typedef struct search {
    const gf_method_call *call;
    const amc_options *options;
    gf_channel_groups groups;
    layer *layers;
    int count;
    gf_cost *costs; /* [nodes] */
    int64_t dense, budget;
    gf_ddpg *agent;
    double *actions, *rewards; /* [episodes, layers]: as they were done; [episodes] */
    double *states;            /* [layers, STATE] of the running episode */
    int *removed, *best;       /* [layers]: positions that go */
    int best_episode;
    double saved; /* clock */
} search;

static void search_release(search *s)
{
    gf_channel_groups_release(&s->groups);
    gf_ddpg_destroy(s->agent);
    free(s->layers);
    free(s->costs);
    free(s->actions);
    free(s->rewards);
    free(s->states);
    free(s->removed);
    free(s->best);
}

/* ---- operations ---- */

/* How many entries along this axis of a weight go. */
static int lost(const search *s, int param, int axis, const int *removed)
{
    int entries = 0;
    for (int i = 0; i < s->count; i++) {
        const gf_channel_group *group = s->layers[i].group;
        for (int k = 0; k < group->slice_count; k++)
            if (group->slices[k].param == param && group->slices[k].axis == axis)
                entries += removed[i] * group->multiple / group->slices[k].blocks;
    }
    return entries;
}

/* A node's operations are proportional to its weights. */
static int64_t count_macs(const search *s, const int *removed)
{
    int64_t macs = 0;
    for (int n = 0; n < s->call->net->node_count; n++) {
        const gf_node *node = &s->call->net->nodes[n];
        if (s->costs[n].macs == 0) continue;
        const gf_param *weight = gf_node_weight(s->call->net, node);
        int64_t all = (int64_t)weight->dims[0] * weight->dims[3];
        int64_t left = (int64_t)(weight->dims[0] - lost(s, node->params[0], 0, removed)) *
                       (weight->dims[3] - lost(s, node->params[0], 3, removed));
        macs += s->costs[n].macs / all * left;
    }
    return macs;
}

/* The least that layer t can lose, from `wanted` on, so that the budget can be met if all layers
 * behind it lose what they may. */
static int limit(search *s, int t, int wanted)
{
    for (int k = t + 1; k < s->count; k++) s->removed[k] = s->layers[k].most;
    for (s->removed[t] = wanted; s->removed[t] < s->layers[t].most; s->removed[t]++)
        if (count_macs(s, s->removed) <= s->budget) break;
    return s->removed[t];
}

/* ---- layers ---- */

static const gf_node *source_of(const gf_net *net, const gf_channel_group *group)
{
    return &net->nodes[group->nodes[0]];
}

/* What can be known of a layer before anything is removed: equation 1 without the last four. */
static void describe(layer *l, const search *s, int index)
{
    const gf_net *net = s->call->net;
    const gf_node *node = source_of(net, l->group);
    const gf_param *weight = gf_node_weight(net, node);
    const gf_conv_attributes *conv = (const void *)node->attributes;
    bool linear = strcmp(node->kind->schema.name, "linear") == 0;
    const double about[] = { index,
                             weight->dims[0],
                             net->nodes[node->inputs[0]].shape.channels,
                             net->nodes[node->inputs[0]].shape.height,
                             net->nodes[node->inputs[0]].shape.width,
                             linear ? 1 : conv->stride,
                             weight->dims[1],
                             (double)l->macs };
    memcpy(l->about, about, sizeof about);
}

/* Operations that vanish with all channels of layer t. */
static int64_t macs_of(search *s, int t)
{
    const layer *l = &s->layers[t];
    memset(s->removed, 0, (size_t)s->count * sizeof *s->removed);
    s->removed[t] = gf_group_positions(l->group);
    return s->dense - count_macs(s, s->removed);
}

static void scale_descriptions(search *s)
{
    for (int k = 0; k < STATE; k++) {
        double most = 0;
        for (int t = 0; t < s->count; t++) most = fmax(most, s->layers[t].about[k]);
        for (int t = 0; t < s->count && most > 0; t++) s->layers[t].about[k] /= most;
    }
}

static void find_layers(search *s)
{
    const amc_options *o = s->options;
    for (int i = 0; i < s->groups.count; i++) {
        const gf_channel_group *group = &s->groups.items[i];
        if (!group->prunable || !group->internal) continue;
        s->layers[s->count++] =
            (layer){ .group = group,
                     .index = i,
                     .most = gf_group_positions(group) -
                             gf_group_count_kept(group, o->most, o->min_channels) };
    }
}

static gf_status search_init(search *s)
{
    gf_status status;
    const gf_net *net = s->call->net;
    size_t episodes = (size_t)s->options->episodes, most;
    gf_cost all;
    GF_TRY(gf_channel_groups_find(&s->groups, net));
    most = (size_t)s->groups.count + 1;
    s->layers = gf_alloc(most, sizeof *s->layers);
    s->costs = gf_alloc((size_t)net->node_count, sizeof *s->costs);
    s->actions = gf_alloc(episodes * most, sizeof *s->actions);
    s->rewards = gf_alloc(episodes, sizeof *s->rewards);
    s->states = gf_alloc(most * STATE, sizeof *s->states);
    s->removed = gf_alloc(most, sizeof *s->removed);
    s->best = gf_alloc(most, sizeof *s->best);
    GF_TRY_ALLOC(s->layers && s->costs && s->actions && s->rewards && s->states && s->removed &&
                 s->best);
    GF_TRY(gf_net_cost(net, s->call->kernels, &all, s->costs));
    find_layers(s);
    s->dense = all.macs;
    s->budget = (int64_t)(s->options->macs * (double)all.macs);
    for (int t = 0; t < s->count; t++) {
        s->layers[t].macs = macs_of(s, t);
        describe(&s->layers[t], s, t);
    }
    scale_descriptions(s);
out:
    return status;
}

/* ---- actions ---- */

/* The last four numbers of equation 1: what was saved so far, what is left to save, the action
 * before. */
static void fill_state(search *s, int t, double action)
{
    double *state = s->states + t * STATE;
    int64_t rest = 0;
    memcpy(state, s->layers[t].about, STATE * sizeof *state);
    for (int k = t; k < s->count; k++) s->removed[k] = 0;
    for (int k = t + 1; k < s->count; k++) rest += s->layers[k].macs;
    state[8] = (double)(s->dense - count_macs(s, s->removed)) / (double)s->dense;
    state[9] = (double)rest / (double)s->dense;
    state[10] = action;
}

static double mutate(const search *s, int episode, int t, const gf_random *random)
{
    int parent = -1;
    for (uint32_t k = 0; k < 3; k++) {
        int other = (int)gf_random_below(random, (uint32_t)episode, k, (uint32_t)episode);
        if (parent < 0 || s->rewards[other] > s->rewards[parent]) parent = other;
    }
    double action = s->actions[parent * s->count + t];
    uint32_t element = 16 + 2 * (uint32_t)t;
    if (gf_random_uniform(random, (uint32_t)episode, element) < 0.5)
        action += 0.2 * gf_random_normal(random, (uint32_t)episode, element + 1);
    return fmin(fmax(action, 0), 1);
}

static double act(search *s, int episode, int t)
{
    const gf_random random = {
        .seed = s->call->seed, .ordinal = s->call->ordinal, .purpose = GF_PURPOSE_METHOD, .epoch = 2
    };
    if (s->options->search == SEARCH_DDPG)
        return gf_ddpg_act(s->agent, s->states + t * STATE, episode, t);
    if (s->options->search == SEARCH_EVOLUTION && episode > 0 && episode >= s->options->warmup)
        return mutate(s, episode, t, &random);
    return gf_random_uniform(&random, (uint32_t)episode, 16 + 2 * (uint32_t)t);
}

static void choose_vector(search *s, int episode)
{
    double *actions = s->actions + episode * s->count;
    for (int t = 0; t < s->count; t++) {
        int most = s->layers[t].most;
        fill_state(s, t, t ? actions[t - 1] : 0);
        int removed = limit(s, t, (int)round(act(s, episode, t) * most));
        actions[t] = most ? (double)removed / most : 0;
    }
}

static void learn(search *s, int episode)
{
    const double *actions = s->actions + episode * s->count;
    for (int t = 0; s->agent && t < s->count; t++)
        gf_ddpg_learn(s->agent, s->states + t * STATE, actions[t], s->rewards[episode],
                      t + 1 < s->count ? s->states + (t + 1) * STATE : NULL, episode, t);
}

/* ---- rewards ---- */

static gf_status prune(gf_net *net, const search *s, const int *removed)
{
    gf_status status = GF_OK;
    const gf_filter_norm norm = { gf_norm_l1 };
    gf_channel_groups now = { 0 };
    for (int t = 0; t < s->count; t++) {
        double amount = (double)removed[t] / gf_group_positions(s->layers[t].group);
        gf_channel_groups_release(&now); /* concatenations move what comes later */
        GF_TRY(gf_channel_groups_find(&now, net));
        GF_TRY(gf_prune_group(net, &now.items[s->layers[t].index], amount, 1, gf_score_norms, &norm,
                              s->call->kernels));
    }
out:
    gf_channel_groups_release(&now);
    return status;
}

static gf_status evaluate(double *reward, const search *s)
{
    gf_status status;
    gf_scores scores;
    gf_net *copy = NULL;
    GF_TRY(gf_net_copy(&copy, s->call->net));
    GF_TRY(prune(copy, s, s->removed));
    GF_TRY(gf_evaluate(&scores, copy, s->call->data, GF_VALIDATION, s->call->kernels));
    *reward = scores.accuracy - 1;
out:
    gf_net_destroy(copy);
    return status;
}

static void reward_key(char out[32], int episode)
{
    snprintf(out, 32, "reward.%d", episode);
}

/* From an interrupted search; false: it did not come so far. */
static bool recall(double *reward, const search *s, int episode)
{
    char key[32];
    if (!s->call->resume) return false;
    reward_key(key, episode);
    const char *text = gf_options_get(s->call->resume->facts, key);
    if (text) *reward = strtod(text, NULL);
    return text != NULL;
}

static gf_status save(search *s, int episodes)
{
    gf_status status;
    gf_artifact state = { 0 };
    const gf_train_hooks *hooks = &s->call->hooks;
    s->saved = gf_clock();
    if (!hooks->save) return GF_OK;
    GF_TRY(gf_net_save(s->call->net, &state));
    GF_TRY_ALLOC(state.facts = gf_options_create());
    for (int e = 0; e < episodes; e++) {
        char key[32], text[32];
        reward_key(key, e);
        gf_real_text(text, s->rewards[e]);
        GF_TRY(gf_options_set(state.facts, key, text));
    }
    GF_TRY(hooks->save(hooks->context, &state));
out:
    gf_artifact_release(&state);
    return status;
}

static gf_status pause(search *s, int episodes)
{
    gf_status status = GF_OK;
    const gf_train_hooks *hooks = &s->call->hooks;
    double every = hooks->checkpoint_seconds;
    if (hooks->stop && hooks->stop(hooks->context, (double)episodes / s->options->episodes)) {
        GF_TRY(save(s, episodes));
        return gf_fail(GF_INTERRUPTED, "asked to stop after %d episodes", episodes);
    }
    if (every > 0 && gf_clock() - s->saved > every) GF_TRY(save(s, episodes));
out:
    return status;
}

static gf_status run_episode(search *s, int episode)
{
    gf_status status = GF_OK;
    double *reward = &s->rewards[episode];
    choose_vector(s, episode);
    if (!recall(reward, s, episode)) {
        GF_TRY(evaluate(reward, s));
        GF_TRY(pause(s, episode + 1));
    }
    if (episode == 0 || *reward > s->rewards[s->best_episode]) {
        s->best_episode = episode;
        memcpy(s->best, s->removed, (size_t)s->count * sizeof *s->best);
        gf_log(GF_INFO, "prune", "episode = %d, validation = %.4f, macs = %.3f", episode + 1,
               1 + *reward, (double)count_macs(s, s->best) / (double)s->dense);
    }
    learn(s, episode);
out:
    return status;
}

static gf_status check_budget(search *s)
{
    for (int t = 0; t < s->count; t++) s->removed[t] = s->layers[t].most;
    int64_t least = count_macs(s, s->removed);
    if (least <= s->budget) return GF_OK;
    return gf_fail(GF_FAILED,
                   "amc: macs = %g cannot be reached: %.3f are left when every layer "
                   "loses most = %g",
                   s->options->macs, (double)least / (double)s->dense, s->options->most);
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    search s = { .call = call, .options = options, .saved = gf_clock() };
    const gf_ddpg_options agent = {
        .state = STATE, .warmup = s.options->warmup, .seed = call->seed, .ordinal = call->ordinal
    };
    if (s.options->macs >= 1) return GF_OK;
    GF_TRY(search_init(&s));
    GF_TRY(check_budget(&s));
    if (s.options->search == SEARCH_DDPG) GF_TRY(gf_ddpg_create(&s.agent, &agent, call->kernels));
    for (int e = 0; e < s.options->episodes; e++) GF_TRY(run_episode(&s, e));
    GF_TRY(prune(call->net, &s, s.best));
out:
    search_release(&s);
    return status;
}

static const gf_field fields[] = {
    GF_FIELD(amc_options, macs, NULL, "(0, 1]", "fraction",
             "of the network's multiply-accumulates that may be left"),
    GF_FIELD(amc_options, most, "0.8", "[0, 1)", "fraction", "of a layer's filters that may go"),
    GF_FILTER_LEAST_FIELD(amc_options),
    GF_FIELD_WORD(amc_options, search, "ddpg", "ddpg|evolution|random",
                  "the agent of the paper, or a plain search over the same amounts"),
    GF_FIELD(amc_options, episodes, "400", "[1, 100000]", "",
             "networks that are evaluated on the validation split"),
    GF_FIELD(amc_options, warmup, "100", "[0, 100000]", "", "of them before anything is learned"),
    GF_FIELD_END,
};

const gf_method gf_method_amc = {
    .schema = { .name = "amc",
                .summary =
                    "search how many filters each layer loses, within a budget of operations",
                .paper = "He et al. 2018, arXiv 1802.03494, section 3",
                .fields = fields },
    .options_size = sizeof(amc_options),
    .stage = "prune",
    .example = "{ prune : { method = \"amc\"; macs = 0.5; episodes = 100; warmup = 25; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .needs = GF_FACT_TRAINED,
    .adds = GF_FACT_SHRUNK,
    .neutral = "macs = 1\n",
    .apply = apply,
};
