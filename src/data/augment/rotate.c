/* Rotation around the centre by a uniform angle (as torchvision's RandomRotation). */
#include "../fill.h"
#include "../pixels.h"

typedef struct rotate_options {
    double degrees;
    int filter, fill;
} rotate_options;

static void apply(const gf_augment_call *call, const void *options_)
{
    const rotate_options *options = options_;
    const gf_warp warp = gf_warp_of(call, (gf_filter)options->filter, options->fill);
    double turn = 2 * gf_random_uniform(call->random, call->index, call->element) - 1;
    gf_pixels pixels;
    gf_pixels_take(&pixels, call);
    gf_pixels_rotate(&pixels, turn * options->degrees, &warp);
    gf_pixels_give(&pixels, call);
}

static const gf_field fields[] = {
    GF_FIELD(rotate_options, degrees, "15", "[0, 180]", "degrees", "at most, either way"),
    GF_FIELD_WORD(rotate_options, filter, "bilinear", GF_FILTER_WORDS, "between pixels"),
    GF_FIELD_WORD(rotate_options, fill, "black", GF_FILL_WORDS, "colour of what it leaves open"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_rotate = {
    .schema = { .name = "rotate", .summary = "turn at random", .fields = fields },
    .options_size = sizeof(rotate_options),
    .apply = apply,
};
