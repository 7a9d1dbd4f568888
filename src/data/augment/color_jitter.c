/* Colour jitter (as torchvision's ColorJitter on Pillow images): brightness, contrast, saturation
 * and hue are changed by uniform amounts, in a random order. */
#include "../pixels.h"

enum { BRIGHTNESS, CONTRAST, SATURATION, HUE, CHANGES };

typedef struct jitter_options {
    double most[CHANGES];
} jitter_options;

static double draw(const gf_augment_call *call, uint32_t element, double low, double high)
{
    return low +
           (high - low) * gf_random_uniform(call->random, call->index, call->element + element);
}

static double draw_factor(const gf_augment_call *call, const jitter_options *options, int change)
{
    double most = options->most[change];
    return draw(call, (uint32_t)change, most < 1 ? 1 - most : 0, 1 + most);
}

static void apply_change(gf_pixels *pixels, int change, const gf_augment_call *call,
                         const jitter_options *options)
{
    switch (change) {
    case BRIGHTNESS:
        gf_pixels_brightness(pixels, draw_factor(call, options, change));
        break;
    case CONTRAST:
        gf_pixels_contrast(pixels, draw_factor(call, options, change));
        break;
    case SATURATION:
        gf_pixels_color(pixels, draw_factor(call, options, change));
        break;
    default:
        gf_pixels_hue(pixels,
                      (int)(255 * draw(call, HUE, -options->most[HUE], options->most[HUE])));
    }
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const jitter_options *options = options_;
    int order[CHANGES] = { BRIGHTNESS, CONTRAST, SATURATION, HUE };
    gf_pixels pixels;
    gf_pixels_take(&pixels, call);
    for (uint32_t left = CHANGES; left > 0; left--) { /* any of them, then the last in its place */
        uint32_t pick =
            gf_random_below(call->random, call->index, call->element + CHANGES + left, left);
        if (options->most[order[pick]] > 0) apply_change(&pixels, order[pick], call, options);
        order[pick] = order[left - 1];
    }
    gf_pixels_give(&pixels, call);
}

static const gf_field fields[] = {
    GF_FIELD_AS("brightness", jitter_options, most[BRIGHTNESS], "0.2", "[0, 10]", "fraction",
                "more or less, at most"),
    GF_FIELD_AS("contrast", jitter_options, most[CONTRAST], "0.2", "[0, 10]", "fraction",
                "more or less, at most"),
    GF_FIELD_AS("saturation", jitter_options, most[SATURATION], "0.2", "[0, 10]", "fraction",
                "more or less, at most"),
    GF_FIELD_AS("hue", jitter_options, most[HUE], "0.1", "[0, 0.5]", "fraction",
                "of the circle of colours, at most, either way"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_color_jitter = {
    .schema = { .name = "color-jitter",
                .summary = "change brightness, contrast, saturation, hue",
                .fields = fields },
    .options_size = sizeof(jitter_options),
    .apply = apply,
};
