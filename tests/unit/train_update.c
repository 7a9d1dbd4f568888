/* nn, training: one update by hand. The network is linear in the mean colour of an image, all
 * images are one batch, so that a few lines of float64 compute what a training must leave. */
#include "train_fixture.h"

enum { N = 24, C = 10, D = 3, WEIGHTS = C * D };

#define ONE_BATCH "batch = 24\nepochs = 5\nschedule.policy = constant\nlr = 0.5\n"

typedef struct by_hand {
    double lr, momentum, coupled, decoupled, smoothing, ema, alpha;
    bool nesterov;
    double x[N][D];
    int label[N];
    double own; /* mixup: weight of an image itself, and its partner in this epoch */
    int next[N];
    double value[WEIGHTS + C], velocity[WEIGHTS + C], average[WEIGHTS + C]; /* weight, bias */
} by_hand;

/* Mean colours and labels of the training images, and the network's first parameters. */
static bool by_hand_init(by_hand *h, const fixture *f)
{
    int positions[N];
    gf_real *images = gf_alloc(N, 32 * 32 * D * sizeof(gf_real));
    if (!images || gf_data_count(f->data, GF_TRAIN) != N) return false;
    for (int i = 0; i < N; i++) positions[i] = i;
    gf_data_batch(images, h->label, f->data, GF_TRAIN, positions, N, NULL, NULL);
    memset(h->x, 0, sizeof h->x);
    for (int i = 0; i < N; i++)
        for (int p = 0; p < 1024; p++)
            for (int d = 0; d < D; d++) h->x[i][d] += (double)images[(i * 1024 + p) * D + d] / 1024;
    free(images);
    for (int k = 0; k < WEIGHTS + C; k++) {
        const gf_param *p = &f->net->params[k >= WEIGHTS];
        h->value[k] = h->average[k] = (double)p->value[k < WEIGHTS ? k : k - WEIGHTS];
        h->velocity[k] = 0;
    }
    return true;
}

/* The weight and the partners of an epoch of one batch: the next image in that epoch's order. */
static void by_hand_pair(by_hand *h, uint32_t epoch)
{
    const gf_random shuffle = { .seed = 7, .purpose = GF_PURPOSE_SHUFFLE, .epoch = epoch };
    const gf_random mix = { .seed = 7, .purpose = GF_PURPOSE_MIX, .epoch = epoch };
    int order[N];
    gf_random_permutation(&shuffle, 0, order, N);
    for (int i = 0; i < N; i++) h->next[order[i]] = order[(i + 1) % N];
    h->own = h->alpha > 0 ? gf_random_beta(&mix, 0, 1, h->alpha, h->alpha) : 1;
}

/* own CE(label of i) + (1 - own) CE(label of its partner), mean over the batch, to smoothed
 * targets. Returns the loss; *accuracy is shared out between the two labels alike. */
static double by_hand_gradient(const by_hand *h, double gradient[WEIGHTS + C], double *accuracy)
{
    double loss = 0;
    *accuracy = 0;
    memset(gradient, 0, (WEIGHTS + C) * sizeof *gradient);
    for (int i = 0; i < N; i++) {
        double x[D], z[C], sum = 0;
        int best = 0;
        for (int d = 0; d < D; d++) x[d] = h->own * h->x[i][d] + (1 - h->own) * h->x[h->next[i]][d];
        for (int c = 0; c < C; c++) {
            z[c] = h->value[WEIGHTS + c];
            for (int d = 0; d < D; d++) z[c] += h->value[c * D + d] * x[d];
            sum += exp(z[c]);
            if (z[c] > z[best]) best = c;
        }
        for (int pair = 0; pair < 2; pair++) {
            double share = (pair ? 1 - h->own : h->own) / N;
            int label = h->label[pair ? h->next[i] : i];
            *accuracy += best == label ? share : 0;
            for (int c = 0; c < C; c++) {
                double y = h->smoothing / C + (c == label ? 1 - h->smoothing : 0);
                double g = share * (exp(z[c]) / sum - y);
                loss -= share * y * (z[c] - log(sum));
                gradient[WEIGHTS + c] += g;
                for (int d = 0; d < D; d++) gradient[c * D + d] += g * x[d];
            }
        }
    }
    return loss;
}

