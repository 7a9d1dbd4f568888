/* compress, the search for amounts: an agent that has to learn something known, budgets counted on
 * the networks that are left, the best of all vectors by trying them all. */
#include "compress_nets.h"

#include "../../src/compress/prune/ddpg.h"

static const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 100, .images = 600
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

/* ---- the agent ---- */

enum { WARMUP = 50, EPISODES = 700, CALM = 100000 /* an episode without noise */ };

static const gf_ddpg_options agent_options = { .state = 2, .warmup = WARMUP, .seed = 3 };

/* Episodes of two steps; each step's best action is 0.8 in state (1, step) and 0.2 in (0, step). */
static gf_ddpg *trained_agent(void)
{
    gf_ddpg *agent = NULL;
    EXPECT_STATUS(gf_ddpg_create(&agent, &agent_options, test_kernels()), GF_OK);
    for (int e = 0; agent && e < EPISODES; e++) {
        double states[2][2], actions[2], reward = 0;
        for (int t = 0; t < 2; t++) {
            states[t][0] = test_random((uint32_t)e, (uint32_t)t) > 0;
            states[t][1] = t;
            actions[t] = gf_ddpg_act(agent, states[t], e, t);
            reward -= pow(actions[t] - (states[t][0] > 0 ? 0.8 : 0.2), 2);
        }
        for (int t = 0; t < 2; t++)
            gf_ddpg_learn(agent, states[t], actions[t], reward, t ? NULL : states[1], e, t);
    }
    return agent;
}

TEST("compress: ddpg", "an agent learns which action is best in which state")
{
    gf_ddpg *agent = trained_agent();
    for (int t = 0; t < 2; t++) {
        const double high[] = { 1, t }, low[] = { 0, t };
        double more = gf_ddpg_act(agent, high, CALM, t), less = gf_ddpg_act(agent, low, CALM, t);
        printf("step %d: %.2f where 0.8 is best, %.2f where 0.2 is\n", t, more, less);
        EXPECT(more - less > 0.3 && fabs(less - 0.2) < 0.15 && fabs(more - 0.8) < 0.25);
    }
    gf_ddpg_destroy(agent);
}

TEST("compress: ddpg",
     "noise is wide at first and dies away; the same episodes give the same actions")
{
    gf_ddpg *agent = NULL, *again = NULL;
    const double state[] = { 0.5, 0 };
    double early = 0, late = 0;
    REQUIRE_OK(gf_ddpg_create(&agent, &agent_options, test_kernels()));
    REQUIRE_OK(gf_ddpg_create(&again, &agent_options, test_kernels()));
    double calm = gf_ddpg_act(agent, state, CALM, 0);
    for (int e = 0; e < WARMUP; e++) {
        double action = gf_ddpg_act(agent, state, e, 0);
        EXPECT(action >= 0 && action <= 1 && action == gf_ddpg_act(again, state, e, 0));
        early += fabs(action - calm) / WARMUP;
        late += fabs(gf_ddpg_act(agent, state, WARMUP + 60 + e, 0) - calm) / WARMUP;
    }
    EXPECT(early > 0.15 && early < 0.35); /* 0.26: deviation 0.5, cut off at 0 and 1 */
    EXPECT(late < 0.02);
    gf_ddpg_destroy(agent);
    gf_ddpg_destroy(again);
}

/* ---- budgets ---- */

static void expect_budget(const char *model, const char *search, double macs)
{
    char text[160];
    gf_net *net = small_net(model, 32);
    double dense = (double)cost_of(net).macs;
    snprintf(text, sizeof text, "macs = %g\nsearch = %s\nepisodes = 6\nwarmup = 3\n", macs, search);
    EXPECT_STATUS(apply_method(net, "amc", text, images_of(), NULL, 0), GF_OK);
    EXPECT((double)cost_of(net).macs <= macs * dense);
    EXPECT((double)cost_of(net).macs > 0.1 * dense);
    EXPECT_STATUS(gf_net_check(net), GF_OK);
    gf_net_destroy(net);
}

