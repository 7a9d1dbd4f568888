/* Method "colorization": the pretext task of Zhang, Isola and Efros 2016 (1603.08511): which
 * colours has a grey image? To say so the trunk has to know what is in it. It sees the lightness L
 * of CIE Lab alone, in all three channels; at each place of its last maps a 1 x 1 convolution gives
 * the logits of the bins of a and b (section 2.1), and the answer is the bin of the mean a and b of
 * the pixels under that place. Frequent, dull colours count less: weights of the answers, equation
 * 4, with the share of each bin among the answers of the training images as they are, smoothed by a
 * Gaussian (of deviation 5 for bins of 10, as there), mixed with 1/2 of the uniform one.
 *
 * The paper has maps of a quarter of an image's side and Adam over 450,000 steps. Here the maps are
 * the trunk's own, 4 x 4 in a ResNet18, and the bins nevertheless the paper's, of 10: means over 8
 * x 8 pixels are dull, and of bins of 20 one in two answers would be grey (of 10, 28 %; CIFAR-10).
 * There are 260, one for each square with a colour of sRGB in it; the paper counts 313 and does not
 * say how. Rate, decay and epochs are those of "rotation". Left out: answers spread over the five
 * nearest bins (section 2.1), and making an image of the logits (section 2.3), which teaches
 * nothing. */
#include "pretext.h"

#include <stdlib.h>

/* Of L over the pixels of a thousand CIFAR-10 training images. */
#define LIGHTNESS_MEAN      50.8
#define LIGHTNESS_DEVIATION 24.1

enum { BATCH = 250, RGB = 3 };

typedef struct colorization_options {
    gf_train_options train;
    double bin, uniform;
} colorization_options;

/* ---- questions ---- */

static gf_lab color_at(const gf_real *pixel)
{
    double rgb[RGB];
    for (int c = 0; c < RGB; c++)
        rgb[c] = (double)pixel[c] * (double)gf_data_deviation[c] + (double)gf_data_mean[c];
    return gf_lab_of(rgb[0], rgb[1], rgb[2]);
}

/* The pixels under one place of image i: their lightness into the inputs, their mean colour into
 * the answers. */
static void ask(const gf_colorization *task, const gf_pretext_call *call, int i, int place)
{
    int row = place / task->width, column = place % task->width;
    int top = row * call->height / task->height, bottom = (row + 1) * call->height / task->height;
    int left = column * call->width / task->width;
    int right = (column + 1) * call->width / task->width;
    gf_lab mean = { 0 };
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) {
            size_t at = ((size_t)(i * call->height + y) * (size_t)call->width + (size_t)x) * RGB;
            gf_lab color = color_at(call->images + at);
            gf_real grey = (gf_real)((color.l - LIGHTNESS_MEAN) / LIGHTNESS_DEVIATION);
            for (int c = 0; c < RGB; c++) call->inputs[at + (size_t)c] = grey;
            mean.a += color.a;
            mean.b += color.b;
        }
    mean.a /= (bottom - top) * (right - left);
    mean.b /= (bottom - top) * (right - left);
    call->answers[i * task->task.answers + place] = gf_bins_find(&task->bins, mean);
}

static void make(const gf_pretext *task, const gf_pretext_call *call)
{
#pragma omp parallel for schedule(static)
    for (int k = 0; k < call->count * task->answers; k++)
        ask((const gf_colorization *)task, call, k / task->answers, k % task->answers);
}

gf_status gf_colorization_init(gf_colorization *task, double bin, int height, int width)
{
    gf_status status;
    gf_bins bins;
    GF_TRY(gf_bins_init(&bins, bin));
    *task = (gf_colorization){
        .task = { .classes = bins.count, .inputs = 1, .answers = height * width, .make = make },
        .bins = bins,
        .height = height,
        .width = width
    };
out:
    return status;
}

void gf_colorization_release(gf_colorization *task)
{
    gf_bins_release(&task->bins);
    free(task->weights);
}

/* ---- the weights of the answers ---- */

typedef struct buffers {
    gf_real *images, *inputs; /* [BATCH, height, width, channels] */
    int *answers, *positions, *labels;
} buffers;

static void buffers_release(buffers *b)
{
    free(b->images);
    free(b->inputs);
    free(b->answers);
    free(b->positions);
    free(b->labels);
}

static gf_status buffers_init(buffers *b, size_t image, int answers)
{
    gf_status status = GF_OK;
    *b = (buffers){ .images = gf_alloc(BATCH * image, sizeof(gf_real)),
                    .inputs = gf_alloc(BATCH * image, sizeof(gf_real)),
                    .answers = gf_alloc(BATCH * (size_t)answers, sizeof(int)),
                    .positions = gf_alloc(BATCH, sizeof(int)),
                    .labels = gf_alloc(BATCH, sizeof(int)) };
    GF_TRY_ALLOC(b->images && b->inputs && b->answers && b->positions && b->labels);
out:
    return status;
}

