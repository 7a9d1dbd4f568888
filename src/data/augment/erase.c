/* Random erasing (Zhong et al. 2017, 1708.04896, section 3.2, algorithm 1): a rectangle of uniform
 * area, aspect and place is overwritten; what does not lie within the image is drawn again. After
 * 60 draws, which only extreme settings need, the image stays as it is. */
#include "../fill.h"

#include <math.h>

enum { NOISE, FIRST_COLOUR }; /* words of `fill`: noise, then GF_FILL_WORDS */
enum { DRAWS = 60 };

typedef struct erase_options {
    double probability, least, most, aspect;
    int fill;
} erase_options;

typedef struct box {
    int top, left, height, width;
} box;

static double between(uint32_t word, double low, double high)
{
    return low + (high - low) * ((double)word * 0x1p-32);
}

static box draw_box(const gf_augment_call *call, const erase_options *o, uint32_t element)
{
    uint32_t words[4];
    gf_random_block(call->random, call->index, call->element + element, words);
    double area = between(words[0], o->least, o->most) * call->height * call->width;
    double aspect = between(words[1], o->aspect, 1 / o->aspect);
    return (box){ .top = (int)between(words[2], 0, call->height),
                  .left = (int)between(words[3], 0, call->width),
                  .height = (int)round(sqrt(area * aspect)),
                  .width = (int)round(sqrt(area / aspect)) };
}

static void overwrite(const gf_augment_call *call, const erase_options *o, int y, int x)
{
    int place = y * call->width + x;
    gf_real *pixel = call->image + place * call->channels;
    uint32_t words[4] = { 0 };
    if (o->fill == NOISE) /* beyond the elements of all augmentations */
        gf_random_block(call->random, call->index, 0x10000 + call->element * 1024 + (uint32_t)place,
                        words);
    for (int c = 0; c < call->channels; c++)
        pixel[c] = o->fill == NOISE ? (gf_real)(words[c % 4] >> 24)
                                    : gf_fill_value(call, o->fill - FIRST_COLOUR, c);
}

static void apply(const gf_augment_call *call, const void *options)
{
    const erase_options *o = options;
    if (gf_random_uniform(call->random, call->index, call->element) >= o->probability) return;
    for (uint32_t draw = 1; draw <= DRAWS; draw++) {
        box b = draw_box(call, o, draw);
        if (b.top + b.height > call->height || b.left + b.width > call->width) continue;
        for (int y = b.top; y < b.top + b.height; y++)
            for (int x = b.left; x < b.left + b.width; x++) overwrite(call, o, y, x);
        return;
    }
}

static gf_status check(const void *options)
{
    const erase_options *o = options;
    if (o->least > o->most)
        return gf_fail(GF_INVALID, "augment: erase: least = %g is more than most = %g", o->least,
                       o->most);
    return GF_OK;
}

static const gf_field fields[] = {
    GF_FIELD(erase_options, probability, "0.5", "[0, 1]", "", "that an image is erased from"),
    GF_FIELD(erase_options, least, "0.02", "[0, 1]", "fraction", "of the image's area"),
    GF_FIELD(erase_options, most, "0.4", "[0, 1]", "fraction", "of the image's area"),
    GF_FIELD(erase_options, aspect, "0.3", "[0.01, 1]", "",
             "height by width lies between it and its inverse"),
    GF_FIELD_WORD(erase_options, fill, "noise", "noise|" GF_FILL_WORDS, "what is written over"),
    GF_FIELD_END,
};

const gf_augment_kind gf_augment_erase = {
    .schema = { .name = "erase",
                .summary = "overwrite a random rectangle",
                .paper = "Zhong et al. 2017, arXiv 1708.04896, section 3.2",
                .fields = fields },
    .options_size = sizeof(erase_options),
    .check = check,
    .apply = apply,
};
