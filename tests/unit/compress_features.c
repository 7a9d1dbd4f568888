/* compress: distillation by features and by blocks (overhaul, lit), and the fading teacher of
 * FitNets (kd-annealed), against the formulas of their papers. Gradients are checked against finite
 * differences in tests/gradcheck/terms.c, stopping and resuming in tests/conform/methods.c. */
#include "compress_nets.h"

#define DEEP "arch = resnet18\nwidth = 8\nblocks = 2,2\n"
#define WIDE "arch = resnet18\nwidth = 12\nblocks = 1,1\n"

static const gf_loss_kind *loss_named(const char *name)
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

static const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 20, .images = 420
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

/* A student and a teacher that have seen the same images. */
typedef struct pair {
    gf_net *net[2];
    gf_run *run[2]; /* student, teacher */
    void *state;
    const gf_loss_kind *kind;
    gf_real d_logits[IMAGES * 10];
} pair;

static void forward(gf_run *run)
{
    size_t count = IMAGES * gf_shape_count(gf_run_net(run)->nodes[0].shape);
    for (size_t k = 0; k < count; k++)
        gf_run_input(run)[k] = (gf_real)(2 * test_random(77, (uint32_t)k));
    gf_run_forward(run, IMAGES, GF_MODE_EVALUATE, NULL);
}

/* The student's weights are other ones than the teacher's. */
static bool pair_init(pair *p, const char *kind, const char *student, const char *teacher,
                      const void *options)
{
    *p =
        (pair){ .net = { small_net(student, 8), small_net(teacher, 8) }, .kind = loss_named(kind) };
    bool good = p->net[0] && p->net[1] && p->kind;
    if (good) gf_net_initialize(p->net[0], 31, 0);
    for (int n = 0; good && n < p->net[0]->node_count; n++) p->net[0]->nodes[n].frozen = true;
    for (int i = 0; good && i < 2; i++)
        good = gf_run_create(&p->run[i], p->net[i], test_kernels(), IMAGES, i == 0) == GF_OK;
    if (good && p->kind->create)
        good = gf_test_status(p->kind->create(&p->state, options, p->run[0], &p->run[1], 1), GF_OK,
                              kind, __FILE__, __LINE__);
    for (int i = 0; good && i < 2; i++) forward(p->run[i]);
    return good;
}

static void pair_release(pair *p)
{
    if (p->state) p->kind->destroy(p->state);
    for (int i = 0; i < 2; i++) {
        gf_run_destroy(p->run[i]);
        gf_net_destroy(p->net[i]);
    }
}

static double loss_of(pair *p, const void *options, int epoch, int epochs)
{
    double loss = 0;
    const gf_loss_call call = { .student = p->run[0],
                                .teachers = &p->run[1],
                                .teacher_count = 1,
                                .batch = IMAGES,
                                .classes = 10,
                                .epoch = epoch,
                                .epochs = epochs,
                                .d_logits = p->d_logits };
    EXPECT_STATUS(p->kind->apply(p->state, options, &call, &loss), GF_OK);
    return loss;
}

/* KL of softened probabilities, the mean over the batch, from the logits. */
static double divergence(const pair *p, double temperature)
{
    double sum = 0;
    for (int i = 0; i < IMAGES; i++) {
        const gf_real *s = gf_run_logits(p->run[0]) + 10 * i,
                      *t = gf_run_logits(p->run[1]) + 10 * i;
        double s_sum = 0, t_sum = 0;
        for (int k = 0; k < 10; k++) {
            s_sum += exp((double)s[k] / temperature);
            t_sum += exp((double)t[k] / temperature);
        }
        for (int k = 0; k < 10; k++) {
            double of_t = exp((double)t[k] / temperature) / t_sum;
            sum += of_t * (log(of_t) - (double)s[k] / temperature + log(s_sum));
        }
    }
    return sum / IMAGES;
}

/* ---- kd-annealed ---- */

typedef struct annealed_options {
    double temperature, first, last;
} annealed_options;