/* How often is each bin an answer? The labels that come with the images are not looked at. */
static gf_status count_answers(double *counts, const gf_pretext *task, const gf_data *data)
{
    gf_status status;
    buffers b = { 0 };
    int images = gf_data_count(data, GF_UNLABELLED);
    gf_pretext_call call = { 0 };
    gf_data_shape(data, &call.height, &call.width, &call.channels);
    GF_TRY(buffers_init(&b, (size_t)(call.height * call.width * call.channels), task->answers));
    call.inputs = b.inputs;
    call.images = b.images;
    call.answers = b.answers;
    for (int first = 0; first < images; first += BATCH) {
        call.count = images - first < BATCH ? images - first : BATCH;
        for (int i = 0; i < call.count; i++) b.positions[i] = first + i;
        gf_data_batch(b.images, b.labels, data, GF_UNLABELLED, b.positions, call.count, NULL, NULL);
        task->make(task, &call);
        for (int k = 0; k < call.count * task->answers; k++) counts[b.answers[k]]++;
    }
out:
    buffers_release(&b);
    return status;
}

gf_status gf_colorization_weigh(gf_colorization *task, const gf_data *data, double uniform)
{
    gf_status status;
    double *counts = gf_alloc((size_t)task->bins.count, sizeof *counts);
    task->weights = gf_alloc((size_t)task->bins.count, sizeof *task->weights);
    GF_TRY_ALLOC(counts && task->weights);
    GF_TRY(count_answers(counts, &task->task, data));
    GF_TRY(gf_bins_weigh(task->weights, &task->bins, counts, uniform));
    task->task.weights = task->weights;
out:
    free(counts);
    return status;
}

/* ---- the method ---- */

extern const gf_method gf_method_colorization; /* below; its schema says how long it trains */

/* The last node with more than one place, behind which the trunk only takes means. 0: none. */
static int maps_before(const gf_net *net, int trunk)
{
    int node = trunk;
    while (node > 0 && net->nodes[node].shape.height * net->nodes[node].shape.width == 1)
        node = net->nodes[node].inputs[0];
    return node;
}

static gf_status add_head(const gf_method_call *call, int trunk, const gf_pretext *task)
{
    gf_status status;
    gf_net *net = call->net;
    int node = maps_before(net, trunk), channels = net->nodes[node].shape.channels;
    const gf_conv_attributes pointwise = { .filters = task->classes,
                                           .kernel_height = 1,
                                           .kernel_width = 1,
                                           .stride = 1,
                                           .groups = 1,
                                           .bias = true };
    GF_TRY(gf_net_add(net, &node, "conv", "pretext.conv", &pointwise, &node, 1));
    gf_params_draw(call, &net->nodes[node], channels);
out:
    return status;
}

static gf_status check_net(const gf_net *net, int maps)
{
    int channels = net->nodes[0].shape.channels;
    if (channels != RGB)
        return gf_fail(GF_UNSUPPORTED, "colorization: images of %d channels have no colours",
                       channels);
    if (maps == 0)
        return gf_fail(GF_UNSUPPORTED, "colorization: the network has no maps of more than one "
                                       "place before its classifier");
    return GF_OK;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const colorization_options *o = options;
    const gf_net *net = call->net;
    gf_colorization task = { 0 };
    int maps = maps_before(net, net->nodes[gf_classifier_find(net)].inputs[0]);
    gf_shape shape = net->nodes[maps].shape;
    GF_TRY(check_net(net, maps));
    GF_TRY(gf_colorization_init(&task, o->bin, shape.height, shape.width));
    GF_TRY(gf_colorization_weigh(&task, call->data, o->uniform));
    GF_TRY(gf_pretext_train(call, &gf_method_colorization.schema, &task.task, add_head));
out:
    gf_colorization_release(&task);
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(colorization_options, "30", "0.1"),
    GF_FIELD(colorization_options, bin, "10", "[5, 50]", "",
             "side of the squares of a and b that are told apart"),
    GF_FIELD(colorization_options, uniform, "0.5", "[0.001, 1]", "fraction",
             "mixed into the share of each colour, by which its answers are divided; 1: all "
             "answers count alike"),
    GF_FIELD_END,
};

const gf_method gf_method_colorization = {
    .schema = { .name = "colorization",
                .summary = "learn without labels which colours a grey image had",
                .paper = "Zhang et al. 2016, arXiv 1603.08511, section 2",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(colorization_options),
    .stage = "pretext",
    .example = "{ pretext : { method = \"colorization\"; epochs = 30; augment = ( \"crop\", "
               "\"flip\" ); }; }, { finetune : { epochs = 30; lr = 0.05; }; }",
    .trains = true,
    .questions = 1,
    .apply = apply,
};
