/* Method "jigsaw": the pretext task of Noroozi and Favaro 2016 (1603.09246): an image is cut into
 * tiles and these are shuffled by one of a few orders; which one was it? To say so the trunk has to
 * know parts and how they stand to each other. As in Carlucci et al. 2019 (1903.06864, section 3)
 * the shuffled tiles are one image again, seen by one trunk, not by one trunk for each tile.
 *
 * From the papers: 3 x 3 tiles and orders by greatest Hamming distance (both), 30 orders
 * (Carlucci), and against shortcuts (Noroozi, section 4) a gap between tiles that is another one
 * each time (tiles of 64 pixels in cells of 75: edges do not give the answer away), and a mean and
 * deviation of each tile and channel of its own (brightness does not either); 70 epochs are
 * Noroozi's 350,000 steps of 256 images. Chosen for 32 x 32 pixels: tiles of 8 in cells of 10, in
 * the middle of which they are laid; what lies between is 0, the mean colour; rate and decay of
 * "rotation", as the networks here have batch normalization. A trunk whose places see little of the
 * image should find it hard: ResNets of width 8 told of 30 orders of 3 x 3 tiles (chance 3 %) 5 %
 * with two stages (4,800 images, 20 epochs) and 38 % with four (4,500, 25, crop and flip). Left
 * out: what the papers do against chromatic aberration, which small images do not show (`augment`
 * has "grayscale"), and Carlucci's images in order beside the shuffled ones, which are for labels.
 */
#include "pretext.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Below it a tile has one colour: a single byte's step in 256 pixels is more. */
#define FLAT 1e-3

typedef struct jigsaw_options {
    gf_train_options train;
    int tiles, gap, permutations;
    bool normalize;
} jigsaw_options;

/* ---- questions ---- */

enum { ORDER, JITTER }; /* elements of the random numbers; JITTER: of the first tile */

/* Tiles in their cells along one side of an image. */
typedef struct side {
    int margin, cell, tile; /* pixels */
} side;

static side side_of(int pixels, int tiles, int gap)
{
    int cell = pixels / tiles;
    return (side){ .margin = (pixels - cell * tiles) / 2, .cell = cell, .tile = cell - gap };
}

/* Mean 0 and deviation 1 of each channel; 0 where a channel is flat. */
static void normalize(gf_real *tile, int rows, int columns, int row_size, int channels)
{
    for (int c = 0; c < channels; c++) {
        double sum = 0, squares = 0, count = rows * columns;
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) sum += (double)tile[y * row_size + x * channels + c];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                double rest = (double)tile[y * row_size + x * channels + c] - sum / count;
                squares += rest * rest;
            }
        double deviation = sqrt(squares / count), scale = deviation > FLAT ? 1 / deviation : 0;
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                gf_real *value = tile + y * row_size + x * channels + c;
                *value = (gf_real)(((double)*value - sum / count) * scale);
            }
    }
}

/* Lays tile `from` of image i into cell `to`; where it was cut within its own cell is drawn. */
static void move_tile(const gf_jigsaw *jigsaw, const gf_pretext_call *call, int i, int from, int to)
{
    int tiles = jigsaw->tiles, gap = jigsaw->gap, row_size = call->width * call->channels;
    size_t image = (size_t)i * (size_t)(call->height * row_size);
    side y = side_of(call->height, tiles, gap), x = side_of(call->width, tiles, gap);
    uint32_t index = (uint32_t)call->positions[i], element = (uint32_t)(JITTER + 2 * from);
    uint32_t places = (uint32_t)gap + 1;
    int shift_y = (int)gf_random_below(call->random, index, element, places);
    int shift_x = (int)gf_random_below(call->random, index, element + 1, places);
    int from_y = y.margin + from / tiles * y.cell + shift_y;
    int from_x = x.margin + from % tiles * x.cell + shift_x;
    int to_y = y.margin + to / tiles * y.cell + gap / 2;
    int to_x = x.margin + to % tiles * x.cell + gap / 2;
    gf_real *out = call->inputs + image + to_y * row_size + to_x * call->channels;
    const gf_real *in = call->images + image + from_y * row_size + from_x * call->channels;
    for (int row = 0; row < y.tile; row++)
        memcpy(out + row * row_size, in + row * row_size,
               (size_t)(x.tile * call->channels) * sizeof *out);
    if (jigsaw->normalize) normalize(out, y.tile, x.tile, row_size, call->channels);
}

