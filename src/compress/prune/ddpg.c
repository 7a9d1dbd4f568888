/* DDPG (Lillicrap et al. 2016, 1509.02971, algorithm 1) with the choices of AMC (He et al. 2018,
 * 1802.03494, section 3.2 and its published code): actor and critic of two hidden layers of 300,
 * Adam, soft targets (tau = 0.01), batches of 64 out of the last 2000 steps, no discount, a moving
 * average of rewards as baseline, and truncated normal noise of deviation 0.5 that shrinks by 0.95
 * an episode after the warm-up. */
#include "ddpg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = 300, BATCH = 64, MEMORY = 2000, STATE_MOST = 31, TRIES = 64 };
#define TAU         0.01
#define ACTOR_RATE  1e-4
#define CRITIC_RATE 1e-3
#define NOISE       0.5
#define NOISE_DECAY 0.95
#define BASELINE    0.5 /* how fast the moving average of rewards follows */

typedef struct learner {
    gf_net *net, *target;
    gf_run *run, *target_run;
    gf_real **first, **second; /* [params]: Adam's moments */
    int updates;
    double rate;
} learner;

typedef struct memory {
    double state[STATE_MOST], next[STATE_MOST], action, reward;
    bool last;
} memory;

struct gf_ddpg {
    gf_ddpg_options options;
    learner actor, critic; /* state -> logit of the action; state and action -> value */
    memory *memories;      /* [MEMORY], a ring */
    int remembered;
    double baseline;
    bool has_baseline;
};

/* ---- networks ---- */

static gf_status build(gf_net **net, int inputs)
{
    gf_status status;
    int at = 0;
    const gf_linear_attributes hidden = { .features = HIDDEN, .bias = true };
    const gf_linear_attributes one = { .features = 1, .bias = true };
    GF_TRY(gf_net_create(net, (gf_shape){ 1, 1, inputs }));
    GF_TRY(gf_net_add(*net, &at, "linear", "fc1", &hidden, &at, 1));
    GF_TRY(gf_net_add(*net, &at, "relu", "relu1", NULL, &at, 1));
    GF_TRY(gf_net_add(*net, &at, "linear", "fc2", &hidden, &at, 1));
    GF_TRY(gf_net_add(*net, &at, "relu", "relu2", NULL, &at, 1));
    GF_TRY(gf_net_add(*net, &at, "linear", "fc3", &one, &at, 1));
out:
    return status;
}

static void learner_release(learner *l)
{
    for (int i = 0; l->net && i < l->net->param_count; i++) {
        if (l->first) free(l->first[i]);
        if (l->second) free(l->second[i]);
    }
    free(l->first);
    free(l->second);
    gf_run_destroy(l->run);
    gf_run_destroy(l->target_run);
    gf_net_destroy(l->net);
    gf_net_destroy(l->target);
}

static gf_status learner_init(learner *l, int inputs, double rate, uint64_t seed, uint32_t ordinal,
                              const gf_kernels *kernels)
{
    gf_status status;
    l->rate = rate;
    GF_TRY(build(&l->net, inputs));
    gf_net_initialize(l->net, seed, ordinal);
    GF_TRY(gf_net_copy(&l->target, l->net));
    GF_TRY(gf_run_create(&l->run, l->net, kernels, BATCH, true));
    GF_TRY(gf_run_want_gradient(l->run, 0));
    GF_TRY(gf_run_create(&l->target_run, l->target, kernels, BATCH, false));
    GF_TRY_ALLOC(l->first = gf_alloc((size_t)l->net->param_count, sizeof *l->first));
    GF_TRY_ALLOC(l->second = gf_alloc((size_t)l->net->param_count, sizeof *l->second));
    for (int i = 0; i < l->net->param_count; i++) {
        size_t count = gf_param_count(&l->net->params[i]);
        GF_TRY_ALLOC(l->first[i] = gf_alloc(count, sizeof(gf_real)));
        GF_TRY_ALLOC(l->second[i] = gf_alloc(count, sizeof(gf_real)));
    }
out:
    return status;
}