TEST("compress: amc", "the network that is left keeps the budget, whatever its layers are")
{
    static const char *const searches[] = { "ddpg", "evolution", "random" };
    for (size_t i = 0; i < GF_COUNT(searches); i++) {
        expect_budget("arch = resnet18\nwidth = 8\nblocks = 2,1,1\n", searches[i], 0.5);
        expect_budget("arch = resnet18\nwidth = 16\nblocks = 1,1\ngroups = 4\n", searches[i], 0.6);
        expect_budget("arch = resnet18\nwidth = 8\nblocks = 1,1\nseparable = all\n", searches[i],
                      0.7);
    }
}

TEST("compress: amc", "a budget that cannot be met is refused with what could be")
{
    gf_net *net = small_net(SMALL, 32);
    EXPECT_STATUS(apply_method(net, "amc", "macs = 0.1\nepisodes = 1\n", images_of(), NULL, 0),
                  GF_FAILED);
    EXPECT_CONTAINS(gf_error_message(), "macs = 0.1 cannot be reached: 0.");
    gf_net_destroy(net);
}

/* ---- all vectors ---- */

static const char *const weights[] = { "layer1.0.conv1.weight", "layer2.0.conv1.weight" };
static const char *const gammas[] = { "layer1.0.bn1.gamma", "layer2.0.bn1.gamma" };
static const char *const betas[] = { "layer1.0.bn1.beta", "layer2.0.bn1.beta" };

static gf_net *trained_net(void)
{
    static gf_net *trained;
    gf_net *copy = NULL;
    gf_options *options = NULL;
    if (!trained) {
        trained = small_net(SMALL, 32);
        gf_net_initialize(trained, 1, 0);
        EXPECT_STATUS(gf_options_parse(&options, "epochs = 6\nbatch = 50\nlr = 0.1\n"), GF_OK);
        const gf_train_job job = { .net = trained,
                                   .data = images_of(),
                                   .kernels = test_kernels(),
                                   .options = options,
                                   .prefix = "",
                                   .schema = &gf_train_schema,
                                   .seed = 5 };
        EXPECT_STATUS(gf_train(&job), GF_OK);
        gf_options_destroy(options);
    }
    EXPECT_STATUS(gf_net_copy(&copy, trained), GF_OK);
    return copy;
}

static double accuracy_of(gf_net *net)
{
    gf_scores scores = { 0 };
    EXPECT_STATUS(gf_evaluate(&scores, net, images_of(), GF_VALIDATION, test_kernels()), GF_OK);
    return scores.accuracy;
}

/* Switches off the filter of smallest L1 norm that is still on. */
static void switch_off_least(gf_net *net, int layer)
{
    gf_param *w = &net->params[gf_net_find_param(net, weights[layer])];
    gf_real *gamma = net->params[gf_net_find_param(net, gammas[layer])].value;
    gf_real *beta = net->params[gf_net_find_param(net, betas[layer])].value;
    size_t size = gf_param_count(w) / (size_t)w->dims[0];
    int least = -1;
    double smallest = INFINITY;
    for (int f = 0; f < w->dims[0]; f++) {
        double norm = 0;
        for (size_t i = 0; i < size; i++) norm += fabs((double)w->value[(size_t)f * size + i]);
        if ((gamma[f] == 0 && beta[f] == 0) || norm >= smallest) continue;
        smallest = norm;
        least = f;
    }
    gamma[least] = beta[least] = 0;
}

enum { FIRST = 7, SECOND = 13 }; /* 0 to 6 of 8 filters, 0 to 12 of 16: most = 0.75 */

/* Operations of SMALL without so many channels inside its two blocks, from its layers' shapes. */
static double macs_without(int first, int second)
{
    double stem = 1024.0 * 27 * 8, shortcut = 256.0 * 8 * 16, fc = 16 * 10;
    double block1 = 2 * 1024.0 * 9 * 8 * (8 - first);
    double block2 = 256.0 * 9 * (8 + 16) * (16 - second);
    return stem + shortcut + fc + block1 + block2;
}

