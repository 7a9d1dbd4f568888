/* Horizontal flip. */
#include <gridfront/data.h>

typedef struct flip_options {
    double probability;
} flip_options;

/* Inlined for constant channels: then a pixel is moved as one. */
static inline void mirror_row(gf_real *row, int width, int channels)
{
    for (int x = 0; x < width / 2; x++)
        for (int c = 0; c < channels; c++) {
            gf_real *left = &row[x * channels + c], *right = &row[(width - 1 - x) * channels + c];
            gf_real kept = *left;
            *left = *right;
            *right = kept;
        }
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const flip_options *options = options_;
    if (gf_random_uniform(call->random, call->index, call->element) >= options->probability) return;
    for (int y = 0; y < call->height; y++) {
        gf_real *row = call->image + y * call->width * call->channels;
        if (call->channels == 3)
            mirror_row(row, call->width, 3);
        else
            mirror_row(row, call->width, call->channels);
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