TEST("compress: kd-annealed", "the teacher's weight falls from 4 to 1 in a straight line")
{
    const annealed_options options = { 3, 4, 1 };
    pair p;
    REQUIRE(pair_init(&p, "kd-annealed", SMALL, SMALL, &options));
    double each = divergence(&p, 3);
    EXPECT(each > 1e-3);
    EXPECT_NEAR(loss_of(&p, &options, 0, 7), 4 * each, 1e-6);
    EXPECT_NEAR(loss_of(&p, &options, 2, 7), 3 * each, 1e-6);
    EXPECT_NEAR(loss_of(&p, &options, 6, 7), each, 1e-6);
    EXPECT_NEAR(loss_of(&p, &options, 0, 1), 4 * each, 1e-6);
    EXPECT(!p.kind->label_weight);
    pair_release(&p);
}

/* ---- overhaul ---- */

typedef struct overhaul_options {
    double weight;
} overhaul_options;

/* E[x | x < 0] of a normal distribution, by sums over a grid. */
static double margin_by_sums(double mean, double deviation)
{
    double weights = 0, sum = 0;
    const int steps = 200000;
    for (int i = 0; i < steps; i++) {
        double x = -(i + 0.5) / steps * (fabs(mean) + 12 * deviation);
        double density = exp(-pow((x - mean) / deviation, 2) / 2);
        weights += density;
        sum += density * x;
    }
    return sum / weights;
}

/* The paper's distance between the features of one stage, with the BN that makes the teacher's. */
static double distance_by_hand(const pair *p, const char *name, const char *bn)
{
    char beta[GF_NAME], gamma[GF_NAME];
    int node = gf_net_find_node(p->net[1], name);
    gf_shape shape = p->net[1]->nodes[node].shape;
    const gf_real *s = gf_run_value(p->run[0], gf_net_find_node(p->net[0], name));
    const gf_real *t = gf_run_value(p->run[1], node);
    double sum = 0;
    snprintf(beta, sizeof beta, "%s.beta", bn);
    snprintf(gamma, sizeof gamma, "%s.gamma", bn);
    for (int c = 0; c < shape.channels; c++) {
        double margin = margin_by_sums(
            (double)p->net[1]->params[gf_net_find_param(p->net[1], beta)].value[c],
            fabs((double)p->net[1]->params[gf_net_find_param(p->net[1], gamma)].value[c]));
        for (int k = c; k < IMAGES * (int)gf_shape_count(shape); k += shape.channels) {
            double target = fmax((double)t[k], margin);
            if ((double)s[k] > target || target > 0) sum += pow((double)s[k] - target, 2);
        }
    }
    return sum;
}

TEST("compress: overhaul",
     "the loss is the partial distance before the ReLU, with margins from normal distributions")
{
    const overhaul_options options = { 0.001 };
    pair p;
    REQUIRE(pair_init(&p, "overhaul", SMALL, SMALL, &options));
    double first = distance_by_hand(&p, "layer1.0.add", "layer1.0.bn2");
    double second = distance_by_hand(&p, "layer2.0.add", "layer2.0.bn2");
    double want = 0.001 * (first / 2 + second) / IMAGES;
    EXPECT(first > 1 && second > 1);
    EXPECT_NEAR(loss_of(&p, &options, 0, 1), want, 1e-5 * want);
    pair_release(&p);
}

TEST("compress: overhaul", "a value that is negative in both teaches nothing, and no other does")
{
    const overhaul_options options = { 1 };
    pair p;
    int silent = 0;
    REQUIRE(pair_init(&p, "overhaul", SMALL, SMALL, &options));
    loss_of(&p, &options, 0, 1);
    int node = gf_net_find_node(p.net[0], "layer2.0.add");
    const gf_real *s = gf_run_value(p.run[0], node), *gradient = gf_run_gradient(p.run[0], node);
    const gf_real *t = gf_run_value(p.run[1], gf_net_find_node(p.net[1], "layer2.0.add"));
    for (int k = 0; k < IMAGES * (int)gf_shape_count(p.net[0]->nodes[node].shape); k++) {
        bool quiet = gradient[k] == 0;
        if (s[k] <= t[k] && t[k] <= 0) EXPECT(quiet);
        if (t[k] > 0 && s[k] != t[k]) EXPECT(!quiet);
        silent += quiet;
    }
    EXPECT(silent > 10);
    pair_release(&p);
}

