/* Shear around the centre, along both axes (as torchvision's RandomAffine). */
#include "../fill.h"
#include "../pixels.h"

typedef struct shear_options {
    double x, y;
    int filter, fill;
} shear_options;

static double draw(const gf_augment_call *call, uint32_t element, double most)
{
    return most * (2 * gf_random_uniform(call->random, call->index, call->element + element) - 1);
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const shear_options *options = options_;
    const gf_warp warp = gf_warp_of(call, (gf_filter)options->filter, options->fill);
    double x = draw(call, 0, options->x), y = draw(call, 1, options->y);
    const double matrix[6] = { 1, x, -x * GF_IMAGE_SIDE / 2, y, 1, -y * GF_IMAGE_SIDE / 2 };
    gf_pixels pixels;
    gf_pixels_take(&pixels, call);
    gf_pixels_affine(&pixels, matrix, &warp);
    gf_pixels_give(&pixels, call);
}

static const gf_field fields[] = {
    GF_FIELD(shear_options, x, "0.2", "[0, 1]", "", "pixels sideways per row, at most"),
    GF_FIELD(shear_options, y, "0.2", "[0, 1]", "", "pixels down per column, at most"),
    GF_FIELD_WORD(shear_options, filter, "bilinear", GF_FILTER_WORDS, "between pixels"),
    GF_FIELD_WORD(shear_options, fill, "black", GF_FILL_WORDS, "colour of what it leaves open"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_shear = {
    .schema = { .name = "shear", .summary = "slant at random", .fields = fields },
    .options_size = sizeof(shear_options),
    .apply = apply,
};