/* Biases do not decay. */
static double by_hand_step(by_hand *h, int updates, double *accuracy)
{
    by_hand_pair(h, (uint32_t)updates - 1);
    double gradient[WEIGHTS + C], loss = by_hand_gradient(h, gradient, accuracy);
    double decay = fmin(h->ema, (1.0 + updates) / (10.0 + updates));
    for (int k = 0; k < WEIGHTS + C; k++) {
        double w = h->value[k], g = gradient[k] + (k < WEIGHTS ? h->coupled * w : 0);
        h->velocity[k] = h->momentum * h->velocity[k] + g;
        double step = h->nesterov ? g + h->momentum * h->velocity[k] : h->velocity[k];
        h->value[k] -= h->lr * (step + (k < WEIGHTS ? h->decoupled * w : 0));
        h->average[k] = decay * h->average[k] + (1 - decay) * h->value[k];
    }
    return loss;
}

/* Trains with `options` and by hand; losses of all steps and what is left must agree. */
static void compare(const char *options, by_hand h)
{
    fixture f;
    double first = 0, accuracy;
    REQUIRE(fixture_linear(&f, options, N, 0));
    REQUIRE(by_hand_init(&h, &f));
    REQUIRE_OK(run(&f, NULL));
    REQUIRE(f.row_count == 5);
    for (int s = 0; s < 5; s++) {
        double loss = by_hand_step(&h, s + 1, &accuracy);
        EXPECT_NEAR(f.rows[s].train_loss, loss, 1e-5);
        EXPECT_NEAR(f.rows[s].train_accuracy, accuracy, 1e-5);
        if (s == 0) first = loss;
    }
    EXPECT(h.alpha > 0 || f.rows[4].train_loss < first);
    for (int k = 0; k < WEIGHTS + C; k++) {
        const gf_param *p = &f.net->params[k >= WEIGHTS];
        EXPECT_NEAR(p->value[k < WEIGHTS ? k : k - WEIGHTS], h.ema > 0 ? h.average[k] : h.value[k],
                    2e-5);
    }
    fixture_release(&f);
}

TEST("train: update", "plain SGD is the gradient times the rate")
{
    compare(ONE_BATCH "momentum = 0\nnesterov = false\nweight_decay = 0\n", (by_hand){ .lr = 0.5 });
}

TEST("train: update", "momentum and coupled decay are PyTorch's, and biases do not decay")
{
    compare(ONE_BATCH "momentum = 0.9\nnesterov = false\nweight_decay = 0.1\n",
            (by_hand){ .lr = 0.5, .momentum = 0.9, .coupled = 0.1 });
}

TEST("train: update", "Nesterov's momentum with decoupled decay and smoothed labels")
{
    compare(ONE_BATCH "weight_decay = 0.1\ndecay = decoupled\nlabel_smoothing = 0.2\n",
            (by_hand){
                .lr = 0.5, .momentum = 0.9, .nesterov = true, .decoupled = 0.1, .smoothing = 0.2 });
}

TEST("train: mixup", "the loss is that of both labels by their weights, and so is the accuracy")
{
    compare(ONE_BATCH "momentum = 0\nnesterov = false\nweight_decay = 0\naugment.0 = mixup\n",
            (by_hand){ .lr = 0.5, .alpha = 1 });
    compare(ONE_BATCH "momentum = 0\nnesterov = false\nweight_decay = 0\nlabel_smoothing = 0.1\n"
                      "augment.0 = mixup\naugment.0.alpha = 0.3\n",
            (by_hand){ .lr = 0.5, .alpha = 0.3, .smoothing = 0.1 });
}

TEST("train: average", "the network ends as the average of its steps, which starts fast")
{
    compare(ONE_BATCH "weight_decay = 0\nema = 0.3\n",
            (by_hand){ .lr = 0.5, .momentum = 0.9, .nesterov = true, .ema = 0.3 });
}

TEST("train: average", "validation looks at the average, statistics of BN included")
{
    fixture f;
    gf_scores scores;
    REQUIRE(fixture_init(&f, "epochs = 2\nbatch = 20\nlr = 0.1\nema = 0.9\n", 300));
    REQUIRE_OK(run(&f, NULL));
    REQUIRE_OK(gf_evaluate(&scores, f.net, f.data, GF_VALIDATION, f.kernels));
    EXPECT(scores.loss == f.rows[1].validation_loss);
    EXPECT(scores.accuracy == f.rows[1].validation_accuracy);
    fixture_release(&f);
}

/* Parameters after a single step, equal but for the decay. */
static gf_net *after_a_step(const char *options)
{
    fixture f;
    gf_net *net = NULL;
    if (fixture_init(&f, options, 220) &&
        gf_test_status(run(&f, NULL), GF_OK, options, __FILE__, __LINE__)) {
        net = f.net;
        f.net = NULL;
    }
    fixture_release(&f);
    return net;
}

