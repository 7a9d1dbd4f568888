/* compress, pretext tasks: their questions against plain ones, their scores against a network that
 * is run image by image, what they train and what they leave alone, and that nobody looks at
 * labels. */
#include "compress_pretext.h"

/* ---- questions ---- */

enum { SIDE = 5, CHANNELS = 2, SIZE = SIDE * SIDE * CHANNELS, COUNT = 3 };

/* A quarter counter-clockwise: what was the right edge is the top. */
static void turn_once(gf_real *out, const gf_real *image, int side, int channels)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int c = 0; c < channels; c++)
                out[(y * side + x) * channels + c] =
                    image[(x * side + side - 1 - y) * channels + c];
}

TEST("pretext: rotation", "every image is asked about in all four quarters, turned one by one")
{
    gf_real images[COUNT * SIZE], inputs[COUNT * 4 * SIZE], want[SIZE], next[SIZE];
    int answers[COUNT * 4];
    for (uint32_t i = 0; i < COUNT * SIZE; i++) images[i] = (gf_real)test_random(1, i);
    const gf_pretext_call call = { .inputs = inputs,
                                   .answers = answers,
                                   .images = images,
                                   .count = COUNT,
                                   .height = SIDE,
                                   .width = SIDE,
                                   .channels = CHANNELS };
    gf_pretext_rotation.make(&gf_pretext_rotation, &call);
    for (int i = 0; i < COUNT; i++) {
        memcpy(want, images + i * SIZE, sizeof want);
        for (int turns = 0; turns < 4; turns++) {
            EXPECT_EQ(answers[i * 4 + turns], turns);
            EXPECT_FLOATS(inputs + (i * 4 + turns) * SIZE, want, SIZE, 0);
            turn_once(next, want, SIDE, CHANNELS);
            memcpy(want, next, sizeof want);
        }
        EXPECT_FLOATS(want, images + i * SIZE, SIZE, 0); /* four quarters are none */
    }
}

/* ---- scores ---- */

/* Mean cross-entropy and accuracy over the validation split, one turned image at a time. */
static gf_scores plain_scores(gf_net *net, const gf_data *data)
{
    gf_run *run = NULL;
    gf_real image[3072], next[3072];
    gf_scores sums = { 0 };
    int label, count = gf_data_count(data, GF_VALIDATION);
    EXPECT_STATUS(gf_run_create(&run, net, test_kernels(), 1, false), GF_OK);
    for (int i = 0; i < count; i++) {
        gf_data_batch(image, &label, data, GF_VALIDATION, &i, 1, NULL, NULL);
        for (int turns = 0; turns < 4; turns++) {
            memcpy(gf_run_input(run), image, sizeof image);
            gf_run_forward(run, 1, GF_MODE_EVALUATE, NULL);
            const gf_real *logits = gf_run_logits(run);
            double sum = 0;
            int best = 0;
            for (int k = 0; k < 4; k++) sum += exp((double)logits[k]);
            for (int k = 1; k < 4; k++) best = logits[k] > logits[best] ? k : best;
            sums.loss += log(sum) - (double)logits[turns];
            sums.accuracy += best == turns;
            turn_once(next, image, 32, 3);
            memcpy(image, next, sizeof image);
        }
    }
    gf_run_destroy(run);
    return (gf_scores){ .loss = sums.loss / (4 * count), .accuracy = sums.accuracy / (4 * count) };
}

TEST("pretext: rotation", "turns are learned, and validated as one by one")
{
    fixture f = { 0 };
    REQUIRE(fixture_open(&f, "epochs = 4\nbatch = 16\nlr = 0.05\n", 500, 100));
    REQUIRE_OK(train_task(&f, &gf_pretext_rotation, 4));
    gf_scores want = plain_scores(f.net, f.data);
    const gf_epoch_row *row = &f.rows[f.row_count - 1];
    printf("rotation: validation %.3f, chance 0.25\n", row->validation_accuracy);
    EXPECT_NEAR(row->validation_accuracy, want.accuracy, 1e-9);
    EXPECT_NEAR(row->validation_loss, want.loss, 1e-5);
    EXPECT(want.accuracy > 0.35);
    fixture_release(&f);
}

/* ---- what is trained ---- */

TEST("pretext: rotation", "the trunk learns, the classifier waits, and no head is left behind")
{
    expect_only_trunk_learns("rotation");
}

