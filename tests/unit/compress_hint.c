/* compress: hints, the first stage of FitNets. The gradient of its loss is checked in
 * tests/gradcheck/terms.c, stopping and resuming in tests/conform/methods.c. */
#include "compress_nets.h"

static const gf_loss_kind *hint(void)
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, "hint") == 0) return *kind;
    return NULL;
}

typedef struct hint_options {
    char student[GF_NAME], teacher[GF_NAME];
} hint_options;

static gf_run *run_of(gf_net *net, bool backward)
{
    gf_run *run = NULL;
    EXPECT_STATUS(gf_run_create(&run, net, test_kernels(), IMAGES, backward), GF_OK);
    return run;
}

static void forward(gf_run *run)
{
    size_t count = IMAGES * gf_shape_count(gf_run_net(run)->nodes[0].shape);
    for (size_t k = 0; k < count; k++)
        gf_run_input(run)[k] = (gf_real)(2 * test_random(77, (uint32_t)k));
    gf_run_forward(run, IMAGES, GF_MODE_EVALUATE, NULL);
}

TEST("compress: hint", "the loss is half the mean squared distance of the two layers")
{
    const hint_options options = { "layer1.0.act2", "layer1.0.act1" };
    gf_net *net = small_net(SMALL, 8), *other = small_net(SMALL, 8);
    gf_run *student = run_of(net, true), *teacher = run_of(other, false);
    void *state = NULL;
    double loss = 0, want = 0;
    REQUIRE(hint() && student && teacher);
    REQUIRE_OK(hint()->create(&state, &options, student, &teacher, 1));
    forward(student);
    forward(teacher);
    const gf_loss_call call = {
        .student = student, .teachers = &teacher, .teacher_count = 1, .batch = IMAGES, .classes = 10
    };
    REQUIRE_OK(hint()->apply(state, &options, &call, &loss));
    const gf_real *a = gf_run_value(student, gf_net_find_node(net, options.student));
    const gf_real *b = gf_run_value(teacher, gf_net_find_node(other, options.teacher));
    int count = IMAGES * 8 * 8 * 8;
    for (int k = 0; k < count; k++) want += pow((double)a[k] - (double)b[k], 2) / 2 / count;
    EXPECT(want > 1e-3);
    EXPECT_NEAR(loss, want, 1e-9);
    EXPECT(hint()->label_weight(&options) == 0);
    hint()->destroy(state);
    gf_run_destroy(student);
    gf_run_destroy(teacher);
    gf_net_destroy(net);
    gf_net_destroy(other);
}

/* ---- the method ---- */

static const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 20, .images = 420
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

#define WIDE "arch = resnet18\nwidth = 12\nblocks = 1,1\n"

/* How much of a layer's parameters of this name the method has changed. */
static int changed(const gf_net *before, const gf_net *after, const char *part)
{
    int different = 0;
    for (int i = 0; i < before->param_count; i++) {
        const gf_param *a = &before->params[i], *b = &after->params[i];
        if (!strstr(a->name, part) || !gf_role_is_learned(a->role)) continue;
        different += memcmp(a->value, b->value, gf_param_count(a) * sizeof *a->value) != 0;
    }
    return different;
}

TEST("compress: hint",
     "what leads to the guided layer learns, what stands behind it keeps its bits")
{
    const char *text = "epochs = 1\nbatch = 50\nguided = layer1.0.act2\nhint = layer1.0.act2\n";
    gf_net *student = small_net(SMALL, 32), *before = small_net(SMALL, 32);
    gf_net *teacher = small_net(WIDE, 32);
    REQUIRE_OK(apply_method(student, "hint", text, images_of(), &teacher, 1));
    EXPECT_EQ(student->node_count, before->node_count);
    EXPECT_EQ(student->param_count, before->param_count);
    EXPECT_EQ(gf_net_find_node(student, "hint"), -1);
    EXPECT(changed(before, student, "layer1.0.conv2.weight") == 1);
    EXPECT(changed(before, student, "conv1.weight") >= 1);
    EXPECT_EQ(changed(before, student, "layer2"), 0);
    EXPECT_EQ(changed(before, student, "fc"), 0);
    for (int i = 0; i < student->param_count; i++)
        EXPECT_EQ(student->params[i].trainable, before->params[i].trainable);
    gf_net_destroy(student);
    gf_net_destroy(before);
    gf_net_destroy(teacher);
}

static gf_status on_epoch(void *context, const gf_epoch_row *row)
{
    double *losses = context;
    losses[row->epoch - 1] = row->train_loss;
    return GF_OK;
}

TEST("compress: hint", "the student's layer comes closer to that of a wider teacher")
{
    double losses[3] = { 0 };
    gf_options *options = NULL;
    gf_net *student = small_net(SMALL, 32), *teacher = small_net(WIDE, 32);
    const gf_method *method = gf_method_find("distill", "hint");
    REQUIRE(method && images_of());
    void *record = gf_alloc(1, method->options_size);
    REQUIRE_OK(gf_options_parse(&options, "epochs = 3\nbatch = 50\nlr = 0.1\n"));
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
    printf("     losses %.3f %.3f %.3f\n", losses[0], losses[1], losses[2]);
    EXPECT(losses[2] < 0.7 * losses[0]);
    free(record);
    gf_options_destroy(options);
    gf_net_destroy(student);
    gf_net_destroy(teacher);
}

static void refused(const char *text, gf_net *const *teachers, int count, const char *why)
{
    gf_net *student = small_net(SMALL, 32);
    EXPECT_STATUS(apply_method(student, "hint", text, images_of(), teachers, count), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), why);
    gf_net_destroy(student);
}

TEST("compress: hint", "layers that are not there or differ in size are refused, and two teachers")
{
    gf_net *teachers[2] = { small_net(WIDE, 32), small_net(WIDE, 32) };
    refused("epochs = 1\nguided = layer9\n", teachers, 1, "no node is called layer9");
    refused("epochs = 1\nguided = layer1.0.act2\nhint = layer2.0.act2\n", teachers, 1,
            "the teacher has 16 x 16 x 24 values, the student 32 x 32 x 24");
    refused("epochs = 1\nguided = fc\n", teachers, 1, "gives the logits");
    refused("epochs = 1\n", teachers, 2, "2 teachers; it takes one");
    gf_net_destroy(teachers[0]);
    gf_net_destroy(teachers[1]);
}
