/* Random crop: the image is padded on all sides, and a window of its own size is cut out of it
 * (as torchvision's RandomCrop(32, padding = 4)). */
#include <gridfront/data.h>

#include <string.h>

typedef struct crop_options {
    int padding, fill; /* fill: black | mean */
} crop_options;

static gf_real outside(const gf_augment_call *call, const crop_options *options, int channel)
{
    return options->fill ? call->fill[channel] : 0;
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const crop_options *options = options_;
    uint32_t places = (uint32_t)(2 * options->padding + 1);
    int dy =
        (int)gf_random_below(call->random, call->index, call->element, places) - options->padding;
    int dx = (int)gf_random_below(call->random, call->index, call->element + 1, places) -
             options->padding;
    size_t size = (size_t)call->height * (size_t)call->width * (size_t)call->channels;
    memcpy(call->work, call->image, size * sizeof *call->work);
    for (int y = 0; y < call->height; y++)
        for (int x = 0; x < call->width; x++) {
            int from_y = y + dy, from_x = x + dx;
            bool inside =
                from_y >= 0 && from_y < call->height && from_x >= 0 && from_x < call->width;
            for (int c = 0; c < call->channels; c++)
                call->image[(y * call->width + x) * call->channels + c] =
                    inside ? call->work[(from_y * call->width + from_x) * call->channels + c]
                           : outside(call, options, c);
        }
}

static const gf_field fields[] = {
    GF_FIELD(crop_options, padding, "4", "[1, 16]", "pixels", "on each side"),
    GF_FIELD_WORD(crop_options, fill, "black", "black|mean", "colour of the padding"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_crop = {
    .schema = { .name = "crop", .summary = "pad, then cut out at random", .fields = fields },
    .options_size = sizeof(crop_options),
    .apply = apply,
};
