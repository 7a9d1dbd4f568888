/* Cutout: squares around random centres, which may lie near the border, are filled with the mean
 * colour, which normalizes to zero (DeVries and Taylor 2017, 1708.04552, section 3.1). */
#include <gridfront/data.h>

typedef struct cutout_options {
    int size, holes;
} cutout_options;

static void cut(const gf_augment_call *call, int top, int left, int size)
{
    for (int y = top < 0 ? 0 : top; y < top + size && y < call->height; y++)
        for (int x = left < 0 ? 0 : left; x < left + size && x < call->width; x++)
            for (int c = 0; c < call->channels; c++)
                call->image[(y * call->width + x) * call->channels + c] = call->fill[c];
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const cutout_options *options = options_;
    for (int hole = 0; hole < options->holes; hole++) {
        uint32_t element = call->element + 2 * (uint32_t)hole;
        int y = (int)gf_random_below(call->random, call->index, element, (uint32_t)call->height);
        int x = (int)gf_random_below(call->random, call->index, element + 1, (uint32_t)call->width);
        cut(call, y - options->size / 2, x - options->size / 2, options->size);
    }
}

static const gf_field fields[] = {
    GF_FIELD(cutout_options, size, "8", "[1, 32]", "pixels", "side of a square"),
    GF_FIELD(cutout_options, holes, "1", "[1, 32]", "", "squares per image"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_cutout = {
    .schema = { .name = "cutout",
                .summary = "blank out random squares",
                .paper = "DeVries and Taylor 2017, arXiv 1708.04552",
                .fields = fields },
    .options_size = sizeof(cutout_options),
    .apply = apply,
};