TEST("train: update", "weights decay; scales and shifts of BN and biases do not")
{
    gf_net *without = after_a_step("epochs = 1\nbatch = 20\nweight_decay = 0\n");
    gf_net *with = after_a_step("epochs = 1\nbatch = 20\nweight_decay = 1\n");
    REQUIRE(without && with);
    for (int i = 0; i < with->param_count; i++) {
        const gf_param *p = &with->params[i];
        bool same =
            memcmp(p->value, without->params[i].value, gf_param_count(p) * sizeof *p->value) == 0;
        gf_test_check(same == (p->role != GF_ROLE_WEIGHT), __FILE__, __LINE__, "%s", p->name);
    }
    gf_net_destroy(without);
    gf_net_destroy(with);
}

/* ---- loss terms and teachers ---- */

typedef struct witness {
    double apart;  /* largest difference of student's and teacher's logits in the first step */
    double weight; /* of the labels */
    int steps, teachers, last_epoch;
} witness;

static gf_status witness_apply(void *state, const void *options, const gf_loss_call *call,
                               double *loss)
{
    witness *w = *(witness *const *)options;
    const gf_real *mine = gf_run_logits(call->student);
    (void)state;
    for (int i = 0; w->steps == 0 && i < call->batch * call->classes; i++)
        w->apart =
            fmax(w->apart, fabs((double)mine[i] - (double)gf_run_logits(call->teachers[0])[i]));
    /* sum of logits: its gradient is 1 everywhere, so that biases fall in step */
    for (int i = 0; i < call->batch * call->classes; i++) {
        call->d_logits[i] += (gf_real)(1.0 / (call->batch * call->classes));
        *loss += (double)mine[i] / (call->batch * call->classes);
    }
    w->steps++;
    w->teachers = call->teacher_count;
    w->last_epoch = call->epoch;
    return GF_OK;
}

static double witness_label_weight(const void *options)
{
    return (*(witness *const *)options)->weight;
}

static const gf_loss_kind witness_kind = {
    .schema = { .name = "witness", .summary = "remembers what it was called with" },
    .options_size = sizeof(witness *),
    .label_weight = witness_label_weight,
    .apply = witness_apply,
};

static gf_status run_with_teacher(fixture *f, witness *w)
{
    gf_net *teacher = NULL;
    const gf_loss_term term = { .kind = &witness_kind, .options = &w };
    gf_train_job job = job_of(f, NULL);
    gf_status status = gf_net_copy(&teacher, f->net);
    job.teachers = &teacher;
    job.teacher_count = 1;
    job.terms = &term;
    job.term_count = 1;
    if (status == GF_OK) status = gf_train(&job);
    gf_net_destroy(teacher);
    return status;
}

TEST("train: terms", "a teacher sees the very images that its student sees, augmented and mixed")
{
    fixture f;
    witness w = { .weight = 1 };
    REQUIRE(fixture_linear(&f,
                           "epochs = 2\nbatch = 50\naugment.0 = crop\naugment.1 = cutout\n"
                           "augment.2 = mixup\naugment.3 = cutmix\n",
                           200, 0));
    REQUIRE_OK(run_with_teacher(&f, &w));
    EXPECT(w.apart == 0);
    EXPECT_EQ(w.steps, 8);
    EXPECT_EQ(w.teachers, 1);
    EXPECT_EQ(w.last_epoch, 1);
    fixture_release(&f);
}

TEST("train: terms", "with a label weight of zero only the terms teach")
{
    fixture f;
    witness w = { .weight = 0 };
    REQUIRE(
        fixture_linear(&f, ONE_BATCH "momentum = 0\nnesterov = false\nweight_decay = 0\n", N, 0));
    gf_real before[C];
    memcpy(before, f.net->params[1].value, sizeof before);
    REQUIRE_OK(run_with_teacher(&f, &w));
    for (int c = 0; c < C; c++) /* 5 steps of 0.5 down a slope of 1/10 */
        EXPECT_NEAR(f.net->params[1].value[c] - before[c], -0.25, 1e-5);
    fixture_release(&f);
}

/* ---- dropout ---- */

enum { DROPPED = 40 * D, STEPS_SEEN = 5 };

/* Which of the values behind the dropout node were zero, step by step. */
typedef struct masks {
    bool zero[STEPS_SEEN][DROPPED];
    int steps;
} masks;

static gf_status masks_create(void **state, const void *options, gf_run *student,
                              gf_run *const *teachers, int teacher_count)
{
    (void)options, (void)teachers, (void)teacher_count;
    *state = student;
    return gf_run_want_value(student, gf_net_find_node(gf_run_net(student), "dropout"));
}