/* Adam (Kingma, Ba 2015, 1412.6980, algorithm 1), then the target follows. */
static void update(learner *l)
{
    double correct1 = 1 - pow(0.9, ++l->updates), correct2 = 1 - pow(0.999, l->updates);
    for (int i = 0; i < l->net->param_count; i++) {
        gf_real *value = l->net->params[i].value, *target = l->target->params[i].value;
        const gf_real *gradient = gf_run_param_gradient(l->run, i);
        for (size_t k = 0; k < gf_param_count(&l->net->params[i]); k++) {
            double g = (double)gradient[k];
            l->first[i][k] = (gf_real)(0.9 * (double)l->first[i][k] + 0.1 * g);
            l->second[i][k] = (gf_real)(0.999 * (double)l->second[i][k] + 0.001 * g * g);
            double root = sqrt((double)l->second[i][k] / correct2);
            value[k] -= (gf_real)(l->rate * (double)l->first[i][k] / correct1 / (root + 1e-8));
            target[k] += (gf_real)(TAU * ((double)value[k] - (double)target[k]));
        }
    }
}

gf_status gf_ddpg_create(gf_ddpg **agent, const gf_ddpg_options *o, const gf_kernels *kernels)
{
    gf_status status;
    gf_ddpg *made = gf_alloc(1, sizeof *made);
    GF_TRY_ALLOC(made);
    made->options = *o;
    if (o->state < 1 || o->state > STATE_MOST)
        GF_TRY(gf_fail(GF_INVALID, "a state of %d numbers: 1 to %d", o->state, STATE_MOST));
    GF_TRY_ALLOC(made->memories = gf_alloc(MEMORY, sizeof *made->memories));
    GF_TRY(learner_init(&made->actor, o->state, ACTOR_RATE, o->seed, o->ordinal, kernels));
    GF_TRY(learner_init(&made->critic, o->state + 1, CRITIC_RATE, o->seed, o->ordinal, kernels));
    *agent = made;
    made = NULL;
out:
    gf_ddpg_destroy(made);
    return status;
}

void gf_ddpg_destroy(gf_ddpg *agent)
{
    if (!agent) return;
    learner_release(&agent->actor);
    learner_release(&agent->critic);
    free(agent->memories);
    free(agent);
}

/* ---- acting ---- */

static double sigmoid(gf_real x)
{
    return 1 / (1 + exp(-(double)x));
}

static void write_states(gf_run *run, const double *states, int row, int count)
{
    for (int k = 0; k < count; k++) gf_run_input(run)[row * count + k] = (gf_real)states[k];
}

double gf_ddpg_act(gf_ddpg *agent, const double *state, int episode, int step)
{
    const gf_ddpg_options *o = &agent->options;
    const gf_random random = { .seed = o->seed,
                               .ordinal = o->ordinal,
                               .purpose = GF_PURPOSE_METHOD };
    int late = episode > o->warmup ? episode - o->warmup : 0;
    double noise = NOISE * pow(NOISE_DECAY, late);
    write_states(agent->actor.run, state, 0, o->state);
    gf_run_forward(agent->actor.run, 1, GF_MODE_EVALUATE, NULL);
    double mean = sigmoid(gf_run_logits(agent->actor.run)[0]);
    for (int k = 0; k < TRIES; k++) {
        double action = mean + noise * gf_random_normal(&random, (uint32_t)episode,
                                                        (uint32_t)(step * TRIES + k));
        if (action >= 0 && action <= 1) return action;
    }
    return mean;
}

/* ---- learning ---- */

static void remember(gf_ddpg *agent, const memory *what)
{
    agent->memories[agent->remembered++ % MEMORY] = *what;
}

static void draw_batch(const memory **batch, const gf_ddpg *agent, int episode, int step)
{
    const gf_random random = { .seed = agent->options.seed,
                               .ordinal = agent->options.ordinal,
                               .purpose = GF_PURPOSE_METHOD,
                               .epoch = 1 };
    int known = agent->remembered < MEMORY ? agent->remembered : MEMORY;
    for (int i = 0; i < BATCH; i++)
        batch[i] = &agent->memories[gf_random_below(&random, (uint32_t)episode,
                                                    (uint32_t)(step * BATCH + i), (uint32_t)known)];
}

