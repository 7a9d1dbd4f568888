/* compress, "colorization": Lab against published values, bins and their weights against plain
 * computations, questions and scores against loops over pixels, and what a step does with one
 * answer for each place. */
#include "compress_pretext.h"

enum { SIDE = 32, SIZE = SIDE * SIDE * 3, PLACES = 16 };

/* ---- colours ---- */

/* B. Lindbloom's colour calculator (brucelindbloom.com), sRGB, D65. */
TEST("pretext: colour", "Lab of sRGB's corners is what is published")
{
    static const struct {
        double red, green, blue, l, a, b;
    } known[] = { { 0, 0, 0, 0, 0, 0 },
                  { 1, 1, 1, 100, 0, 0 },
                  { 1, 0, 0, 53.2408, 80.0925, 67.2032 },
                  { 0, 1, 0, 87.7347, -86.1827, 83.1793 },
                  { 0, 0, 1, 32.2970, 79.1875, -107.8602 },
                  { 0, 1, 1, 91.1132, -48.0875, -14.1312 },
                  { 1, 0, 1, 60.3242, 98.2343, -60.8249 },
                  { 1, 1, 0, 97.1393, -21.5537, 94.4780 },
                  { 128 / 255.0, 128 / 255.0, 128 / 255.0, 53.5850, 0, 0 } };
    for (size_t i = 0; i < GF_COUNT(known); i++) {
        gf_lab lab = gf_lab_of(known[i].red, known[i].green, known[i].blue);
        EXPECT_NEAR(lab.l, known[i].l, 2e-3);
        EXPECT_NEAR(lab.a, known[i].a, 2e-3);
        EXPECT_NEAR(lab.b, known[i].b, 2e-3);
    }
}

TEST("pretext: colour", "a colour's bin is the multiple of the grid that it is rounded to")
{
    static const int counts[][2] = { { 10, 260 }, { 20, 74 } };
    for (size_t i = 0; i < GF_COUNT(counts); i++) {
        gf_bins bins;
        REQUIRE_OK(gf_bins_init(&bins, counts[i][0]));
        EXPECT_EQ(bins.count, counts[i][1]);
        for (uint32_t k = 0; k < 500; k++) {
            int level[3];
            for (uint32_t c = 0; c < 3; c++) level[c] = (int)(25.5 * (1 + test_random(k, c)));
            gf_lab color = gf_lab_of(level[0] / 51.0, level[1] / 51.0, level[2] / 51.0);
            gf_lab centre = bins.centres[gf_bins_find(&bins, color)];
            EXPECT_NEAR(centre.a, bins.bin * round(color.a / bins.bin), 0);
            EXPECT_NEAR(centre.b, bins.bin * round(color.b / bins.bin), 0);
        }
        gf_bins_release(&bins);
    }
}

TEST("pretext: colour", "outside of all squares the nearest one is taken")
{
    gf_bins bins;
    REQUIRE_OK(gf_bins_init(&bins, 20));
    for (uint32_t k = 0; k < 200; k++) {
        const gf_lab color = { .a = 150 * test_random(k, 7), .b = 150 * test_random(k, 8) };
        double least = 1e9;
        for (int q = 0; q < bins.count; q++)
            least = fmin(least, hypot(color.a - bins.centres[q].a, color.b - bins.centres[q].b));
        gf_lab found = bins.centres[gf_bins_find(&bins, color)];
        EXPECT_NEAR(hypot(color.a - found.a, color.b - found.b), least, 1e-12);
    }
    gf_bins_release(&bins);
}

