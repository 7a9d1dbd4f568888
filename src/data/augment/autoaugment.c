/* AutoAugment for CIFAR-10 (Cubuk et al. 2019, 1805.09501, appendix, table 7): one of 25 policies
 * that were found by search, each two operations with a probability and a level from 0 to 9 of
 * their range (table 6, as the usual Pillow code has it). Of what can go either way the sign is
 * random. It is meant behind crop and flip and before cutout. */
#include "../fill.h"
#include "../pixels.h"

typedef enum operation {
    SHEAR_X,
    SHEAR_Y,
    TRANSLATE_X,
    TRANSLATE_Y,
    ROTATE,
    COLOR,
    CONTRAST,
    BRIGHTNESS,
    SHARPNESS,
    POSTERIZE,
    SOLARIZE,
    AUTOCONTRAST,
    EQUALIZE,
    INVERT
} operation;

typedef struct step {
    operation operation;
    double probability;
    int level;
} step;

enum { POLICIES = 25, LEVELS = 10 };
static const step policies[POLICIES][2] = {
    { { INVERT, 0.1, 7 }, { CONTRAST, 0.2, 6 } },
    { { ROTATE, 0.7, 2 }, { TRANSLATE_X, 0.3, 9 } },
    { { SHARPNESS, 0.8, 1 }, { SHARPNESS, 0.9, 3 } },
    { { SHEAR_Y, 0.5, 8 }, { TRANSLATE_Y, 0.7, 9 } },
    { { AUTOCONTRAST, 0.5, 8 }, { EQUALIZE, 0.9, 2 } },
    { { SHEAR_Y, 0.2, 7 }, { POSTERIZE, 0.3, 7 } },
    { { COLOR, 0.4, 3 }, { BRIGHTNESS, 0.6, 7 } },
    { { SHARPNESS, 0.3, 9 }, { BRIGHTNESS, 0.7, 9 } },
    { { EQUALIZE, 0.6, 5 }, { EQUALIZE, 0.5, 1 } },
    { { CONTRAST, 0.6, 7 }, { SHARPNESS, 0.6, 5 } },
    { { COLOR, 0.7, 7 }, { TRANSLATE_X, 0.5, 8 } },
    { { EQUALIZE, 0.3, 7 }, { AUTOCONTRAST, 0.4, 8 } },
    { { TRANSLATE_Y, 0.4, 3 }, { SHARPNESS, 0.2, 6 } },
    { { BRIGHTNESS, 0.9, 6 }, { COLOR, 0.2, 8 } },
    { { SOLARIZE, 0.5, 2 }, { INVERT, 0.0, 3 } },
    { { EQUALIZE, 0.2, 0 }, { AUTOCONTRAST, 0.6, 0 } },
    { { EQUALIZE, 0.2, 8 }, { EQUALIZE, 0.6, 4 } },
    { { COLOR, 0.9, 9 }, { EQUALIZE, 0.6, 6 } },
    { { AUTOCONTRAST, 0.8, 4 }, { SOLARIZE, 0.2, 8 } },
    { { BRIGHTNESS, 0.1, 3 }, { COLOR, 0.7, 0 } },
    { { SOLARIZE, 0.4, 5 }, { AUTOCONTRAST, 0.9, 3 } },
    { { TRANSLATE_Y, 0.9, 9 }, { TRANSLATE_Y, 0.7, 9 } },
    { { AUTOCONTRAST, 0.9, 2 }, { SOLARIZE, 0.8, 3 } },
    { { EQUALIZE, 0.8, 8 }, { INVERT, 0.1, 3 } },
    { { TRANSLATE_Y, 0.7, 9 }, { AUTOCONTRAST, 0.9, 1 } },
};

typedef struct autoaugment_options {
    int fill;
} autoaugment_options;

/* Levels divide the range from 0 to `most` evenly. */
static double at_level(int level, double most)
{
    return level * most / (LEVELS - 1);
}

static void apply_geometry(gf_pixels *pixels, step s, double sign, const gf_augment_call *call,
                           int fill)
{
    static const int places[] = {
        [SHEAR_X] = 1, [SHEAR_Y] = 3, [TRANSLATE_X] = 2, [TRANSLATE_Y] = 5
    };
    bool shears = s.operation == SHEAR_X || s.operation == SHEAR_Y;
    const gf_warp warp = gf_warp_of(call, shears ? GF_FILTER_BICUBIC : GF_FILTER_NEAREST, fill);
    double matrix[6] = { 1, 0, 0, 0, 1, 0 };
    if (s.operation == ROTATE) {
        gf_pixels_rotate(pixels, sign * at_level(s.level, 30), &warp);
        return;
    }
    matrix[places[s.operation]] =
        sign * (shears ? at_level(s.level, 0.3) : GF_IMAGE_SIDE * at_level(s.level, 150.0 / 331));
    gf_pixels_affine(pixels, matrix, &warp);
}

static void apply_color(gf_pixels *pixels, step s, double sign)
{
    double factor = 1 + sign * at_level(s.level, 0.9);
    switch (s.operation) {
    case COLOR:
        gf_pixels_color(pixels, factor);
        break;
    case CONTRAST:
        gf_pixels_contrast(pixels, factor);
        break;
    case BRIGHTNESS:
        gf_pixels_brightness(pixels, factor);
        break;
    case SHARPNESS:
        gf_pixels_sharpness(pixels, factor);
        break;
    case POSTERIZE:
        gf_pixels_posterize(pixels, (int)(8 - at_level(s.level, 4) + 0.5));
        break;
    case SOLARIZE:
        gf_pixels_solarize(pixels, 256 - at_level(s.level, 256));
        break;
    case AUTOCONTRAST:
        gf_pixels_autocontrast(pixels);
        break;
    case EQUALIZE:
        gf_pixels_equalize(pixels);
        break;
    default:
        gf_pixels_invert(pixels);
    }
}

static void apply(const gf_augment_call *call, const void *options_)
{
    const autoaugment_options *options = options_;
    uint32_t element = call->element;
    const step *policy = policies[gf_random_below(call->random, call->index, element++, POLICIES)];
    gf_pixels pixels;
    gf_pixels_take(&pixels, call);
    for (int i = 0; i < 2; i++, element += 2) {
        double sign = gf_random_below(call->random, call->index, element + 1, 2) ? 1 : -1;
        if (gf_random_uniform(call->random, call->index, element) >= policy[i].probability)
            continue;
        if (policy[i].operation <= ROTATE)
            apply_geometry(&pixels, policy[i], sign, call, options->fill);
        else
            apply_color(&pixels, policy[i], sign);
    }
    gf_pixels_give(&pixels, call);
}

static const gf_field fields[] = {
    GF_FIELD_WORD(autoaugment_options, fill, "grey", GF_FILL_WORDS, "colour of what is left open"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_autoaugment = {
    .schema = { .name = "autoaugment",
                .summary = "the 25 policies found for CIFAR-10",
                .paper = "Cubuk et al. 2019, arXiv 1805.09501, table 7",
                .fields = fields },
    .options_size = sizeof(autoaugment_options),
    .apply = apply,
};
