/* compress, methods that train: the loss of distillation by hand, and both methods on real images.
 */
#include "compress_trained.h"

/* ---- the loss "kd" ---- */

typedef struct pair {
    gf_net *student_net, *teacher_nets[2];
    gf_run *student, *teachers[2];
    gf_real d_logits[IMAGES * 10];
} pair;

typedef struct loss_options {
    double temperature, alpha;
} loss_options;

static gf_run *run_of(gf_net *net, uint32_t salt)
{
    gf_run *run = NULL;
    if (gf_run_create(&run, net, test_kernels(), IMAGES, false) != GF_OK) return NULL;
    for (uint32_t i = 0; i < IMAGES * 10; i++)
        gf_run_logits(run)[i] = (gf_real)(5 * test_random(salt, i));
    return run;
}

static bool pair_init(pair *p)
{
    *p = (pair){ .student_net = small_net(SMALL, 8) };
    p->student = run_of(p->student_net, 100);
    for (int i = 0; i < 2; i++) {
        p->teacher_nets[i] = small_net(SMALL, 8);
        p->teachers[i] = run_of(p->teacher_nets[i], 101 + (uint32_t)i);
    }
    return p->student && p->teachers[0] && p->teachers[1];
}

static void pair_release(pair *p)
{
    gf_run_destroy(p->student);
    gf_net_destroy(p->student_net);
    for (int i = 0; i < 2; i++) {
        gf_run_destroy(p->teachers[i]);
        gf_net_destroy(p->teacher_nets[i]);
    }
}

static const gf_loss_kind *kd(void)
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, "kd") == 0) return *kind;
    return NULL;
}

static double loss_of(pair *p, const loss_options *options, int teachers)
{
    double loss = 0;
    const gf_loss_call call = { .student = p->student,
                                .teachers = p->teachers,
                                .teacher_count = teachers,
                                .batch = IMAGES,
                                .classes = 10,
                                .d_logits = p->d_logits };
    memset(p->d_logits, 0, sizeof p->d_logits);
    EXPECT_STATUS(kd()->apply(NULL, options, &call, &loss), GF_OK);
    return loss;
}

/* softmax(row / T)[k], straight from the definition. */
static double soft(const gf_real *row, int k, double T)
{
    double sum = 0;
    for (int j = 0; j < 10; j++) sum += exp((double)row[j] / T);
    return exp((double)row[k] / T) / sum;
}

TEST("compress: kd", "the loss is alpha T^2 times the divergence, a mean over the batch")
{
    pair p;
    const loss_options o = { .temperature = 3, .alpha = 0.7 };
    REQUIRE(pair_init(&p));
    double want = 0;
    for (int i = 0; i < IMAGES; i++)
        for (int k = 0; k < 10; k++) {
            double s = soft(gf_run_logits(p.student) + i * 10, k, 3);
            double t = (soft(gf_run_logits(p.teachers[0]) + i * 10, k, 3) +
                        soft(gf_run_logits(p.teachers[1]) + i * 10, k, 3)) /
                       2;
            want += 0.7 * 9 * t * log(t / s) / IMAGES;
        }
    EXPECT_NEAR(loss_of(&p, &o, 2), want, 1e-9);
    EXPECT_NEAR(kd()->label_weight(&o), 0.3, 1e-15);
    pair_release(&p);
}

TEST("compress: kd", "its gradient is that of finite differences")
{
    pair p;
    const loss_options o = { .temperature = 2, .alpha = 0.9 };
    REQUIRE(pair_init(&p));
    gf_real got[IMAGES * 10], want[IMAGES * 10], *logits = gf_run_logits(p.student);
    loss_of(&p, &o, 2);
    memcpy(got, p.d_logits, sizeof got);
    for (int i = 0; i < IMAGES * 10; i++) {
        gf_real kept = logits[i], step = 1.0f / 64;
        logits[i] = kept + step;
        double above = loss_of(&p, &o, 2), x = (double)logits[i];
        logits[i] = kept - step;
        want[i] = (gf_real)((above - loss_of(&p, &o, 2)) / (x - (double)logits[i]));
        logits[i] = kept;
    }
    EXPECT_FLOATS(got, want, IMAGES * 10, 2e-5);
    pair_release(&p);
}

