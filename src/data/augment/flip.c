/* Horizontal flip. */
#include <gridfront/data.h>

typedef struct flip_options {
    double probability;
} flip_options;

static void apply(const gf_augment_call *call, const void *options_)
{
    const flip_options *options = options_;
    if (gf_random_uniform(call->random, call->index, call->element) >= options->probability) return;
    for (int y = 0; y < call->height; y++)
        for (int x = 0; x < call->width / 2; x++)
            for (int c = 0; c < call->channels; c++) {
                gf_real *row = call->image + y * call->width * call->channels;
                gf_real *left = &row[x * call->channels + c];
                gf_real *right = &row[(call->width - 1 - x) * call->channels + c];
                gf_real kept = *left;
                *left = *right;
                *right = kept;
            }
}

static const gf_field fields[] = {
    GF_FIELD(flip_options, probability, "0.5", "[0, 1]", "", "of a flip"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_flip = {
    .schema = { .name = "flip", .summary = "mirror left and right", .fields = fields },
    .options_size = sizeof(flip_options),
    .apply = apply,
};
