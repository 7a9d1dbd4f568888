/* Now and then an image without its colours (as torchvision's RandomGrayscale). */
#include "../pixels.h"

typedef struct grayscale_options {
    double probability;
} grayscale_options;

static void apply(const gf_augment_call *call, const void *options_)
{
    const grayscale_options *options = options_;
    gf_pixels pixels;
    if (gf_random_uniform(call->random, call->index, call->element) >= options->probability) return;
    gf_pixels_take(&pixels, call);
    gf_pixels_grayscale(&pixels);
    gf_pixels_give(&pixels, call);
}

static const gf_field fields[] = {
    GF_FIELD(grayscale_options, probability, "0.1", "[0, 1]", "", "of an image without colours"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_grayscale = {
    .schema = { .name = "grayscale", .summary = "take the colours away", .fields = fields },
    .options_size = sizeof(grayscale_options),
    .apply = apply,
};