/* Equation 4 in the order of the paper: smooth the distribution, mix, invert, normalize. */
TEST("pretext: colour", "rare colours weigh more, as equation 4 says, and uniform ones alike")
{
    gf_bins bins;
    gf_real weights[300], flat[300];
    double counts[300] = { 0 }, smooth[300] = { 0 }, expected = 0;
    REQUIRE_OK(gf_bins_init(&bins, 20));
    for (int q = 0; q < bins.count; q++) counts[q] = q % 3 ? q * q : 0;
    REQUIRE_OK(gf_bins_weigh(weights, &bins, counts, 0.5));
    REQUIRE_OK(gf_bins_weigh(flat, &bins, counts, 1));
    double all = 0;
    for (int q = 0; q < bins.count; q++) all += counts[q];
    for (int from = 0; from < bins.count; from++) {
        double kernel[300], sum = 0;
        for (int q = 0; q < bins.count; q++) {
            double far = hypot(bins.centres[q].a - bins.centres[from].a,
                               bins.centres[q].b - bins.centres[from].b);
            sum += kernel[q] = exp(-0.5 * (far / 10) * (far / 10));
        }
        for (int q = 0; q < bins.count; q++) smooth[q] += counts[from] / all * kernel[q] / sum;
    }
    for (int q = 0; q < bins.count; q++)
        expected += smooth[q] / (0.5 * smooth[q] + 0.5 / bins.count);
    for (int q = 0; q < bins.count; q++) {
        EXPECT_NEAR(weights[q], 1 / (0.5 * smooth[q] + 0.5 / bins.count) / expected, 1e-6);
        EXPECT_NEAR(flat[q], 1, 1e-6);
    }
    gf_bins_release(&bins);
}

/* ---- questions ---- */

/* The bin of the mean colour of some pixels of an image, lightness aside. */
static int plain_answer(const gf_bins *bins, const gf_real *image, int top, int bottom, int left,
                        int right)
{
    gf_lab mean = { 0 };
    int count = (bottom - top) * (right - left), best = 0;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) {
            double rgb[3];
            for (int c = 0; c < 3; c++)
                rgb[c] = (double)(image[(y * SIDE + x) * 3 + c] * gf_data_deviation[c] +
                                  gf_data_mean[c]);
            gf_lab color = gf_lab_of(rgb[0], rgb[1], rgb[2]);
            mean.a += color.a / count;
            mean.b += color.b / count;
        }
    for (int q = 0; q < bins->count; q++)
        if (hypot(mean.a - bins->centres[q].a, mean.b - bins->centres[q].b) <
            hypot(mean.a - bins->centres[best].a, mean.b - bins->centres[best].b))
            best = q;
    return best;
}

static void ask(const gf_pretext *task, gf_real *inputs, int *answers, const gf_real *images,
                int count)
{
    const gf_pretext_call call = { .inputs = inputs,
                                   .answers = answers,
                                   .images = images,
                                   .count = count,
                                   .height = SIDE,
                                   .width = SIDE,
                                   .channels = 3 };
    task->make(task, &call);
}

TEST("pretext: colorization", "each place is asked for the mean colour of the pixels under it")
{
    static const int edges4[] = { 0, 8, 16, 24, 32 }, edges3[] = { 0, 10, 21, 32 };
    gf_colorization task;
    gf_real images[3 * SIZE], inputs[3 * SIZE];
    int answers[3 * 12], labels[3], positions[3] = { 4, 11, 50 };
    gf_data_batch(images, labels, data_of(300, 100), GF_UNLABELLED, positions, 3, NULL, NULL);
    REQUIRE_OK(gf_colorization_init(&task, 5, 3, 4));
    ask(&task.task, inputs, answers, images, 3);
    for (int i = 0; i < 3; i++)
        for (int p = 0; p < 12; p++)
            EXPECT_EQ(answers[i * 12 + p],
                      plain_answer(&task.bins, images + i * SIZE, edges3[p / 4], edges3[p / 4 + 1],
                                   edges4[p % 4], edges4[p % 4 + 1]));
    gf_colorization_release(&task);
}

TEST("pretext: colorization", "the trunk sees lightness alone, about 0 on average, about 1 apart")
{
    gf_colorization task;
    enum { COUNT = 100 };
    gf_real *images = gf_alloc(COUNT * SIZE, sizeof *images);
    gf_real *inputs = gf_alloc(COUNT * SIZE, sizeof *inputs);
    int answers[COUNT * PLACES], labels[COUNT], positions[COUNT];
    double sum = 0, squares = 0, count = COUNT * SIDE * SIDE;
    for (int i = 0; i < COUNT; i++) positions[i] = i;
    gf_data_batch(images, labels, data_of(300, 100), GF_UNLABELLED, positions, COUNT, NULL, NULL);
    REQUIRE_OK(gf_colorization_init(&task, 20, 4, 4));
    ask(&task.task, inputs, answers, images, COUNT);
    for (int p = 0; p < COUNT * SIZE; p += 3) {
        EXPECT(inputs[p] == inputs[p + 1] && inputs[p] == inputs[p + 2]);
        sum += (double)inputs[p];
        squares += (double)(inputs[p] * inputs[p]);
    }
    EXPECT(fabs(sum / count) < 0.2);
    EXPECT(fabs(sqrt(squares / count - sum / count * sum / count) - 1) < 0.1);
    free(images);
    free(inputs);
    gf_colorization_release(&task);
}