static gf_status on_epoch(void *context, const gf_epoch_row *row)
{
    double *losses = context;
    losses[row->epoch - 1] = row->train_loss;
    return GF_OK;
}

/* Trains with the method and keeps the losses of its epochs. */
static void train_with(gf_net *student, const char *name, const char *text, gf_net *teacher,
                       double *losses)
{
    gf_options *options = NULL;
    const gf_method *method = gf_method_find("distill", name);
    REQUIRE(method && images_of());
    void *record = gf_alloc(1, method->options_size);
    REQUIRE_OK(gf_options_parse(&options, text));
    REQUIRE_OK(gf_fields_read(record, method->schema.fields, options, ""));
    const gf_method_call call = { .net = student,
                                  .data = images_of(),
                                  .kernels = test_kernels(),
                                  .options = options,
                                  .seed = 3,
                                  .teachers = &teacher,
                                  .teacher_count = 1,
                                  .hooks = { .context = losses, .epoch = on_epoch } };
    REQUIRE_OK(method->apply(&call, record));
    free(record);
    gf_options_destroy(options);
}

TEST("compress: overhaul", "a narrower student learns through regressors that are gone afterwards")
{
    double losses[3] = { 0 };
    gf_net *student = small_net(SMALL, 32), *before = small_net(SMALL, 32);
    gf_net *teacher = small_net(WIDE, 32);
    train_with(student, "overhaul", "epochs = 3\nbatch = 50\nlr = 0.02\n", teacher, losses);
    printf("     losses %.3f %.3f %.3f\n", losses[0], losses[1], losses[2]);
    EXPECT(losses[2] < 0.8 * losses[0]);
    EXPECT_EQ(student->node_count, before->node_count);
    EXPECT_EQ(student->param_count, before->param_count);
    for (int n = 0; n < student->node_count; n++)
        EXPECT_TEXT(student->nodes[n].name, before->nodes[n].name);
    gf_net_destroy(student);
    gf_net_destroy(before);
    gf_net_destroy(teacher);
}

static void refused(const char *method, gf_net *const *teachers, int count, const char *why)
{
    gf_net *student = small_net(SMALL, 32);
    EXPECT_STATUS(apply_method(student, method, "epochs = 1\n", images_of(), teachers, count),
                  GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), why);
    gf_net_destroy(student);
}

TEST("compress: overhaul", "a teacher without batch normalization is refused, and two teachers")
{
    gf_net *teachers[2] = { small_net(SMALL, 32), small_net(SMALL, 32) };
    refused("overhaul", teachers, 2, "2 teachers; it takes one");
    REQUIRE_OK(gf_net_fold_bn(teachers[0], test_kernels()));
    refused("overhaul", teachers, 1, "layer1.0.add has no batch normalization");
    gf_net_destroy(teachers[0]);
    gf_net_destroy(teachers[1]);
}

/* ---- lit ---- */

typedef struct lit_options {
    double temperature, alpha, beta;
} lit_options;

/* [IMAGES, ...] of this node, in evaluation; the caller frees. */
static gf_real *values_of(gf_net *net, const char *name, size_t *count)
{
    gf_run *run = NULL;
    int node = gf_net_find_node(net, name);
    EXPECT_STATUS(gf_run_create(&run, net, test_kernels(), IMAGES, false), GF_OK);
    EXPECT_STATUS(gf_run_want_value(run, node), GF_OK);
    forward(run);
    *count = IMAGES * gf_shape_count(net->nodes[node].shape);
    gf_real *values = gf_alloc(*count, sizeof *values);
    memcpy(values, gf_run_value(run, node), *count * sizeof *values);
    gf_run_destroy(run);
    return values;
}