TEST("pretext: rotation", "it learns from images without labels, a fine-tuning only from labelled")
{
    const gf_data_options all = { .dataset = 1, .path = "auto", .validation = 100, .images = 300 };
    gf_data_options few = all;
    gf_data *data[2] = { NULL };
    gf_net *nets[2] = { small_net(SMALL, 32), small_net(SMALL, 32) };
    few.labelled = 20;
    REQUIRE_OK(gf_data_open(&data[0], &all));
    REQUIRE_OK(gf_data_open(&data[1], &few));
    EXPECT_EQ(gf_data_count(data[1], GF_TRAIN), 20);
    EXPECT_EQ(gf_data_count(data[1], GF_UNLABELLED), 200);
    EXPECT_EQ(gf_data_count(data[0], GF_TRAIN), 200);
    for (int i = 0; i < 2; i++)
        REQUIRE_OK(apply_method(nets[i], "rotation", ONE_EPOCH, data[i], NULL, 0));
    for (int i = 0; i < nets[0]->param_count; i++)
        EXPECT(same_values(&nets[0]->params[i], &nets[1]->params[i]));
    for (int i = 0; i < 2; i++) {
        gf_net_destroy(nets[i]);
        gf_data_close(data[i]);
    }
}

TEST("pretext: data", "more labelled images than training images are refused")
{
    gf_data_options options = { .dataset = 1, .images = 300, .validation = 100, .labelled = 200 };
    EXPECT_STATUS(gf_data_check(&options), GF_OK);
    EXPECT_EQ(gf_data_train_count(&options), 200);
    options.labelled = 201;
    EXPECT_STATUS(gf_data_check(&options), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "data.labelled = 201");
}

/* ---- the probe ---- */

TEST("transfer: linear-probe", "only the classifier learns, and running statistics stay too")
{
    gf_net *net = trained_net(), *before = trained_net();
    int inside, outside;
    REQUIRE_OK(apply_method(net, "linear-probe", ONE_EPOCH, images_of(), NULL, 0));
    count_changed(&inside, &outside, net, before, "fc.");
    EXPECT(inside == 2 && outside == 0);
    gf_net_destroy(net);
    gf_net_destroy(before);
}

/* Softmax regression on fixed features, one full batch, without momentum and decay. */
TEST("transfer: linear-probe", "its step is that of softmax regression on the trunk's features")
{
    enum { IMAGES_HERE = 40 };
    const gf_data *data = data_of(60, 20);
    gf_net *net = trained_net(), *before = trained_net();
    gf_run *run = NULL;
    int fc = gf_classifier_find(net), positions[IMAGES_HERE], labels[IMAGES_HERE];
    int features = gf_node_weight(net, &net->nodes[fc])->dims[3], trunk = net->nodes[fc].inputs[0];
    REQUIRE_OK(apply_method(net, "linear-probe",
                            "epochs = 1\nbatch = 40\nlr = 0.5\nmomentum = 0\nnesterov = false\n"
                            "weight_decay = 0\nschedule.policy = constant\n",
                            data, NULL, 0));
    REQUIRE_OK(gf_run_create(&run, before, test_kernels(), IMAGES_HERE, false));
    REQUIRE_OK(gf_run_want_value(run, trunk));
    for (int i = 0; i < IMAGES_HERE; i++) positions[i] = i;
    gf_data_batch(gf_run_input(run), labels, data, GF_TRAIN, positions, IMAGES_HERE, NULL, NULL);
    gf_run_forward(run, IMAGES_HERE, GF_MODE_EVALUATE, NULL);
    gf_real *weight = gf_node_weight(before, &before->nodes[fc])->value;
    for (int i = 0; i < IMAGES_HERE; i++) {
        const gf_real *logits = gf_run_logits(run) + i * 10;
        const gf_real *x = gf_run_value(run, trunk) + i * features;
        double sum = 0;
        for (int k = 0; k < 10; k++) sum += exp((double)logits[k]);
        for (int k = 0; k < 10; k++)
            for (int j = 0; j < features; j++)
                weight[k * features + j] -=
                    (gf_real)(0.5 / IMAGES_HERE *
                              (exp((double)logits[k]) / sum - (k == labels[i])) * (double)x[j]);
    }
    EXPECT_FLOATS(gf_node_weight(net, &net->nodes[fc])->value, weight, 10 * features, 1e-5);
    gf_run_destroy(run);
    gf_net_destroy(net);
    gf_net_destroy(before);
}