/* ---- training ---- */

/* Means of 8 x 8 pixels, and a 1 x 1 convolution: softmax regression at each place. */
static gf_status regression_net(gf_net **net, int classes)
{
    gf_status status;
    int node = 0;
    const gf_pool_attributes pool = { .size = 8 };
    const gf_conv_attributes head = { .filters = classes,
                                      .kernel_height = 1,
                                      .kernel_width = 1,
                                      .stride = 1,
                                      .groups = 1,
                                      .bias = true };
    GF_TRY(gf_net_create(net, (gf_shape){ SIDE, SIDE, 3 }));
    GF_TRY(gf_net_add(*net, &node, "average_pool", "pool", &pool, &node, 1));
    GF_TRY(gf_net_add(*net, &node, "conv", "head", &head, &node, 1));
    gf_net_initialize(*net, 1, 0);
out:
    return status;
}

/* Logits at one place of a question, double; returns the log of the sum of their exponentials. */
static double regress(double *logits, const gf_net *net, const gf_real *input, int place,
                      double *mean)
{
    int classes = net->params[0].dims[0];
    double sum = 0;
    *mean = 0;
    for (int i = 0; i < 64; i++)
        *mean += (double)input[((place / 4 * 8 + i / 8) * SIDE + place % 4 * 8 + i % 8) * 3] / 64;
    for (int k = 0; k < classes; k++) {
        const gf_real *weight = net->params[0].value + k * 3;
        logits[k] = (double)net->params[1].value[k];
        for (int c = 0; c < 3; c++) logits[k] += (double)weight[c] * *mean;
        sum += exp(logits[k]);
    }
    return log(sum);
}

/* One full batch, without momentum and decay. */
#define ONE_STEP                                                                                   \
    "epochs = 1\nbatch = 40\nlr = 0.5\nmomentum = 0\nnesterov = false\nweight_decay = 0\n"         \
    "schedule.policy = constant\n"

TEST("pretext: colorization", "a step is that of weighted softmax regression over all places")
{
    enum { COUNT = 40 };
    fixture f;
    gf_colorization task;
    gf_net *want = NULL;
    double logits[100];
    static gf_real images[COUNT * SIZE], inputs[COUNT * SIZE];
    int answers[COUNT * PLACES], labels[COUNT], positions[COUNT];
    REQUIRE(fixture_open(&f, ONE_STEP, 60, 20));
    REQUIRE_OK(gf_colorization_init(&task, 20, 4, 4));
    REQUIRE_OK(gf_colorization_weigh(&task, f.data, 0.5));
    REQUIRE_OK(regression_net(&f.net, task.task.classes));
    REQUIRE_OK(gf_net_copy(&want, f.net));
    gf_train_job job = job_of(&f, NULL);
    job.task = &task.task;
    REQUIRE_OK(gf_train(&job));
    for (int i = 0; i < COUNT; i++) positions[i] = i;
    gf_data_batch(images, labels, f.data, GF_UNLABELLED, positions, COUNT, NULL, NULL);
    ask(&task.task, inputs, answers, images, COUNT);
    gf_net *before = NULL;
    REQUIRE_OK(gf_net_copy(&before, f.net));
    gf_net_initialize(before, 1, 0);
    for (int i = 0; i < COUNT * PLACES; i++) {
        double mean, all = regress(logits, before, inputs + i / PLACES * SIZE, i % PLACES, &mean);
        double rate = 0.5 / (COUNT * PLACES) * (double)task.weights[answers[i]];
        for (int k = 0; k < task.task.classes; k++) {
            double change = rate * (exp(logits[k] - all) - (k == answers[i]));
            for (int c = 0; c < 3; c++)
                want->params[0].value[k * 3 + c] -= (gf_real)(change * mean);
            want->params[1].value[k] -= (gf_real)change;
        }
    }
    EXPECT_FLOATS(f.net->params[0].value, want->params[0].value, task.task.classes * 3, 1e-5);
    EXPECT_FLOATS(f.net->params[1].value, want->params[1].value, task.task.classes, 1e-5);
    gf_net_destroy(before);
    gf_net_destroy(want);
    gf_colorization_release(&task);
    fixture_release(&f);
}

