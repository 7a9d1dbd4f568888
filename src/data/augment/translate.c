/* Shift by whole pixels, uniform within shares of the sides (as torchvision's RandomAffine). */
#include "../fill.h"
#include "../pixels.h"

typedef struct translate_options {
    double x, y;
    int fill;
} translate_options;

/* Pixels, to be rounded. */
static double draw(const gf_augment_call *call, uint32_t element, double most)
{
    return GF_IMAGE_SIDE * most *
           (2 * gf_random_uniform(call->random, call->index, call->element + element) - 1);
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const translate_options *options = options_;
    const gf_warp warp = gf_warp_of(call, GF_FILTER_NEAREST, options->fill);
    const double matrix[6] = { 1, 0, draw(call, 0, options->x), 0, 1, draw(call, 1, options->y) };
    gf_pixels pixels;
    gf_pixels_take(&pixels, call);
    gf_pixels_affine(&pixels, matrix, &warp);
    gf_pixels_give(&pixels, call);
}

static const gf_field fields[] = {
    GF_FIELD(translate_options, x, "0.1", "[0, 1]", "fraction", "of the width, at most"),
    GF_FIELD(translate_options, y, "0.1", "[0, 1]", "fraction", "of the height, at most"),
    GF_FIELD_WORD(translate_options, fill, "black", GF_FILL_WORDS, "colour of what it leaves open"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_translate = {
    .schema = { .name = "translate", .summary = "shift at random", .fields = fields },
    .options_size = sizeof(translate_options),
    .apply = apply,
};
