/* Random crop: the image is padded on all sides, and a window of its own size is cut out of it
 * (as torchvision's RandomCrop(32, padding = 4, padding_mode = "constant" or "reflect")). */
#include "../fill.h"

#include <string.h>

enum { REFLECT = 3 }; /* in WORDS */
#define WORDS GF_FILL_WORDS "|reflect"

typedef struct crop_options {
    int padding, fill;
} crop_options;

/* Pixels [from, to) of one row. */
static void fill(const gf_augment_call *call, const crop_options *options, int y, int from, int to)
{
    gf_real *row = call->image + y * call->width * call->channels;
    for (int x = from; x < to; x++)
        for (int c = 0; c < call->channels; c++)
            row[x * call->channels + c] = gf_fill_value(call, options->fill, c);
}

/* Row y becomes row y + dy of the image, moved left by dx. */
static void move_row(const gf_augment_call *call, const crop_options *options, int y, int dy,
                     int dx)
{
    int width = call->width, from_y = y + dy;
    int left = dx < 0 ? -dx : 0, right = dx > 0 ? width - dx : width;
    if (left > width) left = width;
    if (right < left) right = left;
    if (from_y < 0 || from_y >= call->height) left = right = width;
    if (right > left)
        memmove(call->image + (y * width + left) * call->channels,
                call->image + (from_y * width + dx + left) * call->channels,
                (size_t)(right - left) * (size_t)call->channels * sizeof *call->image);
    fill(call, options, y, 0, left);
    fill(call, options, y, right, width);
}

/* The edge itself is not repeated. */
static int reflected(int at, int size)
{
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
}

static void move_reflected(const gf_augment_call *call, int dy, int dx)
{
    size_t pixel = (size_t)call->channels, row = (size_t)call->width * pixel;
    memcpy(call->work, call->image, (size_t)call->height * row * sizeof *call->work);
    for (int y = 0; y < call->height; y++) {
        const gf_real *from = call->work + (size_t)reflected(y + dy, call->height) * row;
        gf_real *to = call->image + (size_t)y * row;
        for (int x = 0; x < call->width; x++)
            memcpy(to + (size_t)x * pixel, from + (size_t)reflected(x + dx, call->width) * pixel,
                   pixel * sizeof *to);
    }
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const crop_options *options = options_;
    uint32_t places = (uint32_t)(2 * options->padding + 1);
    int dy =
        (int)gf_random_below(call->random, call->index, call->element, places) - options->padding;
    int dx = (int)gf_random_below(call->random, call->index, call->element + 1, places) -
             options->padding;
    if (options->fill == REFLECT) {
        move_reflected(call, dy, dx);
        return;
    }
    /* In the order in which no row is overwritten before it has been read. */
    for (int i = 0; i < call->height; i++)
        move_row(call, options, dy < 0 ? call->height - 1 - i : i, dy, dx);
}

static const gf_field fields[] = {
    GF_FIELD(crop_options, padding, "4", "[1, 16]", "pixels", "on each side"),
    GF_FIELD_WORD(crop_options, fill, "black", WORDS,
                  "colour of the padding, or the image mirrored"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_crop = {
    .schema = { .name = "crop", .summary = "pad, then cut out at random", .fields = fields },
    .options_size = sizeof(crop_options),
    .apply = apply,
};