static gf_status masks_apply(void *state, const void *options, const gf_loss_call *call,
                             double *loss)
{
    masks *m = *(masks *const *)options;
    const gf_real *values = gf_run_value(state, gf_net_find_node(gf_run_net(state), "dropout"));
    (void)loss;
    for (int i = 0; m->steps < STEPS_SEEN && i < call->batch * D; i++)
        m->zero[m->steps][i] = values[i] == 0;
    m->steps++;
    return GF_OK;
}

static const gf_loss_kind masks_kind = { .schema = { .name = "masks" },
                                         .options_size = sizeof(masks *),
                                         .create = masks_create,
                                         .apply = masks_apply };

TEST("train: dropout", "each step of an epoch drops other values")
{
    fixture f;
    masks seen = { 0 }, *w = &seen;
    const gf_dropout_attributes half = { .rate = 0.5 };
    const gf_loss_term term = { .kind = &masks_kind, .options = &w };
    int node;
    REQUIRE(fixture_linear(&f, "epochs = 1\nbatch = 40\n", 200, 0));
    REQUIRE_OK(gf_net_insert(f.net, &node, "dropout", "dropout", &half, 1));
    gf_train_job job = job_of(&f, NULL);
    job.terms = &term;
    job.term_count = 1;
    REQUIRE_OK(gf_train(&job));
    EXPECT_EQ(seen.steps, STEPS_SEEN);
    for (int s = 0; s < STEPS_SEEN; s++) {
        int zeros = 0, same = 0;
        for (int i = 0; i < DROPPED; i++) {
            zeros += seen.zero[s][i];
            same += seen.zero[s][i] == seen.zero[(s + 1) % STEPS_SEEN][i];
        }
        EXPECT(zeros > 0.3 * DROPPED && zeros < 0.7 * DROPPED);
        EXPECT(same > 0.3 * DROPPED && same < 0.7 * DROPPED);
    }
    fixture_release(&f);
}

/* ---- steps, epochs, checkpoints ---- */

static int steps_of(int images, int batch)
{
    fixture f;
    char options[128];
    int steps = -1;
    snprintf(options, sizeof options, "epochs = 1\nbatch = %d\n", batch);
    if (fixture_linear(&f, options, images, 0) &&
        gf_test_status(run(&f, NULL), GF_OK, options, __FILE__, __LINE__))
        steps = f.rows[0].steps;
    fixture_release(&f);
    return steps;
}

TEST("train: steps", "the last batch is a smaller one, unless it would be a single image")
{
    EXPECT_EQ(steps_of(100, 50), 2);
    EXPECT_EQ(steps_of(102, 50), 3);
    EXPECT_EQ(steps_of(101, 50), 2);
    EXPECT_EQ(steps_of(40, 128), 1);
}

TEST("train: warm-up", "the rate rises in a straight line, step by step, before the policy begins")
{
    fixture f;
    REQUIRE(fixture_linear(&f,
                           "epochs = 6\nbatch = 40\nlr = 0.8\nschedule.warmup = 4\n"
                           "schedule.policy = linear\n",
                           40, 0));
    REQUIRE_OK(run(&f, NULL));
    const double want[] = { 0.2, 0.4, 0.6, 0.8, 0.8, 0.4 };
    for (int e = 0; e < 6; e++) EXPECT_NEAR(f.rows[e].lr, want[e], 1e-12);
    fixture_release(&f);
}

TEST("train: checkpoints", "one an epoch, and between steps when time has passed")
{
    fixture f;
    REQUIRE(fixture_linear(&f, "epochs = 3\nbatch = 20\n", 100, 0));
    REQUIRE_OK(run(&f, NULL));
    EXPECT_EQ(f.saves, 3);
    gf_train_job job = job_of(&f, NULL);
    job.hooks.checkpoint_seconds = 1e-9;
    f.saves = 0;
    REQUIRE_OK(gf_train(&job));
    EXPECT_EQ(f.saves, 3 + 3 * 5);
    fixture_release(&f);
}

TEST("train: defaults", "a fine-tuning is short and gentle where nothing is said")
{
    fixture f;
    REQUIRE(fixture_linear(&f, "", 256, 0));
    gf_train_job job = job_of(&f, NULL);
    job.schema = &gf_finetune_schema;
    REQUIRE_OK(gf_train(&job));
    EXPECT_EQ(f.row_count, 5);
    EXPECT_EQ(f.rows[0].steps, 2);
    EXPECT_NEAR(f.rows[4].lr, 0.01 * 0.5 * (1 + cos(M_PI * 4.5 / 5)), 1e-9);
    fixture_release(&f);
}