enum { BLIND_IMAGES = 1000 };

/* Scores of the net, place by place, and the loss of the best guess that is the same everywhere: it
 * knows how often each validation answer comes up. */
typedef struct truth {
    double loss, accuracy, blind_loss;
    double sigmas; /* by which the loss of an image is below the blind one */
} truth;

/* The weighted loss of one image's answers; *right: how many have the largest logit. */
static double image_loss(int *right, const gf_real *logits, const int *answers,
                         const gf_colorization *task)
{
    double loss = 0;
    int classes = task->task.classes;
    for (int p = 0; p < PLACES; p++, logits += classes) {
        double sum = 0;
        int best = 0;
        for (int k = 0; k < classes; k++) sum += exp((double)logits[k]);
        for (int k = 1; k < classes; k++) best = logits[k] > logits[best] ? k : best;
        loss += (double)task->weights[answers[p]] * (log(sum) - (double)logits[answers[p]]);
        *right += best == answers[p];
    }
    return loss / PLACES;
}

/* The logits of the guess with the least weighted loss over all answers. */
static void guess_blindly(gf_real *logits, const int *answers, int count,
                          const gf_colorization *task)
{
    for (int k = 0; k < task->task.classes; k++) logits[k] = (gf_real)1e-30;
    for (int i = 0; i < count; i++) logits[answers[i]] += task->weights[answers[i]];
    for (int k = 0; k < task->task.classes; k++) logits[k] = (gf_real)log((double)logits[k]);
    for (int p = 1; p < PLACES; p++)
        memcpy(logits + p * task->task.classes, logits,
               (size_t)task->task.classes * sizeof *logits);
}

static void compare(truth *t, const double *losses, const int *answers, int images,
                    const gf_colorization *task)
{
    double gain = 0, squares = 0;
    int right = 0;
    gf_real *blind = gf_alloc((size_t)(PLACES * task->task.classes), sizeof *blind);
    guess_blindly(blind, answers, images * PLACES, task);
    for (int i = 0; i < images; i++) {
        double loss = image_loss(&right, blind, answers + i * PLACES, task);
        t->loss += losses[i] / images;
        t->blind_loss += loss / images;
        gain += (loss - losses[i]) / images;
        squares += (loss - losses[i]) * (loss - losses[i]) / images;
    }
    t->sigmas = gain / sqrt((squares - gain * gain) / images);
    free(blind);
}

static truth plain_scores(gf_net *net, const gf_data *data, const gf_colorization *task)
{
    gf_run *run = NULL;
    truth t = { 0 };
    static gf_real image[SIZE];
    static double losses[BLIND_IMAGES];
    static int answers[BLIND_IMAGES * PLACES];
    int label, right = 0, images = gf_data_count(data, GF_VALIDATION);
    EXPECT_STATUS(gf_run_create(&run, net, test_kernels(), 1, false), GF_OK);
    for (int i = 0; i < images; i++) {
        gf_data_batch(image, &label, data, GF_VALIDATION, &i, 1, NULL, NULL);
        ask(&task->task, gf_run_input(run), answers + i * PLACES, image, 1);
        gf_run_forward(run, 1, GF_MODE_EVALUATE, NULL);
        losses[i] = image_loss(&right, gf_run_logits(run), answers + i * PLACES, task);
    }
    t.accuracy = (double)right / (images * PLACES);
    compare(&t, losses, answers, images, task);
    gf_run_destroy(run);
    return t;
}