static void make(const gf_pretext *task, const gf_pretext_call *call)
{
    const gf_jigsaw *jigsaw = (const gf_jigsaw *)task;
    size_t size = (size_t)(call->height * call->width * call->channels);
    int cells = jigsaw->tiles * jigsaw->tiles;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < call->count; i++) {
        int answer = (int)gf_random_below(call->random, (uint32_t)call->positions[i], ORDER,
                                          (uint32_t)task->classes);
        memset(call->inputs + (size_t)i * size, 0, size * sizeof *call->inputs);
        for (int to = 0; to < cells; to++)
            move_tile(jigsaw, call, i, jigsaw->orders[answer * cells + to], to);
        call->answers[i] = answer;
    }
}

gf_status gf_jigsaw_init(gf_jigsaw *jigsaw, int tiles, int gap, bool normalized, int permutations)
{
    gf_status status;
    int cells = tiles * tiles, all = gf_orders_count(cells);
    int classes = permutations < all ? permutations : all;
    unsigned char *orders = gf_alloc((size_t)classes, (size_t)cells);
    GF_TRY_ALLOC(orders);
    GF_TRY(gf_orders_choose(orders, classes, cells));
    *jigsaw = (gf_jigsaw){
        .task = { .classes = classes, .inputs = 1, .answers = 1, .make = make },
        .tiles = tiles,
        .gap = gap,
        .normalize = normalized,
        .orders = orders,
    };
    orders = NULL;
out:
    free(orders);
    return status;
}

void gf_jigsaw_release(gf_jigsaw *jigsaw)
{
    free(jigsaw->orders);
}

/* ---- the method ---- */

extern const gf_method gf_method_jigsaw; /* below; its schema says how long it trains */

static gf_status check_image(gf_shape image, const jigsaw_options *o)
{
    int least = image.height < image.width ? image.height : image.width;
    if (side_of(least, o->tiles, o->gap).tile < 2)
        return gf_fail(GF_UNSUPPORTED,
                       "jigsaw: in images of %d x %d pixels, %d x %d tiles with a gap of %d have "
                       "less than 2 x 2 pixels",
                       image.height, image.width, o->tiles, o->tiles, o->gap);
    return GF_OK;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    const jigsaw_options *o = options;
    gf_jigsaw jigsaw = { 0 };
    GF_TRY(check_image(call->net->nodes[0].shape, o));
    GF_TRY(gf_jigsaw_init(&jigsaw, o->tiles, o->gap, o->normalize, o->permutations));
    GF_TRY(gf_pretext_train(call, &gf_method_jigsaw.schema, &jigsaw.task, gf_pretext_linear_head));
out:
    gf_jigsaw_release(&jigsaw);
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(jigsaw_options, "70", "0.1"),
    GF_FIELD(jigsaw_options, tiles, "3", "[2, 3]", "", "on each side of the image"),
    GF_FIELD(jigsaw_options, gap, "2", "[0, 14]", "pixels",
             "by which a tile is smaller than its cell; where it lies in it is drawn"),
    GF_FIELD(jigsaw_options, permutations, "30", "[2, 1000]", "",
             "orders to tell apart; 2 x 2 tiles have no more than 24"),
    GF_FIELD(jigsaw_options, normalize, "true", NULL, "", "mean and deviation of each tile"),
    GF_FIELD_END,
};

const gf_method gf_method_jigsaw = {
    .schema = { .name = "jigsaw",
                .summary = "learn without labels in which order an image's tiles were shuffled",
                .paper = "Noroozi and Favaro 2016, arXiv 1603.09246",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(jigsaw_options),
    .stage = "pretext",
    .example = "{ pretext : { method = \"jigsaw\"; epochs = 70; augment = ( \"crop\", \"flip\" ); "
               "}; }, { finetune : { epochs = 30; lr = 0.05; }; }",
    .trains = true,
    .questions = 1,
    .apply = apply,
};
