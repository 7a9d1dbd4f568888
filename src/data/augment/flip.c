/* Horizontal flip: by chance in every epoch, or by turns, so that any two epochs in a row show each
 * image both ways (Jordan 2024, 2404.00498, section 3.6). */
#include <gridfront/data.h>

#define HALF 0.5

typedef struct flip_options {
    double probability;
    bool alternate;
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

static bool flipped(const gf_augment_call *call, const flip_options *options)
{
    if (!options->alternate)
        return gf_random_uniform(call->random, call->index, call->element) < options->probability;
    gf_random once = *call->random; /* the image's turn is drawn for all epochs */
    once.epoch = 0;
    return (gf_random_uniform(&once, call->index, call->element) < HALF) ^
           (call->random->epoch % 2 == 1);
}

static gf_status check(const void *options_)
{
    const flip_options *options = options_;
    if (options->alternate && (options->probability < HALF || options->probability > HALF))
        return gf_fail(
            GF_INVALID,
            "flip.alternate: by turns each image is flipped in half of the epochs; leave "
            "probability at 0.5");
    return GF_OK;
}

static void apply(const gf_augment_call *call, const void *options)
{
    if (!flipped(call, options)) return;
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
    GF_FIELD(flip_options, alternate, "false", NULL, "",
             "by turns: in every other epoch, not by chance (2404.00498)"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_flip = {
    .schema = { .name = "flip", .summary = "mirror left and right", .fields = fields },
    .options_size = sizeof(flip_options),
    .check = check,
    .apply = apply,
};