/* Three convolutions of stride 2 and a head. */
static gf_status small_trunk(gf_net **net, int classes)
{
    gf_status status;
    int node = 0;
    const gf_bn_attributes bn = { .eps = 1e-5, .momentum = 0.1 };
    const gf_conv_attributes head = { .filters = classes,
                                      .kernel_height = 1,
                                      .kernel_width = 1,
                                      .stride = 1,
                                      .groups = 1,
                                      .bias = true };
    GF_TRY(gf_net_create(net, (gf_shape){ SIDE, SIDE, 3 }));
    for (int i = 0; i < 3; i++) {
        const gf_conv_attributes conv = { .filters = 8 << i,
                                          .kernel_height = 3,
                                          .kernel_width = 3,
                                          .stride = 2,
                                          .pad_height = 1,
                                          .pad_width = 1,
                                          .groups = 1 };
        char name[3][16];
        snprintf(name[0], sizeof name[0], "conv%d", i);
        snprintf(name[1], sizeof name[1], "bn%d", i);
        snprintf(name[2], sizeof name[2], "relu%d", i);
        GF_TRY(gf_net_add(*net, &node, "conv", name[0], &conv, &node, 1));
        GF_TRY(gf_net_add(*net, &node, "bn", name[1], &bn, &node, 1));
        GF_TRY(gf_net_add(*net, &node, "relu", name[2], NULL, &node, 1));
    }
    GF_TRY(gf_net_add(*net, &node, "conv", "head", &head, &node, 1));
    gf_net_initialize(*net, 1, 0);
out:
    return status;
}

TEST("pretext: colorization", "colours are learned, and validated as place by place")
{
    fixture f;
    gf_colorization task;
    REQUIRE(fixture_open(&f, "epochs = 8\nbatch = 32\nlr = 0.1\n", 2600, BLIND_IMAGES));
    REQUIRE_OK(gf_colorization_init(&task, 20, 4, 4));
    REQUIRE_OK(gf_colorization_weigh(&task, f.data, 0.5));
    REQUIRE_OK(small_trunk(&f.net, task.task.classes));
    gf_train_job job = job_of(&f, NULL);
    job.task = &task.task;
    REQUIRE_OK(gf_train(&job));
    truth t = plain_scores(f.net, f.data, &task);
    const gf_epoch_row *row = &f.rows[f.row_count - 1];
    printf("colorization: loss %.3f, blind %.3f, %.1f sigmas apart\n", t.loss, t.blind_loss,
           t.sigmas);
    EXPECT_NEAR(row->validation_loss, t.loss, 1e-5);
    EXPECT_NEAR(row->validation_accuracy, t.accuracy, 1e-9);
    EXPECT(t.loss < t.blind_loss && t.sigmas > 4);
    gf_colorization_release(&task);
    fixture_release(&f);
}

TEST("pretext: colorization", "mixed images have all their places' answers mixed")
{
    fixture f;
    gf_colorization task;
    REQUIRE(fixture_open(&f, ONE_STEP "augment.0 = mixup\n", 60, 20));
    REQUIRE_OK(gf_colorization_init(&task, 20, 4, 4));
    REQUIRE_OK(regression_net(&f.net, task.task.classes));
    memset(f.net->params[0].value, 0, gf_param_count(&f.net->params[0]) * sizeof(gf_real));
    memset(f.net->params[1].value, 0, gf_param_count(&f.net->params[1]) * sizeof(gf_real));
    gf_train_job job = job_of(&f, NULL);
    job.task = &task.task;
    REQUIRE_OK(gf_train(&job));
    /* Of equal logits: log of their number, as long as the parts of a target sum to 1. */
    EXPECT_NEAR(f.rows[0].train_loss, log(task.task.classes), 1e-5);
    gf_colorization_release(&task);
    fixture_release(&f);
}

/* ---- the method ---- */

TEST("pretext: colorization", "the trunk learns, the classifier waits, and no head is left behind")
{
    expect_only_trunk_learns("colorization");
}

static void expect_refused(gf_net *net, const char *reason)
{
    EXPECT_STATUS(apply_method(net, "colorization", ONE_EPOCH, data_of(300, 100), NULL, 0),
                  GF_UNSUPPORTED);
    EXPECT_CONTAINS(gf_error_message(), reason);
}

TEST("pretext: colorization",
     "without maps before the classifier, or without colours, it is refused")
{
    fixture f;
    gf_net *grey = NULL;
    int node = 0;
    const gf_linear_attributes classes = { .features = 10, .bias = true };
    REQUIRE(fixture_linear(&f, "", 300, 100));
    expect_refused(f.net, "no maps");
    REQUIRE_OK(gf_net_create(&grey, (gf_shape){ SIDE, SIDE, 1 }));
    REQUIRE_OK(gf_net_add(grey, &node, "mean_pool", "pool", NULL, &node, 1));
    REQUIRE_OK(gf_net_add(grey, &node, "linear", "fc", &classes, &node, 1));
    expect_refused(grey, "images of 1 channels");
    gf_net_destroy(grey);
    fixture_release(&f);
}