static double mean_square(gf_net *a, gf_net *b, const char *of_a, const char *of_b)
{
    size_t count;
    double sum = 0;
    gf_real *x = values_of(a, of_a, &count), *y = values_of(b, of_b, &count);
    for (size_t k = 0; k < count; k++) sum += pow((double)x[k] - (double)y[k], 2);
    free(x);
    free(y);
    return sum / (double)count;
}

/* The teacher up to its second block, and the student's from there on. */
static gf_net *grafted(const gf_net *teacher, const gf_net *student)
{
    gf_net *net = NULL;
    EXPECT_STATUS(gf_net_copy(&net, teacher), GF_OK);
    for (int i = 0; net && i < net->param_count; i++) {
        gf_param *to = &net->params[i];
        if (strncmp(to->name, "layer2", 6) != 0) continue;
        memcpy(to->value, student->params[gf_net_find_param(student, to->name)].value,
               gf_param_count(to) * sizeof *to->value);
    }
    return net;
}

TEST("compress: lit", "each block is compared on what the teacher's block before it has made")
{
    const lit_options options = { 6, 0.95, 0.75 };
    pair p;
    REQUIRE(pair_init(&p, "lit", SMALL, SMALL, &options));
    gf_net *graft = grafted(p.net[1], p.net[0]);
    double first = mean_square(p.net[0], p.net[1], "layer1.0.act2", "layer1.0.act2");
    double second = mean_square(graft, p.net[1], "layer2.0.act2", "layer2.0.act2");
    double own = mean_square(p.net[0], p.net[1], "layer2.0.act2", "layer2.0.act2");
    double want = 0.75 * 0.95 * 36 * divergence(&p, 6) + 0.25 * (first + second);
    EXPECT(first > 1e-2 && second > 1e-2 && fabs(second - own) > 1e-3);
    EXPECT_NEAR(loss_of(&p, &options, 0, 1), want, 1e-4 * want);
    EXPECT_NEAR(p.kind->label_weight(&options), 0.75 * 0.05, 1e-12);
    gf_net_destroy(graft);
    pair_release(&p);
}

TEST("compress: lit", "a shallow student learns from a deeper teacher of its width")
{
    double losses[3] = { 0 };
    gf_net *student = small_net(SMALL, 32), *teacher = small_net(DEEP, 32);
    train_with(student, "lit", "epochs = 3\nbatch = 50\nlr = 0.05\nbeta = 0\n", teacher, losses);
    printf("     losses %.3f %.3f %.3f\n", losses[0], losses[1], losses[2]);
    EXPECT(losses[2] < 0.8 * losses[0]);
    gf_net_destroy(student);
    gf_net_destroy(teacher);
}

TEST("compress: lit", "quantized and masked weights learn behind their views")
{
    gf_net *student = small_net(SMALL, 32), *teacher = small_net(SMALL, 32);
    REQUIRE_OK(apply_method(student, "magnitude", "amount = 0.5\n", NULL, NULL, 0));
    const gf_param *weight = &student->params[gf_net_find_param(student, "layer2.0.conv1.weight")];
    double losses[2] = { 0 };
    train_with(student, "lit", "epochs = 2\nbatch = 50\nlr = 0.05\n", teacher, losses);
    EXPECT(weight->view_count == 1);
    EXPECT(cost_of(student).nonzeros < cost_of(teacher).nonzeros);
    EXPECT(losses[1] < losses[0]);
    gf_net_destroy(student);
    gf_net_destroy(teacher);
}

TEST("compress: lit", "blocks of another number or width are refused")
{
    gf_net *wide = small_net(WIDE, 32);
    gf_net *more = small_net("arch = resnet18\nwidth = 8\nblocks = 1,1,1\n", 32);
    refused("lit", &wide, 1,
            "block 1 ends with 32 x 32 x 8 values in the student, with 32 x 32 x 12");
    refused("lit", &more, 1, "2 blocks of the student, 3 of the teacher");
    refused("lit", NULL, 0, "there is no teacher");
    gf_net_destroy(wide);
    gf_net_destroy(more);
}
