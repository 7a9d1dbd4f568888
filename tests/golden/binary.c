/* Binary networks beside PyTorch's autograd (binary.txt, which make_binary.py writes from the
 * papers): the loss of four images and the gradient of every parameter of XNOR-Net and BNN+, and
 * 120 steps of XNOR-Net, which end where runs of PyTorch do that began 1e-6 apart. Weights and
 * batches are the script's formulas. */
#include "../unit/compress_nets.h"
#include "formulas.h"
#include "numbers.h"

enum { FIRST = 4, BATCH = 32, STEPS = 120, LATE = 60, CLASSES = 10, RUNS = 5 };

static const gf_options *torch_numbers(void)
{
    static gf_options *numbers;
    if (!numbers) numbers = numbers_load("tests/golden/binary.txt");
    return numbers;
}

static const gf_data *sample_images(void)
{
    static gf_data *data;
    const gf_data_options sample = { .dataset = 1, .path = "auto", .validation = 0 };
    if (!data) EXPECT_STATUS(gf_data_open(&data, &sample), GF_OK);
    return data;
}

/* The method's network before its first step: its training's rate is too small to move a weight. */
static gf_net *binary_net(const char *method, const char *options)
{
    char text[256];
    gf_data *few = NULL;
    const gf_data_options o = { .dataset = 1, .path = "auto", .validation = 20, .images = 70 };
    gf_net *net = small_net(SMALL, 32);
    if (!net) return NULL;
    formula_initialize(net);
    snprintf(text, sizeof text, "epochs = 1\nbatch = 50\nlr = 1e-30\n%s", options);
    EXPECT_STATUS(gf_data_open(&few, &o), GF_OK);
    EXPECT_STATUS(apply_method(net, method, text, few, NULL, 0), GF_OK);
    gf_data_close(few);
    return net;
}

/* Forward and backward on a batch of the script; its mean loss. */
static double pass(gf_run *run, int step, int count)
{
    const gf_net *net = gf_run_net(run);
    const gf_kernels *kernels = test_kernels();
    int positions[BATCH], labels[BATCH], images = gf_data_count(sample_images(), GF_TEST);
    gf_real target[BATCH * CLASSES] = { 0 }, losses[BATCH];
    double loss = 0;
    for (int i = 0; i < count; i++) positions[i] = (step * BATCH + i) * 237 % images;
    gf_data_batch(gf_run_input(run), labels, sample_images(), GF_TEST, positions, count, NULL,
                  NULL);
    for (int i = 0; i < count; i++) target[i * CLASSES + labels[i]] = 1;
    gf_run_forward(run, count, GF_MODE_TRAIN, NULL);
    kernels->softmax_cross_entropy(gf_run_gradient(run, net->node_count - 1), losses,
                                   gf_run_logits(run), target, count, CLASSES);
    for (int i = 0; i < count; i++) loss += (double)losses[i] / count;
    gf_run_backward(run);
    return loss;
}

static void expect_gradient(gf_run *run, int index, const char *method)
{
    char key[200];
    double want[2] = { 0 }, norm = 0, product = 0;
    const gf_param *param = &gf_run_net(run)->params[index];
    const gf_real *gradient = gf_run_param_gradient(run, index);
    snprintf(key, sizeof key, "%s.%s", method, param->name);
    REQUIRE(numbers_get(want, 2, torch_numbers(), key) == 2);
    snprintf(key, sizeof key, "%s.direction", param->name);
    for (size_t k = 0; k < gf_param_count(param); k++) {
        norm += (double)gradient[k] * (double)gradient[k];
        product += (double)gradient[k] * (2 * formula_uniform(key, k) - 1);
    }
    EXPECT_NEAR(sqrt(norm), want[0], 1e-3 * want[0]);
    EXPECT_NEAR(product, want[1], 1e-3 * want[0]);
}

static void expect_first_step(const char *method, const char *options)
{
    char key[64];
    double loss = 0;
    int compared = 0;
    gf_run *run = NULL;
    gf_net *net = binary_net(method, options);
    REQUIRE(net && torch_numbers());
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), BATCH, true));
    snprintf(key, sizeof key, "%s.loss", method);
    REQUIRE(numbers_get(&loss, 1, torch_numbers(), key) == 1);
    EXPECT_NEAR(pass(run, 0, FIRST), loss, 1e-5 * loss);
    for (int i = 0; i < net->param_count; i++, compared += net->params[i - 1].trainable)
        if (net->params[i].trainable) expect_gradient(run, i, method);
    EXPECT_EQ(compared, 20);
    gf_run_destroy(run);
    gf_net_destroy(net);
}

TEST("golden: binary", "XNOR-Net's loss and the gradient of every parameter are PyTorch's")
{
    expect_first_step("xnor", "weight_decay = 0\n");
}

TEST("golden: binary", "BNN+'s loss and the gradient of every parameter are PyTorch's")
{
    expect_first_step("bnn-plus", "strength = 0.001\nbeta = 5\nweight_decay = 0\n");
}

TEST("golden: binary", "120 steps of XNOR-Net on real images end where PyTorch's do")
{
    double late[RUNS] = { 0 }, mean = 0, deviation = 0, got = 0;
    gf_run *run = NULL;
    gf_net *net = binary_net("xnor", "weight_decay = 0\n");
    REQUIRE(net && torch_numbers());
    REQUIRE(numbers_get(late, RUNS, torch_numbers(), "xnor.late") == RUNS);
    REQUIRE_OK(gf_run_create(&run, net, test_kernels(), BATCH, true));
    gf_real **velocity = gf_alloc((size_t)net->param_count, sizeof *velocity);
    for (int i = 0; i < net->param_count; i++)
        velocity[i] = gf_alloc(gf_param_count(&net->params[i]), sizeof **velocity);
    for (int s = 0; s < STEPS; s++) {
        double loss = pass(run, s, BATCH);
        got += s >= LATE ? loss / (STEPS - LATE) : 0;
        for (int i = 0; i < net->param_count; i++)
            if (net->params[i].trainable)
                test_kernels()->sgd_step(net->params[i].value, velocity[i],
                                         gf_run_param_gradient(run, i),
                                         gf_param_count(&net->params[i]), 0.05f, 0.9f, 0, 0, true);
    }
    for (int i = 0; i < RUNS; i++) mean += late[i] / RUNS;
    for (int i = 0; i < RUNS; i++) deviation += (late[i] - mean) * (late[i] - mean) / (RUNS - 1);
    printf("     later mean loss %.4f, PyTorch's %.4f +- %.4f\n", got, mean, sqrt(deviation));
    EXPECT_NEAR(got, mean, 4 * sqrt(deviation) + 0.01);
    for (int i = 0; i < net->param_count; i++) free(velocity[i]);
    free(velocity);
    gf_run_destroy(run);
    gf_net_destroy(net);
}