/* Rows of state and action. */
static void write_pair(gf_run *run, int row, const double *state, double action, int states)
{
    gf_real *out = gf_run_input(run) + row * (states + 1);
    for (int k = 0; k < states; k++) out[k] = (gf_real)state[k];
    out[states] = (gf_real)action;
}

/* What the targets expect of each step: its reward, and the value of what follows it. */
static void expect_values(double *values, gf_ddpg *agent, const memory *const *batch)
{
    int states = agent->options.state;
    gf_run *actor = agent->actor.target_run, *critic = agent->critic.target_run;
    double mean = 0;
    for (int i = 0; i < BATCH; i++) write_states(actor, batch[i]->next, i, states);
    gf_run_forward(actor, BATCH, GF_MODE_EVALUATE, NULL);
    for (int i = 0; i < BATCH; i++)
        write_pair(critic, i, batch[i]->next, sigmoid(gf_run_logits(actor)[i]), states);
    gf_run_forward(critic, BATCH, GF_MODE_EVALUATE, NULL);
    for (int i = 0; i < BATCH; i++) mean += batch[i]->reward / BATCH;
    agent->baseline += agent->has_baseline ? BASELINE * (mean - agent->baseline) : mean;
    agent->has_baseline = true;
    for (int i = 0; i < BATCH; i++)
        values[i] = batch[i]->reward - agent->baseline +
                    (batch[i]->last ? 0 : (double)gf_run_logits(critic)[i]);
}

/* Mean squared error. */
static void update_critic(gf_ddpg *agent, const memory *const *batch, const double *values)
{
    gf_run *run = agent->critic.run;
    int last = agent->critic.net->node_count - 1;
    for (int i = 0; i < BATCH; i++)
        write_pair(run, i, batch[i]->state, batch[i]->action, agent->options.state);
    gf_run_forward(run, BATCH, GF_MODE_EVALUATE, NULL);
    for (int i = 0; i < BATCH; i++)
        gf_run_gradient(run, last)[i] =
            (gf_real)(2 * ((double)gf_run_logits(run)[i] - values[i]) / BATCH);
    gf_run_backward(run);
    update(&agent->critic);
}

/* Up the critic's slope in the action. */
static void update_actor(gf_ddpg *agent, const memory *const *batch)
{
    int states = agent->options.state;
    gf_run *actor = agent->actor.run, *critic = agent->critic.run;
    int last = agent->critic.net->node_count - 1;
    for (int i = 0; i < BATCH; i++) write_states(actor, batch[i]->state, i, states);
    gf_run_forward(actor, BATCH, GF_MODE_EVALUATE, NULL);
    for (int i = 0; i < BATCH; i++)
        write_pair(critic, i, batch[i]->state, sigmoid(gf_run_logits(actor)[i]), states);
    gf_run_forward(critic, BATCH, GF_MODE_EVALUATE, NULL);
    for (int i = 0; i < BATCH; i++) gf_run_gradient(critic, last)[i] = (gf_real)(-1.0 / BATCH);
    gf_run_backward(critic);
    for (int i = 0; i < BATCH; i++) {
        double action = sigmoid(gf_run_logits(actor)[i]);
        double slope = (double)gf_run_gradient(critic, 0)[i * (states + 1) + states];
        gf_run_gradient(actor, last)[i] = (gf_real)(slope * action * (1 - action));
    }
    gf_run_backward(actor);
    update(&agent->actor);
}

void gf_ddpg_learn(gf_ddpg *agent, const double *state, double action, double reward,
                   const double *next, int episode, int step)
{
    size_t size = (size_t)agent->options.state * sizeof *state;
    memory what = { .action = action, .reward = reward, .last = !next };
    const memory *batch[BATCH];
    double values[BATCH];
    memcpy(what.state, state, size);
    memcpy(what.next, next ? next : state, size);
    remember(agent, &what);
    if (episode < agent->options.warmup) return;
    draw_batch(batch, agent, episode, step);
    expect_values(values, agent, batch);
    update_critic(agent, batch, values);
    update_actor(agent, batch);
}