/* Accuracies of all vectors that keep the budget. */
static int try_all(double *accuracies, double budget)
{
    int count = 0;
    gf_net *first = trained_net();
    for (int a = 0; a < FIRST; a++) {
        gf_net *net = NULL;
        EXPECT_STATUS(gf_net_copy(&net, first), GF_OK);
        for (int b = 0; b < SECOND; b++) {
            if (macs_without(a, b) <= budget) accuracies[count++] = accuracy_of(net);
            switch_off_least(net, 1);
        }
        gf_net_destroy(net);
        switch_off_least(first, 0);
    }
    gf_net_destroy(first);
    return count;
}

TEST("compress: amc", "after some episodes hardly any vector within the budget is better")
{
    static const char *const searches[] = { "ddpg", "evolution" };
    double accuracies[FIRST * SECOND], dense = macs_without(0, 0);
    gf_net *net = trained_net();
    EXPECT_NEAR(cost_of(net).macs, dense, 0);
    gf_net_destroy(net);
    int count = try_all(accuracies, 0.6 * dense);
    for (size_t i = 0; i < GF_COUNT(searches); i++) {
        char text[160];
        int better = 0;
        net = trained_net();
        snprintf(text, sizeof text,
                 "macs = 0.6\nmost = 0.75\nsearch = %s\nepisodes = 60\nwarmup = 20\n", searches[i]);
        REQUIRE_OK(apply_method(net, "amc", text, images_of(), NULL, 0));
        double got = accuracy_of(net);
        for (int k = 0; k < count; k++) better += accuracies[k] > got + 1e-9;
        printf("%s: %.2f, %d of %d vectors are better\n", searches[i], got, better, count);
        EXPECT(count > 20 && better <= count / 20);
        gf_net_destroy(net);
    }
}

/* ---- interrupted ---- */

typedef struct stopper {
    int asked, stop_after;
    gf_artifact saved;
} stopper;

static bool on_stop(void *context, double share)
{
    stopper *s = context;
    EXPECT(share > 0 && share <= 1);
    return ++s->asked == s->stop_after;
}

static gf_status on_save(void *context, const gf_artifact *state)
{
    stopper *s = context;
    char path[600];
    snprintf(path, sizeof path, "%s/search.h5", test_folder());
    gf_status status = gf_artifact_save(path, state);
    return status == GF_OK ? gf_artifact_load(&s->saved, path) : status;
}

static gf_status search(gf_net *net, stopper *s, const gf_artifact *resume)
{
    const struct {
        double macs, most;
        int min_channels, search, episodes, warmup;
    } options = { .macs = 0.6, .most = 0.75, .min_channels = 1, .episodes = 12, .warmup = 4 };
    const gf_method_call call = { .net = net,
                                  .data = images_of(),
                                  .kernels = test_kernels(),
                                  .seed = 5,
                                  .ordinal = 1,
                                  .resume = resume,
                                  .hooks = { .context = s, .stop = on_stop, .save = on_save } };
    return method_named("amc")->apply(&call, &options);
}

TEST("compress: amc", "a search that is stopped goes on where it was, to the same network")
{
    stopper whole = { 0 }, cut = { .stop_after = 7 }, rest = { 0 };
    gf_net *straight = trained_net(), *first = trained_net(), *second = trained_net();
    REQUIRE_OK(search(straight, &whole, NULL));
    EXPECT_STATUS(search(first, &cut, NULL), GF_INTERRUPTED);
    REQUIRE_OK(search(second, &rest, &cut.saved));
    EXPECT_EQ(whole.asked, 12);
    EXPECT_EQ(rest.asked, 5);
    for (int i = 0; i < straight->param_count; i++) {
        EXPECT_EQ(gf_param_count(&second->params[i]), gf_param_count(&straight->params[i]));
        EXPECT(memcmp(second->params[i].value, straight->params[i].value,
                      gf_param_count(&straight->params[i]) * sizeof(gf_real)) == 0);
    }
    gf_artifact_release(&cut.saved);
    gf_net_destroy(straight);
    gf_net_destroy(first);
    gf_net_destroy(second);
}