TEST("compress: kd", "a student that equals its teacher has neither loss nor gradient")
{
    pair p;
    const loss_options o = { .temperature = 4, .alpha = 1 };
    const gf_real zeros[IMAGES * 10] = { 0 };
    REQUIRE(pair_init(&p));
    memcpy(gf_run_logits(p.student), gf_run_logits(p.teachers[0]), IMAGES * 10 * sizeof(gf_real));
    EXPECT_NEAR(loss_of(&p, &o, 1), 0, 1e-12);
    EXPECT_FLOATS(p.d_logits, zeros, IMAGES * 10, 1e-9);
    pair_release(&p);
}

TEST("compress: kd", "without a teacher, or with one of other classes, it is refused")
{
    gf_net *student = small_net(SMALL, 8), *teacher = NULL;
    REQUIRE_OK(gf_net_create(&teacher, (gf_shape){ 8, 8, 3 }));
    EXPECT_STATUS(apply_method(student, "kd", "epochs = 1\n", NULL, NULL, 0), GF_INVALID);
    EXPECT_STATUS(apply_method(student, "kd", "epochs = 1\n", NULL, &teacher, 1), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "a teacher of 3 classes, the student has 10");
    gf_net_destroy(student);
    gf_net_destroy(teacher);
}

/* ---- on real images ---- */

TEST("compress: qat", "8 bits cost next to nothing; at 2 bits training wins back what ptq loses")
{
    gf_net *net = trained_net();
    double dense = accuracy(net), eight = accuracy_after("ptq", "");
    double two = accuracy_after("ptq", "weight_bits = 2\nedge_bits = 2\n");
    double trained = accuracy_after("qat", "weight_bits = 2\nedge_bits = 2\nepochs = 2\n"
                                           "batch = 50\nlr = 0.02\n");
    gf_net_destroy(net);
    printf("dense %.3f, ptq 8 bits %.3f, 2 bits %.3f, qat %.3f\n", dense, eight, two, trained);
    EXPECT(dense > 0.22);
    EXPECT(fabs(eight - dense) < 0.02);
    EXPECT(trained > two + 0.02);
}

TEST("compress: kd", "a student learns from its teacher's outputs alone")
{
    gf_net *student = small_net(SMALL, 32), *teacher = trained_net();
    gf_net_initialize(student, 9, 0);
    REQUIRE_OK(apply_method(student, "kd", "alpha = 1\nepochs = 3\nbatch = 50\nlr = 0.1\n",
                            images_of(), &teacher, 1));
    printf("teacher %.3f, student %.3f\n", accuracy(teacher), accuracy(student));
    EXPECT(accuracy(student) > 0.2);
    gf_net_destroy(student);
    gf_net_destroy(teacher);
}

TEST("compress: qat", "it ends folded, quantized everywhere, with nothing frozen")
{
    gf_net *net = trained_net();
    REQUIRE_OK(apply_method(net, "qat", "weight_bits = 4\nepochs = 1\nbatch = 100\n", images_of(),
                            NULL, 0));
    for (int n = 0; n < net->node_count; n++) {
        EXPECT(strcmp(net->nodes[n].kind->schema.name, "bn") != 0);
        EXPECT(!net->nodes[n].frozen);
    }
    for (int i = 0; i < net->param_count; i++) {
        gf_code code;
        gf_param_code(&net->params[i], &code);
        if (net->params[i].role == GF_ROLE_WEIGHT) EXPECT(code.bits == 4 || code.bits == 8);
    }
    gf_net_destroy(net);
}
