/* Drawing the weight of a mixed batch, and blending each image with the next in place. */
#include "mix.h"

#include <string.h>

enum { PROBABILITY, WEIGHT }; /* elements */
enum { PIECE = 96 };          /* values blended at a time: a row of an image */

gf_status gf_mix_check(const void *options)
{
    const gf_mix_options *o = options;
    if (o->from >= o->until)
        return gf_fail(GF_INVALID, "augment: from = %g is not before until = %g", o->from,
                       o->until);
    return GF_OK;
}

bool gf_mix_draw(double *own, const gf_mix_call *call, const gf_mix_options *options)
{
    if (call->share < options->from || call->share >= options->until) return false;
    if (gf_random_uniform(call->random, call->index, PROBABILITY) >= options->probability)
        return false;
    *own = gf_random_beta(call->random, call->index, WEIGHT, options->alpha, options->alpha);
    return true;
}

/* Nobody's partner has changed yet when it is read, but the last one's: the first is kept. */
static void blend_few(gf_real *pieces, size_t stride, int size, int count, gf_real own)
{
    gf_real first[PIECE];
    memcpy(first, pieces, (size_t)size * sizeof *first);
    for (int i = 0; i < count; i++) {
        gf_real *piece = pieces + (size_t)i * stride;
        const gf_real *next = i + 1 < count ? piece + stride : first;
        for (int k = 0; k < size; k++) piece[k] = own * piece[k] + (1 - own) * next[k];
    }
}

void gf_mix_blend(gf_real *pieces, size_t stride, int size, int count, gf_real own)
{
    for (int at = 0; at < size; at += PIECE)
        blend_few(pieces + at, stride, size - at < PIECE ? size - at : PIECE, count, own);
}

void gf_mix_targets(const gf_mix_call *call, double own)
{
    gf_mix_blend(call->target, (size_t)call->classes, call->classes, call->count, (gf_real)own);
}
