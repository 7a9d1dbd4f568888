/* CutMix (Yun et al. 2019, 1905.04899, section 3.1): with one weight l ~ Beta(alpha, alpha) a
 * batch, a box of area 1 - l around a uniform centre is pasted from another image, the next of the
 * shuffled batch. Parts outside the image are cut off, and the label is mixed by the area that is
 * left. */
#include "../mix.h"

#include <math.h>

typedef struct span {
    int from, to;
} span;

/* `length` pixels around a uniform centre, as far as they lie in [0, side). */
static span draw_span(const gf_mix_call *call, uint32_t element, int length, int side)
{
    int centre = (int)gf_random_below(call->random, call->index, element, (uint32_t)side);
    span drawn = { centre - length / 2, centre + length / 2 };
    if (drawn.from < 0) drawn.from = 0;
    if (drawn.to > side) drawn.to = side;
    return drawn;
}

static void mix(const gf_mix_call *call, const void *options)
{
    double own;
    if (!gf_mix_draw(&own, call, options)) return;
    double part = sqrt(1 - own); /* of each side */
    span y = draw_span(call, GF_MIX_DRAWN, (int)(part * call->height), call->height);
    span x = draw_span(call, GF_MIX_DRAWN + 1, (int)(part * call->width), call->width);
    int row = call->width * call->channels;
#pragma omp parallel for schedule(static)
    for (int line = y.from; line < y.to; line++)
        gf_mix_blend(call->images + line * row + x.from * call->channels,
                     (size_t)(call->height * row), (x.to - x.from) * call->channels, call->count,
                     0);
    double area = (double)(y.to - y.from) * (x.to - x.from);
    gf_mix_targets(call, 1 - area / (call->height * call->width));
}

static const gf_field fields[] = { GF_MIX_FIELDS };

const gf_augment_kind gf_augment_cutmix = {
    .schema = { .name = "cutmix",
                .summary = "paste a box of another image, labels by area",
                .paper = "Yun et al. 2019, arXiv 1905.04899, section 3.1",
                .fields = fields },
    .options_size = sizeof(gf_mix_options),
    .check = gf_mix_check,
    .mix = mix,
};
