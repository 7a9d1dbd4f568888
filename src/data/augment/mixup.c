/* Mixup (Zhang et al. 2018, 1710.09412, section 2): with one weight l ~ Beta(alpha, alpha) a batch,
 *
 *   x = l x_i + (1 - l) x_j,   y = l y_i + (1 - l) y_j
 *
 * which makes the loss l CE(y_i) + (1 - l) CE(y_j). j is the next image of the shuffled batch. */
#include "../mix.h"

static void mix(const gf_mix_call *call, const void *options)
{
    double own;
    int row = call->width * call->channels;
    if (!gf_mix_draw(&own, call, options)) return;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < call->height; y++)
        gf_mix_blend(call->images + y * row, (size_t)(call->height * row), row, call->count,
                     (gf_real)own);
    gf_mix_targets(call, own);
}

static const gf_field fields[] = { GF_MIX_FIELDS };

const gf_augment_kind gf_augment_mixup = {
    .schema = { .name = "mixup",
                .summary = "blend pairs of images and of labels",
                .paper = "Zhang et al. 2018, arXiv 1710.09412, section 2",
                .fields = fields },
    .options_size = sizeof(gf_mix_options),
    .check = gf_mix_check,
    .mix = mix,
};
